"""Deliver events again."""

from __future__ import annotations

from uuid import UUID

from turnus.kernel.errors import InvalidState, NotFound, Problem, ValidationFailed
from turnus.kernel.ids import new_ids
from turnus.platform.context import Context
from turnus.platform.db.bulk import insert_rows
from turnus.platform.db.locks import LockOrder, lock
from turnus.webhooks.commands import RedeliverMany
from turnus.webhooks.model import OPEN, Webhook, WebhookDelivery

MAX_AT_ONCE = 10_000
COLUMNS = (
    ("tenant_id", "uuid"),
    ("id", "uuid"),
    ("webhook_id", "uuid"),
    ("event_id", "uuid"),
    ("event", "text"),
    ("status", "text"),
    ("attempt_count", "bigint"),
    ("next_attempt_at", "timestamptz"),
    ("created_at", "timestamptz"),
)
# An event that was to be delivered several times is delivered once more only.
_WANTED = """
select distinct event_id, event from webhook_delivery
 where tenant_id = %s and webhook_id = %s and created_at >= %s and created_at <= %s and status = %s
   and exists (select from event_log where event_log.tenant_id = webhook_delivery.tenant_id
                                       and event_log.id = webhook_delivery.event_id)
 order by event_id limit %s
"""
_EVENT = "select exists (select from event_log where tenant_id = %s and id = %s)"


class EventGone(Problem):
    """The event is older than the log is kept."""

    code, status = "gone", 410


async def redeliver_delivery(ctx: Context, delivery_id: UUID) -> UUID:
    """A new delivery of the same event at once; one that still waits is tried now. Returns its id.

    Raises:
        NotFound: there is no such delivery.
        InvalidState: the webhook is deleted or switched off.
        EventGone: the event was purged.
    """
    found = await ctx.session.get(WebhookDelivery, (ctx.tenant_id, delivery_id))
    if found is None:
        raise NotFound()
    try:
        await _lock_enabled(ctx, found.webhook_id)
    except NotFound:
        raise InvalidState("deleted", ["enabled"]) from None
    # Locked after the webhook, as the cancelling of its deliveries is.
    await ctx.session.refresh(found, with_for_update={"key_share": True})
    if found.status in OPEN:
        found.next_attempt_at = ctx.wall()
        return found.id
    cursor = await ctx.connection.execute(_EVENT, (ctx.tenant_id, found.event_id))
    if (await cursor.fetchone()) != (True,):
        raise EventGone()
    return (await _deliver(ctx, found.webhook_id, [(found.event_id, found.event)]))[0]


async def redeliver_deliveries(ctx: Context, webhook_id: UUID, command: RedeliverMany) -> int:
    """New deliveries of every event of a span of time whose delivery has the wanted state; returns how many.

    Raises:
        NotFound: there is no such webhook.
        InvalidState: it is switched off.
        ValidationFailed: the span is empty or holds more than 10,000 events.
    """
    if command.to < command.from_:
        raise ValidationFailed.at("to", "out_of_range", bounds="≥ from")
    await _lock_enabled(ctx, webhook_id)
    await ctx.flush()
    cursor = await ctx.connection.execute(
        _WANTED, (ctx.tenant_id, webhook_id, command.from_, command.to, command.status, MAX_AT_ONCE + 1)
    )
    events = await cursor.fetchall()
    if len(events) > MAX_AT_ONCE:
        raise ValidationFailed.at("to", "too_long", maximum=MAX_AT_ONCE)
    await _deliver(ctx, webhook_id, events)
    return len(events)


async def _lock_enabled(ctx: Context, webhook_id: UUID) -> None:
    webhook = await lock(ctx, Webhook, LockOrder.CONFIGURATION, webhook_id)
    if not webhook.enabled:
        raise InvalidState("disabled", ["enabled"])


async def _deliver(ctx: Context, webhook_id: UUID, events: list[tuple[UUID, str]]) -> list[UUID]:
    ids, now = new_ids(len(events)), ctx.wall()
    rows = [
        (ctx.tenant_id, id, webhook_id, event_id, event, "pending", 0, now, now)
        for id, (event_id, event) in zip(ids, events, strict=True)
    ]
    await insert_rows(ctx.connection, "webhook_delivery", COLUMNS, rows)
    ctx.log("webhook", webhook_id, "redelivered")
    return ids
