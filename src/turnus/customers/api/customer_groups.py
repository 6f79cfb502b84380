"""Routes of customer groups."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.customers import views
from turnus.customers.commands import GroupFields
from turnus.customers.ops import customer_group as ops
from turnus.customers.views import GroupView, group_list
from turnus.kernel.errors import Violation
from turnus.platform.api import delete, get, post, put, router
from turnus.platform.context import Context
from turnus.platform.problems import InvalidInput

routes = router("Customer groups")


@get(
    routes,
    "/customer-groups",
    permission="customer-group:read",
    summary="List customer groups",
    listing=group_list,
)
async def list_groups(ctx: Context) -> dict[str, Any]:
    """Groups serve filters, price rules, dunning and reports."""
    return {}


@post(
    routes,
    "/customer-groups",
    permission="customer-group:write",
    summary="Create a customer group",
    statuses=(409,),
)
async def create_group(ctx: Context, data: GroupFields) -> GroupView:
    """The name is unique, without regard to case and accents."""
    return await views.group(ctx, await ops.create_group(ctx, data))


@get(routes, "/customer-groups/{group_id}", permission="customer-group:read", summary="Read a customer group")
async def read_group(ctx: Context, group_id: UUID) -> GroupView:
    """One customer group."""
    return await views.group(ctx, group_id)


@put(
    routes,
    "/customer-groups/{group_id}",
    permission="customer-group:write",
    summary="Replace a customer group",
    statuses=(409,),
)
async def replace_group(ctx: Context, group_id: UUID, data: GroupFields) -> GroupView:
    """New name and description."""
    await ops.replace_group(ctx, group_id, data)
    return await views.group(ctx, group_id)


@delete(
    routes,
    "/customer-groups/{group_id}",
    permission="customer-group:write",
    summary="Delete a customer group",
    statuses=(409,),
    query={"moveTo": "Id of the group that takes over the members; without it a group with members stays."},
)
async def delete_group(ctx: Context, group_id: UUID, query: dict[str, str]) -> None:
    """Refused while customers are in it, unless `moveTo` names their new group."""
    move_to = query.get("moveTo")
    try:
        target = None if move_to is None else UUID(move_to)
    except ValueError:
        raise InvalidInput([Violation("moveTo", "invalid_uuid")]) from None
    await ops.delete_group(ctx, group_id, move_to=target)
