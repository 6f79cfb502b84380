"""Tables of the webhooks area."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from turnus.platform.db.schema import TenantRow, one_of

OPEN = ("pending", "retrying")
STATUSES = ("pending", "retrying", "delivered", "failed", "cancelled")
DISABLED_REASONS = ("user", "failures")


class Webhook(TenantRow):
    """An address that is told of events.

    `secret`, `previous_secret` and `headers` are encrypted. `lease` is held by the process that delivers to this
    address, until its real time has come; so one address never sees more than one process. `failing_since` is the
    first failure after the last success.
    """

    __tablename__ = "webhook"
    __table_args__ = (
        one_of("version", ("v1",)),
        one_of("disabled_reason", DISABLED_REASONS),
        Index("ix_webhook_created_at", "tenant_id", "created_at", "id"),
        Index("ix_webhook_enabled", "tenant_id", "enabled"),
    )

    name: Mapped[str | None]
    description: Mapped[str | None]
    url: Mapped[str]
    events: Mapped[list[str]] = mapped_column(ARRAY(Text))
    enabled: Mapped[bool]
    version: Mapped[str]
    secret: Mapped[bytes]
    previous_secret: Mapped[bytes | None]
    previous_secret_until: Mapped[datetime | None]
    headers: Mapped[bytes]
    header_names: Mapped[list[str]] = mapped_column(ARRAY(Text))
    disabled_reason: Mapped[str | None]
    lease: Mapped[datetime | None]
    last_delivery_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]
    failure_count: Mapped[int]
    failing_since: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class WebhookDelivery(TenantRow):
    """One event on its way to one webhook, with the log of its attempts. All times are real ones.

    The log outlives the webhook, and both this and the event are purged after the same time, hence no foreign keys.
    `next_attempt_at` is set as long as the delivery is open.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        one_of("status", STATUSES),
        Index("ix_webhook_delivery_created_at", "tenant_id", "webhook_id", "created_at", "id"),
        Index("ix_webhook_delivery_status", "tenant_id", "webhook_id", "status"),
        Index("ix_webhook_delivery_event", "tenant_id", "webhook_id", "event"),
        Index(
            "ix_webhook_delivery_open",
            "webhook_id",
            "next_attempt_at",
            postgresql_where=text("status in ('pending', 'retrying')"),
        ),
        Index("ix_webhook_delivery_age", "created_at", postgresql_using="brin"),
    )

    webhook_id: Mapped[UUID]
    event_id: Mapped[UUID]
    event: Mapped[str]
    status: Mapped[str]
    attempt_count: Mapped[int]
    attempts: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    next_attempt_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
