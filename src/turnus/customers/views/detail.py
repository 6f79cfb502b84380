"""Customers in full: the answer of reads and writes and the payload of webhooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace
from sqlalchemy import Text, Uuid, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from turnus.customers.model import Customer, CustomerAddress, CustomerEmail, CustomerGroup
from turnus.customers.views.addresses import AddressView, address_shape
from turnus.customers.views.emails import EmailView, email_shape, optional_instant
from turnus.customers.views.groups import GroupSummary
from turnus.customers.views.parts import display_name, hidden_fields, visible
from turnus.kernel.errors import NotFound
from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import Shape, convert, from_, read, read_scalar, shape, together


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


c = aliased(Customer, name="c")
_partner = aliased(Customer, name="pa")
_partner_email = aliased(CustomerEmail, name="pe")
_group = aliased(CustomerGroup, name="g")


def _related(row: Any, email: Any) -> Shape[RelatedCustomer]:
    name = convert(display_name, row.company_name, row.first_name, row.last_name, email.email)
    return shape(RelatedCustomer, present=row.id, id=row.id, customer_number=row.number, name=name)


def _nameless(company: str | None, first_name: str | None, last_name: str | None) -> str:
    return display_name(company, first_name, last_name, None)


_shape = shape(
    CustomerView,
    id=c.id,
    customer_number=c.number,
    time_zone=c.time_zone,
    first_name=c.first_name,
    last_name=c.last_name,
    currency_code=c.currency_code,
    country_code=c.country_code,
    company_name=c.company_name,
    vat_id=c.vat_id,
    is_vat_id_valid=c.vat_id_valid,
    tax_exempt=c.tax_exempt,
    business_proof=c.business_proof,
    datev_id=c.datev_id,
    commercial_register_name=c.commercial_register_name,
    commercial_register_number=c.commercial_register_number,
    status=c.status,
    gender=c.gender,
    phone=c.phone,
    language=c.language,
    total_turn_over_rank=c.turnover_rank,
    created_at=convert(instant, c.created_at),
    updated_at=convert(instant, c.updated_at),
    archived_at=convert(optional_instant, c.archived_at),
    custom_fields=convert(visible, c.custom_fields, hidden_fields),
    business_customer=c.business,
    is_partner=c.is_partner,
    customer_group=shape(
        GroupSummary, present=_group.id, id=_group.id, name=_group.name, description=_group.description
    ),
    contact_person=None,
    partner=_related(_partner, _partner_email),
    # The collections are read by statements of their own.
    email_addresses=[],
    addresses=[],
    default_address=None,
    default_invoice_address=None,
    default_email_address=None,
    default_invoice_email_address=None,
    default_payment_method={},
    external_id=c.external_id,
    name=convert(_nameless, c.company_name, c.first_name, c.last_name),
    buyer_reference=c.buyer_reference,
    leitweg_id=c.leitweg_id,
    peppol_id=c.peppol_id,
    gln=c.gln,
    metadata=c.metadata_,
)
_ids = bindparam("ids", type_=ARRAY(Uuid))
_details = read(
    from_(c)
    .outerjoin(_group, (_group.tenant_id == c.tenant_id) & (_group.id == c.customer_group_id))
    .outerjoin(_partner, (_partner.tenant_id == c.tenant_id) & (_partner.id == c.partner_id))
    .outerjoin(
        _partner_email,
        (_partner_email.tenant_id == c.tenant_id)
        & (_partner_email.customer_id == c.partner_id)
        & _partner_email.is_default,
    )
    .where(c.id == func.any(_ids)),
    _shape,
)


class _Owned(msgspec.Struct):
    """A row of a collection and the customer it belongs to."""

    customer: UUID
    view: Any


_addresses = read(
    from_(CustomerAddress).where(CustomerAddress.customer_id == func.any(_ids)).order_by(CustomerAddress.id),
    shape(_Owned, customer=CustomerAddress.customer_id, view=address_shape(CustomerAddress)),
)
_emails = read(
    from_(CustomerEmail).where(CustomerEmail.customer_id == func.any(_ids)).order_by(CustomerEmail.id),
    shape(_Owned, customer=CustomerEmail.customer_id, view=email_shape(CustomerEmail)),
)
_key = bindparam("key", type_=Text)
_by_external_id = read_scalar(select(c.id).where(c.external_id == _key))
_by_either = read_scalar(
    select(c.id)
    .where(or_(c.id == bindparam("id", type_=Uuid), c.external_id == _key))
    .order_by((c.id == bindparam("id", type_=Uuid)).desc())
    .limit(1)
)


async def customers(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, CustomerView]:
    """Customers in full, by id: three statements in one round trip, however many they are."""
    wanted = {"ids": list(ids)}
    details, addresses, emails = await together(ctx, (_details, wanted), (_addresses, wanted), (_emails, wanted))
    collections: dict[UUID, tuple[list[AddressView], list[EmailView]]] = {d.id: ([], []) for d in details}
    for number, rows in enumerate((addresses, emails)):
        for row in rows:
            collections[row.customer][number].append(row.view)
    return {detail.id: _with_collections(detail, *collections[detail.id]) for detail in details}


async def customer(ctx: Context, id: UUID) -> CustomerView:
    """A customer in full; raises NotFound."""
    found = await customers(ctx, [id])
    if id not in found:
        raise NotFound()
    return found[id]


async def customer_by_key(ctx: Context, key: str) -> CustomerView:
    """A customer given by id (any spelling) or else by external id; raises NotFound."""
    id = _as_id(key)
    if id is not None:
        found = await customers(ctx, [id])
        if id in found:
            return found[id]
    return await customer(ctx, await _resolved(_by_external_id.first(ctx, key=key)))


async def resolve(ctx: Context, key: str) -> UUID:
    """The id of a customer given by id (any spelling) or else by external id; raises NotFound."""
    id = _as_id(key)
    if id is None:
        return await _resolved(_by_external_id.first(ctx, key=key))
    return await _resolved(_by_either.first(ctx, id=id, key=key))


async def _resolved(reading: Any) -> UUID:
    found: UUID | None = await reading
    if found is None:
        raise NotFound()
    return found


def _as_id(key: str) -> UUID | None:
    try:
        return UUID(key)
    except ValueError:
        return None


def _first(rows: Sequence[Any], test: Callable[[Any], bool]) -> Any:
    return next((row for row in rows if test(row)), None)


def _with_collections(detail: CustomerView, addresses: list[AddressView], emails: list[EmailView]) -> CustomerView:
    address = _first(addresses, lambda a: a.default and a.type == "TYPE_DEFAULT")
    email = _first(emails, lambda e: e.default)
    return replace(
        detail,
        email_addresses=emails,
        addresses=addresses,
        default_address=address,
        default_invoice_address=_first(addresses, lambda a: a.default and a.type == "TYPE_INVOICE") or address,
        default_email_address=email,
        default_invoice_email_address=_first(emails, lambda e: e.is_invoice_email) or email,
        name=detail.name or (email.email if email else ""),
    )
