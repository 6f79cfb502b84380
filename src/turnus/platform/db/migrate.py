"""Bring a database up to date, or say whether it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from turnus.platform.db.schema import APP_ROLE, SYSTEM_ROLE

MIGRATIONS = Path(__file__).parents[2] / "migrations"
_LOCK = 7_391_402_115
ROLES_SQL = f"""\
-- Run once as a superuser when the login role may not create roles; replace "turnus" by the login role.
create role {APP_ROLE} nologin;
create role {SYSTEM_ROLE} nologin;
grant {APP_ROLE}, {SYSTEM_ROLE} to "turnus";
"""


class MigrationError(Exception):
    """The database cannot be migrated; the message is one clear line."""


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration without a file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _connection(url: str) -> Iterator[Connection]:
    driver_url = url.replace("postgresql://", "postgresql+psycopg://", 1).replace(
        "postgres://", "postgresql+psycopg://", 1
    )
    engine = create_engine(driver_url, poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def ensure_roles(connection: Connection) -> None:
    """Create the application's two roles where missing and let the login role become them."""
    version = int(connection.execute(text("select current_setting('server_version_num')::int")).scalar_one())
    if version < 150000:
        raise MigrationError(f"PostgreSQL 15 or newer is needed, this server is {version // 10000}.")
    present = set(connection.execute(text("select rolname from pg_roles where rolname like 'turnus%'")).scalars())
    may_create = connection.execute(
        text("select rolcreaterole or rolsuper from pg_roles where rolname = current_user")
    ).scalar_one()
    superuser = connection.execute(text("select rolsuper from pg_roles where rolname = current_user")).scalar_one()
    if superuser:
        raise MigrationError(
            "The login role is a superuser and would see all tenants: use one that merely owns the database."
        )
    for role in (APP_ROLE, SYSTEM_ROLE):
        if role not in present:
            if not may_create:
                raise MigrationError(
                    f"Role {role} is missing and the login role may not make it: turnus migrate --print-roles"
                )
            connection.execute(text(f"create role {role} nologin"))
        member = connection.execute(
            text("select pg_has_role(current_user, :role, 'member')"), {"role": role}
        ).scalar_one()
        settable = member and (
            version < 160000
            or connection.execute(text("select pg_has_role(current_user, :role, 'set')"), {"role": role}).scalar_one()
        )
        if not settable:
            # From 16 on the creator of a role may administer it but not become it without being granted it.
            connection.execute(text(f"grant {role} to current_user"))


def upgrade(url: str) -> None:
    """Apply all missing versions in one transaction; racing callers wait for the first."""
    with _connection(url) as connection:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        if current(connection) != head():
            ensure_roles(connection)
            command.upgrade(configuration(connection), "head")
        connection.commit()


def make_roles(url: str) -> None:
    """Make the application's roles where missing, in a database that is to be filled by a backup."""
    with _connection(url) as connection:
        ensure_roles(connection)
        connection.commit()


def is_known(version: str) -> bool:
    """Whether the code has this version, so that it can bring a database of it up to date."""
    return any(script.revision == version for script in ScriptDirectory.from_config(configuration()).walk_revisions())


def head() -> str | None:
    """The newest version of the code."""
    return ScriptDirectory.from_config(configuration()).get_current_head()


def current(connection: Connection) -> str | None:
    """The version of a database."""
    return MigrationContext.configure(connection).get_current_revision()


def is_current(url: str) -> bool:
    """Whether the database has the code's version."""
    with _connection(url) as connection:
        return current(connection) == head()
