"""Routes of subscription items."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.catalogue.views.locales import locales
from turnus.platform.api import get, patch, router
from turnus.platform.context import Context
from turnus.subscriptions import views
from turnus.subscriptions.commands import ItemChanges
from turnus.subscriptions.ops import update_subscription as ops
from turnus.subscriptions.views.items import ItemView

routes = router("Subscription items")


@get(
    routes,
    "/subscription-items",
    permission="subscription:read",
    summary="List subscription items",
    listing=views.item_list,
)
async def list_subscription_items(ctx: Context) -> dict[str, Any]:
    return locales(ctx)


@get(routes, "/subscription-items/{item_id}", permission="subscription:read", summary="Read a subscription item")
async def read_subscription_item(ctx: Context, item_id: UUID) -> ItemView:
    return await views.subscription_item(ctx, item_id)


@patch(routes, "/subscription-items/{item_id}", permission="subscription:write", summary="Change a subscription item")
async def change_subscription_item(ctx: Context, item_id: UUID, data: ItemChanges) -> ItemView:
    """Texts and terms; invoices that were made keep theirs."""
    await ops.update_item(ctx, item_id, data)
    return await views.subscription_item(ctx, item_id)
