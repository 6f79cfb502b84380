"""Read side of webhooks."""

from __future__ import annotations

from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam, select

from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import convert, from_, read, read_rows, shape
from turnus.platform.listing import Flag, InstantFilter, ListOf, Order
from turnus.webhooks.commands import MASKED
from turnus.webhooks.model import Webhook
from turnus.webhooks.secrets import open_secret
from turnus.webhooks.views.instants import optional_instant


class WebhookView(msgspec.Struct, frozen=True, rename="camel"):
    """A webhook. `secret` is shown to whoever may change webhooks; values of headers are never shown."""

    id: UUID
    url: str
    events: list[str]
    enabled: bool
    version: str
    secret: str | None
    name: str | None
    description: str | None
    headers: dict[str, str]
    disabled_reason: str | None
    last_delivery_at: str | None
    last_success_at: str | None
    failure_count: int
    previous_secret_valid_until: str | None
    created_at: str
    updated_at: str


def _masked(names: list[str]) -> dict[str, str]:
    return dict.fromkeys(names, MASKED)


w = Webhook
_webhook = shape(
    WebhookView,
    id=w.id,
    url=w.url,
    events=w.events,
    enabled=w.enabled,
    version=w.version,
    secret=None,
    name=w.name,
    description=w.description,
    headers=convert(_masked, w.header_names),
    disabled_reason=w.disabled_reason,
    last_delivery_at=convert(optional_instant, w.last_delivery_at),
    last_success_at=convert(optional_instant, w.last_success_at),
    failure_count=w.failure_count,
    previous_secret_valid_until=convert(optional_instant, w.previous_secret_until),
    created_at=convert(instant, w.created_at),
    updated_at=convert(instant, w.updated_at),
)
webhook_list = ListOf(
    "webhook",
    _webhook,
    from_(w),
    id=w.id,
    filters=[Flag("enabled", w.enabled), InstantFilter("createdAt", w.created_at, nullable=False)],
    orders=[Order("createdAt", w.created_at)],
)
_one = read(from_(w).where(w.id == bindparam("id", type_=Uuid)), _webhook)
_secret = read_rows(select(w.secret).where(w.id == bindparam("id", type_=Uuid)))


async def webhook(ctx: Context, id: UUID) -> WebhookView:
    """A webhook; with its secret when the caller may change webhooks. Raises NotFound."""
    found = await _one.one(ctx, id=id)
    if not ctx.may("webhook:write"):
        return found
    ((stored,),) = await _secret.all(ctx, id=id)
    secret = open_secret(ctx.services.cipher, ctx.tenant_id, id, stored)
    return msgspec.structs.replace(found, secret=secret)
