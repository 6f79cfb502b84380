"""Create a tenant."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

from psycopg import errors

from turnus.identity.model import Role
from turnus.identity.permissions import DEFAULT_ROLES
from turnus.kernel.errors import Problem
from turnus.kernel.ids import new_id
from turnus.platform.context import Context
from turnus.platform.db.pool import Database
from turnus.platform.db.terms import fold


class TenantExists(Problem):
    """Another tenant has the same name or slug."""

    code, status = "not_unique", 409


def slug_of(name: str) -> str:
    """The label of a tenant's host name, made from its name."""
    slug = re.sub(r"[^a-z0-9]+", "-", fold(name)).strip("-")[:60].strip("-")
    return slug or "tenant"


async def create_tenant(database: Database, name: str, *, sandbox: bool, now: datetime) -> UUID:
    """Create an empty tenant; `seed_roles` and the other areas' seeds fill it.

    Raises:
        TenantExists: the slug made from the name is taken.
    """
    id = new_id()
    async with database.connection() as connection, connection.transaction():
        try:
            await connection.execute(
                "insert into tenant (id, slug, name, sandbox, status, settings, created_at)"
                " values (%s, %s, %s, %s, 'active', '{}', %s)",
                (id, slug_of(name), name, sandbox, now),
            )
        except errors.UniqueViolation:
            raise TenantExists(f"A tenant called {slug_of(name)} exists already.") from None
    return id


async def seed_roles(ctx: Context) -> None:
    """The roles that every tenant begins with."""
    for name, permissions in DEFAULT_ROLES.items():
        ctx.add(
            Role(
                name=name,
                description=None,
                is_system=True,
                permissions=sorted(permissions),
                created_at=ctx.now(),
                updated_at=ctx.now(),
            )
        )
