"""Instant metering: every reported value is billed at once, as the difference of a rounded running total.

`bill` charges the same total once per call; this is the single value's share, for answers and previews.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from turnus.kernel.money import exponent
from turnus.kernel.rounding import round_minor
from turnus.rating.aggregation import INSTANT, aggregate
from turnus.rating.contract import Aggregation, Price, UsageValue
from turnus.rating.pricing import billable_units, clamp, parts


def running_total(
    price: Price, aggregation: Aggregation, values: Sequence[UsageValue], start: date, end: date, zone: str
) -> int:
    """What the values of the interval [start, end) cost so far, in minor units: cap included, floor not."""
    quantity = aggregate(aggregation, values, start, end, zone)
    split = parts(price, billable_units(quantity, price.free_units), [value.value for value in values])
    amount = split.variable + split.fixed
    if price.maximum_amount is not None:
        amount = min(amount, clamp(price, amount))
    return round_minor(amount, exponent(price.currency))


def instant_charges(
    price: Price, aggregation: Aggregation, values: Sequence[UsageValue], start: date, end: date, zone: str
) -> tuple[list[int], int]:
    """The charge of each value of an interval in order of arrival, and the top-up to the minimum at its end.

    Raises ValueError for an aggregation that can only be settled at the end of the interval.
    """
    if aggregation not in INSTANT:
        raise ValueError(f"{aggregation} is known only at the end of the interval")
    charges, charged = [], 0
    for count in range(1, len(values) + 1):
        total = running_total(price, aggregation, values[:count], start, end, zone)
        charges.append(total - charged)
        charged = total
    floor = price.minimum_amount
    due = charged if floor is None else max(charged, round_minor(floor, exponent(price.currency)))
    return charges, due - charged
