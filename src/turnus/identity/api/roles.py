"""Routes of roles and the permission catalogue."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.identity.commands import RoleFields
from turnus.identity.ops import role as ops
from turnus.identity.views import roles as views
from turnus.identity.views.roles import PermissionsView, RoleView, role_list
from turnus.platform.api import delete, get, post, put, router
from turnus.platform.context import Context

routes = router("Roles")


@get(routes, "/permissions", permission="role:read", summary="List permissions")
async def list_permissions(ctx: Context) -> PermissionsView:
    """Every permission with its group, what it is called and which built-in roles hold it."""
    return views.all_permissions(ctx)


@get(routes, "/roles", permission="role:read", summary="List roles", listing=role_list)
async def list_roles(ctx: Context) -> dict[str, Any]:
    return {}


@post(routes, "/roles", permission="role:write", summary="Create a role")
async def create_role(ctx: Context, data: RoleFields) -> RoleView:
    """A role holds no permission that its creator lacks (403)."""
    role = await ops.create_role(ctx, data)
    return await views.role(ctx, role.id)


@get(routes, "/roles/{role_id}", permission="role:read", summary="Read a role")
async def read_role(ctx: Context, role_id: UUID) -> RoleView:
    return await views.role(ctx, role_id)


@put(routes, "/roles/{role_id}", permission="role:write", summary="Replace a role", statuses=(409,))
async def replace_role(ctx: Context, role_id: UUID, data: RoleFields) -> RoleView:
    """Takes effect at once. Built-in roles stay as they are."""
    await ops.change_role(ctx, role_id, data)
    return await views.role(ctx, role_id)


@delete(routes, "/roles/{role_id}", permission="role:write", summary="Delete a role", statuses=(409,))
async def delete_role(ctx: Context, role_id: UUID) -> None:
    """Neither a built-in role nor one that users or tokens have."""
    await ops.delete_role(ctx, role_id)
