"""Instants that may be absent."""

from __future__ import annotations

from datetime import datetime

from turnus.kernel.wire import instant


def optional_instant(value: datetime | None) -> str | None:
    """An instant on the wire, or None."""
    return None if value is None else instant(value)
