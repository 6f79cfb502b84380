"""Cancel a subscription."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from turnus.catalogue.ops.load_catalogue import Catalogue
from turnus.kernel.errors import InvalidState, ValidationFailed
from turnus.platform.context import Context
from turnus.platform.work import change
from turnus.rating.terms import BillingRhythm, next_possible_end
from turnus.subscriptions import rules
from turnus.subscriptions.commands import CancelSubscription
from turnus.subscriptions.events import SUBSCRIPTION_CANCELED
from turnus.subscriptions.model import Subscription, SubscriptionItem
from turnus.subscriptions.ops.schedule import catalogue_of, group_of, items_of, lock_subscription, reschedule

CANCELLABLE = ["active", "paused"]


async def cancel_subscription(ctx: Context, subscription_id: UUID, command: CancelSubscription) -> Subscription:
    """End a subscription now, at a date, or when its terms allow.

    Cancelling again moves the date. What is owed up to the date, and the credit of prepaid time after it, come with
    the billing run of that day, which then ends the subscription.

    Raises:
        InvalidState: it is no running contract.
        ValidationFailed: the custom date is missing or lies before a period that was billed; a reason is demanded.
    """
    subscription, _ = await lock_subscription(ctx, subscription_id)
    if subscription.status not in CANCELLABLE:
        raise InvalidState(subscription.status, CANCELLABLE)
    if ctx.setting("cancellation.reasonRequired", False) and command.reason is None:
        raise ValidationFailed.at("reason", "not_null")
    items = [item for item in await items_of(ctx, subscription_id) if item.status in rules.RUNNING]
    catalogue = await catalogue_of(ctx, items)
    today = ctx.today(subscription.time_zone)
    end = _end(subscription, items, catalogue, command, today)
    if subscription.agreed_end is not None:
        end = min(end, subscription.agreed_end)
    before = (subscription.cancellation_date, subscription.cancellation_reason, subscription.cancellation_credit_type)
    if before == (end, command.reason, command.credit_type):
        return subscription
    had_end = subscription.contract_end is not None
    subscription.cancelled_at = subscription.updated_at = ctx.now()
    subscription.cancellation_date = subscription.contract_end = end
    subscription.cancellation_reason = command.reason
    subscription.cancellation_credit_type = command.credit_type
    for item in items:
        item.status, item.updated_at = "canceled", ctx.now()
        # Periods billed beyond the new end, or shortened to a former one, are rated again when the end is settled.
        if item.billed_until is not None and (item.billed_until > end or had_end):
            item.rerate_from = rules.rerate_from(item, catalogue.plans[item.price_plan_id].price, end)
        else:
            item.rerate_from = None
    await reschedule(ctx, subscription, items, await group_of(ctx, subscription))
    old, subscription.status = subscription.status, "cancelled" if end <= today else subscription.status
    extra = {"cancellationDate": end.isoformat(), "reason": command.reason}
    ctx.emit(SUBSCRIPTION_CANCELED, [subscription.id], {subscription.id: extra})
    changes = [
        change("cancellationDate", None if before[0] is None else before[0].isoformat(), end.isoformat()),
        change("cancellationReason", before[1], command.reason),
        change("status", old, subscription.status),
    ]
    if command.comment:
        changes.append(change("comment", None, command.comment))
    ctx.log("subscription", subscription.id, "canceled", changes)
    return subscription


def _end(
    subscription: Subscription,
    items: Sequence[SubscriptionItem],
    catalogue: Catalogue,
    command: CancelSubscription,
    today: date,
) -> date:
    if command.cancellation_date_type == "immediate":
        return today
    recurring = [item for item in items if catalogue.plans[item.price_plan_id].price.interval is not None]
    if command.cancellation_date_type == "custom":
        return _custom_end(subscription, recurring, command, today)
    billed = [item.billed_until for item in recurring if item.billed_until is not None]
    return next_possible_end(
        rules.terms_of(subscription.periods),
        subscription.contract_start,
        today,
        billed_to=max(billed, default=None),
        trial_ends_on=subscription.trial_ends_on,
        rhythm=_rhythm(recurring, catalogue),
    )


def _custom_end(
    subscription: Subscription, recurring: Sequence[SubscriptionItem], command: CancelSubscription, today: date
) -> date:
    if command.cancellation_date is None:
        raise ValidationFailed.at("cancellationDate", "required_with", other="cancellationDateType")
    end = rules.end_day(command.cancellation_date, subscription.time_zone)
    billed = [item.billed_from for item in recurring if item.billed_from is not None]
    earliest = min(today, max(billed, default=subscription.billing_start))
    if end < earliest:
        raise ValidationFailed.at("cancellationDate", "out_of_range", bounds=f"≥ {earliest}")
    return end


def _rhythm(recurring: Sequence[SubscriptionItem], catalogue: Catalogue) -> BillingRhythm | None:
    for item in recurring:
        interval = catalogue.plans[item.price_plan_id].price.interval
        anchor = item.anchor or item.trial_ends_on or item.start_date
        if interval is not None:
            return BillingRhythm(anchor, interval, item.anchor_day or anchor.day)
    return None
