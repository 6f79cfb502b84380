"""Outbox (written by transactions), event log (written by the dispatcher) and activity log."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from turnus.platform.db.schema import Base, TenantRow, mark


class Outbox(TenantRow):
    """One fact that waits for the dispatcher: an event and the objects it happened to. The application only inserts."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_order", "sequence"),)

    sequence: Mapped[int] = mapped_column(Identity(always=True))
    event: Mapped[str]
    resource: Mapped[str]
    subjects: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    details: Mapped[dict[str, Any]]
    occurred_at: Mapped[datetime]


class EventLog(TenantRow):
    """One event, at its gapless position in the tenant's log.

    Its public id is `webhk_` and the id as a ULID. `payload` is the JSON that receivers get, byte by byte, kept once it
    was rendered. `occurred_at` is business time, `created_at` the real time of the log entry, by which it is purged.
    """

    __tablename__ = "event_log"
    __table_args__ = (
        Index("uq_event_log_position", "tenant_id", "position", unique=True),
        Index("ix_event_log_event", "tenant_id", "event", "position"),
        Index("ix_event_log_subject", "tenant_id", "subject", "position"),
        Index("ix_event_log_resource", "tenant_id", "resource", "position"),
        Index("ix_event_log_occurred_at", "tenant_id", "occurred_at", "id"),
        # Rows come in the order of their age, so that a block range index finds the old ones and costs next to nothing.
        Index("ix_event_log_age", "created_at", postgresql_using="brin"),
    )

    position: Mapped[int]
    event: Mapped[str]
    resource: Mapped[str]
    subject: Mapped[UUID]
    details: Mapped[dict[str, Any]]
    payload: Mapped[bytes | None]
    occurred_at: Mapped[datetime]
    created_at: Mapped[datetime]


class EventPosition(Base):
    """The last position given in a tenant's event log; its row lock orders dispatchers."""

    __tablename__ = "event_position"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"), primary_key=True)
    position: Mapped[int] = mapped_column(server_default=text("0"))


class Activity(TenantRow):
    """Who did what to which object. Append-only."""

    __tablename__ = "activity"
    __table_args__ = (
        Index("ix_activity_created_at", "tenant_id", "created_at", "id"),
        Index("ix_activity_resource_id", "tenant_id", "resource_id", "created_at"),
        Index("ix_activity_resource_type", "tenant_id", "resource_type", "created_at"),
        Index("ix_activity_actor", "tenant_id", "actor_id", "created_at"),
        Index("ix_activity_action", "tenant_id", "action", "created_at"),
    )

    resource_type: Mapped[str]
    resource_id: Mapped[UUID]
    action: Mapped[str]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    changes: Mapped[list[Any]]
    ip: Mapped[str | None]
    request_id: Mapped[str | None]
    created_at: Mapped[datetime]


mark(Outbox.__table__, privileges="insert")  # type: ignore[arg-type]
mark(EventLog.__table__, privileges="select, update (payload)")  # type: ignore[arg-type]
mark(Activity.__table__, privileges="select, insert")  # type: ignore[arg-type]
