"""The first user of a tenant."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

from argon2 import PasswordHasher
from psycopg import errors
from sqlalchemy import select

from turnus.identity.model import Membership, Role
from turnus.kernel.errors import Problem
from turnus.kernel.ids import new_id
from turnus.platform.context import Context
from turnus.platform.db.pool import Database

ADMINISTRATOR = "Administrator"


class UserExists(Problem):
    """Somebody has this address already."""

    code, status = "not_unique", 409


def new_password() -> str:
    """A password to be written down once: 120 random bits as 20 characters."""
    return secrets.token_urlsafe(15)


async def create_user(database: Database, email: str, password: str, *, now: datetime) -> UUID:
    """Create a user without any tenant. Users are global: this is the login role's work, in no tenant.

    Takes some 50 ms of processor time for the password (argon2id, RFC 9106).

    Raises:
        UserExists: the address is taken.
    """
    id = new_id()
    async with database.connection() as connection, connection.transaction():
        try:
            await connection.execute(
                "insert into app_user"
                " (id, email, password_hash, first_name, last_name, language, time_zone, created_at)"
                " values (%s, %s, %s, '', '', 'en', 'Europe/Berlin', %s)",
                (id, email.strip().lower(), PasswordHasher().hash(password), now),
            )
        except errors.UniqueViolation:
            raise UserExists(f"A user {email} exists already.") from None
    return id


async def make_administrator(ctx: Context, user_id: UUID) -> Membership:
    """Let a user administer the tenant."""
    await ctx.flush()
    role_id = await ctx.session.scalar(
        select(Role.id).where(Role.tenant_id == ctx.tenant_id, Role.name == ADMINISTRATOR, Role.is_system)
    )
    assert role_id is not None, "every tenant begins with this role"
    membership = ctx.add(Membership(user_id=user_id, role_id=role_id, status="active", created_at=ctx.now()))
    ctx.log("user", membership.id, "created")
    return membership
