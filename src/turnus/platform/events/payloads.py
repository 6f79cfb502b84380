"""What an event shows of the object it happened to: the object's own read view, rendered once and kept.

`details` of an event hold what goes beside: `previous` (changed properties with their old values, beside `data`),
`data` (the last state of an object that is gone), and any other member, which becomes a property of `data`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog

from turnus.kernel.ids import from_ulid, ulid
from turnus.kernel.wire import decode
from turnus.platform.context import Context
from turnus.platform.events.samples import sample_of
from turnus.platform.events.stable_json import stable_json

log = structlog.get_logger("turnus.payloads")
PREFIX = "webhk_"
VERSION = "1.0.0"
BESIDE = ("previous", "data")

View = Callable[[Context, Sequence[UUID]], Awaitable[Mapping[UUID, msgspec.Struct]]]
_views: dict[str, tuple[View, type[msgspec.Struct]]] = {}


def payload_view(resource: str, view: View, kind: type[msgspec.Struct]) -> None:
    """Show objects of `resource` (the word of its event types) by `view(ctx, ids)`, which yields structs of `kind`."""
    _views[resource] = view, kind


def sample(resource: str) -> Any:
    """An invented payload of a resource, with every property of its view."""
    return sample_of(_views[resource][1]) if resource in _views else {"id": sample_of(UUID)}


def public_id(id: UUID) -> str:
    """The id of an event as receivers see it."""
    return PREFIX + ulid(id)


def id_of(text: str) -> UUID:
    """The id behind a public one, or any spelling of the UUID. Raises ValueError."""
    return from_ulid(text.removeprefix(PREFIX)) if text.startswith(PREFIX) else UUID(text)


def created(occurred_at: datetime) -> str:
    """The time of an event in its envelope: UTC, milliseconds, `Z`."""
    return occurred_at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def envelope(tenant_id: UUID, id: UUID, event: str, occurred_at: datetime, details: str, payload: bytes) -> bytes:
    """The body of an event: stable JSON (see `stable_json`) with `data`, and `previous` where values changed."""
    head = {
        "event": {"type": event, "id": public_id(id), "version": VERSION, "created": created(occurred_at)},
        "tenantId": str(tenant_id),
    }
    body = stable_json(head)[:-1] + b',"data":' + payload
    previous = decode(details.encode()).get("previous") if details != "{}" else None
    return body + (b"}" if previous is None else b',"previous":' + stable_json(previous) + b"}")


_MISSING = """
select id, resource, subject, details::text from event_log
 where tenant_id = %s and id = any(%s) and payload is null order by resource, position
"""
_KEEP = """
update event_log set payload = made.payload from unnest(%s::uuid[], %s::bytea[]) as made (id, payload)
 where tenant_id = %s and event_log.id = made.id and event_log.payload is null
"""
_KEPT = "select id, payload from event_log where tenant_id = %s and id = any(%s) and payload is not null"


async def payloads(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """The payloads of events by their ids; those not rendered yet are rendered now, in bulk, and kept.

    Of two that render at once the first one's is kept and answered to both.
    """
    if not ids:
        return {}
    connection = ctx.connection
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(_MISSING, (ctx.tenant_id, list(ids)))
        missing = await cursor.fetchall()
        if missing:
            made = await _rendered(ctx, missing)
            await cursor.execute(_KEEP, (list(made), list(made.values()), ctx.tenant_id))
        await cursor.execute(_KEPT, (ctx.tenant_id, list(ids)))
        return dict(await cursor.fetchall())


async def _rendered(ctx: Context, rows: Sequence[tuple[UUID, str, UUID, str]]) -> dict[UUID, bytes]:
    subjects: dict[str, set[UUID]] = {}
    for _, resource, subject, _ in rows:
        subjects.setdefault(resource, set()).add(subject)
    shown: dict[tuple[str, UUID], bytes] = {}
    for resource, wanted in subjects.items():
        if resource in _views:
            found = await _views[resource][0](ctx, sorted(wanted))
            shown |= {(resource, id): stable_json(view) for id, view in found.items()}
    return {id: _payload(shown.get((resource, subject)), subject, details) for id, resource, subject, details in rows}


def _payload(shown: bytes | None, subject: UUID, details: str) -> bytes:
    if details == "{}" and shown is not None:
        return shown
    given = decode(details.encode())
    extra = {key: value for key, value in given.items() if key not in BESIDE}
    if shown is not None and not extra:
        return shown
    # An object that is gone meanwhile is shown as the event tells it, at least by its id.
    base = decode(shown) if shown is not None else given.get("data") or {"id": str(subject)}
    return stable_json(base | extra)
