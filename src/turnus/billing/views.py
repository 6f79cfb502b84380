"""Read side of the billing area."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from turnus.billing.model import INVOICE_STATUSES, INVOICE_TYPES, Invoice, InvoicePosition
from turnus.catalogue.model import Unit
from turnus.customers.model import Customer, CustomerAddress
from turnus.customers.views.addresses import AddressSummary, address_summary
from turnus.kernel.amounts import MoneyView, UnitPriceView, money, unit_price
from turnus.kernel.errors import NotFound
from turnus.kernel.time import start_of_day
from turnus.kernel.wire import instant, number
from turnus.media.model import Media
from turnus.platform.context import Context
from turnus.platform.db.reads import convert, from_, read, shape, together
from turnus.platform.listing import Choice, Code, InstantFilter, ListOf, NumberFilter, Order, Reference
from turnus.platform.listing.filters import DayFilter, Related
from turnus.settings.model import TaxGroup


class CustomerSummary(msgspec.Struct, frozen=True, rename="camel"):
    """The customer of a document, in short."""

    id: UUID
    customer_number: str
    time_zone: str
    first_name: str | None
    last_name: str | None
    currency_code: str
    company_name: str | None
    datev_id: str | None
    status: str


class MediaSummary(msgspec.Struct, frozen=True, rename="camel"):
    """A stored file, in short."""

    id: UUID
    is_private: bool
    mime_type: str
    file_extension: str
    file_name: str
    storage_file_name: str
    created_at: str


class TaxView(msgspec.Struct, frozen=True, rename="camel"):
    """A tax bucket of a document."""

    tax_rate: msgspec.Raw | int | None
    tax_category: str
    country_code: str | None
    taxable_amount: MoneyView
    tax_amount: MoneyView
    exemption_reason: str | None
    exemption_code: str | None


class UnitSummary(msgspec.Struct, frozen=True, rename="camel"):
    """The unit of a line."""

    id: UUID
    name: str
    code: str


class TaxGroupSummary(msgspec.Struct, frozen=True, rename="camel"):
    """The tax group of a line."""

    id: UUID
    internal_description: str
    reverse_charge_type: str
    type: str


class LineTax(msgspec.Struct, frozen=True, rename="camel"):
    """The tax that a line bears."""

    rate: int | msgspec.Raw | None
    category: str


class PositionView(msgspec.Struct, frozen=True, rename="camel"):
    """A line of an invoice; `trace` explains its amount."""

    id: UUID
    position: int
    type: str
    name: str
    description: str | None
    quantity: int | msgspec.Raw
    unit: UnitSummary | None
    unit_price: UnitPriceView
    net_amount: MoneyView
    discount_amount: MoneyView
    tax_amount: MoneyView
    gross_amount: MoneyView
    tax_group: TaxGroupSummary | None
    tax: LineTax
    service_date_from: date | None
    service_date_to: date | None
    subscription: UUID | None
    subscription_item: UUID | None
    product: UUID | None
    trace: Any
    created_at: str


class InvoiceListItem(msgspec.Struct, frozen=True, rename="camel"):
    """An invoice in a list."""

    id: UUID
    customer: CustomerSummary
    payment_method: dict[str, Any] | None
    type: str
    status: str
    currency_code: str
    number: str | None
    creation_date: str
    finalization_date: str | None
    due_date: str | None
    pay_date: str | None
    last_reminder_date: str | None
    last_sent_at: str | None
    dunning_level: int
    dunning_status: str
    internal_note: str | None
    net_amount: MoneyView
    tax_amount: MoneyView
    gross_amount: MoneyView
    discount_amount: MoneyView
    unpaid_amount: MoneyView
    file: MediaSummary | None
    xml_file: MediaSummary | None
    custom_fields: dict[str, Any]
    service_date_from: date | None
    service_date_to: date | None
    tax_case: str | None
    purchase_order_number: str | None
    source: str


class InvoiceView(InvoiceListItem, frozen=True, rename="camel"):
    """An invoice in full."""

    referenced_invoice: dict[str, Any] | None
    invoice_address: AddressSummary | None
    positions: list[PositionView]
    taxes: list[TaxView]
    paid_amount: MoneyView
    billing_run: UUID | None
    rendering_error: str | None
    document_hash: str | None
    language: str
    updated_at: str


i = aliased(Invoice, name="i")
_customer = aliased(Customer, name="c")
_pdf = aliased(Media, name="pdf")
_xml = aliased(Media, name="xml")
_address = aliased(CustomerAddress, name="a")
# A due date is a calendar day of the tenant, shown as the instant at which it begins (00 §9.1).
_ZONE = "Europe/Berlin"


def _optional_instant(value: Any) -> str | None:
    return None if value is None else instant(value)


def _due(day: date | None) -> str | None:
    return None if day is None else instant(start_of_day(day, _ZONE))


def _inclusive(first: date | None, end: date | None) -> date | None:
    """The printed last day of a half-open service period."""
    if first is None or end is None or first == end:
        return end
    return date.fromordinal(end.toordinal() - 1)


def _media(row: Any) -> Any:
    return shape(
        MediaSummary,
        present=row.id,
        id=row.id,
        is_private=row.is_private,
        mime_type=row.mime_type,
        file_extension=row.extension,
        file_name=row.file_name,
        storage_file_name=row.storage_name,
        created_at=convert(instant, row.created_at),
    )


def _fields() -> dict[str, Any]:
    currency = i.currency_code
    return {
        "id": i.id,
        "customer": shape(
            CustomerSummary,
            id=_customer.id,
            customer_number=_customer.number,
            time_zone=_customer.time_zone,
            first_name=_customer.first_name,
            last_name=_customer.last_name,
            currency_code=_customer.currency_code,
            company_name=_customer.company_name,
            datev_id=_customer.datev_id,
            status=_customer.status,
        ),
        "payment_method": None,
        "type": i.type,
        "status": i.status,
        "currency_code": currency,
        "number": i.number,
        "creation_date": convert(instant, i.created_at),
        "finalization_date": convert(_optional_instant, i.finalization_date),
        "due_date": convert(_due, i.due_date),
        "pay_date": convert(_optional_instant, i.pay_date),
        "last_reminder_date": None,
        "last_sent_at": convert(_optional_instant, i.last_sent_at),
        "dunning_level": 0,
        "dunning_status": "none",
        "internal_note": i.internal_note,
        "net_amount": convert(money, i.net_minor, currency),
        "tax_amount": convert(money, i.tax_minor, currency),
        "gross_amount": convert(money, i.gross_minor, currency),
        "discount_amount": convert(money, i.discount_minor, currency),
        "unpaid_amount": convert(money, i.unpaid_minor, currency),
        "file": _media(_pdf),
        "xml_file": _media(_xml),
        "custom_fields": i.custom_fields,
        "service_date_from": i.service_from,
        "service_date_to": convert(_inclusive, i.service_from, i.service_to),
        "tax_case": i.tax_case,
        "purchase_order_number": i.purchase_order_number,
        "source": i.source,
    }


_source = (
    from_(i)
    .join(_customer, (_customer.tenant_id == i.tenant_id) & (_customer.id == i.customer_id))
    .outerjoin(_pdf, (_pdf.tenant_id == i.tenant_id) & (_pdf.id == i.pdf_id))
    .outerjoin(_xml, (_xml.tenant_id == i.tenant_id) & (_xml.id == i.xml_id))
)

invoice_list = ListOf(
    "invoice",
    shape(InvoiceListItem, **_fields()),
    _source,
    count_source=from_(i),
    id=i.id,
    filters=[
        Reference("id", i.id, nullable=False),
        Code("number", i.number_folded, folded=True),
        Choice("status", i.status, INVOICE_STATUSES),
        Choice("type", i.type, INVOICE_TYPES),
        Code("currencyCode", i.currency_code, nullable=False),
        Reference("customer", i.customer_id, nullable=False),
        Reference("customer.id", i.customer_id, nullable=False),
        Related(
            Code("customer.customerNumber", _customer.number_folded, folded=True),
            _customer,
            _customer.tenant_id == i.tenant_id,
            _customer.id == i.customer_id,
        ),
        Related(
            Reference("subscription", InvoicePosition.subscription_id),
            InvoicePosition,
            InvoicePosition.tenant_id == i.tenant_id,
            InvoicePosition.invoice_id == i.id,
        ),
        Reference("billingRun", i.run_id),
        InstantFilter("creationDate", i.created_at, nullable=False),
        InstantFilter("finalizationDate", i.finalization_date),
        DayFilter("dueDate", i.due_date),
        NumberFilter("grossAmount", i.gross_minor, nullable=False),
    ],
    orders=[
        Order("creationDate", i.created_at),
        Order("createdAt", i.created_at),
        Order("number", i.number_folded, nullable=True),
        Order("finalizationDate", i.finalization_date, nullable=True),
        Order("dueDate", i.due_date, nullable=True),
        Order("grossAmount", i.gross_minor),
    ],
)


class _Detail(msgspec.Struct):
    """An invoice without its positions."""

    item: InvoiceListItem
    address: AddressSummary | None
    language: str
    taxes: list[Any]
    gross: int
    run: UUID | None
    error: str | None
    digest: bytes | None
    updated_at: str


class _Line(msgspec.Struct):
    """A position and the invoice it belongs to."""

    invoice: UUID
    view: PositionView


_ids = bindparam("ids", type_=ARRAY(Uuid))
_details = read(
    _source.outerjoin(_address, (_address.tenant_id == i.tenant_id) & (_address.id == i.invoice_address_id)).where(
        i.id == func.any(_ids)
    ),
    shape(
        _Detail,
        item=shape(InvoiceListItem, **_fields()),
        address=address_summary(_address),
        language=i.language,
        taxes=i.taxes,
        gross=i.gross_minor,
        run=i.run_id,
        error=i.render_error,
        digest=i.document_hash,
        updated_at=convert(instant, i.updated_at),
    ),
)
_p = aliased(InvoicePosition, name="p")
_unit = aliased(Unit, name="u")
_group = aliased(TaxGroup, name="t")


def _unit_name(translations: dict[str, Any]) -> str:
    chosen: dict[str, Any] = translations.get("de") or next(iter(translations.values()), {})
    return str(chosen.get("name", ""))


def _rate(rate: Decimal | None) -> int | msgspec.Raw | None:
    return None if rate is None else number(rate)


def _trace(charge: dict[str, Any] | None) -> Any:
    return None if charge is None else charge.get("trace")


_lines = read(
    from_(_p)
    .join(i, (i.tenant_id == _p.tenant_id) & (i.id == _p.invoice_id))
    .outerjoin(_unit, (_unit.tenant_id == _p.tenant_id) & (_unit.id == _p.unit_id))
    .outerjoin(_group, (_group.tenant_id == _p.tenant_id) & (_group.id == _p.tax_group_id))
    .where(_p.invoice_id == func.any(_ids))
    .order_by(_p.invoice_id, _p.position),
    shape(
        _Line,
        invoice=_p.invoice_id,
        view=shape(
            PositionView,
            id=_p.id,
            position=_p.position,
            type=_p.type,
            name=_p.name,
            description=_p.description,
            quantity=convert(number, _p.quantity),
            unit=shape(
                UnitSummary,
                present=_unit.id,
                id=_unit.id,
                name=convert(_unit_name, _unit.translations),
                code=_unit.code,
            ),
            unit_price=convert(unit_price, _p.unit_price, i.currency_code),
            net_amount=convert(money, _p.base_minor, i.currency_code),
            discount_amount=convert(money, _p.discount_minor, i.currency_code),
            tax_amount=convert(money, _p.tax_minor, i.currency_code),
            gross_amount=convert(money, _p.gross_minor, i.currency_code),
            tax_group=shape(
                TaxGroupSummary,
                present=_group.id,
                id=_group.id,
                internal_description=_group.internal_description,
                reverse_charge_type=_group.reverse_charge_type,
                type=_group.type,
            ),
            tax=shape(LineTax, rate=convert(_rate, _p.tax_rate), category=_p.tax_category),
            service_date_from=_p.service_from,
            service_date_to=convert(_inclusive, _p.service_from, _p.service_to),
            subscription=_p.subscription_id,
            subscription_item=_p.item_id,
            product=_p.product_id,
            trace=convert(_trace, _p.charge),
            created_at=convert(instant, _p.created_at),
        ),
    ),
)


async def invoices(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, InvoiceView]:
    """Invoices in full, by id: two statements in one round trip."""
    wanted = {"ids": list(ids)}
    details, lines = await together(ctx, (_details, wanted), (_lines, wanted))
    by_invoice: dict[UUID, list[PositionView]] = {}
    for line in lines:
        by_invoice.setdefault(line.invoice, []).append(line.view)
    return {detail.item.id: _view(detail, by_invoice.get(detail.item.id, [])) for detail in details}


async def invoice(ctx: Context, id: UUID) -> InvoiceView:
    """An invoice in full; raises NotFound."""
    found = await invoices(ctx, [id])
    if id not in found:
        raise NotFound()
    return found[id]


def _view(detail: _Detail, positions: list[PositionView]) -> InvoiceView:
    item = detail.item
    currency = item.currency_code
    fields = {name: getattr(item, name) for name in InvoiceListItem.__struct_fields__}
    paid = detail.gross - item.unpaid_amount.amount if item.number is not None else 0
    return InvoiceView(
        **fields,
        referenced_invoice=None,
        invoice_address=detail.address,
        positions=positions,
        taxes=[
            TaxView(
                tax_rate=None if tax["rate"] is None else number(Decimal(tax["rate"])),
                tax_category=tax["category"],
                country_code=None,
                taxable_amount=money(tax["taxable"], currency),
                tax_amount=money(tax["tax"], currency),
                exemption_reason=tax["note"][0 if detail.language == "de" else 1] or None,
                exemption_code=tax["code"] or None,
            )
            for tax in detail.taxes
        ],
        paid_amount=money(paid, currency),
        billing_run=detail.run,
        rendering_error=detail.error,
        document_hash=None if detail.digest is None else detail.digest.hex(),
        language=detail.language,
        updated_at=detail.updated_at,
    )


__all__ = ["InvoiceListItem", "InvoiceView", "invoice", "invoice_list", "invoices"]
