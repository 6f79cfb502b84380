"""Routes of the event log."""

from __future__ import annotations

from typing import Any

from turnus.platform.api import get, router
from turnus.platform.context import Context
from turnus.webhooks.views import events as views
from turnus.webhooks.views.events import EventView, event_list

routes = router("Webhooks")


@get(routes, "/events", permission="webhook:read", summary="List events", listing=event_list, result=EventView)
async def list_events(ctx: Context) -> dict[str, Any]:
    """The log of the last 30 days. To poll, remember the last position: `position[gt]=…&order[position]=asc`."""
    return {}


@get(routes, "/events/{event_id}", permission="webhook:read", summary="Read an event")
async def read_event(ctx: Context, event_id: str) -> EventView:
    """An event by its id `webhk_…`."""
    return await views.event(ctx, event_id)
