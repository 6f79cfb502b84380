"""What commands share: options, the installation, the tenant, output."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer

from turnus.entry.cli.app import CommandError
from turnus.entry.installation import Installation, configure_logging, configured
from turnus.platform.config import Config

if TYPE_CHECKING:
    from turnus.platform.db.pool import Database
    from turnus.platform.tenancy.enter import TenantInfo

T = TypeVar("T")

TenantOption = Annotated[
    str | None,
    typer.Option("--tenant", metavar="NAME", help="Slug, name or id; not needed when there is only one tenant."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def say(text: str) -> None:
    """Tell the person at the terminal; standard output stays for results."""
    typer.echo(text, err=True)


def print_json(value: Any) -> None:
    """One JSON document on standard output, keys as given (structs: as on the wire)."""
    from turnus.kernel.wire import encode

    sys.stdout.write(encode(value).decode() + "\n")


def load_configuration() -> Config:
    """The checked configuration; tells its warnings and sends log lines to standard error."""
    config = configured()
    configure_logging(config)
    for warning in config.warnings:
        say(f"turnus: warning: {warning}")
    return config


def with_database(work: Callable[[Installation, Database], Awaitable[T]], *, connections: int = 2) -> T:
    """Run `work` on this installation: embedded server started or joined, database usable and open."""

    async def opened(installation: Installation) -> T:
        async with installation.open_database(connections=connections) as database:
            return await work(installation, database)

    with Installation.take(load_configuration(), on_wait=say) as installation:
        installation.make_usable()
        return asyncio.run(opened(installation))


def with_tenant(
    name: str | None, work: Callable[[Installation, Database, TenantInfo], Awaitable[T]], *, connections: int = 2
) -> T:
    """Run `work` for the tenant that `--tenant` names."""

    async def found(installation: Installation, database: Database) -> T:
        return await work(installation, database, await find(database, name))

    return with_database(found, connections=connections)


async def find(database: Database, name: str | None) -> TenantInfo:
    """The tenant of a slug, name or id; without any the only one there is. Raises CommandError."""
    from turnus.platform.tenancy.enter import find_tenant, only_tenant

    async with database.connection() as connection:
        if name is None:
            only = await only_tenant(connection)
            if only is None:
                raise CommandError("--tenant is needed: there is none yet, or more than one.")
            return only
        found = await find_tenant(connection, slug=name)
        if found is None:
            sql = (
                "select id from tenant where id::text = lower(%(name)s) or name = %(name)s order by created_at limit 2"
            )
            ids: list[tuple[UUID]] = await (await connection.execute(sql, {"name": name})).fetchall()
            if len(ids) > 1:
                raise CommandError(f"Several tenants are called {name!r}: use the slug or the id.")
            found = await find_tenant(connection, id=ids[0][0]) if ids else None
        if found is None:
            raise CommandError(f"There is no tenant {name!r}.")
        return found
