"""Addresses as they are read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam

from turnus.customers.model import ADDRESS_TYPES, CustomerAddress
from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import Shape, convert, from_, read, shape
from turnus.platform.listing import Choice, ListOf, Order


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


_shape = address_shape(CustomerAddress)
_address = read(from_(CustomerAddress).where(CustomerAddress.id == bindparam("id", type_=Uuid)), _shape)

address_list = ListOf(
    "customer_address",
    _shape,
    from_(CustomerAddress).where(CustomerAddress.customer_id == bindparam("customer_id", type_=Uuid)),
    id=CustomerAddress.id,
    filters=[
        Choice("type", CustomerAddress.type, ADDRESS_TYPES),
        Choice("status", CustomerAddress.status, ("active", "archived")),
    ],
    orders=[Order("createdAt", CustomerAddress.created_at)],
)


async def address(ctx: Context, id: UUID) -> AddressView:
    """An address; raises NotFound."""
    return await _address.one(ctx, id=id)
