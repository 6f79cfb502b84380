"""The event log for clients that poll."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Text, Uuid, bindparam, cast

from turnus.kernel.errors import NotFound
from turnus.kernel.wire import decode, instant
from turnus.platform.context import Context
from turnus.platform.db.reads import Shape, convert, from_, read, shape
from turnus.platform.events.model import EventLog
from turnus.platform.events.payloads import VERSION, id_of, payloads, public_id
from turnus.platform.events.stable_json import stable_json
from turnus.platform.listing import Code, InstantFilter, ListOf, NumberFilter, Order, Page, Reference


class EventView(msgspec.Struct, frozen=True, rename="camel"):
    """Something that happened. `position` counts up without gaps, in the order in which events became visible."""

    id: str
    position: int
    type: str
    version: str
    resource: str
    resource_id: UUID
    created_at: str
    data: msgspec.Raw
    previous: Any


class _Row(msgspec.Struct):
    """An event as it is read; its payload follows in a second step."""

    id: UUID
    view: EventView


e = EventLog


def _previous(details: str) -> Any:
    previous = None if details == "{}" else decode(details.encode()).get("previous")
    return None if previous is None else msgspec.Raw(stable_json(previous))


_view: Shape[_Row] = shape(
    _Row,
    id=e.id,
    view=shape(
        EventView,
        id=convert(public_id, e.id),
        position=e.position,
        type=e.event,
        version=VERSION,
        resource=e.resource,
        resource_id=e.subject,
        created_at=convert(instant, e.occurred_at),
        data=msgspec.Raw(b"null"),
        previous=convert(_previous, cast(e.details, Text)),
    ),
)


async def _complete(ctx: Context, rows: list[_Row]) -> list[EventView]:
    rendered = await payloads(ctx, [row.id for row in rows])
    return [msgspec.structs.replace(row.view, data=msgspec.Raw(rendered[row.id])) for row in rows]


class EventList(ListOf[Any]):
    """The list of events, whose payloads are rendered with the page."""

    async def answer(
        self, ctx: Context, query_string: str, *, lenient: bool = False, **parameters: Any
    ) -> Page[EventView]:
        found = await super().answer(ctx, query_string, lenient=lenient, **parameters)
        return Page(await _complete(ctx, found.data), found.meta)


event_list = EventList(
    "event",
    _view,
    from_(e),
    id=e.id,
    filters=[
        Code("type", e.event, nullable=False),
        Code("resource", e.resource, nullable=False),
        Reference("resourceId", e.subject, nullable=False),
        NumberFilter("position", e.position, nullable=False),
        InstantFilter("createdAt", e.occurred_at, nullable=False),
    ],
    orders=[Order("position", e.position), Order("createdAt", e.occurred_at)],
    default_order=("position", "desc"),
)
_one = read(from_(e).where(e.id == bindparam("id", type_=Uuid)), _view)


async def event(ctx: Context, key: str) -> EventView:
    """An event by its id `webhk_…`. Raises NotFound."""
    try:
        id = id_of(key)
    except ValueError:
        raise NotFound() from None
    return (await _complete(ctx, [await _one.one(ctx, id=id)]))[0]
