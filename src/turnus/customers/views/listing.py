"""Customers in lists."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import lateral, select, true
from sqlalchemy.orm import aliased

from turnus.customers.model import STATUSES, Customer, CustomerAddress, CustomerEmail, CustomerGroup
from turnus.customers.views.addresses import AddressSummary, address_summary
from turnus.customers.views.emails import EmailSummary, email_summary
from turnus.customers.views.parts import display_name, hidden_fields, visible
from turnus.kernel.wire import instant
from turnus.platform.db.reads import convert, from_, shape
from turnus.platform.listing import Choice, Code, Flag, InstantFilter, KeyValue, ListOf, Order, Reference, Words
from turnus.platform.listing.filters import Related


class CustomerListItem(msgspec.Struct, frozen=True, rename="camel"):
    """A customer in a list."""

    id: UUID
    customer_number: str
    time_zone: str
    first_name: str | None
    last_name: str | None
    currency_code: str
    country_code: str
    company_name: str | None
    vat_id: str | None
    is_vat_id_valid: bool | None
    datev_id: str | None
    commercial_register_name: str | None
    commercial_register_number: str | None
    status: str
    gender: str | None
    phone: str | None
    language: str
    total_turn_over_rank: int | None
    created_at: str
    custom_fields: dict[str, Any]
    business_customer: bool
    default_address: AddressSummary | None
    default_invoice_address: AddressSummary | None
    default_email_address: EmailSummary | None
    default_invoice_email_address: EmailSummary | None
    default_payment_method: dict[str, Any]
    is_partner: bool
    external_id: str | None
    name: str


c = aliased(Customer, name="c")
_address = aliased(CustomerAddress, name="a")
_invoice_address = aliased(CustomerAddress, name="ia")
_email = aliased(CustomerEmail, name="e")
_invoice_email = lateral(
    select(CustomerEmail)
    .where(
        CustomerEmail.tenant_id == c.tenant_id,
        CustomerEmail.customer_id == c.id,
        CustomerEmail.is_invoice_email,
    )
    .order_by(CustomerEmail.id)
    .limit(1)
).alias("ie")


def _own(row: Any) -> Any:
    return (row.tenant_id == c.tenant_id) & (row.customer_id == c.id)


def _fallback(specific: Any, general: Any) -> Any:
    return general if specific is None else specific


def _list_fields() -> dict[str, Any]:
    return {
        "id": c.id,
        "customer_number": c.number,
        "time_zone": c.time_zone,
        "first_name": c.first_name,
        "last_name": c.last_name,
        "currency_code": c.currency_code,
        "country_code": c.country_code,
        "company_name": c.company_name,
        "vat_id": c.vat_id,
        "is_vat_id_valid": c.vat_id_valid,
        "datev_id": c.datev_id,
        "commercial_register_name": c.commercial_register_name,
        "commercial_register_number": c.commercial_register_number,
        "status": c.status,
        "gender": c.gender,
        "phone": c.phone,
        "language": c.language,
        "total_turn_over_rank": c.turnover_rank,
        "created_at": convert(instant, c.created_at),
        "custom_fields": convert(visible, c.custom_fields, hidden_fields),
        "business_customer": c.business,
        "default_payment_method": {},
        "is_partner": c.is_partner,
        "external_id": c.external_id,
        "name": convert(display_name, c.company_name, c.first_name, c.last_name, _email.email),
    }


_list_shape = shape(
    CustomerListItem,
    **_list_fields(),
    default_address=address_summary(_address),
    default_invoice_address=convert(_fallback, address_summary(_invoice_address), address_summary(_address)),
    default_email_address=email_summary(_email),
    default_invoice_email_address=convert(_fallback, email_summary(_invoice_email.c), email_summary(_email)),
)
_list_source = (
    from_(c)
    .outerjoin(_address, _own(_address) & _address.is_default & (_address.type == "TYPE_DEFAULT"))
    .outerjoin(
        _invoice_address,
        _own(_invoice_address) & _invoice_address.is_default & (_invoice_address.type == "TYPE_INVOICE"),
    )
    .outerjoin(_email, _own(_email) & _email.is_default)
    .outerjoin(_invoice_email, true())
)


def _text_filter(name: str, column: Any) -> Words:
    return Words(name, column, resource="customer", field=name, id_column=c.id)


customer_list = ListOf(
    "customer",
    _list_shape,
    _list_source,
    count_source=from_(c),
    id=c.id,
    search=True,
    filters=[
        Reference("id", c.id, nullable=False),
        Code("customerNumber", c.number_folded, folded=True, nullable=False),
        _text_filter("companyName", c.company_name),
        _text_filter("firstName", c.first_name),
        _text_filter("lastName", c.last_name),
        Code("datevId", c.datev_id),
        Code("vatId", c.vat_id_folded, folded=True),
        Code("externalId", c.external_id),
        Flag("isVatIdValid", c.vat_id_valid),
        Flag("businessCustomer", c.business),
        Flag("isPartner", c.is_partner),
        Choice("status", c.status, STATUSES),
        Choice("language", c.language, ("de", "en")),
        Code("countryCode", c.country_code, nullable=False),
        Code("currencyCode", c.currency_code, nullable=False),
        Reference("customerGroup.id", c.customer_group_id),
        Reference("partner", c.partner_id),
        Reference("parent", c.parent_id),
        Related(
            Code("customerGroup.name", CustomerGroup.name_folded, folded=True),
            CustomerGroup,
            CustomerGroup.tenant_id == c.tenant_id,
            CustomerGroup.id == c.customer_group_id,
        ),
        Related(
            Code("emailAddresses.email", CustomerEmail.email_folded, folded=True),
            CustomerEmail,
            CustomerEmail.tenant_id == c.tenant_id,
            CustomerEmail.customer_id == c.id,
        ),
        InstantFilter("createdAt", c.created_at, nullable=False),
        InstantFilter("updatedAt", c.updated_at, nullable=False),
        KeyValue("customFields", resource="customer", id_column=c.id),
        KeyValue("metadata", resource="customer", id_column=c.id),
    ],
    orders=[
        Order("createdAt", c.created_at),
        Order("customerNumber", c.number_folded),
        Order("companyName", c.company_name_key, nullable=True),
        Order("lastName", c.last_name_key, nullable=True),
        Order("totalTurnOverRank", c.turnover_rank, nullable=True),
    ],
    defaults={"status": c.status != "STATUS_ARCHIVED"},
)
