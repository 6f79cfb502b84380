"""Row locks, in the one order that keeps the house free of deadlocks.

Always `FOR NO KEY UPDATE`: `FOR UPDATE` would block every insert that references the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select

from turnus.kernel.errors import NotFound
from turnus.platform.context import Context
from turnus.platform.db.schema import TenantRow

Row = TypeVar("Row", bound=TenantRow)


class LockOrder(IntEnum):
    """A transaction takes locks in this order, inside a kind by id."""

    PERIOD = 1
    CONFIGURATION = 2
    CUSTOMER = 3
    SUBSCRIPTION = 4
    BANK_MOVEMENT = 5
    TRANSACTION = 6
    INVOICE = 7
    DUNNING_DOCUMENT = 8
    NUMBER_RANGE = 9


def take(ctx: Context, order: LockOrder) -> None:
    """Note that a lock of this kind is taken; a lock out of order is a programming error and would deadlock one day."""
    if order < ctx.unit.lock_level:
        raise AssertionError(f"{order.name} is locked after {LockOrder(ctx.unit.lock_level).name}")
    ctx.unit.lock_level = order


async def lock(ctx: Context, kind: type[Row], order: LockOrder, id: UUID) -> Row:
    """Lock one row for change and load it fresh; raises NotFound."""
    found = await lock_all(ctx, kind, order, [id])
    if not found:
        raise NotFound()
    return found[0]


async def lock_all(ctx: Context, kind: type[Row], order: LockOrder, ids: Sequence[UUID]) -> list[Row]:
    """Lock rows for change in the order of their ids and load them fresh."""
    take(ctx, order)
    statement = (
        select(kind)
        .where(kind.tenant_id == ctx.tenant_id, kind.id.in_(ids))
        .order_by(kind.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    await ctx.flush()
    return list((await ctx.session.scalars(statement)).all())
