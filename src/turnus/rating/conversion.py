"""Charges of one currency in a document of another, at reference rates quoted as units per 1 EUR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

import msgspec

from turnus.kernel.money import exponent
from turnus.kernel.rounding import allocate, divide_minor
from turnus.rating.pricing import fraction


class Converted(msgspec.Struct, frozen=True):
    """A charge in the document's currency, minor units: base, every discount, and the net that is left."""

    base: int
    discounts: tuple[int, ...]

    @property
    def discount(self) -> int:
        """The sum of the discounts."""
        return sum(self.discounts)

    @property
    def net(self) -> int:
        """Base less discounts."""
        return self.base - self.discount


def cross_rate(source: str, target: str, quotes: Mapping[str, Decimal]) -> Fraction:
    """Units of `target` per unit of `source`: the unrounded quotient of both quotes; the EUR is quoted 1.

    Raises KeyError when a currency has no quote.
    """
    return _quote(target, quotes) / _quote(source, quotes)


def convert_minor(amount: int, source: str, target: str, quotes: Mapping[str, Decimal]) -> int:
    """An amount in minor units of `source` as minor units of `target`, rounded once."""
    rate = cross_rate(source, target, quotes)
    numerator = amount * rate.numerator * 10 ** exponent(target)
    return divide_minor(numerator, rate.denominator * 10 ** exponent(source))


def convert_charge(
    base: int, discounts: Sequence[int], source: str, target: str, quotes: Mapping[str, Decimal]
) -> Converted:
    """Base and sum of the discounts, each converted and rounded once; the discounts share their sum by size.

    A correction has to be converted with the quotes of the document it corrects.
    """
    total = convert_minor(sum(discounts), source, target, quotes)
    parts = allocate(total, [abs(discount) for discount in discounts]) if discounts else []
    return Converted(convert_minor(base, source, target, quotes), tuple(parts))


def last_correction(original: Converted, corrections: Sequence[Converted]) -> Converted:
    """The correction that takes back all that is left of a converted charge, so that nothing remains of it."""
    base = -original.base - sum(correction.base for correction in corrections)
    discounts = tuple(
        -amount - sum(correction.discounts[index] for correction in corrections)
        for index, amount in enumerate(original.discounts)
    )
    return Converted(base, discounts)


def _quote(currency: str, quotes: Mapping[str, Decimal]) -> Fraction:
    return Fraction(1) if currency == "EUR" else fraction(quotes[currency])
