"""Drafts: what an invoice is made of before it has a number. Pure.

A draft is computed the same way whether it comes from a billing run (and is finalised in the same transaction) or was
stored and is finalised later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from turnus.kernel.errors import Problem
from turnus.kernel.money import exponent
from turnus.rating.tax import (
    EU,
    Bucket,
    RateAt,
    TaxDecision,
    TaxedLine,
    TaxRateMissing,
    TaxSubject,
    TaxTerms,
    decide,
    is_out_of_scope,
    tax_lines,
)


class NoTaxRate(Problem):
    """The tax group of a line has no rate for the country and day of its service."""

    code, status = "tax_rate_missing", 422


class PartyAddress(msgspec.Struct, frozen=True):
    """The address a document goes to."""

    id: UUID | None
    company_name: str | None
    salutation: str | None
    first_name: str | None
    last_name: str | None
    street: str
    house_number: str
    addition: str | None
    zip: str
    city: str
    country_code: str
    vat_id: str | None
    cost_centre: str | None


class Payer(msgspec.Struct, frozen=True):
    """The customer of a document, as it is frozen in it."""

    id: UUID
    number: str
    company_name: str | None
    first_name: str | None
    last_name: str | None
    language: str
    vat_id_valid: bool | None
    business_proof: str | None
    tax_exempt: str
    buyer_reference: str | None
    leitweg_id: str | None
    email: str | None
    address: PartyAddress


class DraftDiscount(msgspec.Struct, frozen=True):
    """A printed reduction of a line, in minor units."""

    name: str
    amount_minor: int
    percent: Decimal | None = None


class DraftLine(msgspec.Struct):
    """A line before tax. `amount_minor` is the base less discounts, gross when `tax_included`."""

    id: UUID
    name: str
    description: str | None
    quantity: Decimal
    unit_price: Decimal
    base_minor: int
    discount_minor: int
    tax_included: bool
    tax_group: UUID
    unit: UUID | None
    unit_code: str
    unit_name: str
    type: str = "product"
    discounts: tuple[DraftDiscount, ...] = ()
    service_from: date | None = None
    service_to: date | None = None
    subscription: UUID | None = None
    item: UUID | None = None
    product: UUID | None = None
    product_number: str = ""
    group: str = ""
    charge_kind: str | None = None
    period_start: date | None = None
    sequence: int | None = None
    charge: dict[str, Any] | None = None
    revenue_account: str | None = None
    # Filled by `tax_draft`.
    decision: TaxDecision | None = None
    net_minor: int = 0
    tax_minor: int = 0

    @property
    def amount_minor(self) -> int:
        """Base less discounts."""
        return self.base_minor - self.discount_minor


class Draft(msgspec.Struct):
    """A document without number, with its lines and, once taxed, its sums (minor units)."""

    id: UUID
    payer: Payer
    currency: str
    lines: list[DraftLine]
    type: str = "TYPE_INVOICE"
    purchase_order_number: str | None = None
    run: UUID | None = None
    source: str = "subscription"
    subscription_number: str = ""
    stored: bool = False
    due_date: date | None = None
    net_minor: int = 0
    tax_minor: int = 0
    discount_minor: int = 0
    buckets: list[Bucket] = []

    @property
    def gross_minor(self) -> int:
        """Net plus tax."""
        return self.net_minor + self.tax_minor

    @property
    def service_from(self) -> date | None:
        """First day of service of any line."""
        return min((line.service_from for line in self.lines if line.service_from), default=None)

    @property
    def service_to(self) -> date | None:
        """Day after the last day of service of any line."""
        return max((line.service_to for line in self.lines if line.service_to), default=None)

    @property
    def tax_case(self) -> str | None:
        """The case of the tax decision, when all lines agree."""
        cases = {line.decision.case for line in self.lines if line.decision}
        return cases.pop() if len(cases) == 1 else None


class TaxContext(msgspec.Struct, frozen=True):
    """What the tax of a tenant's documents depends on."""

    seller_country: str
    small_business: bool
    terms: Callable[[UUID], TaxTerms]
    rate_at: RateAt


def tax_draft(draft: Draft, context: TaxContext, today: date) -> None:
    """Decide the tax of every line and fill in the sums. `today` serves lines without a service date.

    Raises:
        NoTaxRate: a line's tax group has no rate for it.
    """
    subject = _subject(draft.payer, context)
    taxed = []
    for line in draft.lines:
        day = last_day(line) or today
        try:
            line.decision = decide(subject, context.terms(line.tax_group), day, context.rate_at)
        except TaxRateMissing as missing:
            raise NoTaxRate(f"{line.name}: {missing}") from None
        taxed.append(TaxedLine(line.amount_minor, line.tax_included, line.decision))
    result = tax_lines(taxed)
    for line, net, tax in zip(draft.lines, result.nets, result.taxes, strict=True):
        line.net_minor, line.tax_minor = net, tax
    draft.buckets = result.buckets
    draft.net_minor, draft.tax_minor = result.net_minor, result.tax_minor
    draft.discount_minor = sum(line.discount_minor for line in draft.lines)
    if draft.gross_minor < 0:
        draft.type = "TYPE_CREDIT_NOTE"


def stands_apart(payer: Payer, tax_group: UUID, context: TaxContext) -> bool:
    """Whether a line must not share a document with others: it is outside the scope of the tax (EN 16931 BR-O-11)."""
    if payer.address.country_code in EU:
        return False
    return is_out_of_scope(_subject(payer, context), context.terms(tax_group))


def _subject(payer: Payer, context: TaxContext) -> TaxSubject:
    address = payer.address
    return TaxSubject(
        seller_country=context.seller_country,
        small_business=context.small_business,
        buyer_country=address.country_code,
        buyer_business=bool(address.vat_id or address.company_name),
        vat_id_valid=(payer.vat_id_valid if address.vat_id else None) or (bool(payer.business_proof) or None),
        exempt=payer.tax_exempt == "exempt",
    )


def last_day(line: DraftLine) -> date | None:
    """The last day of a line's service: its end is exclusive, a single day stands twice."""
    if line.service_to is None:
        return line.service_from
    if line.service_from == line.service_to:
        return line.service_to
    return date.fromordinal(line.service_to.toordinal() - 1)


def printed_price(
    quantity: Decimal, unit_price: Decimal | None, base_minor: int, currency: str
) -> tuple[Decimal, Decimal]:
    """Quantity and unit price to print: as rated where their product rounds to the base, else 1 × base.

    Negative charges have a negative quantity and a positive price (EN 16931 BR-27).
    """
    places = exponent(currency)
    base = Decimal(base_minor).scaleb(-places)
    if unit_price is not None and unit_price >= 0:
        for signed in (quantity, -quantity):
            if (signed * unit_price).quantize(Decimal(1).scaleb(-places), "ROUND_HALF_UP") == base:
                return signed, unit_price
    return (Decimal(-1), -base) if base < 0 else (Decimal(1), base)


def is_zero(lines: Sequence[DraftLine]) -> bool:
    """A document all of whose lines are 0.00 after discount; lines that merely cancel out do not make one."""
    return all(line.amount_minor == 0 for line in lines)
