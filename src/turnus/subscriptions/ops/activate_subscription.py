"""Activate a subscription."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from turnus.customers.model import Customer
from turnus.kernel.errors import InvalidState, ValidationFailed, Violation
from turnus.platform.context import Context
from turnus.platform.work import change
from turnus.subscriptions.commands import ActivateSubscription
from turnus.subscriptions.events import SUBSCRIPTION_ACTIVATED, SUBSCRIPTION_TRIAL_STARTED
from turnus.subscriptions.model import Subscription, SubscriptionItem
from turnus.subscriptions.ops.schedule import group_of, items_of, lock_subscription, start_items

ACTIVATABLE = ["draft", "offer"]


async def activate_subscription(ctx: Context, subscription_id: UUID, command: ActivateSubscription) -> Subscription:
    """Make a draft's items run, or those that the command names with their children; billing begins when they are due.

    Raises:
        InvalidState: it is neither a draft nor an offer.
        ValidationFailed: it has no items, an item is not its own, the customer is archived, or the tenant demands a
            payment method.
    """
    subscription, customer = await lock_subscription(ctx, subscription_id)
    if subscription.status not in ACTIVATABLE:
        raise InvalidState(subscription.status, ACTIVATABLE)
    items = await items_of(ctx, subscription_id)
    wrong = []
    if not items:
        wrong.append(Violation("items", "not_blank"))
    if customer.status == "STATUS_ARCHIVED":
        wrong.append(Violation("customer", "archived"))
    known = {item.id for item in items}
    for index, id in enumerate(command.items or ()):
        if id not in known:
            wrong.append(Violation(f"items[{index}]", "not_found"))
    if wrong:
        raise ValidationFailed(wrong)
    subscription.time_zone = customer.time_zone
    days = subscription.trial_days if command.trial_days is None else command.trial_days
    await activate(ctx, subscription, customer, _chosen(items, command.items), trial_days=days)
    ctx.log("subscription", subscription.id, "activated", [change("status", "draft", "active")])
    return subscription


def _chosen(items: Sequence[SubscriptionItem], ids: Sequence[UUID] | None) -> list[SubscriptionItem]:
    """The named items with everything below them, parents standing before their children."""
    if ids is None:
        return list(items)
    chosen = set(ids)
    for item in items:
        if item.parent_id in chosen:
            chosen.add(item.id)
    return [item for item in items if item.id in chosen]


async def activate(
    ctx: Context,
    subscription: Subscription,
    customer: Customer,
    items: Sequence[SubscriptionItem],
    *,
    trial_days: int | None,
) -> None:
    """Start a checked subscription with some of its items.

    Raises:
        ValidationFailed: the tenant demands a payment method.
    """
    if ctx.setting("billing.paymentMethodRequired", False):
        raise ValidationFailed.at("paymentMethod", "not_null")
    await start_items(ctx, subscription, items, trial_days=trial_days, group=await group_of(ctx, subscription))
    now = ctx.now()
    subscription.status = "active"
    subscription.activated_at = subscription.updated_at = now
    ctx.emit(SUBSCRIPTION_ACTIVATED, [subscription.id])
    if subscription.trial_ends_on is not None and subscription.trial_ends_on > ctx.today(customer.time_zone):
        ctx.emit(SUBSCRIPTION_TRIAL_STARTED, [subscription.id])
