"""Tables of the identity area."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from turnus.platform.db.schema import Base, TenantRow, mark, one_of, references


class Role(TenantRow):
    """A named set of permissions that users of the tenant may have."""

    __tablename__ = "role"
    __table_args__ = (
        Index("uq_role_name", "tenant_id", "name", unique=True),
        Index("ix_role_created_at", "tenant_id", "created_at", "id"),
        Index("ix_role_is_system", "tenant_id", "is_system"),
    )

    name: Mapped[str]
    description: Mapped[str | None]
    is_system: Mapped[bool]
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Names of permissions, and `<resource>:*` for all of a resource; `permissions.expanded` tells what they mean."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ApiToken(TenantRow):
    """A key for machine access. Its secret is known to its holder alone; the hash opens the tenant (`credential`)."""

    __tablename__ = "api_token"
    __table_args__ = (
        references("role_id", "role"),
        Index("ix_api_token_created_at", "tenant_id", "created_at", "id"),
        Index("ix_api_token_revoked_at", "tenant_id", "revoked_at"),
        Index("ix_api_token_role", "tenant_id", "role_id"),
    )

    name: Mapped[str]
    prefix: Mapped[str]
    role_id: Mapped[UUID | None]
    """The role whose permissions the token has; None when it has permissions of its own."""
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    allowed_ips: Mapped[list[str]] = mapped_column(ARRAY(Text))
    rate_limit: Mapped[int | None]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    last_used_ip: Mapped[str | None]
    revoked_at: Mapped[datetime | None]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class User(Base):
    """A person with a login of their own, of any number of tenants. Only the login role reads it, never a tenant."""

    __tablename__ = "app_user"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    first_name: Mapped[str]
    last_name: Mapped[str]
    language: Mapped[str]
    time_zone: Mapped[str]
    created_at: Mapped[datetime]


mark(User.__table__, global_=True)  # type: ignore[arg-type]


class Membership(TenantRow):
    """A user's place in a tenant and the role that goes with it."""

    __tablename__ = "membership"
    __table_args__ = (
        references("role_id", "role"),
        one_of("status", ("active", "locked")),
        Index("uq_membership_user", "tenant_id", "user_id", unique=True),
        Index("ix_membership_role", "tenant_id", "role_id"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    role_id: Mapped[UUID]
    status: Mapped[str]
    created_at: Mapped[datetime]
