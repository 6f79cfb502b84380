"""Entering a tenant: the first statement of every transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from turnus.platform.db.pool import Connection
from turnus.platform.tenancy.model import ENTER_COLUMNS

_ENTER = f"select {', '.join(ENTER_COLUMNS)} from turnus_enter(%s)"
_BY_ID = "select id, slug, name, sandbox, status, clock_at, settings from tenant where id = %s"
_BY_SLUG = "select id, slug, name, sandbox, status, clock_at, settings from tenant where slug = %s"


class TenantInfo(msgspec.Struct, frozen=True):
    """What every transaction knows of its tenant. `settings` holds only what differs from the defaults."""

    id: UUID
    slug: str
    name: str
    sandbox: bool
    status: str
    clock_at: datetime | None
    settings: dict[str, Any]


class Entry(msgspec.Struct, frozen=True):
    """A credential that was found: the tenant it opens and what it may do there."""

    tenant: TenantInfo
    kind: str
    principal_id: UUID
    principal_name: str
    permissions: frozenset[str]
    rate_limit: int | None
    allowed_ips: tuple[str, ...]
    expires_at: datetime | None


async def enter(connection: Connection, credential_hash: bytes) -> Entry | None:
    """Enter the tenant of a credential for this transaction; None (and no tenant) when it is unknown."""
    cursor = await connection.execute(_ENTER, (credential_hash,), prepare=True)
    row = await cursor.fetchone()
    if row is None:
        return None
    return Entry(TenantInfo(*row[:7]), row[7], row[8], row[9], frozenset(row[10]), row[11], tuple(row[12]), row[13])


async def find_tenant(connection: Connection, *, id: UUID | None = None, slug: str | None = None) -> TenantInfo | None:
    """Look a tenant up as the login role, before one is entered."""
    sql, key = (_BY_ID, id) if id is not None else (_BY_SLUG, slug)
    row = await (await connection.execute(sql, (key,))).fetchone()
    return None if row is None else TenantInfo(*row)


async def only_tenant(connection: Connection) -> TenantInfo | None:
    """The tenant of an installation that has exactly one."""
    sql = "select id, slug, name, sandbox, status, clock_at, settings from tenant limit 2"
    rows = await (await connection.execute(sql)).fetchall()
    return TenantInfo(*rows[0]) if len(rows) == 1 else None


async def enter_tenant(connection: Connection, tenant_id: UUID) -> None:
    """Enter a tenant by its id: background work and the command line."""
    await connection.execute(
        "select set_config('app.tenant_id', %s, true), set_config('role', 'turnus_app', true)", (str(tenant_id),)
    )


async def enter_system(connection: Connection) -> None:
    """See all tenants: dispatcher, ticker, data steps of migrations."""
    await connection.execute("select set_config('role', 'turnus_system', true)")
