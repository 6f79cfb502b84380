"""Pure rules of postings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from turnus.kernel.errors import Problem
from turnus.ledger.accounts import rated_key


class AccountMissing(Problem):
    """The chart has no account for a posting."""

    code, status = "account_missing", 422


class Line(msgspec.Struct, frozen=True):
    """One line of a booking: debit positive, credit negative, in minor units."""

    account: str
    amount_minor: int


class Taxed(msgspec.Struct, frozen=True):
    """Net and tax of one tax bucket. `revenue_key` is the role of its revenue account (06 §6.2, 07 §B2)."""

    revenue_key: str
    rate: Decimal | None
    net_minor: int
    tax_minor: int


def account_for(chart: Mapping[str, str], key: str, rate: Decimal | None = None) -> str:
    """The account number of a role, the one of the rate before the general one.

    Raises:
        AccountMissing: neither exists.
    """
    found = chart.get(rated_key(key, rate)) or chart.get(key)
    if found is None:
        raise AccountMissing(f"There is no account for {rated_key(key, rate)}.", account=rated_key(key, rate))
    return found


def invoice_booking(
    chart: Mapping[str, str], gross_minor: int, buckets: Sequence[Taxed], *, sign: int = 1
) -> list[Line]:
    """Receivable against revenue and output tax; `sign` −1 for documents that take something back.

    Lines of 0 are left out, so a document of 0.00 has no booking.
    """
    lines = [Line(account_for(chart, "receivables"), sign * gross_minor)]
    for bucket in buckets:
        lines.append(Line(account_for(chart, bucket.revenue_key, bucket.rate), -sign * bucket.net_minor))
        if bucket.tax_minor:
            lines.append(Line(account_for(chart, "outputTax", bucket.rate), -sign * bucket.tax_minor))
    return [line for line in lines if line.amount_minor]
