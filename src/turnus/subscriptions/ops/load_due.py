"""Find what is due, and load contracts for billing: a chunk of customers in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, DateTime, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from turnus.platform.context import Context
from turnus.platform.db.reads import Read, read_scalar, together
from turnus.subscriptions import model
from turnus.subscriptions.contracts import BillingTerms, DueContract, GroupRow, ItemRow, SubscriptionRow

_BEFORE_ALL = UUID(int=0)
_s, _i, _g = model.Subscription, model.SubscriptionItem, model.BillingGroup
_until = bindparam("until", type_=DateTime(timezone=True))
_due = (_s.next_billing_at <= _until) & _s.parked_at.is_(None)
_running = (_i.status != "draft") & (_i.status != "terminated")
_customers = bindparam("customers", type_=ARRAY(Uuid))
_subscription_columns = [getattr(_s, field.name) for field in msgspec.structs.fields(SubscriptionRow)]
_item_columns = [getattr(_i, field.name) for field in msgspec.structs.fields(ItemRow)]
_subscriptions_with_group = select(*_subscription_columns, _g.id, _g.type, _g.custom_day, _g.custom_month).outerjoin(
    _g, (_g.tenant_id == _s.tenant_id) & (_g.id == _s.billing_group_id)
)
_width = len(_subscription_columns)


def _subscription(row: Sequence[Any]) -> tuple[SubscriptionRow, GroupRow | None]:
    group = GroupRow(*row[_width:]) if row[_width] is not None else None
    return SubscriptionRow(*row[:_width]), group


def _item(row: Sequence[Any]) -> ItemRow:
    return ItemRow(*row)


_due_customers = read_scalar(
    select(_s.customer_id)
    .where(_due, _s.customer_id > bindparam("after", type_=Uuid))
    .distinct()
    .order_by(_s.customer_id)
    .limit(bindparam("limit", type_=BigInteger))
)
_due_subscriptions: Read[tuple[SubscriptionRow, GroupRow | None]] = Read(
    _subscriptions_with_group.where(_s.customer_id == func.any(_customers), _due).order_by(_s.customer_id, _s.id),
    _subscription,
)
_due_items: Read[ItemRow] = Read(
    select(*_item_columns)
    .join(_s, (_s.tenant_id == _i.tenant_id) & (_s.id == _i.subscription_id))
    .where(_s.customer_id == func.any(_customers), _due, _running)
    .order_by(_i.subscription_id, _i.position),
    _item,
)
_ids = bindparam("ids", type_=ARRAY(Uuid))
_chosen_subscriptions: Read[tuple[SubscriptionRow, GroupRow | None]] = Read(
    _subscriptions_with_group.where(_s.id == func.any(_ids)).order_by(_s.customer_id, _s.id), _subscription
)
_chosen_items: Read[ItemRow] = Read(
    select(*_item_columns)
    .where(_i.subscription_id == func.any(_ids), _running)
    .order_by(_i.subscription_id, _i.position),
    _item,
)


def billing_terms(ctx: Context) -> BillingTerms:
    """The tenant's settings of periods and proration."""
    return BillingTerms(
        proration_mode=ctx.setting("billing.prorationMode", "day"),
        prorate_free_units=ctx.setting("proration.freeUnits", False),
        days_in_advance=ctx.setting("billing.daysInAdvance", 0),
        metering_grace_hours=ctx.setting("billing.meteringGraceHours", 0),
    )


async def due_customers(ctx: Context, until: datetime, after: UUID | None = None, limit: int = 1000) -> list[UUID]:
    """Customers with something due by `until`, in the order of their ids, beginning behind `after`."""
    return await _due_customers.all(ctx, until=until, after=after or _BEFORE_ALL, limit=limit)


async def load_contracts(ctx: Context, customer_ids: Sequence[UUID], until: datetime) -> list[DueContract]:
    """The due subscriptions of customers, parked ones left out, by customer and age, with all their running items."""
    wanted = {"customers": list(customer_ids), "until": until}
    return _assembled(*await together(ctx, (_due_subscriptions, wanted), (_due_items, wanted)))


async def load_contracts_by_id(ctx: Context, subscription_ids: Sequence[UUID]) -> list[DueContract]:
    """Subscriptions in the same form, due or not: for previews and single billing."""
    wanted = {"ids": list(subscription_ids)}
    return _assembled(*await together(ctx, (_chosen_subscriptions, wanted), (_chosen_items, wanted)))


def _assembled(subscriptions: list[tuple[SubscriptionRow, GroupRow | None]], items: list[ItemRow]) -> list[DueContract]:
    contracts = [DueContract(subscription, [], group) for subscription, group in subscriptions]
    by_id = {contract.subscription.id: contract.items for contract in contracts}
    for item in items:
        by_id[item.subscription_id].append(item)
    return contracts
