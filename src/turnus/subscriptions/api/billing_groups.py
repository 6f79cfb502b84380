"""Routes of billing groups."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.platform.api import delete, get, post, put, router
from turnus.platform.context import Context
from turnus.subscriptions import views
from turnus.subscriptions.commands import CreateGroup, ReplaceGroup
from turnus.subscriptions.ops import billing_group as ops
from turnus.subscriptions.views.groups import GroupView

routes = router("Billing groups")
_ONE = "/billing-groups/{group_id}"
READ, WRITE = "subscription:read", "subscription:write"


@get(routes, "/billing-groups", permission=READ, summary="List billing groups", listing=views.group_list)
async def list_billing_groups(ctx: Context) -> dict[str, Any]:
    return {}


@get(routes, _ONE, permission=READ, summary="Read a billing group")
async def read_billing_group(ctx: Context, group_id: UUID) -> GroupView:
    return await views.billing_group(ctx, group_id)


@post(routes, "/billing-groups", permission=WRITE, summary="Create a billing group")
async def create_billing_group(ctx: Context, data: CreateGroup) -> GroupView:
    """Subscriptions of the customer that join it are billed on its date, on one invoice."""
    group = await ops.create_group(ctx, data)
    return await views.billing_group(ctx, group.id)


@put(routes, _ONE, permission=WRITE, summary="Replace a billing group")
async def replace_billing_group(ctx: Context, group_id: UUID, data: ReplaceGroup) -> GroupView:
    """Members follow a new date from the end of what was billed."""
    await ops.change_group(ctx, group_id, data)
    return await views.billing_group(ctx, group_id)


@delete(routes, _ONE, permission=WRITE, summary="Delete a billing group", statuses=(409,))
async def delete_billing_group(ctx: Context, group_id: UUID) -> None:
    """Refused while subscriptions are members."""
    await ops.delete_group(ctx, group_id)
