"""Change and delete subscriptions, and texts and terms of their items."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select

from turnus.kernel.errors import InvalidState, NotFound, ValidationFailed, Violation
from turnus.platform.context import Context
from turnus.platform.db import terms
from turnus.platform.db.constraints import flush_unique
from turnus.platform.db.terms import fold
from turnus.platform.work import change
from turnus.rating.terms import fixed_end
from turnus.settings.custom_fields import stored, violations
from turnus.settings.ops.draw_numbers import claim_number
from turnus.settings.ops.load_custom_fields import load_custom_fields
from turnus.subscriptions import rules
from turnus.subscriptions.commands import ItemChanges, ReplaceSubscription
from turnus.subscriptions.events import SUBSCRIPTION_UPDATED
from turnus.subscriptions.model import Subscription, SubscriptionItem
from turnus.subscriptions.ops.create_subscription import external_id_taken, index, own_group
from turnus.subscriptions.ops.schedule import group_of, items_of, lock_subscription, reschedule, reschedule_group

CHANGEABLE = ["draft", "offer", "active", "paused"]


async def update_subscription(ctx: Context, subscription_id: UUID, command: ReplaceSubscription) -> Subscription:
    """Replace terms, billing group, names and numbers.

    A number left out stays. The start of a draft left out becomes today; that of a running contract stays.

    Raises:
        InvalidState: it has ended, or the start would move although periods were billed.
        ValidationFailed: the group is not the customer's, number or external id are taken, a custom field is wrong.
    """
    subscription, _ = await lock_subscription(ctx, subscription_id)
    if subscription.status not in CHANGEABLE:
        raise InvalidState(subscription.status, CHANGEABLE)
    items = await items_of(ctx, subscription_id)
    start = _start(ctx, subscription, command)
    moved = start != subscription.contract_start
    if moved and any(item.billed_until is not None for item in items):
        raise InvalidState("billed", ["draft", "offer"], "The contract start cannot move: periods were billed.")
    await _check(ctx, subscription, command)
    previous = _shown(subscription)
    rhythm = command.billing_group != subscription.billing_group_id
    if moved:
        _move_start(subscription, items, start)
    periods = rules.stored_periods(command.periods)
    if not rules.same_periods(periods, subscription.periods):
        subscription.periods = periods
    if moved or previous["periods"] != subscription.periods:
        _fix_end(subscription, moved_terms=previous["periods"])
    subscription.billing_group_id = command.billing_group
    subscription.po_number, subscription.name = command.po_number, command.name
    subscription.external_id = command.external_id
    subscription.custom_fields = stored({k: v for k, v in command.custom_fields.items() if v is not None})
    subscription.updated_at = ctx.now()
    await _reschedule(ctx, subscription, items, rhythm=rhythm)
    if command.number is not None and command.number != subscription.number:
        if not await claim_number(ctx, "subscription", command.number, subscription.id):
            raise ValidationFailed.at("number", "not_unique")
        subscription.number, subscription.number_folded = command.number, fold(command.number)
    await flush_unique(ctx, "externalId")
    await index(ctx, subscription)
    now = _shown(subscription)
    changes = [change(name, old, now[name]) for name, old in previous.items() if old != now[name]]
    ctx.emit(
        SUBSCRIPTION_UPDATED, [subscription.id], {subscription.id: {"previous": {c.property: c.old for c in changes}}}
    )
    ctx.log("subscription", subscription.id, "updated", changes)
    return subscription


async def delete_subscription(ctx: Context, subscription_id: UUID) -> None:
    """Delete a draft with its items; its number is not given again.

    Raises:
        InvalidState: it is no draft.
    """
    subscription, _ = await lock_subscription(ctx, subscription_id)
    if subscription.status != "draft":
        raise InvalidState(subscription.status, ["draft"])
    await ctx.session.execute(
        delete(Subscription).where(Subscription.tenant_id == ctx.tenant_id, Subscription.id == subscription_id)
    )
    await terms.remove(ctx, subscription_id)
    ctx.log("subscription", subscription_id, "deleted", [change("number", subscription.number, None)])


async def update_item(ctx: Context, item_id: UUID, command: ItemChanges) -> SubscriptionItem:
    """Change texts and terms of an item; invoices that were made keep the old ones.

    Raises:
        NotFound: there is no such item.
        ValidationFailed: the name would be empty.
    """
    wanted = (SubscriptionItem.tenant_id == ctx.tenant_id) & (SubscriptionItem.id == item_id)
    subscription_id = await ctx.session.scalar(select(SubscriptionItem.subscription_id).where(wanted))
    if subscription_id is None:
        raise NotFound()
    await lock_subscription(ctx, subscription_id)
    item = next(item for item in await items_of(ctx, subscription_id) if item.id == item_id)
    changes = []
    for name in ("name", "description", "further_information"):
        if command.given(name) and getattr(command, name) != getattr(item, name):
            if name == "name" and command.name is None:
                raise ValidationFailed.at("name", "not_blank")
            changes.append(change(name, getattr(item, name), getattr(command, name)))
            setattr(item, name, getattr(command, name))
    if command.given("periods"):
        periods = rules.stored_periods(command.periods)
        if not rules.same_periods(periods, item.periods):
            changes.append(change("periods", item.periods, periods))
            item.periods = periods
    if changes:
        item.updated_at = ctx.now()
        ctx.emit(SUBSCRIPTION_UPDATED, [subscription_id])
        ctx.log("subscription_item", item_id, "updated", changes)
    return item


def _start(ctx: Context, subscription: Subscription, command: ReplaceSubscription) -> date:
    if command.start_date is not None:
        return rules.local_day(command.start_date, subscription.time_zone)
    return ctx.today(subscription.time_zone) if subscription.status == "draft" else subscription.contract_start


async def _check(ctx: Context, subscription: Subscription, command: ReplaceSubscription) -> None:
    definitions = await load_custom_fields(ctx, "subscription")
    wrong = violations(definitions, command.custom_fields, "customFields")
    group = command.billing_group
    if group is not None and not await own_group(ctx, group, subscription.customer_id):
        wrong.append(Violation("billingGroup", "not_found"))
    external = command.external_id
    if external is not None and await external_id_taken(ctx, external, subscription.id):
        wrong.append(Violation("externalId", "not_unique"))
    if wrong:
        raise ValidationFailed(wrong)


def _move_start(subscription: Subscription, items: Sequence[SubscriptionItem], start: date) -> None:
    """What began with the contract moves along with it."""
    old = subscription.contract_start
    subscription.contract_start = start
    if subscription.billing_start == old:
        subscription.billing_start = start
    for item in items:
        if item.start_date == old:
            item.start_date = start


def _fix_end(subscription: Subscription, *, moved_terms: Any) -> None:
    """The end of terms that all have a count follows them; an end that was agreed otherwise stays."""
    computed = fixed_end(rules.terms_of(moved_terms), subscription.contract_start)
    if subscription.agreed_end is not None and computed is None:
        return
    end = fixed_end(rules.terms_of(subscription.periods), subscription.contract_start)
    subscription.agreed_end = end
    if subscription.cancellation_date is None:
        subscription.contract_end = end


async def _reschedule(
    ctx: Context, subscription: Subscription, items: Sequence[SubscriptionItem], *, rhythm: bool
) -> None:
    running = [item for item in items if item.status in rules.RUNNING]
    if not running:
        return
    group = await group_of(ctx, subscription)
    await (reschedule_group if rhythm else reschedule)(ctx, subscription, running, group)


def _shown(subscription: Subscription) -> dict[str, Any]:
    group = subscription.billing_group_id
    return {
        "periods": subscription.periods,
        "billingGroup": None if group is None else str(group),
        "startDate": subscription.contract_start.isoformat(),
        "poNumber": subscription.po_number,
        "name": subscription.name,
        "number": subscription.number,
        "externalId": subscription.external_id,
        "customFields": subscription.custom_fields,
    }
