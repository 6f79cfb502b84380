"""Tell that a customer changed: event with the old values, activity log."""

from __future__ import annotations

from uuid import UUID

import msgspec

from turnus.customers import rules, views
from turnus.customers.events import CUSTOMER_UPDATED
from turnus.customers.model import Customer
from turnus.customers.views import CustomerView
from turnus.platform.context import Context
from turnus.platform.db.locks import LockOrder, lock


async def lock_customer(ctx: Context, customer_id: UUID) -> tuple[Customer, CustomerView]:
    """Lock a customer for change; the row and what it looked like before. Raises NotFound.

    All changes of a customer, its addresses and e-mail addresses take this lock: two requests that each make
    another address the default would else leave two of them.
    """
    customer = await lock(ctx, Customer, LockOrder.CUSTOMER, customer_id)
    return customer, await views.customer(ctx, customer_id)


async def tell_change(ctx: Context, customer: Customer, before: CustomerView) -> None:
    """Event and activity entry of what changed since `before`; nothing when the customer looks the same."""
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(await views.customer(ctx, customer.id))
    previous = rules.previous(old, new)
    if not previous:
        return
    customer.updated_at = ctx.now()
    ctx.emit(CUSTOMER_UPDATED, [customer.id], {customer.id: {"previous": previous}})
    ctx.log("customer", customer.id, "updated", rules.changes(old, new))
