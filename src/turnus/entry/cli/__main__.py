"""`python -m turnus.entry.cli`: the same program, independent of where scripts are installed."""

from turnus.entry.cli import main

if __name__ == "__main__":
    main()
