"""Rate limits: a token bucket for each credential or address, in process memory, shared between processes by deltas.

A bucket holds at most `burst` tokens and gains `limit` per minute, so no window of w seconds sees more than
`burst + limit · w / 60` permitted requests. Processes tell each other once a second what they spent; until then each
knows only its own, so n processes may together let pass one second's consumption more, which the buckets then owe.

All times are seconds of one clock (any zero point) and are passed in.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

_REQUEST = 60
# Who waits exactly as long as told must not be refused for the last bit of a float. It is owed, not given.
_TOLERANCE = 1e-6


class Decision(NamedTuple):
    """The answer for one request; times are whole seconds, rounded up."""

    allowed: bool
    limit: int
    remaining: int
    """Requests that would pass right now, after this one."""
    reset_seconds: int
    """Until the full burst is available again."""
    retry_after: int
    """Until the next request can pass; 0 when this one passed."""

    def headers(self) -> dict[str, str]:
        """`RateLimit-*` (IETF draft httpapi-ratelimit-headers 03) and, when refused, `Retry-After` (RFC 9110)."""
        headers = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }
        if not self.allowed:
            headers["Retry-After"] = str(self.retry_after)
        return headers


class Consumption(NamedTuple):
    """What one process let pass for a key since it last told the others."""

    key: str
    limit_per_minute: int
    burst: int
    passed: int


class Bucket:
    """What one key has left, in sixtieths of a request; negative when it owes for what other processes let pass.

    In sixtieths a limit per minute is a whole number per second, so that common times come out exact.
    """

    __slots__ = ("credit", "updated")

    def __init__(self, burst: int, now: float) -> None:
        self.credit: float = burst * _REQUEST
        self.updated = now

    def refill(self, limit_per_minute: int, burst: int, now: float) -> None:
        """Gain what the time since the last call is worth; a clock that went back gains nothing."""
        elapsed = now - self.updated
        if elapsed > 0:
            self.credit += elapsed * limit_per_minute
            self.updated = now
        # Also without elapsed time: the burst may have been lowered meanwhile.
        self.credit = min(self.credit, burst * _REQUEST)


class Limiter:
    """Buckets of the keys seen last; for one thread or event loop.

    Memory is bounded: above `max_keys` the key unused for longest is forgotten, which gives it a full bucket when it
    comes back. A bucket that old is full anyway unless more than `max_keys` keys are active at once.
    """

    def __init__(self, max_keys: int = 50_000) -> None:
        if max_keys < 1:
            raise ValueError("a limiter needs room for one key")
        self._max_keys = max_keys
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._unshared: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def check(self, key: str, limit_per_minute: int, burst: int, now: float) -> Decision:
        """Let one request of `key` pass or not. A refused request costs nothing.

        Limit and burst may change from call to call; both are at least 1, else ValueError.
        """
        if limit_per_minute < 1 or burst < 1:
            raise ValueError("limit and burst are at least 1")
        bucket = self._bucket(key, burst, now)
        bucket.refill(limit_per_minute, burst, now)
        credit = bucket.credit
        if credit < _REQUEST - _TOLERANCE:
            reset = math.ceil((burst * _REQUEST - credit) / limit_per_minute)
            return Decision(
                False, limit_per_minute, 0, reset, max(1, math.ceil((_REQUEST - credit) / limit_per_minute))
            )
        bucket.credit = credit = credit - _REQUEST
        self._note(key, limit_per_minute, burst)
        reset = math.ceil((burst * _REQUEST - credit) / limit_per_minute)
        return Decision(True, limit_per_minute, int(credit) // _REQUEST, reset, 0)

    def drain_deltas(self) -> list[Consumption]:
        """What passed here since the last call, one entry per key, for the other processes."""
        drained = [Consumption(key, limit, burst, passed) for key, (limit, burst, passed) in self._unshared.items()]
        self._unshared.clear()
        return drained

    def apply_remote(self, consumed: Iterable[Consumption], now: float) -> None:
        """Take off what other processes let pass (never what this one drained itself).

        A key owes at most one minute's limit, so that however many processes there are nobody is shut out for longer.
        """
        for key, limit_per_minute, burst, passed in consumed:
            bucket = self._bucket(key, burst, now)
            bucket.refill(limit_per_minute, burst, now)
            bucket.credit = max(bucket.credit - passed * _REQUEST, -limit_per_minute * _REQUEST)

    def _bucket(self, key: str, burst: int, now: float) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is not None:
            self._buckets.move_to_end(key)
            return bucket
        if len(self._buckets) >= self._max_keys:
            self._buckets.popitem(last=False)
        bucket = self._buckets[key] = Bucket(burst, now)
        return bucket

    def _note(self, key: str, limit_per_minute: int, burst: int) -> None:
        entry = self._unshared.get(key)
        if entry is not None:
            entry[0], entry[1] = limit_per_minute, burst
            entry[2] += 1
        elif len(self._unshared) < self._max_keys:
            # When nobody drains, sharing stops at the bound instead of filling the memory.
            self._unshared[key] = [limit_per_minute, burst, 1]
