"""From charges to drafts: lines with their texts, grouped into documents. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from turnus.billing.drafts import (
    Draft,
    DraftDiscount,
    DraftLine,
    TaxContext,
    is_zero,
    printed_price,
    stands_apart,
)
from turnus.billing.payers import Payers
from turnus.catalogue.ops.load_catalogue import Catalogue, SoldProduct
from turnus.kernel.ids import new_ids
from turnus.rating.charges import Billed, Charge, Discount
from turnus.rating.contract import Price
from turnus.subscriptions.contracts import ItemRow, SubscriptionRow


class Rated(msgspec.Struct):
    """A subscription and what was charged to it."""

    subscription: SubscriptionRow
    items: Sequence[ItemRow]
    charges: Sequence[Charge]
    prices: Mapping[UUID, Price]
    """Price of each item."""


class Assembled(msgspec.Struct):
    """Drafts to finalise, and lines whose document is suppressed because all of it is 0.00."""

    drafts: list[Draft]
    suppressed: list[DraftLine]


def assemble(
    rated: Sequence[Rated],
    catalogue: Catalogue,
    payers: Payers,
    taxes: TaxContext,
    *,
    run: UUID | None,
    consolidate: bool,
    zero_documents: bool,
) -> Assembled:
    """One document per billing group (or customer, when consolidating; else subscription), currency, address, order.

    Lines outside the scope of the tax make a document of their own.
    """
    documents: dict[tuple[Any, ...], Draft] = {}
    ids = iter(new_ids(2 * sum(len(found.charges) for found in rated)))
    for found in rated:
        subscription = found.subscription
        payer = payers.payer(subscription.customer_id, subscription.invoice_address_id)
        group = subscription.billing_group_id or (payer.id if consolidate else subscription.id)
        items: dict[Any, ItemRow] = {item.id: item for item in found.items}
        for charge in found.charges:
            item = items[charge.item]
            product = catalogue.products[item.product_id]
            apart = stands_apart(payer, product.tax_group_id, taxes)
            key = (group, charge.currency, payer.address.id, subscription.po_number, apart)
            draft = documents.get(key)
            if draft is None:
                draft = documents[key] = Draft(
                    next(ids),
                    payer,
                    charge.currency,
                    [],
                    purchase_order_number=subscription.po_number,
                    run=run,
                    subscription_number=subscription.number,
                )
            elif draft.subscription_number != subscription.number:
                draft.subscription_number = ""
            price = found.prices[item.id]
            draft.lines.append(_line(next(ids), charge, subscription, item, product, price, payer.language))
    result = Assembled([], [])
    for draft in documents.values():
        if not zero_documents and is_zero(draft.lines):
            result.suppressed += draft.lines
            continue
        # Charges that only mark a period as billed are kept beside the document, not printed on it.
        hidden = [line for line in draft.lines if line.charge is not None and not line.charge["printed"]]
        if hidden and len(hidden) < len(draft.lines):
            draft.lines = [line for line in draft.lines if line not in hidden]
            result.suppressed += hidden
        _group_headings(draft)
        result.drafts.append(draft)
    return result


def _line(
    id: UUID,
    charge: Charge,
    subscription: SubscriptionRow,
    item: ItemRow,
    product: SoldProduct,
    price: Price,
    language: str,
) -> DraftLine:
    rated_quantity = None
    unit_price = None
    if price.calculation_type == "per_unit":
        rated_quantity, unit_price = charge.quantity, price.amount
    elif price.calculation_type == "flat_fee":
        rated_quantity, unit_price = Decimal(1), price.amount
    quantity, printed = printed_price(rated_quantity or charge.quantity, unit_price, charge.base, charge.currency)
    unit_name = _unit_name(product, language)
    texts = [text for text in (item.description, item.further_information) if text]
    if price.calculation_type not in ("flat_fee", "per_unit") and charge.kind != "credit":
        # Tiers and packages have no one price per unit: the line is 1 × its amount, what was counted stands below.
        texts.insert(0, f"{plain_number(charge.quantity, language)} {unit_name}".strip())
        unit_name = ""
    return DraftLine(
        id=id,
        name=item.name,
        description="\n".join(texts) or None,
        quantity=quantity,
        unit_price=printed,
        base_minor=charge.base,
        discount_minor=charge.discount,
        tax_included=charge.tax_included,
        tax_group=product.tax_group_id,
        unit=product.unit.id,
        unit_code=product.unit.code,
        unit_name=unit_name,
        type="setup" if charge.kind == "one_time" else "product",
        discounts=tuple(_discount(discount, language) for discount in charge.discounts if discount.amount),
        service_from=charge.service_from,
        service_to=charge.service_to,
        subscription=subscription.id,
        item=item.id,
        product=product.id,
        product_number=product.number or "",
        group=_heading(subscription),
        charge_kind=charge.kind,
        period_start=charge.period_start,
        sequence=charge.sequence,
        charge=stored_charge(charge),
        revenue_account=product.revenue_account,
    )


def plain_number(value: Decimal, language: str) -> str:
    """A quantity as printed: 1.234,5 (de) or 1,234.5 (en), at most six decimals."""
    text = f"{round(value, 6).normalize():,f}"
    return text.translate(str.maketrans(",.", ".,")) if language == "de" else text


def _heading(subscription: SubscriptionRow) -> str:
    return f"{subscription.name} · {subscription.number}" if subscription.name else subscription.number


def _unit_name(product: SoldProduct, language: str) -> str:
    names = product.unit.names
    return names.get(language) or names.get("de") or next(iter(names.values()), "")


def _discount(discount: Discount, language: str) -> DraftDiscount:
    percent = discount.value if discount.type == "percentage" else None
    return DraftDiscount("Rabatt" if language == "de" else "Discount", discount.amount, percent)


def _group_headings(draft: Draft) -> None:
    """A heading per subscription is printed only when there are several."""
    if len({line.subscription for line in draft.lines}) == 1:
        for line in draft.lines:
            line.group = ""


def stored_charge(charge: Charge) -> dict[str, Any]:
    """What is kept of a charge beside its line: what re-rating needs, and the trace."""
    return {
        "discounts": [
            {
                "coupon": str(d.coupon),
                "type": d.type,
                "value": str(d.value),
                "basis": d.basis,
                "amount": d.amount,
                "counted": d.counted,
            }
            for d in charge.discounts
        ],
        "quantity": str(charge.quantity),
        "regularFrom": charge.regular_from,
        "regularTo": charge.regular_to,
        "priceVersion": None if charge.price_version is None else str(charge.price_version),
        "billedOn": charge.billed_on,
        "billingDate": charge.billing_date,
        "printed": charge.printed,
        "trace": charge.trace,
    }


def restored_charge(
    item: UUID,
    kind: Any,
    period_start: Any,
    sequence: int,
    service: tuple[Any, Any],
    base: int,
    stored: Mapping[str, Any],
) -> Billed:
    """A stored charge as the engine wants it back."""

    def day(name: str) -> date | None:
        return date.fromisoformat(stored[name]) if stored.get(name) else None

    return Billed(
        item=item,
        kind=kind,
        period_start=period_start,
        sequence=sequence,
        service_from=service[0],
        service_to=service[1],
        base=base,
        discounts=tuple(
            Discount(UUID(d["coupon"]), d["type"], Decimal(d["value"]), d["basis"], d["amount"], d["counted"])
            for d in stored["discounts"]
        ),
        quantity=Decimal(stored["quantity"]),
        regular_from=day("regularFrom"),
        regular_to=day("regularTo"),
        price_version=UUID(stored["priceVersion"]) if stored.get("priceVersion") else None,
        billed_on=day("billedOn"),
    )
