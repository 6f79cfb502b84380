"""The two tables that are read before the tenant is known, and the function that enters a tenant."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from turnus.platform.db.schema import APP_ROLE, SYSTEM_ROLE, Base, mark, one_of


class Tenant(Base):
    """An organisation. `clock_at` is the business time of a sandbox whose test clock was set."""

    __tablename__ = "tenant"
    __table_args__ = (one_of("status", ("active", "suspended", "closed")),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    sandbox: Mapped[bool]
    status: Mapped[str]
    clock_at: Mapped[datetime | None]
    settings: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Credential(Base):
    """Who may enter: the SHA-256 of an API token, a session or a link, and what it stands for."""

    __tablename__ = "credential"
    __table_args__ = (
        one_of("kind", ("token", "user", "customer")),
        Index("ix_credential_principal", "tenant_id", "principal_id"),
    )

    hash: Mapped[bytes] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    kind: Mapped[str]
    principal_id: Mapped[UUID]
    name: Mapped[str]
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    rate_limit: Mapped[int | None]
    allowed_ips: Mapped[list[str]] = mapped_column(ARRAY(Text))
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


mark(Tenant.__table__, global_=True)  # type: ignore[arg-type]
mark(Credential.__table__, global_=True)  # type: ignore[arg-type]

_TENANT = "nullif(current_setting('app.tenant_id', true), '')::uuid"

ENTER_COLUMNS = (
    "tenant_id",
    "slug",
    "tenant_name",
    "sandbox",
    "status",
    "clock_at",
    "settings",
    "kind",
    "principal_id",
    "principal_name",
    "permissions",
    "rate_limit",
    "allowed_ips",
    "expires_at",
)

ENTER_DDL = """
create function turnus_enter(p_hash bytea)
returns table (tenant_id uuid, slug text, tenant_name text, sandbox boolean, status text, clock_at timestamptz,
               settings jsonb, kind text, principal_id uuid, principal_name text, permissions text[],
               rate_limit bigint, allowed_ips text[], expires_at timestamptz)
language plpgsql as $$
begin
  return query
    select t.id, t.slug, t.name, t.sandbox, t.status, t.clock_at, t.settings,
           c.kind, c.principal_id, c.name, c.permissions, c.rate_limit, c.allowed_ips, c.expires_at
      from credential c join tenant t on t.id = c.tenant_id
     where c.hash = p_hash;
  if found then
    perform set_config('app.tenant_id',
                       (select c.tenant_id::text from credential c where c.hash = p_hash), true);
    perform set_config('role', 'turnus_app', true);
  end if;
end $$
"""


def global_ddl(owner: str) -> list[str]:
    """Row-level security of the global tables: the login role reads them, the application only its tenant's rows."""
    statements = []
    for table, key, privileges in (
        ("tenant", "id", "select, update"),
        ("credential", "tenant_id", "select, insert, update, delete"),
    ):
        statements += [
            f"alter table {table} enable row level security",
            f"alter table {table} force row level security",
            f"create policy login on {table} to \"{owner}\" using (current_user = '{owner}')"
            f" with check (current_user = '{owner}')",
            f"create policy tenant on {table} to {APP_ROLE} using ({key} = {_TENANT}) with check ({key} = {_TENANT})",
            f"create policy system on {table} to {SYSTEM_ROLE} using (current_user = '{SYSTEM_ROLE}')"
            f" with check (current_user = '{SYSTEM_ROLE}')",
            f"grant {privileges} on {table} to {APP_ROLE}",
            f"grant select, insert, update, delete on {table} to {SYSTEM_ROLE}",
        ]
    return [*statements, ENTER_DDL]
