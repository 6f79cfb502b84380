"""Read side of the customers area."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import Text, Uuid, bindparam, func, lateral, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from turnus.customers.model import STATUSES, Customer, CustomerAddress, CustomerEmail, CustomerGroup
from turnus.kernel.errors import NotFound
from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import Shape, convert, from_, read, read_scalar, shape, together
from turnus.platform.listing import (
    Choice,
    Code,
    Flag,
    InstantFilter,
    KeyValue,
    ListOf,
    Order,
    Reference,
    Words,
)
from turnus.platform.listing.filters import Related


class AddressSummary(msgspec.Struct, frozen=True, rename="camel"):
    """An address as lists of customers show it."""

    id: UUID
    vat_id: str | None
    type: str
    default: bool
    status: str
    city: str
    zip: str
    street: str
    house_number: str
    country_code: str
    company_name: str | None
    salutation: str | None
    addition: str | None
    cost_centre: str | None
    first_name: str | None
    last_name: str | None


class EmailSummary(msgspec.Struct, frozen=True, rename="camel"):
    """An e-mail address as lists of customers show it."""

    id: UUID
    email: str
    receiver_name: str | None
    type: str
    default: bool


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


class AddressView(msgspec.Struct, frozen=True, rename="camel"):
    """A postal address; `formatted` is the block to print."""

    id: UUID
    vat_id: str | None
    type: str
    default: bool
    status: str
    city: str
    zip: str
    street: str
    house_number: str
    country_code: str
    company_name: str | None
    salutation: str | None
    addition: str | None
    cost_centre: str | None
    first_name: str | None
    last_name: str | None
    state: str | None
    formatted: list[str]
    created_at: str
    updated_at: str


class EmailView(msgspec.Struct, frozen=True, rename="camel"):
    """An e-mail address and the mails that go there."""

    id: UUID
    email: str
    receiver_name: str | None
    type: str
    default: bool
    is_invoice_email: bool
    is_dunning_email: bool
    status: str
    verified_at: str | None
    created_at: str
    updated_at: str


class GroupSummary(msgspec.Struct, frozen=True, rename="camel"):
    """A customer's group."""

    id: UUID
    name: str
    description: str | None


class RelatedCustomer(msgspec.Struct, frozen=True, rename="camel"):
    """Another customer this one refers to."""

    id: UUID
    customer_number: str
    name: str


class CustomerView(msgspec.Struct, frozen=True, rename="camel"):
    """A customer in full."""

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
    tax_exempt: str
    business_proof: str | None
    datev_id: str | None
    commercial_register_name: str | None
    commercial_register_number: str | None
    status: str
    gender: str | None
    phone: str | None
    language: str
    total_turn_over_rank: int | None
    created_at: str
    updated_at: str
    archived_at: str | None
    custom_fields: dict[str, Any]
    business_customer: bool
    is_partner: bool
    customer_group: GroupSummary | None
    contact_person: dict[str, Any] | None
    partner: RelatedCustomer | None
    email_addresses: list[EmailView]
    addresses: list[AddressView]
    default_address: AddressView | None
    default_invoice_address: AddressView | None
    default_email_address: EmailView | None
    default_invoice_email_address: EmailView | None
    default_payment_method: dict[str, Any]
    external_id: str | None
    name: str
    buyer_reference: str | None
    leitweg_id: str | None
    peppol_id: str | None
    gln: str | None
    metadata: dict[str, Any]


def optional_instant(value: Any) -> str | None:
    """An instant on the wire, or null."""
    return None if value is None else instant(value)


def email_type(is_invoice: bool, is_default: bool) -> str:
    """The older `type` of an e-mail address, derived from its flags (01 §3.1)."""
    return "TYPE_INVOICE" if is_invoice and not is_default else "TYPE_COMPANY"


def formatted(
    company: str | None,
    first_name: str | None,
    last_name: str | None,
    addition: str | None,
    street: str,
    house_number: str,
    zip: str,
    city: str,
    country: str,
) -> list[str]:
    """The lines of an address as printed within Germany (DIN 5008)."""
    person = " ".join(part for part in (first_name, last_name) if part)
    lines = [company, person, addition, f"{street} {house_number}".strip(), f"{zip} {city}".strip()]
    return [line for line in lines if line] + ([country] if country != "DE" else [])


def address_fields(a: Any) -> dict[str, Any]:
    """The fields that all address views share."""
    return {
        "id": a.id,
        "vat_id": a.vat_id,
        "type": a.type,
        "default": a.is_default,
        "status": a.status,
        "city": a.city,
        "zip": a.zip,
        "street": a.street,
        "house_number": a.house_number,
        "country_code": a.country_code,
        "company_name": a.company_name,
        "salutation": a.salutation,
        "addition": a.addition,
        "cost_centre": a.cost_centre,
        "first_name": a.first_name,
        "last_name": a.last_name,
    }


def address_summary(a: Any) -> Shape[AddressSummary]:
    """The short form of an (outer joined) address."""
    return shape(AddressSummary, present=a.id, **address_fields(a))


def address_shape(a: Any) -> Shape[AddressView]:
    """An address in full."""
    return shape(
        AddressView,
        **address_fields(a),
        state=a.state,
        formatted=convert(
            formatted,
            a.company_name,
            a.first_name,
            a.last_name,
            a.addition,
            a.street,
            a.house_number,
            a.zip,
            a.city,
            a.country_code,
        ),
        created_at=convert(instant, a.created_at),
        updated_at=convert(instant, a.updated_at),
    )


def email_summary(e: Any) -> Shape[EmailSummary]:
    """The short form of an (outer joined) e-mail address."""
    return shape(
        EmailSummary,
        present=e.id,
        id=e.id,
        email=e.email,
        receiver_name=e.receiver_name,
        type=convert(email_type, e.is_invoice_email, e.is_default),
        default=e.is_default,
    )


def email_shape(e: Any) -> Shape[EmailView]:
    """An e-mail address in full."""
    return shape(
        EmailView,
        id=e.id,
        email=e.email,
        receiver_name=e.receiver_name,
        type=convert(email_type, e.is_invoice_email, e.is_default),
        default=e.is_default,
        is_invoice_email=e.is_invoice_email,
        is_dunning_email=e.is_dunning_email,
        status=e.status,
        verified_at=convert(optional_instant, e.verified_at),
        created_at=convert(instant, e.created_at),
        updated_at=convert(instant, e.updated_at),
    )


def display_name(company: str | None, first_name: str | None, last_name: str | None, email: str | None) -> str:
    """What a customer is called: company, else person, else e-mail address."""
    return company or " ".join(part for part in (first_name, last_name) if part) or email or ""


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
        "custom_fields": c.custom_fields,
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


_partner = aliased(Customer, name="pa")
_parent = aliased(Customer, name="pr")
_group = aliased(CustomerGroup, name="g")


def _related(row: Any) -> Shape[RelatedCustomer]:
    name = convert(display_name, row.company_name, row.first_name, row.last_name, literal(""))
    return shape(RelatedCustomer, present=row.id, id=row.id, customer_number=row.number, name=name)


class _Detail(msgspec.Struct):
    """A customer without its collections."""

    base: tuple[Any, ...]
    group: GroupSummary | None
    partner: RelatedCustomer | None
    parent: RelatedCustomer | None


_BASE = (
    "id", "number", "time_zone", "first_name", "last_name", "currency_code", "country_code", "company_name", "vat_id",
    "vat_id_valid", "tax_exempt", "business_proof", "datev_id", "commercial_register_name",
    "commercial_register_number", "status", "gender", "phone", "language", "turnover_rank", "created_at", "updated_at",
    "archived_at", "custom_fields", "business", "is_partner", "external_id", "buyer_reference", "leitweg_id",
    "peppol_id", "gln", "metadata_",
)  # fmt: skip


def _base(*values: Any) -> tuple[Any, ...]:
    return values


_detail = read(
    from_(c)
    .outerjoin(_group, (_group.tenant_id == c.tenant_id) & (_group.id == c.customer_group_id))
    .outerjoin(_partner, (_partner.tenant_id == c.tenant_id) & (_partner.id == c.partner_id))
    .outerjoin(_parent, (_parent.tenant_id == c.tenant_id) & (_parent.id == c.parent_id))
    .where(c.id == func.any(bindparam("ids", type_=ARRAY(Uuid)))),
    shape(
        _Detail,
        base=convert(_base, *(getattr(c, name) for name in _BASE)),
        group=shape(GroupSummary, present=_group.id, id=_group.id, name=_group.name, description=_group.description),
        partner=_related(_partner),
        parent=_related(_parent),
    ),
)


class _Owned(msgspec.Struct):
    """A row of a collection and the customer it belongs to."""

    customer: UUID
    view: Any


_ids = bindparam("ids", type_=ARRAY(Uuid))
_addresses = read(
    from_(CustomerAddress).where(CustomerAddress.customer_id == func.any(_ids)).order_by(CustomerAddress.id),
    shape(_Owned, customer=CustomerAddress.customer_id, view=address_shape(CustomerAddress)),
)
_emails = read(
    from_(CustomerEmail).where(CustomerEmail.customer_id == func.any(_ids)).order_by(CustomerEmail.id),
    shape(_Owned, customer=CustomerEmail.customer_id, view=email_shape(CustomerEmail)),
)
_by_external_id = read_scalar(select(c.id).where(c.external_id == bindparam("external_id", type_=Text)))


async def customers(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, CustomerView]:
    """Customers in full, by id: three statements in one round trip, however many they are."""
    wanted = {"ids": list(ids)}
    details, addresses, emails = await together(ctx, (_detail, wanted), (_addresses, wanted), (_emails, wanted))
    by_customer: dict[UUID, tuple[list[AddressView], list[EmailView]]] = {}
    for number, rows in enumerate((addresses, emails)):
        for row in rows:
            by_customer.setdefault(row.customer, ([], []))[number].append(row.view)
    return {d.base[0]: _view(d, *by_customer.get(d.base[0], ([], []))) for d in details}


async def customer(ctx: Context, id: UUID) -> CustomerView:
    """A customer in full; raises NotFound."""
    found = await customers(ctx, [id])
    if id not in found:
        raise NotFound()
    return found[id]


async def resolve(ctx: Context, key: str) -> UUID:
    """The id of a customer given by id (any spelling) or external id; raises NotFound."""
    try:
        return UUID(key)
    except ValueError:
        return cast(UUID, await _by_external_id.one(ctx, external_id=key))


def _first(rows: Sequence[Any], test: Callable[[Any], bool]) -> Any:
    return next((row for row in rows if test(row)), None)


def _view(detail: _Detail, addresses: list[AddressView], emails: list[EmailView]) -> CustomerView:
    b = dict(zip(_BASE, detail.base, strict=True))
    address = _first(addresses, lambda a: a.default and a.type == "TYPE_DEFAULT")
    email = _first(emails, lambda e: e.default)
    return CustomerView(
        id=b["id"],
        customer_number=b["number"],
        time_zone=b["time_zone"],
        first_name=b["first_name"],
        last_name=b["last_name"],
        currency_code=b["currency_code"],
        country_code=b["country_code"],
        company_name=b["company_name"],
        vat_id=b["vat_id"],
        is_vat_id_valid=b["vat_id_valid"],
        tax_exempt=b["tax_exempt"],
        business_proof=b["business_proof"],
        datev_id=b["datev_id"],
        commercial_register_name=b["commercial_register_name"],
        commercial_register_number=b["commercial_register_number"],
        status=b["status"],
        gender=b["gender"],
        phone=b["phone"],
        language=b["language"],
        total_turn_over_rank=b["turnover_rank"],
        created_at=instant(b["created_at"]),
        updated_at=instant(b["updated_at"]),
        archived_at=optional_instant(b["archived_at"]),
        custom_fields=b["custom_fields"],
        business_customer=b["business"],
        is_partner=b["is_partner"],
        customer_group=detail.group,
        contact_person=None,
        partner=detail.partner,
        email_addresses=emails,
        addresses=addresses,
        default_address=address,
        default_invoice_address=_first(addresses, lambda a: a.default and a.type == "TYPE_INVOICE") or address,
        default_email_address=email,
        default_invoice_email_address=_first(emails, lambda e: e.is_invoice_email) or email,
        default_payment_method={},
        external_id=b["external_id"],
        name=display_name(b["company_name"], b["first_name"], b["last_name"], email.email if email else None),
        buyer_reference=b["buyer_reference"],
        leitweg_id=b["leitweg_id"],
        peppol_id=b["peppol_id"],
        gln=b["gln"],
        metadata=b["metadata_"],
    )
