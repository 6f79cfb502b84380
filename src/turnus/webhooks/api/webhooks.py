"""Routes of webhooks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from turnus.platform.api import ANY_TOKEN, Afterwards, delete, get, patch, post, put, router
from turnus.platform.context import Context
from turnus.webhooks.commands import PatchWebhook, RedeliverMany, SendTest, WebhookFields
from turnus.webhooks.ops import redeliver as redeliveries
from turnus.webhooks.ops import webhook as ops
from turnus.webhooks.ops.rotate_secret import rotate_secret
from turnus.webhooks.ops.send_test import TestResult, prepare_test
from turnus.webhooks.views import catalogue as event_catalogue
from turnus.webhooks.views import webhooks as views
from turnus.webhooks.views.catalogue import AvailableEvent
from turnus.webhooks.views.webhooks import WebhookView, webhook_list

routes = router("Webhooks")


class Redelivered(msgspec.Struct, frozen=True):
    """How many events are delivered again."""

    count: int


@get(routes, "/webhooks", permission="webhook:read", summary="List webhooks", listing=webhook_list)
async def list_webhooks(ctx: Context) -> dict[str, Any]:
    """Secrets are shown by the single webhook only."""
    return {}


@post(routes, "/webhooks", permission="webhook:write", summary="Create a webhook")
async def create_webhook(ctx: Context, data: WebhookFields) -> WebhookView:
    """Events are names of `/available-webhook-events`, groups such as `invoice.*`, or `*`. The secret is made here."""
    webhook = await ops.create_webhook(ctx, data)
    return await views.webhook(ctx, webhook.id)


@get(routes, "/webhooks/{webhook_id}", permission="webhook:read", summary="Read a webhook")
async def read_webhook(ctx: Context, webhook_id: UUID) -> WebhookView:
    """The secret is shown to whoever may change webhooks."""
    return await views.webhook(ctx, webhook_id)


@put(routes, "/webhooks/{webhook_id}", permission="webhook:write", summary="Replace a webhook")
async def replace_webhook(ctx: Context, webhook_id: UUID, data: WebhookFields) -> WebhookView:
    """Switching it off cancels what waits for delivery; a header sent as `***` keeps its value."""
    await ops.replace_webhook(ctx, webhook_id, data)
    return await views.webhook(ctx, webhook_id)


@patch(routes, "/webhooks/{webhook_id}", permission="webhook:write", summary="Change a webhook")
async def change_webhook(ctx: Context, webhook_id: UUID, data: PatchWebhook) -> WebhookView:
    """Only what is sent changes."""
    await ops.patch_webhook(ctx, webhook_id, data)
    return await views.webhook(ctx, webhook_id)


@delete(routes, "/webhooks/{webhook_id}", permission="webhook:write", summary="Delete a webhook")
async def delete_webhook(ctx: Context, webhook_id: UUID) -> None:
    """Open deliveries are cancelled."""
    await ops.delete_webhook(ctx, webhook_id)


@post(
    routes,
    "/webhooks/{webhook_id}/rotate-secret",
    permission="webhook:write",
    summary="Give a webhook a new secret",
    status=200,
)
async def rotate_webhook_secret(ctx: Context, webhook_id: UUID) -> WebhookView:
    """For 24 hours deliveries are signed with the old secret too."""
    await rotate_secret(ctx, webhook_id)
    return await views.webhook(ctx, webhook_id)


@post(
    routes,
    "/webhooks/{webhook_id}/test",
    permission="webhook:write",
    summary="Send an invented event to a webhook",
    status=200,
    weight="heavy",
    reads=True,
    result=TestResult,
)
async def test_webhook(ctx: Context, webhook_id: UUID, data: SendTest) -> Afterwards:
    """One signed request now, without retries, also when the webhook is switched off. Answers what came back."""
    return Afterwards(await prepare_test(ctx, webhook_id, data))


@post(
    routes,
    "/webhooks/{webhook_id}/redeliver",
    permission="webhook:write",
    summary="Deliver events of a span of time again",
    status=202,
    statuses=(409,),
)
async def redeliver_events(ctx: Context, webhook_id: UUID, data: RedeliverMany) -> Redelivered:
    """At most 10,000 events at once, each once more."""
    return Redelivered(await redeliveries.redeliver_deliveries(ctx, webhook_id, data))


@get(
    routes,
    "/available-webhook-events",
    permission=ANY_TOKEN,
    summary="List the events webhooks can be told of",
)
async def list_available_webhook_events(ctx: Context) -> list[AvailableEvent]:
    """Every event with an invented example of its body. Needs a valid token and no permission."""
    return event_catalogue.available_events()
