"""Tables of the identity area."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from turnus.platform.db.schema import TenantRow


class Role(TenantRow):
    """A named set of permissions that users of the tenant may have."""

    __tablename__ = "role"
    __table_args__ = (Index("uq_role_name", "tenant_id", "name", unique=True),)

    name: Mapped[str]
    description: Mapped[str | None]
    is_system: Mapped[bool]
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ApiToken(TenantRow):
    """A key for machine access. Its secret is known to its holder alone; the hash opens the tenant (`credential`)."""

    __tablename__ = "api_token"
    __table_args__ = (Index("ix_api_token_created_at", "tenant_id", "created_at", "id"),)

    name: Mapped[str]
    prefix: Mapped[str]
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    allowed_ips: Mapped[list[str]] = mapped_column(ARRAY(Text))
    rate_limit: Mapped[int | None]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
