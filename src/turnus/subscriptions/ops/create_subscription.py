"""Create a subscription."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select

from turnus.customers.model import Customer, CustomerAddress
from turnus.kernel.errors import ValidationFailed, Violation
from turnus.kernel.ids import new_id
from turnus.platform.context import Context
from turnus.platform.db import terms
from turnus.platform.db.constraints import flush_unique
from turnus.platform.db.locks import LockOrder, lock_all
from turnus.platform.db.terms import fold
from turnus.rating.terms import fixed_end
from turnus.settings.custom_fields import stored, violations, with_defaults
from turnus.settings.ops.draw_numbers import claim_number, draw_numbers
from turnus.settings.ops.load_custom_fields import load_custom_fields
from turnus.subscriptions import rules
from turnus.subscriptions.commands import CreateSubscription
from turnus.subscriptions.events import SUBSCRIPTION_CREATED
from turnus.subscriptions.model import BillingGroup, Subscription, SubscriptionItem
from turnus.subscriptions.ops.activate_subscription import activate
from turnus.subscriptions.ops.prepare_items import PreparedItem, load_offered, prepare_items


async def create_subscription(ctx: Context, command: CreateSubscription) -> Subscription:
    """A draft, or an active subscription when the command says so. Terms count from its start, default today.

    Raises:
        ValidationFailed: customer, product or price are unknown or archived; the address or billing group is not the
            customer's; a price is reserved for another customer or in a currency that is off; number or external id
            are taken.
    """
    offered = await load_offered(ctx, command.items)
    # Archiving the customer races with this: it waits for the lock, or is seen here.
    locked = await lock_all(ctx, Customer, LockOrder.CUSTOMER, [command.customer])
    if not locked:
        raise ValidationFailed.at("customer", "not_found")
    customer = locked[0]
    wrong = await _violations(ctx, command, customer)
    start, billing_start, end = _dates(ctx, command, customer, wrong)
    prepared, found = prepare_items(ctx, command.items, offered, customer, billing_start)
    definitions = await load_custom_fields(ctx, "subscription")
    custom_fields = with_defaults(definitions, command.custom_fields)
    wrong += found + violations(definitions, custom_fields, "customFields")
    if command.activate and not command.items:
        wrong.append(Violation("items", "not_blank"))
    if wrong:
        raise ValidationFailed(wrong)
    subscription = _subscription(ctx, command, customer, (start, billing_start, end), stored(custom_fields))
    items = _items(ctx, subscription, prepared)
    ctx.emit(SUBSCRIPTION_CREATED, [subscription.id])
    if command.activate:
        await activate(ctx, subscription, customer, items, trial_days=command.trial_days)
    # The number range is locked last: other creations wait from here to the commit only.
    subscription.number = await _number(ctx, command, subscription.id)
    subscription.number_folded = fold(subscription.number)
    ctx.add(subscription)
    for item in items:
        ctx.add(item)
    await flush_unique(ctx, "externalId")
    await index(ctx, subscription, new=True)
    ctx.log("subscription", subscription.id, "created")
    return subscription


def _subscription(
    ctx: Context,
    command: CreateSubscription,
    customer: Customer,
    dates: tuple[date, date, date | None],
    custom_fields: dict[str, Any],
) -> Subscription:
    start, billing_start, end = dates
    now, periods = ctx.now(), rules.stored_periods(command.periods)
    agreed_end = end or fixed_end(rules.terms_of(periods), start)
    return Subscription(
        id=new_id(),
        external_id=command.external_id,
        name=command.name,
        status="draft",
        customer_id=customer.id,
        invoice_address_id=command.invoice_address,
        billing_group_id=command.billing_group,
        po_number=command.po_number,
        contract_start=start,
        billing_start=billing_start,
        contract_end=agreed_end,
        agreed_end=agreed_end,
        time_zone=customer.time_zone,
        trial_days=command.trial_days,
        periods=periods,
        custom_fields=custom_fields,
        metadata_={},
        created_at=now,
        updated_at=now,
    )


def _dates(
    ctx: Context, command: CreateSubscription, customer: Customer, wrong: list[Violation]
) -> tuple[date, date, date | None]:
    zone = customer.time_zone
    start = ctx.today(zone) if command.start_date is None else rules.local_day(command.start_date, zone)
    billing_start = start if command.billing_start is None else rules.local_day(command.billing_start, zone)
    end = None if command.contract_end is None else rules.end_day(command.contract_end, zone)
    if end is not None and end <= start:
        wrong.append(Violation("contractEnd", "out_of_range", parameters={"bounds": f"> {start}"}))
    return start, billing_start, end


async def _violations(ctx: Context, command: CreateSubscription, customer: Customer) -> list[Violation]:
    wrong = []
    if customer.status == "STATUS_ARCHIVED":
        wrong.append(Violation("customer", "archived"))
    for path, id in (("plan", command.plan), ("paymentMethod", command.payment_method)):
        if id is not None:
            wrong.append(Violation(path, "not_found"))
    wrong += [Violation(f"coupons[{index}]", "not_found") for index in range(len(command.coupons))]
    if command.invoice_address is not None:
        own = (CustomerAddress.id == command.invoice_address) & (CustomerAddress.customer_id == customer.id)
        status = await ctx.session.scalar(
            select(CustomerAddress.status).where(CustomerAddress.tenant_id == ctx.tenant_id, own)
        )
        if status != "active":
            wrong.append(Violation("invoiceAddress", "not_found" if status is None else "archived"))
    if command.billing_group is not None and not await own_group(ctx, command.billing_group, customer.id):
        wrong.append(Violation("billingGroup", "not_found"))
    if command.external_id is not None and await external_id_taken(ctx, command.external_id, None):
        wrong.append(Violation("externalId", "not_unique"))
    return wrong


async def own_group(ctx: Context, group_id: UUID, customer_id: UUID) -> bool:
    """Whether a billing group is a customer's."""
    own = (BillingGroup.id == group_id) & (BillingGroup.customer_id == customer_id)
    return bool(await ctx.session.scalar(select(exists().where(BillingGroup.tenant_id == ctx.tenant_id, own))))


async def external_id_taken(ctx: Context, external_id: str, subscription_id: UUID | None) -> bool:
    """Whether another subscription has an external id."""
    other = exists().where(Subscription.tenant_id == ctx.tenant_id, Subscription.external_id == external_id)
    if subscription_id is not None:
        other = other.where(Subscription.id != subscription_id)
    return bool(await ctx.session.scalar(select(other)))


def _items(ctx: Context, subscription: Subscription, prepared: Sequence[PreparedItem]) -> list[SubscriptionItem]:
    now = ctx.now()
    made: list[SubscriptionItem] = []
    for position, item in enumerate(prepared):
        parent = item.fields.parent
        made.append(
            SubscriptionItem(
                id=new_id(),
                subscription_id=subscription.id,
                parent_id=None if parent is None else made[parent].id,
                product_id=item.product.id,
                price_plan_id=item.plan.id,
                position=position,
                name=item.name,
                description=item.fields.description,
                further_information=item.fields.further_information,
                status="draft",
                type=item.product.type,
                quantity=item.fields.quantity,
                start_date=item.start,
                end_date=item.end,
                custom_price=item.custom_price,
                periods=rules.stored_periods(item.fields.periods),
                created_at=now,
                updated_at=now,
            )
        )
    return made


async def _number(ctx: Context, command: CreateSubscription, id: UUID) -> str:
    if command.number is None:
        return (await draw_numbers(ctx, "subscription", [id]))[0]
    if not await claim_number(ctx, "subscription", command.number, id):
        raise ValidationFailed.at("number", "not_unique")
    return command.number


async def index(ctx: Context, subscription: Subscription, *, new: bool = False) -> None:
    """Make a subscription findable by its texts."""
    fields = rules.search_fields(
        subscription.number,
        subscription.name,
        subscription.po_number,
        subscription.external_id,
        subscription.custom_fields,
    )
    await terms.replace(ctx, "subscription", subscription.id, fields, new=new)
