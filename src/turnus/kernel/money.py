"""Money: whole minor units of one currency. Unit prices and quantities are `Decimal`."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec

from turnus.kernel.rounding import round_minor

# Decimals per ISO 4217; what is not listed has two.
_EXPONENTS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}


def exponent(currency: str) -> int:
    """Number of decimals of a currency (EUR 2, JPY 0, TND 3; ISO 4217)."""
    return _EXPONENTS.get(currency, 2)


class Money(msgspec.Struct, frozen=True):
    """An exact amount: `Money(11900, "EUR")` is 119.00 EUR."""

    minor: int
    currency: str

    @classmethod
    def of(cls, amount: str | int | Decimal | Fraction, currency: str) -> Money:
        """An amount in major units, rounded to the currency's decimals: `Money.of("119.00", "EUR")`."""
        value = Decimal(amount) if isinstance(amount, str) else amount
        return cls(round_minor(value, exponent(currency)), currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in major units with the currency's decimals: `Decimal("119.00")`."""
        return minor_to_decimal(self.minor, self.currency)

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")


def minor_to_decimal(minor: int, currency: str) -> Decimal:
    """Minor units as an exact number of major units (11900, EUR → 119.00)."""
    return Decimal(minor).scaleb(-exponent(currency))
