"""The only place where amounts are rounded: half away from zero, once per printed amount."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

_WIDE = Context(prec=80, rounding=ROUND_HALF_UP)


def round_half_away(value: Decimal | Fraction | int, digits: int = 0) -> Decimal:
    """`value` rounded to `digits` decimals, halves away from zero (−8.335 → −8.34)."""
    if isinstance(value, Fraction):
        scaled = _divide(value.numerator * 10**digits, value.denominator)
        return Decimal(scaled).scaleb(-digits, _WIDE)
    return _WIDE.quantize(Decimal(value), Decimal(1).scaleb(-digits))


def round_minor(value: Decimal | Fraction | int, exponent: int) -> int:
    """An amount in major units as whole minor units of a currency with `exponent` decimals."""
    if isinstance(value, Fraction):
        return _divide(value.numerator * 10**exponent, value.denominator)
    return int(_WIDE.quantize(_WIDE.scaleb(Decimal(value), exponent), Decimal(1)))


def divide_minor(numerator: int, denominator: int) -> int:
    """`numerator / denominator` as a whole number, halves away from zero; for amounts in minor units times a factor."""
    return _divide(numerator, denominator)


def _divide(numerator: int, denominator: int) -> int:
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    quotient = (2 * abs(numerator) + denominator) // (2 * denominator)
    return quotient if numerator >= 0 else -quotient


def allocate(total: int, weights: Sequence[int | Fraction | Decimal]) -> list[int]:
    """Split `total` minor units in proportion to `weights` so that the parts add up exactly.

    Every part is cut to the whole unit, the rest is handed out by largest remainder, ties to the earlier part.
    All weights zero: everything goes to the first part.
    """
    if not weights:
        raise ValueError("nothing to allocate to")
    fractions = [Fraction(weight) for weight in weights]
    whole = sum(fractions)
    if whole == 0:
        return [total] + [0] * (len(fractions) - 1)
    sign = -1 if total < 0 else 1
    exact = [abs(total) * weight / whole for weight in fractions]
    parts = [part.numerator // part.denominator for part in exact]
    rest = abs(total) - sum(parts)
    order = sorted(range(len(parts)), key=lambda i: (-(exact[i] - parts[i]), i))
    for i in order[:rest]:
        parts[i] += 1
    return [sign * part for part in parts]
