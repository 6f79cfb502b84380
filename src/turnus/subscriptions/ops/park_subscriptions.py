"""Set subscriptions aside that could not be billed, and take them back."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from turnus.platform.context import Context

_PARK = "update subscription set parked_at = %s, parked_reason = %s where id = any(%s) and parked_at is null"
_UNPARK = (
    "update subscription set parked_at = null, parked_reason = null"
    " where customer_id = any(%s) and parked_at is not null"
)


async def park(ctx: Context, subscription_ids: Sequence[UUID], reason: str) -> int:
    """Keep subscriptions out of billing runs until they, or their customer, change; returns how many were parked.

    `reason` is what the console shows. What is due stays due: nothing is lost by parking.
    """
    await ctx.flush()
    cursor = await ctx.connection.execute(_PARK, (ctx.now(), reason[:1000], list(subscription_ids)), prepare=True)
    return cursor.rowcount


async def unpark_customers(ctx: Context, customer_ids: Sequence[UUID]) -> int:
    """Let the next billing run try the parked subscriptions of customers again; returns how many there were."""
    await ctx.flush()
    cursor = await ctx.connection.execute(_UNPARK, (list(customer_ids),), prepare=True)
    return cursor.rowcount
