"""Create, change and delete billing groups."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select

from turnus.customers.model import Customer
from turnus.kernel.errors import InUse, NotFound, ValidationFailed, Violation
from turnus.platform.context import Context
from turnus.platform.db.constraints import flush_unused
from turnus.platform.db.locks import LockOrder, lock, lock_all
from turnus.platform.work import change
from turnus.subscriptions import rules
from turnus.subscriptions.commands import CreateGroup, GroupFields, ReplaceGroup
from turnus.subscriptions.model import BillingGroup, Subscription
from turnus.subscriptions.ops.schedule import items_of, reschedule_group

_FIELDS = ("name", "type", "custom_day", "custom_month")


async def create_group(ctx: Context, command: CreateGroup) -> BillingGroup:
    """A common billing date of subscriptions of one customer.

    Raises:
        ValidationFailed: the customer is unknown or archived; day and month do not go with the type.
    """
    wrong = command.violations()
    found = await lock_all(ctx, Customer, LockOrder.CUSTOMER, [command.customer])
    if not found or found[0].status == "STATUS_ARCHIVED":
        wrong.append(Violation("customer", "archived" if found else "not_found"))
    if wrong:
        raise ValidationFailed(wrong)
    now = ctx.now()
    group = ctx.add(BillingGroup(customer_id=command.customer, created_at=now, updated_at=now, **_values(command)))
    ctx.log("billing_group", group.id, "created")
    return group


async def change_group(ctx: Context, group_id: UUID, command: ReplaceGroup) -> BillingGroup:
    """Change name and date; members follow from the end of what was billed, with a stub to the next date.

    Raises:
        ValidationFailed: day and month do not go with the type.
    """
    group = await _locked(ctx, group_id)
    wrong = command.violations()
    if wrong:
        raise ValidationFailed(wrong)
    values = _values(command)
    changes = [change(name, getattr(group, name), new) for name, new in values.items() if getattr(group, name) != new]
    rhythm = any(entry.property != "name" for entry in changes)
    for name, value in values.items():
        setattr(group, name, value)
    group.updated_at = ctx.now()
    if rhythm:
        members = await ctx.session.scalars(
            select(Subscription.id).where(
                Subscription.tenant_id == ctx.tenant_id, Subscription.billing_group_id == group_id
            )
        )
        for subscription in await lock_all(ctx, Subscription, LockOrder.SUBSCRIPTION, list(members)):
            running = [item for item in await items_of(ctx, subscription.id) if item.status in rules.RUNNING]
            if running:
                await reschedule_group(ctx, subscription, running, group)
    ctx.log("billing_group", group.id, "updated", changes)
    return group


async def delete_group(ctx: Context, group_id: UUID) -> None:
    """Delete a billing group.

    Raises:
        InUse: subscriptions are billed with it.
    """
    group = await _locked(ctx, group_id)
    members = await ctx.session.scalar(
        select(func.count()).where(Subscription.tenant_id == ctx.tenant_id, Subscription.billing_group_id == group_id)
    )
    if members:
        raise InUse({"subscription": members})
    await ctx.session.delete(group)
    await flush_unused(ctx)
    ctx.log("billing_group", group_id, "deleted")


async def _locked(ctx: Context, group_id: UUID) -> BillingGroup:
    """The group, its customer locked: subscriptions that join or leave wait for the same lock."""
    wanted = (BillingGroup.tenant_id == ctx.tenant_id) & (BillingGroup.id == group_id)
    customer_id = await ctx.session.scalar(select(BillingGroup.customer_id).where(wanted))
    if customer_id is None:
        raise NotFound()
    await lock(ctx, Customer, LockOrder.CUSTOMER, customer_id)
    group = await ctx.session.scalar(select(BillingGroup).where(wanted).execution_options(populate_existing=True))
    if group is None:
        raise NotFound()
    return group


def _values(command: GroupFields) -> dict[str, object]:
    return {name: getattr(command, name) for name in _FIELDS}
