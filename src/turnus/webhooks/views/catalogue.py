"""The catalogue of events."""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID

import msgspec

from turnus.platform.events.facts import EventType, catalogue
from turnus.platform.events.payloads import VERSION, public_id, sample


class AvailableEvent(msgspec.Struct, frozen=True):
    """An event that webhooks can be told of; `sample` is an invented body."""

    name: str
    group: str
    description: str
    version: str
    sample: dict[str, object]


SAMPLE_ID = UUID("01890000-0000-7000-8000-000000000000")


def sample_body(event: EventType, tenant_id: str, id: str, created: str) -> dict[str, object]:
    """An invented body of an event."""
    data = {"message": "This is a test."} if event.name == "webhook.test" else sample(event.resource)
    head = {"type": event.name, "id": id, "version": VERSION, "created": created}
    return {"event": head, "tenantId": tenant_id, "data": data}


@lru_cache(maxsize=1)
def available_events() -> list[AvailableEvent]:
    """All events, by name."""
    return [
        AvailableEvent(
            name=event.name,
            group=event.group,
            description=event.description,
            version=VERSION,
            sample=sample_body(event, str(SAMPLE_ID), public_id(SAMPLE_ID), "2026-03-02T08:15:00.000Z"),
        )
        for event in sorted(catalogue.values(), key=lambda event: event.name)
    ]
