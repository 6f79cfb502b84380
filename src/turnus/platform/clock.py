"""Wall time. Business time of a tenant is `Context.now()`."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the real time, in UTC."""

    def wall(self) -> datetime:
        """The present instant."""
        ...


class SystemClock:
    """The machine's clock."""

    def wall(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - the one place that asks the machine
