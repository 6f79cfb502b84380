"""Start items and tell when a subscription falls due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from turnus.catalogue.ops.load_catalogue import Catalogue, load_catalogue
from turnus.customers.model import Customer
from turnus.kernel.errors import NotFound
from turnus.kernel.time import Interval, add_interval, start_of_day
from turnus.platform.context import Context
from turnus.platform.db.locks import LockOrder, lock
from turnus.rating.periods import group_date
from turnus.subscriptions.contracts import contract_of, due_dates, first_due_dates, group_terms
from turnus.subscriptions.model import BillingGroup, Subscription, SubscriptionItem
from turnus.subscriptions.ops.load_due import billing_terms
from turnus.subscriptions.rules import RUNNING


async def lock_subscription(ctx: Context, subscription_id: UUID) -> tuple[Subscription, Customer]:
    """Lock a subscription for change, its customer first; raises NotFound.

    The customer's lock is what billing runs, archiving and other changes of the customer's contracts race for.
    """
    customer_id = await ctx.session.scalar(
        select(Subscription.customer_id).where(
            Subscription.tenant_id == ctx.tenant_id, Subscription.id == subscription_id
        )
    )
    if customer_id is None:
        raise NotFound()
    customer = await lock(ctx, Customer, LockOrder.CUSTOMER, customer_id)
    return await lock(ctx, Subscription, LockOrder.SUBSCRIPTION, subscription_id), customer


async def items_of(ctx: Context, subscription_id: UUID) -> list[SubscriptionItem]:
    """The items of a locked subscription, in their order."""
    await ctx.flush()
    statement = (
        select(SubscriptionItem)
        .where(SubscriptionItem.tenant_id == ctx.tenant_id, SubscriptionItem.subscription_id == subscription_id)
        .order_by(SubscriptionItem.position)
        .execution_options(populate_existing=True)
    )
    return list((await ctx.session.scalars(statement)).all())


async def group_of(ctx: Context, subscription: Subscription) -> BillingGroup | None:
    """The billing group of a subscription."""
    if subscription.billing_group_id is None:
        return None
    return await ctx.session.scalar(
        select(BillingGroup).where(
            BillingGroup.tenant_id == ctx.tenant_id, BillingGroup.id == subscription.billing_group_id
        )
    )


async def catalogue_of(ctx: Context, items: Sequence[SubscriptionItem]) -> Catalogue:
    """Prices and products of items."""
    return await load_catalogue(ctx, {i.price_plan_id for i in items}, {i.product_id for i in items})


async def start_items(
    ctx: Context,
    subscription: Subscription,
    items: Sequence[SubscriptionItem],
    *,
    trial_days: int | None,
    group: BillingGroup | None,
) -> None:
    """Make draft items run: trial, status, first due date. `trial_days` overrides the trials of the prices."""
    catalogue = await catalogue_of(ctx, items)
    now, today = ctx.now(), ctx.today(subscription.time_zone)
    for item in items:
        plan = catalogue.plans[item.price_plan_id]
        if plan.price.apply_trial:
            item.trial_ends_on = trial_end(max(today, item.start_date), trial_days, plan.trial_period)
        item.status = "active" if item.start_date <= today else "pending"
        item.activated_at = item.updated_at = now
    ends = [item.trial_ends_on for item in items if item.trial_ends_on is not None]
    subscription.trial_ends_on = max(ends, default=None)
    contract = contract_of(subscription, items, catalogue, group, billing_terms(ctx))
    schedule(subscription, items, first_due_dates(contract))


def trial_end(begin: date, days: int | None, usual: str | None) -> date | None:
    """The first day after a trial that begins on `begin`: of `days`, else of the usual length; None without one."""
    if days is not None:
        return begin + timedelta(days=days) if days else None
    return add_interval(begin, Interval.parse(usual)) if usual else None


async def reschedule(
    ctx: Context, subscription: Subscription, items: Sequence[SubscriptionItem], group: BillingGroup | None
) -> None:
    """Find anew when the running items fall due, after terms, rhythm or end changed."""
    running = [item for item in items if item.status in RUNNING]
    catalogue = await catalogue_of(ctx, running)
    contract = contract_of(subscription, running, catalogue, group, billing_terms(ctx))
    schedule(subscription, running, due_dates(contract, ctx.today(subscription.time_zone)))


async def reschedule_group(
    ctx: Context, subscription: Subscription, items: Sequence[SubscriptionItem], group: BillingGroup | None
) -> None:
    """Let items follow another billing group, or none.

    The rhythm counts anew from the end of what was billed: with a stub to the group's next date, or, when the group is
    left, from there on. D and W intervals keep theirs.
    """
    catalogue = await catalogue_of(ctx, items)
    for item in items:
        interval = catalogue.plans[item.price_plan_id].price.interval
        if interval is None or item.billed_until is None:
            item.anchor = item.anchor_day = None
        elif interval.months is not None:
            found = None if group is None else group_date(group_terms(group), interval, item.billed_until)
            item.anchor, item.anchor_day = found or (item.billed_until, item.billed_until.day)
    await reschedule(ctx, subscription, items, group)


def schedule(subscription: Subscription, items: Sequence[SubscriptionItem], dates: Mapping[Any, date | None]) -> None:
    """Note when items fall due, and bring the subscription back at the first such day, or when something ends."""
    wanted = []
    for item in items:
        item.next_billing_on = dates.get(item.id)
        wanted += [item.next_billing_on, item.end_date, subscription.contract_end]
    first = min((day for day in wanted if day is not None), default=None)
    subscription.next_billing_at = None if first is None else start_of_day(first, subscription.time_zone)
    subscription.parked_at = subscription.parked_reason = None
