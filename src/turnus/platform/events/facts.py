"""What areas publish. Each area declares its event types in `events.py`; the registry feeds catalogue and documentation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class EventType(msgspec.Struct, frozen=True):
    """A named event of the webhook catalogue; `resource` names the read view that is its payload."""

    name: str
    resource: str
    group: str
    description: str


class Fact(msgspec.Struct):
    """What happened in this transaction, and to which objects.

    `subjects` maps each object to what goes beside its payload (`previous`, `invoice` …), mostly nothing. One fact is
    one outbox row, whatever the number of its objects.
    """

    event: EventType
    occurred_at: datetime
    subjects: dict[UUID, dict[str, Any]] = {}


catalogue: dict[str, EventType] = {}
Reaction = Callable[[Any, Fact], Awaitable[None]]
_reactions: dict[str, list[Reaction]] = {}


def event_type(name: str, resource: str, group: str, description: str) -> EventType:
    """Declare an event type."""
    made = EventType(name, resource, group, description)
    if catalogue.setdefault(name, made) != made:
        raise ValueError(f"event {name} is declared twice")
    return made


def react(event: EventType, reaction: Reaction) -> None:
    """Call `reaction(ctx, fact)` inside the transaction in which the event happened."""
    _reactions.setdefault(event.name, []).append(reaction)


def reactions_to(name: str) -> list[Reaction]:
    """The reactions to an event, in the order they were registered."""
    return _reactions.get(name, [])
