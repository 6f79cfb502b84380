"""Create, change, archive and delete addresses of a customer. Exactly one general address is the default (01 §2.3)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg.errors
from sqlalchemy import select

from turnus.customers import blockers
from turnus.customers.commands import AddressFields
from turnus.customers.model import Customer, CustomerAddress
from turnus.customers.ops.check_customers import vat_id_violations
from turnus.customers.ops.tell_change import lock_customer, tell_change
from turnus.customers.ops.write_customers import address_values
from turnus.customers.views import CustomerView
from turnus.kernel.errors import InvalidState, NotFound, ValidationFailed
from turnus.kernel.ids import new_id
from turnus.platform.context import Context

GENERAL, INVOICE = "TYPE_DEFAULT", "TYPE_INVOICE"


async def create_address(ctx: Context, customer_id: UUID, fields: AddressFields) -> UUID:
    """A new address, which becomes the default of its type; its id."""
    customer, before = await lock_customer(ctx, customer_id)
    values = _checked(customer, fields)
    await _drop_default(ctx, customer_id, fields.type)
    now = ctx.now()
    address = ctx.add(
        CustomerAddress(
            id=new_id(),
            customer_id=customer_id,
            type=fields.type,
            is_default=True,
            status="active",
            **values,
            created_at=now,
            updated_at=now,
        )
    )
    await tell_change(ctx, customer, before)
    return address.id


async def replace_address(ctx: Context, address_id: UUID, fields: AddressFields) -> None:
    """New content of an address. A type that is left out stays; the default general address keeps its type.

    A default invoice address that becomes a general one is no default any more.
    """
    customer, before, address = await _locked(ctx, address_id)
    values = _checked(customer, fields)
    if fields.given("type") and fields.type != address.type:
        if address.is_default and address.type == GENERAL:
            raise ValidationFailed.at("type", "read_only")
        values |= {"type": fields.type, "is_default": False}
    for column, value in values.items():
        setattr(address, column, value)
    if ctx.session.is_modified(address):
        address.updated_at = ctx.now()
    await tell_change(ctx, customer, before)


async def make_address_default(ctx: Context, address_id: UUID) -> None:
    """Make an address the default of its type; the previous one loses the flag."""
    customer, before, address = await _locked(ctx, address_id)
    if address.status == "archived":
        raise InvalidState("archived", ["active"])
    if address.is_default:
        return
    await _drop_default(ctx, customer.id, address.type)
    address.is_default, address.updated_at = True, ctx.now()
    await tell_change(ctx, customer, before)


async def unset_address_default(ctx: Context, address_id: UUID) -> None:
    """Let the general address serve for invoices again.

    Raises ValidationFailed for a general address: there must be a default one.
    """
    customer, before, address = await _locked(ctx, address_id)
    if address.type == GENERAL:
        raise ValidationFailed.at("type", "invalid_choice", choices=[INVOICE])
    if not address.is_default:
        return
    address.is_default, address.updated_at = False, ctx.now()
    await tell_change(ctx, customer, before)


async def archive_address(ctx: Context, address_id: UUID) -> None:
    """Take an address out of use; contracts that name it keep it. Archiving again changes nothing.

    Raises InvalidState for the default general address.
    """
    customer, before, address = await _locked(ctx, address_id)
    if address.status == "archived":
        return
    _refuse_default(address)
    _archive(ctx, address)
    await tell_change(ctx, customer, before)


async def unarchive_address(ctx: Context, address_id: UUID) -> None:
    """Take an address back into use, not as a default."""
    customer, before, address = await _locked(ctx, address_id)
    if address.status == "active":
        return
    address.status, address.updated_at = "active", ctx.now()
    await tell_change(ctx, customer, before)


async def delete_address(ctx: Context, address_id: UUID) -> None:
    """Remove an address, or archive it when something refers to it.

    Raises InvalidState for the default general address.
    """
    customer, before, address = await _locked(ctx, address_id)
    _refuse_default(address)
    if await blockers.found(ctx, blockers.address_blockers, address_id) or not await _deleted(ctx, address):
        _archive(ctx, address)
    await tell_change(ctx, customer, before)


async def _deleted(ctx: Context, address: CustomerAddress) -> bool:
    """Whether the address could be deleted: a foreign key may know a reference that nobody told of."""
    try:
        async with ctx.savepoint():
            await ctx.connection.execute(
                "delete from customer_address where tenant_id = %s and id = %s", (ctx.tenant_id, address.id)
            )
    except psycopg.errors.ForeignKeyViolation:
        return False
    ctx.session.expunge(address)
    return True


async def _locked(ctx: Context, address_id: UUID) -> tuple[Customer, CustomerView, CustomerAddress]:
    """The address, read after its customer was locked. Raises NotFound."""
    await ctx.flush()
    own = select(CustomerAddress).where(CustomerAddress.tenant_id == ctx.tenant_id, CustomerAddress.id == address_id)
    customer_id = await ctx.session.scalar(own.with_only_columns(CustomerAddress.customer_id))
    if customer_id is None:
        raise NotFound()
    customer, before = await lock_customer(ctx, customer_id)
    address = await ctx.session.scalar(own.execution_options(populate_existing=True))
    if address is None:
        raise NotFound()
    return customer, before, address


async def _drop_default(ctx: Context, customer_id: UUID, type: str) -> None:
    """Take the flag off the default of a type, before another one gets it."""
    await ctx.flush()
    previous = await ctx.session.scalar(
        select(CustomerAddress)
        .where(CustomerAddress.tenant_id == ctx.tenant_id, CustomerAddress.customer_id == customer_id)
        .where(CustomerAddress.type == type, CustomerAddress.is_default)
        .execution_options(populate_existing=True)
    )
    if previous is not None:
        previous.is_default, previous.updated_at = False, ctx.now()
        await ctx.flush()


def _checked(customer: Customer, fields: AddressFields) -> dict[str, Any]:
    values = address_values(fields, country=customer.country_code, vat_id=customer.vat_id)
    if fields.vat_id is not None and (found := vat_id_violations("vatId", fields.vat_id, values["country_code"])):
        raise ValidationFailed(found)
    return values


def _refuse_default(address: CustomerAddress) -> None:
    if address.is_default and address.type == GENERAL:
        raise InvalidState("default", ["further"], "Make another address the default first.")


def _archive(ctx: Context, address: CustomerAddress) -> None:
    address.status, address.is_default, address.updated_at = "archived", False, ctx.now()
