"""Routes of webhook deliveries."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.platform.api import get, post, router
from turnus.platform.context import Context
from turnus.webhooks.ops.redeliver import redeliver_delivery
from turnus.webhooks.views import deliveries as views
from turnus.webhooks.views.deliveries import DeliveryView, delivery_list

routes = router("Webhooks")


@get(
    routes,
    "/webhooks/{webhook_id}/deliveries",
    permission="webhook:read",
    summary="List the deliveries of a webhook",
    listing=delivery_list,
)
async def list_webhook_deliveries(ctx: Context, webhook_id: UUID) -> dict[str, Any]:
    """The log of the last 30 days."""
    return await views.webhook_of(ctx, webhook_id)


@get(routes, "/webhook-deliveries/{delivery_id}", permission="webhook:read", summary="Read a delivery")
async def read_webhook_delivery(ctx: Context, delivery_id: UUID) -> DeliveryView:
    """The body that is sent and every attempt with what came back."""
    return await views.delivery(ctx, delivery_id)


@post(
    routes,
    "/webhook-deliveries/{delivery_id}/redeliver",
    permission="webhook:write",
    summary="Deliver an event again",
    status=202,
    statuses=(409, 410),
)
async def redeliver_webhook_delivery(ctx: Context, delivery_id: UUID) -> DeliveryView:
    """Answers the new delivery; one that still waits is tried at once."""
    return await views.delivery(ctx, await redeliver_delivery(ctx, delivery_id))
