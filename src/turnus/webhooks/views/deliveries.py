"""Read side of deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Text, Uuid, bindparam, cast, select
from sqlalchemy.sql import func

from turnus.kernel.errors import NotFound
from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import convert, from_, read, read_rows, read_scalar, shape
from turnus.platform.events.model import EventLog
from turnus.platform.events.payloads import envelope, payloads, public_id
from turnus.platform.listing import Choice, Code, InstantFilter, ListOf, Order
from turnus.webhooks.model import STATUSES, Webhook, WebhookDelivery
from turnus.webhooks.views.instants import optional_instant


class AttemptView(msgspec.Struct, frozen=True, rename="camel"):
    """One attempt; `error` is a word such as `timeout` when there was no answer."""

    number: int
    started_at: str
    duration_ms: int
    url: str
    status_code: int | None
    error: str | None
    response_body: str | None


class DeliveryListItem(msgspec.Struct, frozen=True, rename="camel"):
    """A delivery in a list; `statusCode`, `error` and `durationMs` are those of the last attempt."""

    id: UUID
    webhook_id: UUID
    event_id: str
    event: str
    status: str
    attempt_count: int
    status_code: int | None
    error: str | None
    duration_ms: int | None
    next_attempt_at: str | None
    finished_at: str | None
    created_at: str


class DeliveryView(DeliveryListItem, frozen=True, rename="camel"):
    """A delivery with the body that is sent (None when the event was purged) and all attempts."""

    request_body: msgspec.Raw | None
    attempts: list[AttemptView]


w, d, e = Webhook, WebhookDelivery, EventLog


def _last(attempts: list[dict[str, Any]]) -> dict[str, Any]:
    return attempts[-1] if attempts else {}


def _part(name: str) -> Any:
    return convert(lambda attempts: _last(attempts).get(name), d.attempts)


_FIELDS: dict[str, Any] = {
    "id": d.id,
    "webhook_id": d.webhook_id,
    "event_id": convert(public_id, d.event_id),
    "event": d.event,
    "status": d.status,
    "attempt_count": d.attempt_count,
    "status_code": _part("statusCode"),
    "error": _part("error"),
    "duration_ms": _part("durationMs"),
    "next_attempt_at": convert(optional_instant, d.next_attempt_at),
    "finished_at": convert(optional_instant, d.finished_at),
    "created_at": convert(instant, d.created_at),
}
delivery_list = ListOf(
    "webhook_delivery",
    shape(DeliveryListItem, **_FIELDS),
    from_(d).where(d.webhook_id == bindparam("webhook_id", type_=Uuid)),
    id=d.id,
    filters=[
        Code("event", d.event, nullable=False),
        Choice("status", d.status, STATUSES),
        InstantFilter("createdAt", d.created_at, nullable=False),
    ],
    orders=[Order("createdAt", d.created_at)],
)
_exists = read_scalar(select(func.count()).select_from(w).where(w.id == bindparam("id", type_=Uuid)))


async def webhook_of(ctx: Context, id: UUID) -> dict[str, Any]:
    """Parameters of the list of a webhook's deliveries. Raises NotFound."""
    if not await _exists.first(ctx, id=id):
        raise NotFound()
    return {"webhook_id": id}


def _attempts(stored: Sequence[dict[str, Any]]) -> list[AttemptView]:
    return msgspec.convert(stored, list[AttemptView])


_delivery = read(
    from_(d).where(d.id == bindparam("id", type_=Uuid)),
    shape(DeliveryView, **_FIELDS, request_body=None, attempts=convert(_attempts, d.attempts)),
)
_event_of = read_rows(
    select(e.id, e.event, e.occurred_at, cast(e.details, Text))
    .join(d, (d.tenant_id == e.tenant_id) & (d.event_id == e.id))
    .where(d.id == bindparam("id", type_=Uuid))
)


async def delivery(ctx: Context, id: UUID) -> DeliveryView:
    """A delivery with its request and its attempts. Raises NotFound."""
    found = await _delivery.one(ctx, id=id)
    event = await _event_of.first(ctx, id=id)
    if event is None:
        return found
    event_id, name, occurred_at, details = event
    payload = (await payloads(ctx, [event_id]))[event_id]
    body = envelope(ctx.tenant_id, event_id, name, occurred_at, details, payload)
    return msgspec.structs.replace(found, request_body=msgspec.Raw(body))
