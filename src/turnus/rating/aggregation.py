"""From counted values to the billable quantity of an interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, cast

import msgspec

from turnus.kernel.rounding import round_half_away
from turnus.kernel.time import local_date, start_of_day
from turnus.rating.contract import ZERO, Aggregation, Id, Item, QuantityStep, UsageTotal, UsageValue

INSTANT: frozenset[str] = frozenset({"count", "count_unique", "sum", "max"})
_DIGITS = 12
_EXACT = Context(prec=80)


class Usage(msgspec.Struct, frozen=True):
    """The billable quantity of an interval, and its single values (or their number where only totals are known)."""

    quantity: Decimal
    values: Sequence[Decimal] | int


class UsageEvent(msgspec.Struct, frozen=True):
    """A usage event as sent; `transaction_id` is its idempotency key."""

    transaction_id: Id
    at: datetime
    value: Decimal = Decimal(1)
    properties: dict[str, Any] = {}


def measurement_aggregation(text: str) -> Aggregation:
    """The aggregation type of a request; `avg` is an alias of `average`."""
    return cast(Aggregation, "average" if text == "avg" else text)


def deduplicate(events: Iterable[UsageEvent]) -> tuple[list[UsageEvent], int]:
    """The events with a new transaction id, first one wins, and the number of duplicates."""
    seen: dict[Id, UsageEvent] = {}
    sent = 0
    for event in events:
        sent += 1
        seen.setdefault(event.transaction_id, event)
    return list(seen.values()), sent - len(seen)


def aggregate(aggregation: Aggregation, values: Sequence[UsageValue], start: date, end: date, zone: str) -> Decimal:
    """The quantity of the interval [start, end) that restarts at 0, from values in order of arrival.

    Means are rounded to 12 decimals. No value: 0.
    """
    lower, upper = start_of_day(start, zone), start_of_day(end, zone)
    inside = [value for value in values if lower <= value.at < upper]
    return _reduce(aggregation, inside, lower, upper)


def carried_quantity(aggregation: Aggregation, values: Sequence[UsageValue], end: date, zone: str) -> Decimal:
    """The quantity at the end of an interval that persists: last value or running total of everything before `end`."""
    upper = start_of_day(end, zone)
    before = sorted((value for value in values if value.at < upper), key=lambda value: value.at)
    if not before:
        return ZERO
    if aggregation == "sum":
        return max(ZERO, _sum(before))
    if aggregation == "last_value":
        return before[-1].value
    raise ValueError(f"{aggregation} does not persist from interval to interval")


def steps_from_values(aggregation: Aggregation, values: Sequence[UsageValue], zone: str) -> tuple[QuantityStep, ...]:
    """Quantity steps of a recurring measurement: `last_value`, or the running total of `sum`.

    Each value counts from its local day (with proration by seconds: from its instant). A total below 0 is read as 0.
    """
    steps: list[QuantityStep] = []
    total = ZERO
    for value in sorted(values, key=lambda value: value.at):
        if aggregation == "sum":
            total = _EXACT.add(total, value.value)
            quantity = max(ZERO, total)
        elif aggregation == "last_value":
            quantity = value.value
        else:
            raise ValueError(f"{aggregation} does not persist from interval to interval")
        day = local_date(value.at, zone)
        steps.append(QuantityStep(day, quantity, recorded_on=day, at=value.at))
    return tuple(steps)


def counted_from(measured: datetime, billed_until: date | None, zone: str) -> datetime:
    """When a value counts: at its own instant, or at the start of the open period when its period is billed already."""
    if billed_until is None:
        return measured
    return max(measured, start_of_day(billed_until, zone))


def usage_of(item: Item, start: date, end: date, zone: str) -> Usage | None:
    """Usage of a metered item in [start, end), from totals of the database or from values; None without either."""
    inside = [total for total in item.totals if start <= total.from_ and total.to <= end]
    if inside:
        return Usage(_combine(item.measurement.aggregation, inside), sum(total.count for total in inside))
    lower, upper = start_of_day(start, zone), start_of_day(end, zone)
    values = [value for value in item.values if lower <= value.at < upper]
    if not values:
        return None
    quantity = _reduce(item.measurement.aggregation, values, lower, upper)
    return Usage(quantity, [value.value for value in values])


def _combine(aggregation: Aggregation, totals: Sequence[UsageTotal]) -> Decimal:
    if len(totals) == 1:
        return totals[0].quantity
    if aggregation in ("sum", "count"):
        return max(ZERO, _sum_of(total.quantity for total in totals))
    if aggregation == "max":
        return max(total.quantity for total in totals)
    if aggregation == "min":
        return min(total.quantity for total in totals if total.count)
    if aggregation == "last_value":
        return max(totals, key=lambda total: total.from_).quantity
    if aggregation == "average":
        count = sum(total.count for total in totals)
        return _mean(sum((Fraction(total.quantity) * total.count for total in totals), Fraction(0)), count)
    raise ValueError(f"totals of {aggregation} cannot be combined")


def _reduce(aggregation: Aggregation, values: Sequence[UsageValue], lower: datetime, upper: datetime) -> Decimal:
    if not values:
        return ZERO
    if aggregation == "count":
        return Decimal(len(values))
    if aggregation == "count_unique":
        return Decimal(len({value.id for value in values}))
    if aggregation == "sum":
        return max(ZERO, _sum(values))
    if aggregation == "max":
        return max(value.value for value in values)
    if aggregation == "min":
        return min(value.value for value in values)
    in_time = sorted(values, key=lambda value: value.at)
    if aggregation == "last_value":
        return in_time[-1].value
    if aggregation == "average":
        return _mean(sum((Fraction(value.value) for value in values), Fraction(0)), len(values))
    ends = [value.at for value in in_time[1:]] + [upper]
    weighted = sum(
        (
            Fraction(value.value) * int((end - value.at).total_seconds())
            for value, end in zip(in_time, ends, strict=True)
        ),
        Fraction(0),
    )
    return _mean(weighted, int((upper - lower).total_seconds()))


def _mean(total: Fraction, weight: int) -> Decimal:
    if not weight:
        return ZERO
    return round_half_away(total / weight, _DIGITS).normalize() + 0


def _sum(values: Iterable[UsageValue]) -> Decimal:
    return _sum_of(value.value for value in values)


def _sum_of(values: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for value in values:
        total = _EXACT.add(total, value)
    return total
