"""Customer groups as they are read."""

from __future__ import annotations

from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam

from turnus.customers.model import CustomerGroup
from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import convert, from_, read, shape
from turnus.platform.listing import InstantFilter, ListOf, Order, Words


class GroupSummary(msgspec.Struct, frozen=True, rename="camel"):
    """A customer's group."""

    id: UUID
    name: str
    description: str | None


class GroupView(msgspec.Struct, frozen=True, rename="camel"):
    """A customer group."""

    id: UUID
    name: str
    description: str | None
    created_at: str
    updated_at: str


_shape = shape(
    GroupView,
    id=CustomerGroup.id,
    name=CustomerGroup.name,
    description=CustomerGroup.description,
    created_at=convert(instant, CustomerGroup.created_at),
    updated_at=convert(instant, CustomerGroup.updated_at),
)
_group = read(from_(CustomerGroup).where(CustomerGroup.id == bindparam("id", type_=Uuid)), _shape)

group_list = ListOf(
    "customer_group",
    _shape,
    from_(CustomerGroup),
    id=CustomerGroup.id,
    search=True,
    filters=[
        Words("name", CustomerGroup.name, resource="customer_group", field="name", id_column=CustomerGroup.id),
        InstantFilter("createdAt", CustomerGroup.created_at, nullable=False),
    ],
    orders=[Order("createdAt", CustomerGroup.created_at), Order("name", CustomerGroup.name_folded)],
)


async def group(ctx: Context, id: UUID) -> GroupView:
    """A customer group; raises NotFound."""
    return await _group.one(ctx, id=id)
