"""The one error of the launcher."""

from __future__ import annotations

from pathlib import Path

TAIL_LINES = 3
TAIL_BYTES = 8192


class EmbeddedServerError(Exception):
    """The embedded server cannot be used; the text is one line that says why and, where possible, what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(" ".join(reason.split()))


def log_tail(path: Path, since: int = 0) -> str:
    """The last lines of a log after byte `since`, joined to one line; empty when there are none."""
    try:
        with path.open("rb") as log:
            end = log.seek(0, 2)
            log.seek(max(since, end - TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return last_lines(lines)


def last_lines(lines: list[str]) -> str:
    """The last few lines that are not blank, joined to one."""
    return " | ".join([line.strip() for line in lines if line.strip()][-TAIL_LINES:])
