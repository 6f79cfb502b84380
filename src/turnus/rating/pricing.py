"""The price functions P(Q): what a quantity costs for a full interval, exactly.

Results are exact fractions of major units; only `kernel.rounding` rounds. A price consists of unit amounts, which grow
with the quantity, and fixed parts (flat amounts), which alone are prorated on metered quantities.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Context, Decimal
from fractions import Fraction

import msgspec

from turnus.kernel.money import exponent
from turnus.kernel.rounding import round_half_away, round_minor
from turnus.kernel.time import Interval
from turnus.rating.contract import Measurement, Price, Tier

NOTHING = Fraction(0)
_DAYS_OF_YEAR = 365
_EXACT = Context(prec=80)
_MODES = {"up": ROUND_UP, "down": ROUND_DOWN, "half_up": ROUND_HALF_UP}


class Parts(msgspec.Struct, frozen=True):
    """A price for a full interval, split into unit amounts and fixed parts, before floor and cap."""

    variable: Fraction
    fixed: Fraction


class TierLine(msgspec.Struct, frozen=True):
    """How much of a quantity fell into one tier and what it cost."""

    tier: Tier
    units: Fraction
    amount: Fraction


def fraction(value: Decimal) -> Fraction:
    """A decimal as an exact fraction."""
    numerator, denominator = value.as_integer_ratio()
    return Fraction(numerator, denominator)


def round_quantity(measurement: Measurement, quantity: Decimal) -> Decimal:
    """The aggregated quantity, rounded as the measurement says (default: not at all)."""
    mode = _MODES.get(measurement.rounding_mode)
    if mode is None:
        return quantity
    return quantity.quantize(Decimal(1).scaleb(-measurement.rounding_precision), mode, _EXACT)


def billable_units(quantity: Decimal | Fraction, free_units: Decimal | Fraction) -> Fraction:
    """Q = max(0, quantity − free units)."""
    units = _as_fraction(quantity)
    if free_units:
        units -= _as_fraction(free_units)
    return units if units > 0 else NOTHING


def simple_ratio(price: Price, quantity: Decimal) -> tuple[int, int] | None:
    """P(Q) as (numerator, denominator) for a flat fee or a bare unit price, None when it takes more than a product."""
    if price.minimum_amount is not None or price.maximum_amount is not None:
        return None
    if price.calculation_type == "flat_fee":
        return price.amount.as_integer_ratio()
    if price.calculation_type == "per_unit" and not price.free_units and quantity >= 0:
        numerator, denominator = price.amount.as_integer_ratio()
        units, per = quantity.as_integer_ratio()
        return numerator * units, denominator * per
    return None


def parts(price: Price, units: Fraction, values: Sequence[Decimal] | int = 1) -> Parts:
    """P(Q) for the billable `units`, split; a percentage needs the single `values` (or their number)."""
    kind = price.calculation_type
    if kind == "flat_fee":
        return Parts(NOTHING, fraction(price.amount))
    if kind == "percentage":
        return Parts(_percentage(price, units, values), NOTHING)
    if units <= 0:
        return Parts(NOTHING, NOTHING)
    if kind == "per_unit":
        return Parts(fraction(price.amount) * units, NOTHING)
    if kind == "package":
        return Parts(fraction(price.amount) * _ceiling(units / fraction(price.package_size)), NOTHING)
    lines = tier_lines(price, units)
    fixed = sum((fraction(line.tier.flat_amount) for line in lines), NOTHING)
    return Parts(sum((line.amount for line in lines), NOTHING) - fixed, fixed)


def full_price(price: Price, quantity: Decimal, free_units: Decimal | Fraction | None = None) -> Fraction:
    """P(Q) of a full interval with free units, floor and cap; `free_units` overrides those of the price."""
    free = price.free_units if free_units is None else free_units
    split = parts(price, billable_units(quantity, free))
    return clamp(price, split.variable + split.fixed)


def clamp(price: Price, amount: Fraction, factor: Fraction | int = 1) -> Fraction:
    """`amount`, raised to minimumAmount · factor and cut at maximumAmount · factor."""
    if price.minimum_amount is not None:
        amount = max(amount, fraction(price.minimum_amount) * factor)
    if price.maximum_amount is not None:
        amount = min(amount, fraction(price.maximum_amount) * factor)
    return amount


def tier_lines(price: Price, units: Fraction) -> list[TierLine]:
    """The tiers that a quantity above 0 touches: all up to it (tiered), or the one that contains it."""
    if price.calculation_type != "tiered":
        tier = next((t for t in price.tiers if t.up_to is None or units <= _as_fraction(t.up_to)), price.tiers[-1])
        unit_amount = NOTHING if price.calculation_type == "stair_step" else fraction(tier.unit_amount)
        return [TierLine(tier, units, unit_amount * units + fraction(tier.flat_amount))]
    lines: list[TierLine] = []
    lower = NOTHING
    for tier in price.tiers:
        upper = units if tier.up_to is None else min(units, _as_fraction(tier.up_to))
        inside = upper - lower
        lines.append(TierLine(tier, inside, fraction(tier.unit_amount) * inside + fraction(tier.flat_amount)))
        lower = upper
        if upper == units:
            break
    return lines


def coupon_units(price: Price, units: Fraction) -> Fraction:
    """How often a fixed amount per unit is taken off: billable units, packages, or once."""
    if price.calculation_type in ("per_unit", "tiered", "volume"):
        return units
    if price.calculation_type == "package":
        return Fraction(_ceiling(units / fraction(price.package_size)))
    return Fraction(1)


def calculate(price: Price, quantity: Decimal, factor: tuple[int, int] = (1, 1)) -> int:
    """P(quantity − free units) · factor in minor units: the hook behind a price plan's calculator."""
    exact = full_price(price, quantity) * Fraction(*factor)
    return round_minor(exact, exponent(price.currency))


def display_price(amount: Decimal, billing: Interval, shown: Interval, currency: str = "EUR") -> Decimal:
    """A price per `billing` interval, shown per another one (12 months = 365 days), rounded to the currency."""
    exact = fraction(amount) * _length_in_months(shown) / _length_in_months(billing)
    return round_half_away(exact, exponent(currency))


def _length_in_months(interval: Interval) -> Fraction:
    if interval.months is not None:
        return Fraction(interval.months)
    return Fraction((interval.days or 0) * 12, _DAYS_OF_YEAR)


def _percentage(price: Price, units: Fraction, values: Sequence[Decimal] | int) -> Fraction:
    rate = fraction(price.percent) / 100
    fee = fraction(price.fixed_per_value)
    if isinstance(values, int):
        if units <= 0:
            return NOTHING
        return _per_value(price, rate * units + fee * values, values)
    total = sum((_as_fraction(value) for value in values), NOTHING)
    free, amount = total - units, NOTHING
    for value in values:
        worth = _as_fraction(value)
        covered = min(worth, free) if worth > 0 else NOTHING
        free -= covered
        if worth > covered:
            amount += _per_value(price, rate * (worth - covered) + fee, 1)
        elif worth < 0:
            amount += rate * worth
    return max(amount, NOTHING)


def _per_value(price: Price, amount: Fraction, count: int) -> Fraction:
    if price.value_minimum is not None:
        amount = max(amount, fraction(price.value_minimum) * count)
    if price.value_maximum is not None:
        amount = min(amount, fraction(price.value_maximum) * count)
    return amount


def _ceiling(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


def _as_fraction(value: Decimal | Fraction) -> Fraction:
    return value if isinstance(value, Fraction) else fraction(value)
