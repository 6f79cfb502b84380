"""Tables of stored files."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from turnus.platform.db.schema import TenantRow, mark

FOLDERS = "invoice credit_note cancellation dunning offer export import logo attachment sepa product".split()


class Media(TenantRow):
    """A stored file; its bytes lie in the file store under `storage_name`, checked by `sha256`."""

    __tablename__ = "media"
    __table_args__ = (Index("ix_media_created_at", "tenant_id", "created_at", "id"),)

    folder: Mapped[str]
    is_private: Mapped[bool]
    mime_type: Mapped[str]
    extension: Mapped[str]
    file_name: Mapped[str]
    storage_name: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[bytes]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]


mark(Media.__table__, privileges="select, insert, delete")  # type: ignore[arg-type]
