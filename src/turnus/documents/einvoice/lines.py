"""Invoice lines (BG-25) in CII."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from turnus.documents.einvoice.amounts import Amounts
from turnus.documents.einvoice.xml import day, leaf, node, number
from turnus.documents.model import Position, TaxCategory
from turnus.kernel.rounding import round_half_away, round_minor

_SLACK_MINOR = 1
"""How far quantity × price may be from the line amount; the rule itself tolerates two cents (PEPPOL-EN16931-R120)."""


def line(position: Position, parents: Mapping[str, str], amounts: Amounts) -> str:
    """One position as `IncludedSupplyChainTradeLineItem`; `parents` names the parents by their number."""
    quantity, price, basis = quantity_and_price(position, amounts)
    parent = leaf("ram:Content", f"{position.parent} {parents.get(position.parent, '')}" if position.parent else "")
    return node(
        "ram:IncludedSupplyChainTradeLineItem",
        node(
            "ram:AssociatedDocumentLineDocument",
            leaf("ram:LineID", position.number),
            node("ram:IncludedNote", parent),
        ),
        node(
            "ram:SpecifiedTradeProduct",
            leaf("ram:SellerAssignedID", position.product_number),
            leaf("ram:Name", position.name),
            leaf("ram:Description", position.description),
        ),
        node(
            "ram:SpecifiedLineTradeAgreement",
            node(
                "ram:NetPriceProductTradePrice",
                leaf("ram:ChargeAmount", number(price)),
                leaf("ram:BasisQuantity", number(basis), unitCode=position.unit_code) if basis is not None else "",
            ),
        ),
        node(
            "ram:SpecifiedLineTradeDelivery",
            leaf("ram:BilledQuantity", number(quantity), unitCode=position.unit_code),
        ),
        _settlement(position, amounts),
    )


def _settlement(position: Position, amounts: Amounts) -> str:
    object_reference = ""
    if position.object_id:
        object_reference = node(
            "ram:AdditionalReferencedDocument",
            leaf("ram:IssuerAssignedID", position.object_id),
            leaf("ram:TypeCode", "130"),
        )
    return node(
        "ram:SpecifiedLineTradeSettlement",
        node(
            "ram:ApplicableTradeTax",
            leaf("ram:TypeCode", "VAT"),
            leaf("ram:CategoryCode", position.tax_category),
            rate_percent(position.tax_category, position.tax_rate),
        ),
        period("ram:BillingSpecifiedPeriod", position.service_from, position.service_to),
        *discounts(position, amounts),
        node(
            "ram:SpecifiedTradeSettlementLineMonetarySummation",
            leaf("ram:LineTotalAmount", amounts(position.net_minor)),
        ),
        object_reference,
        node("ram:ReceivableSpecifiedTradeAccountingAccount", leaf("ram:ID", position.cost_centre)),
    )


def quantity_and_price(position: Position, amounts: Amounts) -> tuple[Decimal, Decimal, Decimal | None]:
    """BT-129, BT-146 and, where needed, BT-149.

    A price is never negative (BR-27), so a negative price turns the quantity round. A base that was rated otherwise than
    by one multiplication (tiers, minimum prices) is stated as the price of the whole quantity.
    """
    quantity, price = position.quantity, position.unit_price
    if price < 0:
        quantity, price = -quantity, -price
    rated = round_minor(quantity * price, amounts.digits)
    if abs(rated - position.base_minor) <= _SLACK_MINOR:
        return quantity, price, None
    sign = -1 if position.base_minor < 0 else 1
    size = abs(quantity) or Decimal(1)
    return sign * size, amounts.major(abs(position.base_minor)), size


def discounts(position: Position, amounts: Amounts) -> list[str]:
    """BG-27: the discounts of a line, each with its reason (BR-CO-23)."""
    rest = position.base_minor
    written = []
    for discount in position.discounts:
        base = rest if discount.base_minor is None else discount.base_minor
        written.append(allowance(discount.name, discount.amount_minor, discount.percent, base, amounts))
        rest -= discount.amount_minor
    return written


def allowance(
    name: str, amount_minor: int, percent: Decimal | None, base_minor: int | None, amounts: Amounts, tax: str = ""
) -> str:
    """A reduction. Percentage and base are told only when they yield the amount (PEPPOL-EN16931-R040 to R042)."""
    proof = ""
    if percent is not None and base_minor is not None and _share(base_minor, percent) == amount_minor:
        proof = leaf("ram:CalculationPercent", number(percent)) + leaf("ram:BasisAmount", amounts(base_minor))
    return node(
        "ram:SpecifiedTradeAllowanceCharge",
        "<ram:ChargeIndicator><udt:Indicator>false</udt:Indicator></ram:ChargeIndicator>",
        proof,
        leaf("ram:ActualAmount", amounts(amount_minor)),
        leaf("ram:ReasonCode", "95"),
        leaf("ram:Reason", name),
        tax,
    )


def _share(base_minor: int, percent: Decimal) -> int:
    return int(round_half_away(Decimal(base_minor) * percent / 100))


def rate_percent(category: TaxCategory, rate: Decimal | None) -> str:
    """BT-152 and its kin: no rate in category O (BR-O-05), a zero in all others that have none."""
    if category == "O":
        return ""
    return leaf("ram:RateApplicablePercent", number(rate or Decimal(0)))


def period(tag: str, start: date | None, end: date | None) -> str:
    """A period with inclusive first and last day."""
    return node(tag, day("ram:StartDateTime", start), day("ram:EndDateTime", end))
