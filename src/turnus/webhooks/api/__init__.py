"""Routes of the webhooks area."""

from turnus.webhooks.api import deliveries, events, webhooks

ROUTERS = (webhooks.routes, deliveries.routes, events.routes)
