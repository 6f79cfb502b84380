"""The `turnus` program. Modules of this package add their commands to `app`; heavy imports stay inside commands."""

from __future__ import annotations

import sys

from turnus.entry.cli import backup, billing, database, demo, serving, tenants  # noqa: F401
from turnus.entry.cli.app import app, run

__all__ = ["app", "main", "run"]


def main() -> None:
    """Entry point of the installed program."""
    sys.exit(run(sys.argv[1:]))
