"""The frozen content of a document. Pure."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from turnus.billing.drafts import Draft, DraftLine, Payer, last_day
from turnus.documents.model import (
    Address,
    Buyer,
    Discount,
    DocumentKind,
    ElectronicAddress,
    InvoiceDocument,
    Payment,
    Position,
    Seller,
    TaxBucket,
    Totals,
)
from turnus.kernel.money import minor_to_decimal

_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder = msgspec.json.Decoder(InvoiceDocument)


def document_of(
    draft: Draft, seller: Seller, *, issue_date: date, due_date: date, due_days: int, is_test: bool
) -> InvoiceDocument:
    """What the document will print, without its number."""
    language = draft.payer.language
    sign = -1 if draft.type == "TYPE_CREDIT_NOTE" else 1
    gross = sign * draft.gross_minor
    service_to = draft.service_to
    return InvoiceDocument(
        kind=DocumentKind(draft.type),
        number="",
        currency=draft.currency,
        seller=seller,
        buyer=_buyer(draft.payer),
        positions=tuple(_position(str(n), line, sign, draft.currency) for n, line in enumerate(draft.lines, 1)),
        taxes=tuple(
            TaxBucket(
                category=bucket.decision.category,
                rate=bucket.decision.rate,
                taxable_minor=sign * bucket.taxable_minor,
                tax_minor=sign * bucket.tax_minor,
                exemption_reason=bucket.decision.note[0 if language == "de" else 1],
                exemption_code=bucket.decision.code,
            )
            for bucket in draft.buckets
        ),
        totals=Totals(
            net_minor=sign * draft.net_minor,
            tax_minor=sign * draft.tax_minor,
            gross_minor=gross,
            payable_minor=gross,
        ),
        language="de" if language == "de" else "en",
        issue_date=issue_date,
        due_date=due_date,
        payment=Payment(means="transfer" if sign > 0 else "settlement", due_days=due_days),
        purchase_order_number=draft.purchase_order_number or "",
        subscription_number=draft.subscription_number,
        service_from=draft.service_from,
        service_to=None
        if service_to is None
        else max(service_to - timedelta(days=1), draft.service_from or service_to),
        is_test=is_test,
    )


def _buyer(payer: Payer) -> Buyer:
    address = payer.address
    person = " ".join(part for part in (address.first_name, address.last_name) if part)
    name = address.company_name or person or payer.company_name or payer.number
    electronic = None
    if payer.leitweg_id:
        electronic = ElectronicAddress(value=payer.leitweg_id, scheme="0204")
    elif payer.email:
        electronic = ElectronicAddress(value=payer.email, scheme="EM")
    return Buyer(
        name=name,
        name_lines=(person,) if person and person != name else (),
        address=Address(
            street=f"{address.street} {address.house_number}".strip(),
            addition=address.addition or "",
            postcode=address.zip,
            city=address.city,
            country=address.country_code,
        ),
        customer_number=payer.number,
        vat_id=address.vat_id or "",
        legal_id=payer.business_proof or "",
        buyer_reference=payer.buyer_reference or "",
        leitweg_id=payer.leitweg_id or "",
        cost_reference=address.cost_centre or "",
        email=payer.email or "",
        electronic_address=electronic,
        is_public=bool(payer.leitweg_id),
    )


def _position(number: str, line: DraftLine, sign: int, currency: str) -> Position:
    assert line.decision is not None
    # Gross-priced lines print the net that the bucket gave them; the base shrinks with it.
    base = line.net_minor + line.discount_minor if not line.tax_included else line.net_minor
    discounts = line.discounts if not line.tax_included else ()
    quantity, price = line.quantity, line.unit_price
    if line.tax_included:
        quantity, price = Decimal(1 if base >= 0 else -1), abs(minor_to_decimal(base, currency))
    return Position(
        number=number,
        name=line.name,
        description=line.description or "",
        quantity=sign * quantity,
        unit_price=price,
        base_minor=sign * base,
        net_minor=sign * line.net_minor,
        unit_name=line.unit_name,
        unit_code=line.unit_code,
        product_number=line.product_number,
        discounts=tuple(
            Discount(name=d.name, amount_minor=sign * d.amount_minor, percent=d.percent) for d in discounts
        ),
        tax_category=line.decision.category,
        tax_rate=line.decision.rate,
        service_from=line.service_from,
        service_to=last_day(line),
        group=line.group,
    )


def encoded(document: InvoiceDocument) -> bytes:
    """A snapshot as it is stored."""
    return _encoder.encode(document)


def restored(data: bytes, number: str) -> InvoiceDocument:
    """A stored snapshot with its number."""
    return msgspec.structs.replace(_decoder.decode(data), number=number)


def content_hash(document: bytes, salt: bytes) -> bytes:
    """Digest of a snapshot; salted, so that a link tells nothing about a document that was deleted."""
    return hashlib.sha256(salt + document).digest()
