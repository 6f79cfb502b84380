"""Billing groups as they are shown."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam

from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import Shape, convert, from_, read, shape
from turnus.platform.listing import InstantFilter, ListOf, Order, Reference
from turnus.subscriptions.model import BillingGroup


class IdOnly(msgspec.Struct, frozen=True, rename="camel"):
    """An id standing for an object."""

    id: UUID


class GroupView(msgspec.Struct, frozen=True, rename="camel"):
    """A common billing date of subscriptions of one customer."""

    id: UUID
    customer: IdOnly
    name: str
    type: str
    custom_day: int | None
    custom_month: int | None
    created_at: str
    updated_at: str


class GroupSummary(msgspec.Struct, frozen=True, rename="camel"):
    """A billing group inside another object."""

    id: UUID
    name: str
    type: str
    custom_day: int | None
    custom_month: int | None


def group_summary(g: Any) -> Shape[GroupSummary]:
    """The short form of an (outer joined) billing group."""
    return shape(
        GroupSummary,
        present=g.id,
        id=g.id,
        name=g.name,
        type=g.type,
        custom_day=g.custom_day,
        custom_month=g.custom_month,
    )


_g = BillingGroup
_shape = shape(
    GroupView,
    id=_g.id,
    customer=shape(IdOnly, id=_g.customer_id),
    name=_g.name,
    type=_g.type,
    custom_day=_g.custom_day,
    custom_month=_g.custom_month,
    created_at=convert(instant, _g.created_at),
    updated_at=convert(instant, _g.updated_at),
)
group_list = ListOf(
    "billing_group",
    _shape,
    from_(_g),
    id=_g.id,
    filters=[
        Reference("id", _g.id, nullable=False),
        Reference("customer", _g.customer_id, nullable=False),
        InstantFilter("createdAt", _g.created_at, nullable=False),
    ],
    orders=[Order("createdAt", _g.created_at)],
)
_one = read(from_(_g).where(_g.id == bindparam("id", type_=Uuid)), _shape)


async def billing_group(ctx: Context, id: UUID) -> GroupView:
    """A billing group; raises NotFound."""
    return await _one.one(ctx, id=id)
