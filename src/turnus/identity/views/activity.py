"""The activity log: who did what to which object."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from turnus.kernel.wire import instant
from turnus.platform.db.reads import convert, from_, shape
from turnus.platform.events.model import Activity
from turnus.platform.listing import Code, InstantFilter, ListOf, Order, Reference


class ActorView(msgspec.Struct, frozen=True, rename="camel"):
    """Who acted: a user, a token, a customer or (without id) the system."""

    type: str
    id: UUID | None
    name: str


class ActivityView(msgspec.Struct, frozen=True, rename="camel"):
    """An entry of the activity log. `changes` name each property with its value before and after."""

    id: UUID
    resource_type: str
    resource_id: UUID
    action: str
    actor: ActorView
    changes: list[dict[str, Any]]
    ip: str | None
    request_id: str | None
    created_at: str


_a = Activity
_shape = shape(
    ActivityView,
    id=_a.id,
    resource_type=_a.resource_type,
    resource_id=_a.resource_id,
    action=_a.action,
    actor=shape(ActorView, type=_a.actor_kind, id=_a.actor_id, name=_a.actor_name),
    changes=_a.changes,
    ip=_a.ip,
    request_id=_a.request_id,
    created_at=convert(instant, _a.created_at),
)
activity_list = ListOf(
    "activity",
    _shape,
    from_(_a),
    id=_a.id,
    filters=[
        Code("resourceType", _a.resource_type, nullable=False),
        Reference("resourceId", _a.resource_id, nullable=False),
        Reference("actor", _a.actor_id),
        Code("action", _a.action, nullable=False),
        InstantFilter("createdAt", _a.created_at, nullable=False),
    ],
    orders=[Order("createdAt", _a.created_at)],
)
