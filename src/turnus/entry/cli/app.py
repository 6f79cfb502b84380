"""The command-line program: the Typer application, and how what goes wrong becomes one line and an exit code.

0: done. 1: a check found something, or the work failed. 2: used wrongly (arguments, environment, a refused input).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer._click.exceptions import ClickException

from turnus import __version__

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


class CommandError(Exception):
    """The command was used wrongly (status 2) or failed (1); the text is one line."""

    def __init__(self, message: str, *, status: int = MISUSED) -> None:
        super().__init__(message)
        self.status = status


app = typer.Typer(
    name="turnus",
    help="Subscription billing that a company runs itself. Settings are environment variables: TURNUS_HOME and others.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Exit codes: 0 done, 1 found something or failed, 2 used wrongly.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from; works anywhere.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that every command has; `--debug` is taken out by `main` before."""


def run(arguments: Sequence[str]) -> int:
    """Run the program; its exit code."""
    given = list(arguments)
    end = given.index("--") if "--" in given else len(given)
    debug = "--debug" in given[:end]
    words = [word for word in given[:end] if word != "--debug"] + given[end:]
    try:
        status = app(words, prog_name="turnus", standalone_mode=False)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
            return status_of(error)
        for line in lines_of(error):
            typer.echo(f"turnus: {line}", err=True)
        return status_of(error)
    return status if isinstance(status, int) else 0


def status_of(error: Exception) -> int:
    """The exit code of what went wrong."""
    from turnus.kernel.errors import Problem
    from turnus.platform.config import ConfigError

    if isinstance(error, CommandError):
        return error.status
    refused = isinstance(error, Problem) and error.status < 500
    return MISUSED if refused or isinstance(error, ClickException | ConfigError) else FAILED


def lines_of(error: Exception) -> list[str]:
    """What to tell of an error: one line, of the configuration one for each wrong variable."""
    from turnus.kernel.errors import Problem, ValidationFailed
    from turnus.platform.config import ConfigError
    from turnus.platform.problems import message_of

    if isinstance(error, ConfigError):
        return error.problems
    if isinstance(error, ClickException):
        where = getattr(getattr(error, "ctx", None), "command_path", "turnus")
        return [f"{' '.join(error.format_message().split())} See: {where} --help"]
    if isinstance(error, ValidationFailed):
        return [" ".join(f"{v.property_path}: {message_of(v, 'en')}" for v in error.violations)]
    if isinstance(error, Problem):
        return [error.detail or error.code.replace("_", " ")]
    text = " ".join(str(error).split()) or type(error).__name__
    # Known failures have texts made for people; of others the kind helps to look them up.
    known = type(error).__module__.startswith(("turnus.", "psycopg"))
    return [text if known else f"{type(error).__name__}: {text} (--debug shows more)"]
