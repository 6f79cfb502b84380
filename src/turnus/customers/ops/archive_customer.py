"""Archive a customer and take it back into use."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Uuid, bindparam, func, select

from turnus.customers import blockers
from turnus.customers.events import CUSTOMER_ARCHIVED, CUSTOMER_UNARCHIVED
from turnus.customers.model import Customer
from turnus.kernel.errors import InUse
from turnus.platform.context import Change, Context
from turnus.platform.db.locks import LockOrder, lock
from turnus.platform.db.reads import read_scalar

_children = read_scalar(
    select(func.count()).where(
        Customer.parent_id == bindparam("parent_id", type_=Uuid), Customer.status != "STATUS_ARCHIVED"
    )
)


async def archive_customer(ctx: Context, customer_id: UUID) -> None:
    """Hide a customer and refuse it new contracts and documents. Archiving again changes nothing.

    Raises:
        InUse: contracts, open invoices, a wallet balance or active child customers are in the way (01 §1.3).
    """
    customer = await lock(ctx, Customer, LockOrder.CUSTOMER, customer_id)
    if customer.status == "STATUS_ARCHIVED":
        return
    in_the_way = await blockers.found(ctx, blockers.archive_blockers, customer_id)
    if children := await _children.first(ctx, parent_id=customer_id):
        in_the_way["customer"] = children
    if in_the_way:
        raise InUse(in_the_way)
    old, customer.status = customer.status, "STATUS_ARCHIVED"
    customer.archived_at = customer.updated_at = ctx.now()
    ctx.emit(CUSTOMER_ARCHIVED, [customer_id])
    ctx.log("customer", customer_id, "archived", [Change("status", old, customer.status)])


async def unarchive_customer(ctx: Context, customer_id: UUID) -> None:
    """Make an archived customer active again. A customer that is not archived stays as it is."""
    customer = await lock(ctx, Customer, LockOrder.CUSTOMER, customer_id)
    if customer.status != "STATUS_ARCHIVED":
        return
    customer.status, customer.archived_at, customer.updated_at = "STATUS_ACTIVE", None, ctx.now()
    ctx.emit(CUSTOMER_UNARCHIVED, [customer_id])
    ctx.log("customer", customer_id, "unarchived", [Change("status", "STATUS_ARCHIVED", customer.status)])
