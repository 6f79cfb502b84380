"""Activate a subscription."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from turnus.customers.model import Customer, CustomerAddress
from turnus.kernel.errors import InvalidState, ValidationFailed, Violation
from turnus.platform.context import Context
from turnus.platform.work import change
from turnus.subscriptions import rules
from turnus.subscriptions.commands import ActivateSubscription
from turnus.subscriptions.events import SUBSCRIPTION_ACTIVATED, SUBSCRIPTION_TRIAL_STARTED
from turnus.subscriptions.model import Subscription, SubscriptionItem
from turnus.subscriptions.ops.schedule import group_of, items_of, lock_subscription, start_items

ACTIVATABLE = ["draft", "offer"]


async def activate_subscription(ctx: Context, subscription_id: UUID, command: ActivateSubscription) -> Subscription:
    """Make a draft's items run, or those that the command names with their children; billing begins when they are due.

    Raises:
        InvalidState: it is neither a draft nor an offer.
        ValidationFailed: it has no items, an item is not its own, the customer is archived, no invoice could be made
            out to the address, or the tenant demands a payment method.
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
        ValidationFailed: the tenant demands a payment method; no invoice could be made out to the address.
    """
    wrong = await _address_violations(ctx, subscription, customer)
    if ctx.setting("billing.paymentMethodRequired", False):
        wrong.append(Violation("paymentMethod", "not_null"))
    if wrong:
        raise ValidationFailed(wrong)
    await start_items(ctx, subscription, items, trial_days=trial_days, group=await group_of(ctx, subscription))
    now = ctx.now()
    subscription.status = "active"
    subscription.activated_at = subscription.updated_at = now
    ctx.emit(SUBSCRIPTION_ACTIVATED, [subscription.id])
    if subscription.trial_ends_on is not None and subscription.trial_ends_on > ctx.today(customer.time_zone):
        ctx.emit(SUBSCRIPTION_TRIAL_STARTED, [subscription.id])


async def _address_violations(ctx: Context, subscription: Subscription, customer: Customer) -> list[Violation]:
    """What an invoice would lack: better told now than by a billing run that passes the contract over."""
    wanted = (CustomerAddress.tenant_id == ctx.tenant_id) & (CustomerAddress.customer_id == customer.id)
    if subscription.invoice_address_id is not None:
        wanted &= CustomerAddress.id == subscription.invoice_address_id
    else:
        wanted &= CustomerAddress.is_default
    # The default invoice address goes before the general one: TYPE_INVOICE sorts behind TYPE_DEFAULT.
    address = await ctx.session.scalar(
        select(CustomerAddress).where(wanted).order_by(CustomerAddress.type.desc()).limit(1)
    )
    if address is None:
        return [Violation("invoiceAddress", "not_null")]
    names = (address.company_name, address.first_name, address.last_name)
    missing = rules.missing_address_parts(
        names, (customer.company_name, customer.first_name, customer.last_name), address.zip, address.city
    )
    return [Violation(f"invoiceAddress.{part}", "missing_for_invoice", parameters={"what": part}) for part in missing]
