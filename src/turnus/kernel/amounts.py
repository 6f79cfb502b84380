"""Money on the wire (00 §9.3)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from turnus.kernel.money import exponent, minor_to_decimal
from turnus.kernel.wire import number


class MoneyView(msgspec.Struct, frozen=True, rename="camel"):
    """An amount: whole minor units, and the same as an exact decimal string in major units."""

    amount: int
    currency_code: str
    precision: int
    decimal: str


class UnitPriceView(msgspec.Struct, frozen=True, rename="camel"):
    """A unit price: minor units as a number that may have decimals, and the exact string in major units."""

    amount: int | msgspec.Raw
    currency_code: str
    precision: int
    decimal: str


def money(minor: int, currency: str) -> MoneyView:
    """An amount of minor units."""
    return MoneyView(minor, currency, exponent(currency), f"{minor_to_decimal(minor, currency):f}")


def unit_price(price: Decimal, currency: str) -> UnitPriceView:
    """A unit price in major units, with at least the currency's decimals."""
    places = exponent(currency)
    plain = price.normalize()
    digits = max(places, -int(plain.as_tuple().exponent))
    return UnitPriceView(number(price.scaleb(places)), currency, places, f"{plain:.{digits}f}")
