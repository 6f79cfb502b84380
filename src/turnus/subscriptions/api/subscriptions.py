"""Routes of subscriptions."""

from __future__ import annotations

from typing import Any

from turnus.platform.api import delete, get, post, put, router
from turnus.platform.context import Context
from turnus.subscriptions import views
from turnus.subscriptions.commands import (
    ActivateSubscription,
    CancelSubscription,
    CreateSubscription,
    ReplaceSubscription,
)
from turnus.subscriptions.ops import activate_subscription as activate_op
from turnus.subscriptions.ops import cancel_subscription as cancel_op
from turnus.subscriptions.ops import create_subscription as create_op
from turnus.subscriptions.ops import update_subscription as update_op
from turnus.subscriptions.views.detail import SubscriptionView

routes = router("Subscriptions")
_ONE = "/subscriptions/{subscription_id}"
READ, WRITE = "subscription:read", "subscription:write"


@get(routes, "/subscriptions", permission=READ, summary="List subscriptions", listing=views.subscription_list)
async def list_subscriptions(ctx: Context) -> dict[str, Any]:
    """Items stand in short form; read the subscription for all of them."""
    return {}


@get(routes, _ONE, permission=READ, summary="Read a subscription")
async def read_subscription(ctx: Context, subscription_id: str) -> SubscriptionView:
    """The id may also be the subscription's number."""
    return await views.subscription(ctx, await views.resolve(ctx, subscription_id))


@post(routes, "/subscriptions", permission=WRITE, summary="Create a subscription")
async def create_subscription(ctx: Context, data: CreateSubscription) -> SubscriptionView:
    """A draft unless `activate` is true."""
    subscription = await create_op.create_subscription(ctx, data)
    return await views.subscription(ctx, subscription.id)


@put(routes, _ONE, permission=WRITE, summary="Replace a subscription", statuses=(409,))
async def replace_subscription(ctx: Context, subscription_id: str, data: ReplaceSubscription) -> SubscriptionView:
    """A number left out stays, as does the start of a running contract; the start of a draft left out becomes now."""
    id = await views.resolve(ctx, subscription_id)
    await update_op.update_subscription(ctx, id, data)
    return await views.subscription(ctx, id)


@put(routes, _ONE + "/activate", permission=WRITE, summary="Activate a subscription", statuses=(409,))
async def activate_subscription(ctx: Context, subscription_id: str, data: ActivateSubscription) -> SubscriptionView:
    """All items, or those named with their children; the first billing follows when they fall due."""
    id = await views.resolve(ctx, subscription_id)
    await activate_op.activate_subscription(ctx, id, data)
    return await views.subscription(ctx, id)


@put(routes, _ONE + "/cancel", permission=WRITE, summary="Cancel a subscription", statuses=(409,))
async def cancel_subscription(ctx: Context, subscription_id: str, data: CancelSubscription) -> SubscriptionView:
    """Now, at a date, or when the terms allow. What is owed or credited follows with the billing of that day."""
    id = await views.resolve(ctx, subscription_id)
    await cancel_op.cancel_subscription(ctx, id, data)
    return await views.subscription(ctx, id)


@delete(routes, _ONE, permission=WRITE, summary="Delete a draft subscription", statuses=(409,))
async def delete_subscription(ctx: Context, subscription_id: str) -> None:
    await update_op.delete_subscription(ctx, await views.resolve(ctx, subscription_id))
