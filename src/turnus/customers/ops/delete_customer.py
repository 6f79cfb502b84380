"""Delete a customer that never had a document."""

from __future__ import annotations

from uuid import UUID

import msgspec
import psycopg.errors
from sqlalchemy import Uuid, bindparam, or_, select

from turnus.customers import blockers, views
from turnus.customers.errors import CustomerHasDocuments
from turnus.customers.events import CUSTOMER_DELETED, CUSTOMER_UPDATED
from turnus.customers.model import Customer
from turnus.kernel.errors import NotFound
from turnus.platform.context import Change, Context
from turnus.platform.db import terms
from turnus.platform.db.locks import LockOrder, lock_all
from turnus.platform.db.reads import read_scalar

_id = bindparam("id", type_=Uuid)
_related = read_scalar(select(Customer.id).where(or_(Customer.partner_id == _id, Customer.parent_id == _id)))


async def delete_customer(ctx: Context, customer_id: UUID) -> None:
    """Remove a customer with its addresses and e-mail addresses; its number is never given again.

    Customers that name it as partner or parent lose that reference. The event carries the customer's last state.

    Raises:
        CustomerHasDocuments: documents, payments, bookings or contracts refer to it.
    """
    related = await _related.all(ctx, id=customer_id)
    locked = {row.id: row for row in await lock_all(ctx, Customer, LockOrder.CUSTOMER, [customer_id, *related])}
    if customer_id not in locked:
        raise NotFound()
    if in_the_way := await blockers.found(ctx, blockers.delete_blockers, customer_id):
        raise CustomerHasDocuments(in_the_way)
    last = msgspec.to_builtins(await views.customer(ctx, customer_id))
    for id in related:
        _forget(ctx, locked[id], customer_id)
    await terms.remove(ctx, customer_id)
    await ctx.flush()
    # An area above may have referred to the customer after the blockers looked, or without telling them.
    try:
        async with ctx.savepoint():
            await ctx.connection.execute(
                "delete from customer where tenant_id = %s and id = %s", (ctx.tenant_id, customer_id)
            )
    except psycopg.errors.ForeignKeyViolation as error:
        raise CustomerHasDocuments({error.diag.table_name or "reference": 1}) from error
    ctx.session.expunge(locked[customer_id])
    ctx.emit(CUSTOMER_DELETED, [customer_id], {customer_id: {"data": last}})
    ctx.log("customer", customer_id, "deleted", [Change("customerNumber", last["customerNumber"], None)])


def _forget(ctx: Context, customer: Customer, gone: UUID) -> None:
    """Blank the references of another customer to the one that goes."""
    if customer.partner_id == gone:
        ctx.log("customer", customer.id, "updated", [Change("partner", str(gone), None)])
        ctx.emit(CUSTOMER_UPDATED, [customer.id], {customer.id: {"previous": {"partner": {"id": str(gone)}}}})
        customer.partner_id = None
    if customer.parent_id == gone:
        ctx.log("customer", customer.id, "updated", [Change("parent", str(gone), None)])
        ctx.emit(CUSTOMER_UPDATED, [customer.id], {customer.id: {"previous": {"parent": {"id": str(gone)}}}})
        customer.parent_id = None
    customer.updated_at = ctx.now()
