"""Create, change and delete roles."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select, update

from turnus.identity.commands import RoleFields
from turnus.identity.model import ApiToken, Membership, Role
from turnus.identity.ops.permission_checks import require_all, unknown_permissions
from turnus.identity.permissions import expanded
from turnus.kernel.errors import InUse, InvalidState, ValidationFailed
from turnus.kernel.ids import new_id
from turnus.platform.context import Change, Context
from turnus.platform.db.constraints import flush_unique, flush_unused
from turnus.platform.db.locks import LockOrder, lock

_REACH_TOKENS = (
    "update credential set permissions = %s where kind = 'token' and principal_id in"
    " (select id from api_token where tenant_id = %s and role_id = %s)"
)


async def create_role(ctx: Context, command: RoleFields) -> Role:
    """A new role.

    Raises:
        ValidationFailed: a permission is unknown, or the name is taken.
        Forbidden: the role would hold permissions that its creator lacks.
    """
    _check(ctx, command)
    now = ctx.now()
    role = Role(
        id=new_id(),
        name=command.name,
        description=command.description,
        is_system=False,
        permissions=sorted(set(command.permissions)),
        created_at=now,
        updated_at=now,
    )
    ctx.add(role)
    await flush_unique(ctx, "name")
    ctx.log("role", role.id, "created")
    return role


async def change_role(ctx: Context, role_id: UUID, command: RoleFields) -> None:
    """Change a role; tokens that have it follow at once.

    Raises:
        InvalidState: it is a built-in role.
        ValidationFailed: a permission is unknown, or the name is taken.
        Forbidden: the role holds or would hold permissions that the actor lacks.
    """
    role = await _own(ctx, role_id)
    _check(ctx, command)
    new = {
        "name": command.name,
        "description": command.description,
        "permissions": sorted(set(command.permissions)),
    }
    changes = [Change(name, getattr(role, name), value) for name, value in new.items() if getattr(role, name) != value]
    if not changes:
        return
    for name, value in new.items():
        setattr(role, name, value)
    role.updated_at = ctx.now()
    await flush_unique(ctx, "name")
    effective = sorted(expanded(role.permissions))
    of_role = (ApiToken.tenant_id == ctx.tenant_id) & (ApiToken.role_id == role_id) & ApiToken.revoked_at.is_(None)
    await ctx.session.execute(update(ApiToken).where(of_role).values(permissions=effective, updated_at=ctx.wall()))
    await ctx.connection.execute(_REACH_TOKENS, (effective, ctx.tenant_id, role_id))
    ctx.log("role", role.id, "updated", changes)


async def delete_role(ctx: Context, role_id: UUID) -> None:
    """Delete a role that nobody has.

    Raises:
        InvalidState: it is a built-in role.
        InUse: users or tokens have it.
    """
    role = await _own(ctx, role_id)
    users = select(func.count()).where(Membership.tenant_id == ctx.tenant_id, Membership.role_id == role_id)
    tokens = select(func.count()).where(
        ApiToken.tenant_id == ctx.tenant_id, ApiToken.role_id == role_id, ApiToken.revoked_at.is_(None)
    )
    counts = {"user": await ctx.session.scalar(users) or 0, "api_token": await ctx.session.scalar(tokens) or 0}
    found = {kind: count for kind, count in counts.items() if count}
    if found:
        raise InUse(found)
    revoked = (ApiToken.tenant_id == ctx.tenant_id) & (ApiToken.role_id == role_id)
    await ctx.session.execute(update(ApiToken).where(revoked).values(role_id=None))
    await ctx.session.delete(role)
    await flush_unused(ctx)
    ctx.log("role", role_id, "deleted", [Change("name", role.name, None)])


async def _own(ctx: Context, role_id: UUID) -> Role:
    role = await lock(ctx, Role, LockOrder.CONFIGURATION, role_id)
    if role.is_system:
        raise InvalidState("built-in", ["custom"], "Built-in roles stay as they are.")
    require_all(ctx, expanded(role.permissions))
    return role


def _check(ctx: Context, command: RoleFields) -> None:
    found = unknown_permissions(command.permissions, patterns=True)
    if found:
        raise ValidationFailed(found)
    require_all(ctx, expanded(command.permissions))
