"""How an amount came about, as plain JSON data with the API's spelling: amounts in major units, dates ISO."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from turnus.kernel.money import minor_to_decimal
from turnus.kernel.rounding import round_half_away
from turnus.rating.charges import Discount
from turnus.rating.contract import Price
from turnus.rating.periods import Span
from turnus.rating.pricing import billable_units, tier_lines
from turnus.rating.proration import Meter, Rated, Segment

_TIERED = ("tiered", "volume", "stair_step")
_PRINTED_DIGITS = 12


def explain(rated: Rated, span: Span, meter: Meter, price: Price) -> dict[str, Any]:
    """Period, factor, segments with their tiers, free units, floor and cap, and the base of a rated period."""
    trace: dict[str, Any] = {
        "calculationType": price.calculation_type,
        "regularPeriod": [span.regular_from.isoformat(), span.regular_to.isoformat()],
        "unit": "second" if meter.mode == "second" else "day",
        "factor": [rated.numerator, rated.denominator],
        "segments": [_segment(segment, rated) for segment in rated.segments],
        "base": _major(rated.base, price),
    }
    if rated.free_units:
        trace["freeUnits"] = number(rated.free_units)
    if price.minimum_amount is not None:
        trace["minimumAmount"] = str(price.minimum_amount)
    if price.maximum_amount is not None:
        trace["maximumAmount"] = str(price.maximum_amount)
    if rated.reduced:
        trace["creditedByDays"] = list(rated.reduced)
    if rated.usage is not None:
        trace["values"] = rated.values
        trace["unitAmounts"] = number(rated.usage.variable)
        trace["fixedAmounts"] = number(rated.usage.fixed)
    return trace


def explain_discounts(discounts: Sequence[Discount], price: Price) -> list[dict[str, Any]]:
    """What every coupon took off, in order of application."""
    return [
        {
            "coupon": str(discount.coupon),
            "type": discount.type,
            "value": str(discount.value),
            "basis": discount.basis,
            "amount": _major(discount.amount, price),
        }
        for discount in discounts
    ]


def explain_change(reason: str, due: tuple[int, int], billed: tuple[int, int], price: Price) -> dict[str, Any]:
    """Due after a change less what was billed before: (base, discount) of both."""
    return {
        "reason": reason,
        "due": {"base": _major(due[0], price), "discount": _major(due[1], price)},
        "billedBefore": {"base": _major(billed[0], price), "discount": _major(billed[1], price)},
    }


def number(value: Decimal | Fraction) -> str:
    """An exact number as a string, fractions cut to twelve digits."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if value.denominator == 1:
        return str(value.numerator)
    return format(round_half_away(value, _PRINTED_DIGITS).normalize(), "f")


def _segment(segment: Segment, rated: Rated) -> dict[str, Any]:
    price = segment.price
    shown: dict[str, Any] = {
        "from": segment.start.isoformat(),
        "to": segment.end.isoformat(),
        "length": segment.length,
        "quantity": format(segment.quantity, "f"),
    }
    if price.calculation_type in _TIERED:
        units = billable_units(segment.quantity, rated.free_units)
        shown["tiers"] = [
            {
                "upTo": None if line.tier.up_to is None else str(line.tier.up_to),
                "units": number(line.units),
                "unitAmount": str(line.tier.unit_amount),
                "flatAmount": str(line.tier.flat_amount),
                "amount": number(line.amount),
            }
            for line in (tier_lines(price, units) if units > 0 else ())
        ]
    elif price.calculation_type == "percentage":
        shown["percent"] = str(price.percent)
    else:
        shown["amount"] = str(price.amount)
    return shown


def _major(minor: int, price: Price) -> str:
    return format(minor_to_decimal(minor, price.currency), "f")
