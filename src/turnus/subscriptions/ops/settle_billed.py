"""Store where subscriptions stand after they were billed: one statement per table, whatever their number."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from turnus.kernel.wire import encode
from turnus.platform.context import Context
from turnus.subscriptions.contracts import Settlement
from turnus.subscriptions.events import SUBSCRIPTION_ITEM_TERMINATED, SUBSCRIPTION_TERMINATED

_ITEMS = """
update subscription_item i
set billed_from = u.billed_from, billed_until = u.billed_until, anchor = u.anchor, anchor_day = u.anchor_day,
    next_billing_on = u.next_billing_on, coupon_periods = u.coupon_periods::jsonb, rerate_from = u.rerate_from,
    status = u.status, last_billed_at = case when u.billed then %(now)s else i.last_billed_at end, updated_at = %(now)s
from unnest(%(ids)b::uuid[], %(billed_from)b::date[], %(billed_until)b::date[], %(anchor)b::date[],
            %(anchor_day)b::bigint[], %(next_billing_on)b::date[], %(coupon_periods)s::text[], %(rerate_from)b::date[],
            %(status)s::text[], %(billed)b::boolean[])
     as u (id, billed_from, billed_until, anchor, anchor_day, next_billing_on, coupon_periods, rerate_from, status,
           billed)
where i.tenant_id = %(tenant)s and i.id = u.id
"""
_SUBSCRIPTIONS = """
update subscription s
set next_billing_at = u.next_billing_at,
    last_billing_at = case when u.billed then %(now)s else s.last_billing_at end,
    status = case when u.ended and s.status in ('active', 'paused') then 'cancelled' else s.status end,
    contract_end = case when u.ended then coalesce(s.contract_end, u.ended_on) else s.contract_end end,
    updated_at = %(now)s
from unnest(%(ids)b::uuid[], %(next_billing_at)b::timestamptz[], %(billed)b::boolean[], %(ended)b::boolean[],
            %(ended_on)b::date[])
     as u (id, next_billing_at, billed, ended, ended_on)
where s.tenant_id = %(tenant)s and s.id = u.id
"""


async def settle_billed(ctx: Context, updates: Sequence[Settlement]) -> list[UUID]:
    """Write what `settlement_of` found; returns the subscriptions that ended.

    The caller holds the lock of their customers. Items whose end has been settled become `terminated`, subscriptions
    without a running item `cancelled` (one that was terminated stays so); both are told.
    """
    if not updates:
        return []
    await ctx.flush()
    now, tenant = ctx.now(), ctx.tenant_id
    items = [item for update in updates for item in update.items]
    if items:
        counters = [None if item.coupon_periods is None else encode(item.coupon_periods).decode() for item in items]
        await ctx.connection.execute(
            _ITEMS,
            {
                "now": now,
                "tenant": tenant,
                "ids": [item.id for item in items],
                "billed_from": [item.billed_from for item in items],
                "billed_until": [item.billed_until for item in items],
                "anchor": [item.anchor for item in items],
                "anchor_day": [item.anchor_day for item in items],
                "next_billing_on": [item.next_billing_on for item in items],
                "coupon_periods": counters,
                "rerate_from": [item.rerate_from for item in items],
                "status": [item.status for item in items],
                "billed": [item.billed for item in items],
            },
            prepare=True,
        )
    await ctx.connection.execute(
        _SUBSCRIPTIONS,
        {
            "now": now,
            "tenant": tenant,
            "ids": [update.subscription_id for update in updates],
            "next_billing_at": [update.next_billing_at for update in updates],
            "billed": [update.billed for update in updates],
            "ended": [update.ended for update in updates],
            "ended_on": [update.ended_on for update in updates],
        },
        prepare=True,
    )
    return _tell(ctx, updates)


def _tell(ctx: Context, updates: Sequence[Settlement]) -> list[UUID]:
    over = {
        item.id: {"subscription": {"id": str(update.subscription_id), "number": update.number}}
        for update in updates
        for item in update.items
        if item.terminated
    }
    if over:
        ctx.emit(SUBSCRIPTION_ITEM_TERMINATED, list(over), over)
    ended = [update.subscription_id for update in updates if update.ended]
    if ended:
        ctx.emit(SUBSCRIPTION_TERMINATED, ended)
        for id in ended:
            ctx.log("subscription", id, "ended")
    return ended
