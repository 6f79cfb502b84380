"""Totals of one tax bucket of a document (country, category and rate are the same for all its lines).

Tax is computed once per bucket on the sum of the rounded lines, never per line (EN 16931 BR-CO-10, BR-CO-17).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from turnus.kernel.rounding import divide_minor
from turnus.rating.pricing import fraction


class BucketTotals(msgspec.Struct, frozen=True):
    """Minor units: the net of every line in their order, and net, tax and gross of the bucket."""

    nets: tuple[int, ...]
    net: int
    tax: int
    gross: int


def bucket_totals(amounts: Sequence[int], rate: Decimal, *, tax_included: bool) -> BucketTotals:
    """Net, tax and gross of lines with one tax `rate` in percent; `amounts` are net, or gross with `tax_included`.

    Gross lines: tax = round(Σ gross · rate / (100 + rate)), the line nets are split by largest remainder (ties to the
    earlier line) so that they add up to gross − tax. At rate 0 net and gross are equal: the agreed price is what is
    paid.
    """
    total = sum(amounts)
    share = fraction(rate)
    if not tax_included:
        tax = divide_minor(total * share.numerator, 100 * share.denominator)
        return BucketTotals(tuple(amounts), total, tax, total + tax)
    whole = 100 + share
    tax = divide_minor(total * share.numerator * whole.denominator, share.denominator * whole.numerator)
    parts, remainders = [], []
    for amount in amounts:
        part, remainder = divmod(amount * 100 * whole.denominator, whole.numerator)
        parts.append(part)
        remainders.append(remainder)
    rest = total - tax - sum(parts)
    for index in sorted(range(len(parts)), key=lambda i: (-remainders[i], i))[:rest]:
        parts[index] += 1
    return BucketTotals(tuple(parts), total - tax, tax, total)


def mixed_totals(net_lines: Sequence[int], gross_lines: Sequence[int], rate: Decimal) -> BucketTotals:
    """A bucket with net- and gross-priced lines: both parts are computed on their own and added, net lines first."""
    one = bucket_totals(net_lines, rate, tax_included=False)
    other = bucket_totals(gross_lines, rate, tax_included=True)
    return BucketTotals(one.nets + other.nets, one.net + other.net, one.tax + other.tax, one.gross + other.gross)
