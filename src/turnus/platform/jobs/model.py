"""Which workers live."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from turnus.platform.db.schema import Base, mark


class WorkerHeartbeat(Base):
    """A worker process and when it last said that it lives. Only the login role reads and writes it."""

    __tablename__ = "worker_heartbeat"
    __table_args__ = (Index("ix_worker_heartbeat_beat_at", "beat_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    host: Mapped[str]
    process: Mapped[int]
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]


mark(WorkerHeartbeat.__table__, global_=True)  # type: ignore[arg-type]
