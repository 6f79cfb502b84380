"""Calendar arithmetic: intervals, local days, instants. Knows no clock.

Periods are half-open. A date stands for local midnight; an instant is an aware datetime in UTC.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal, cast
from zoneinfo import ZoneInfo

import msgspec

type_unit = Literal["D", "W", "M", "Y"]
_INTERVAL = re.compile(r"P?([1-9][0-9]{0,2})([DWMY])")


class Interval(msgspec.Struct, frozen=True):
    """A billing interval or contract term: `1M`, `14D`, `2Y` (ISO 8601 duration without the leading P)."""

    count: int
    unit: type_unit

    @classmethod
    def parse(cls, text: str) -> Interval:
        """Read `1M` or `P1M`. Raises ValueError when it is neither."""
        match = _INTERVAL.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not an interval such as 1M, 14D or 1Y")
        return cls(int(match[1]), cast(type_unit, match[2]))

    @property
    def months(self) -> int | None:
        """Length in months for M and Y, None for D and W."""
        return {"M": self.count, "Y": 12 * self.count}.get(self.unit)

    @property
    def days(self) -> int | None:
        """Length in days for D and W, None for M and Y."""
        return {"D": self.count, "W": 7 * self.count}.get(self.unit)

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"


def add_months(day: date, months: int, nominal_day: int | None = None) -> date:
    """`day` plus `months`, on `nominal_day` (default: its own) clamped to the month's last day (§ 188 (3) BGB)."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(nominal_day or day.day, monthrange(year, month + 1)[1]))


def add_interval(day: date, interval: Interval, times: int = 1, nominal_day: int | None = None) -> date:
    """`day` + `times` · `interval`, always computed from `day`: 31 Jan + 1M = 28 Feb, + 2M = 31 Mar."""
    months = interval.months
    if months is not None:
        return add_months(day, months * times, nominal_day)
    return day + timedelta(days=cast(int, interval.days) * times)


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """The IANA time zone `name`; raises ZoneInfoNotFoundError or ValueError when there is none."""
    return ZoneInfo(name)


@lru_cache(maxsize=65536)
def start_of_day(day: date, zone_name: str) -> datetime:
    """The instant at which `day` begins in a zone: 00:00, or the first instant after a gap; the earlier of two."""
    local = datetime(day.year, day.month, day.day, tzinfo=zone(zone_name))
    instant = local.astimezone(UTC)
    if instant.astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None):
        # Midnight does not exist: with fold=0 the offset before the gap applies, which gives the first instant after it.
        instant = local.replace(fold=0).astimezone(UTC)
    return instant


def local_date(instant: datetime, zone_name: str) -> date:
    """The calendar day of an instant in a zone."""
    return instant.astimezone(zone(zone_name)).date()
