"""The chart of accounts of a new tenant: DATEV's SKR03, as far as postings need it."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Account(msgspec.Struct, frozen=True):
    """An account and its role in postings."""

    key: str
    number: str
    kind: str
    name: str


SKR03 = (
    Account("receivables", "1400", "asset", "Forderungen aus Lieferungen und Leistungen"),
    Account("bank", "1200", "asset", "Bank"),
    Account("revenueGermany:19", "8400", "revenue", "Erlöse 19 % USt"),
    Account("revenueGermany:16", "8340", "revenue", "Erlöse 16 % USt"),
    Account("revenueGermany:7", "8300", "revenue", "Erlöse 7 % USt"),
    Account("revenueGermany:5", "8315", "revenue", "Erlöse 5 % USt"),
    Account("revenueGermany", "8000", "revenue", "Erlöse, übrige Steuersätze"),
    Account("revenueZeroRated", "8290", "revenue", "Erlöse 0 % USt"),
    Account("revenueEuReverseCharge", "8336", "revenue", "Erlöse, § 13b UStG, EU-Leistungsempfänger"),
    Account("revenueThirdCountry", "8338", "revenue", "Nicht steuerbare Erlöse Drittland"),
    Account("revenueSmallBusiness", "8195", "revenue", "Erlöse als Kleinunternehmer, § 19 UStG"),
    Account("revenueTaxFree", "8100", "revenue", "Steuerfreie Erlöse, § 4 Nr. 8 ff. UStG"),
    Account("outputTax:19", "1776", "tax", "Umsatzsteuer 19 %"),
    Account("outputTax:16", "1775", "tax", "Umsatzsteuer 16 %"),
    Account("outputTax:7", "1771", "tax", "Umsatzsteuer 7 %"),
    Account("outputTax:5", "1773", "tax", "Umsatzsteuer 5 %"),
    Account("outputTax", "1770", "tax", "Umsatzsteuer, übrige Steuersätze"),
)


def rated_key(key: str, rate: Decimal | None) -> str:
    """The key of an account that is kept per tax rate: `revenueGermany:19`."""
    return key if rate is None else f"{key}:{rate.normalize():f}"
