"""Amounts as EN 16931 writes them: major units with the currency's decimals."""

from __future__ import annotations

from decimal import Decimal

from turnus.kernel.money import exponent


class Amounts:
    """Formats minor units of one currency (`11900` → `119.00`)."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.digits = exponent(currency)

    def __call__(self, minor: int) -> str:
        if self.digits == 0:
            return str(minor)
        sign = "-" if minor < 0 else ""
        whole, fraction = divmod(abs(minor), 10**self.digits)
        return f"{sign}{whole}.{fraction:0{self.digits}d}"

    def major(self, minor: int) -> Decimal:
        """The amount as a decimal in major units."""
        return Decimal(minor).scaleb(-self.digits)
