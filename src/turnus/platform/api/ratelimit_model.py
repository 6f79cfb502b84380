"""What API processes tell each other of their rate limits."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from turnus.platform.db.schema import Base, mark


class RateLimitUsage(Base):
    """How much one process ever let pass for a key. Only the login role reads and writes it.

    Unlogged: after a crash of the server the buckets are full again, which is no harm.
    """

    __tablename__ = "rate_limit_usage"
    __table_args__ = (Index("ix_rate_limit_usage_updated_at", "updated_at"), {"prefixes": ["unlogged"]})

    process: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    limit_per_minute: Mapped[int]
    burst: Mapped[int]
    passed: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


mark(RateLimitUsage.__table__, global_=True)  # type: ignore[arg-type]
