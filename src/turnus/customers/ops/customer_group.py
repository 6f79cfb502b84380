"""Create, change and delete customer groups."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, func, select

from turnus.customers import views
from turnus.customers.commands import GroupFields
from turnus.customers.errors import refused_races
from turnus.customers.events import CUSTOMER_UPDATED
from turnus.customers.model import Customer, CustomerGroup
from turnus.kernel.errors import InUse, NotFound, ValidationFailed
from turnus.kernel.ids import new_id
from turnus.platform.context import Change, Context
from turnus.platform.db import terms
from turnus.platform.db.locks import LockOrder, lock, take
from turnus.platform.db.reads import read_scalar
from turnus.platform.db.terms import fold

_named = read_scalar(
    select(CustomerGroup.id).where(
        CustomerGroup.name_folded == bindparam("name", type_=Text), CustomerGroup.id != bindparam("own", type_=Uuid)
    )
)
_members = read_scalar(
    select(func.count()).select_from(Customer).where(Customer.customer_group_id == bindparam("id", type_=Uuid))
)


async def create_group(ctx: Context, fields: GroupFields) -> UUID:
    """A new group; its id. Raises ValidationFailed when the name is taken."""
    now = ctx.now()
    group = CustomerGroup(
        id=new_id(),
        name=fields.name,
        name_folded=fold(fields.name),
        description=fields.description,
        created_at=now,
        updated_at=now,
    )
    await _check_name(ctx, group.name, group.id)
    ctx.add(group)
    await _write(ctx, group)
    ctx.log("customer_group", group.id, "created")
    return group.id


async def replace_group(ctx: Context, group_id: UUID, fields: GroupFields) -> None:
    """New name and description of a group. Raises ValidationFailed when the name is taken."""
    group = await lock(ctx, CustomerGroup, LockOrder.CONFIGURATION, group_id)
    new = {"name": fields.name, "description": fields.description}
    changes = [Change(key, getattr(group, key), value) for key, value in new.items() if getattr(group, key) != value]
    if not changes:
        return
    await _check_name(ctx, fields.name, group_id)
    group.name, group.name_folded, group.description = fields.name, fold(fields.name), fields.description
    group.updated_at = ctx.now()
    await _write(ctx, group)
    ctx.log("customer_group", group_id, "updated", changes)


async def delete_group(ctx: Context, group_id: UUID, *, move_to: UUID | None = None) -> None:
    """Remove a group; its members move to the group `move_to`.

    Raises:
        InUse: it has members and they have nowhere to go.
        ValidationFailed: the group to move to does not exist.
    """
    # The one lock that must also keep out inserts: a customer that joins meanwhile would silently lose its group.
    take(ctx, LockOrder.CONFIGURATION)
    found = await ctx.connection.execute(
        "select id from customer_group where tenant_id = %s and id = any(%s) order by id for update",
        (ctx.tenant_id, [group_id, *([move_to] if move_to else [])]),
    )
    present = {row[0] for row in await found.fetchall()}
    if group_id not in present:
        raise NotFound()
    if move_to is not None and (move_to not in present or move_to == group_id):
        raise ValidationFailed.at("moveTo", "not_found")
    if move_to is not None:
        await _move_members(ctx, group_id, move_to)
    elif members := await _members.first(ctx, id=group_id):
        raise InUse({"customer": members})
    group = await views.group(ctx, group_id)
    await terms.remove(ctx, group_id)
    await ctx.connection.execute(
        "delete from customer_group where tenant_id = %s and id = %s", (ctx.tenant_id, group_id)
    )
    ctx.log("customer_group", group_id, "deleted", [Change("name", group.name, None)])


async def _move_members(ctx: Context, group_id: UUID, move_to: UUID) -> None:
    old = await views.group(ctx, group_id)
    take(ctx, LockOrder.CUSTOMER)
    moved = await ctx.connection.execute(
        "with member as (select id from customer where tenant_id = %(tenant)s and customer_group_id = %(old)s"
        " order by id for no key update)"
        " update customer set customer_group_id = %(new)s, updated_at = %(now)s"
        " from member where customer.tenant_id = %(tenant)s and customer.id = member.id returning customer.id",
        {"tenant": ctx.tenant_id, "old": group_id, "new": move_to, "now": ctx.now()},
    )
    ids = [row[0] for row in await moved.fetchall()]
    if ids:
        group = {"id": str(group_id), "name": old.name, "description": old.description}
        ctx.emit(CUSTOMER_UPDATED, ids, {id: {"previous": {"customerGroup": group}} for id in ids})
        ctx.log("customer_group", move_to, "updated", [Change("movedFrom", None, str(group_id))])


async def _check_name(ctx: Context, name: str, own: UUID) -> None:
    if await _named.first(ctx, name=fold(name), own=own):
        raise ValidationFailed.at("name", "not_unique")


async def _write(ctx: Context, group: CustomerGroup) -> None:
    with refused_races():
        await ctx.flush()
    await terms.replace(ctx, "customer_group", group.id, {"name": group.name, "description": group.description})
