"""Pure rules of the webhooks area: which events match, when to try again, when to give up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

MAX_WEBHOOKS = 50
MAX_HEADERS = 10
MAX_ATTEMPTS = 10
TIMEOUT_SECONDS = 10
DISABLE_AFTER_DAYS = 5
OLD_SECRET_KEPT = timedelta(hours=24)
LOG_KEPT = timedelta(days=30)
JITTER = 0.1
_DELAYS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
)
_LATER = timedelta(hours=12)


def matches(pattern: str, event: str) -> bool:
    """Whether an event is meant by its name, by `invoice.*` or by `*`."""
    return pattern in ("*", event) or (pattern.endswith(".*") and event.startswith(pattern[:-1]))


def wants(patterns: Iterable[str], event: str) -> bool:
    """Whether a webhook with these patterns is told of an event."""
    return any(matches(pattern, event) for pattern in patterns)


def unknown_patterns(patterns: Sequence[str], known: Iterable[str]) -> list[int]:
    """Positions of the patterns that match no known event."""
    names = list(known)
    return [
        number
        for number, pattern in enumerate(patterns)
        if pattern != "*" and not any(matches(pattern, name) for name in names)
    ]


def retry_delay(attempt: int, chance: float) -> timedelta:
    """How long to wait after the failure of attempt 1, 2, …; `chance` from 0 to 1 spreads it by ± 10 %."""
    delay = _DELAYS[attempt - 1] if attempt <= len(_DELAYS) else _LATER
    return delay * (1 + JITTER * (2 * chance - 1))


class Limits(msgspec.Struct, frozen=True):
    """How patient the deliveries of a tenant are."""

    max_attempts: int = MAX_ATTEMPTS
    timeout_seconds: int = TIMEOUT_SECONDS
    disable_after: timedelta = timedelta(days=DISABLE_AFTER_DAYS)


class Attempt(msgspec.Struct, frozen=True, rename="camel"):
    """One try to deliver, as the log keeps it. `error` is a stable word when there was no answer."""

    number: int
    started_at: str
    duration_ms: int
    status_code: int | None
    error: str | None
    response_body: str | None
    url: str

    @property
    def succeeded(self) -> bool:
        """An answer of 200 to 299."""
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def gone(self) -> bool:
        """The receiver wants no more (RFC 9110, 410)."""
        return self.status_code == 410


def outcome(attempt: Attempt, limits: Limits, now: datetime, chance: float) -> tuple[str, datetime | None]:
    """State of a delivery after an attempt and the time of the next one."""
    if attempt.succeeded:
        return "delivered", None
    if attempt.number >= limits.max_attempts or attempt.gone:
        return "failed", None
    return "retrying", now + retry_delay(attempt.number, chance)
