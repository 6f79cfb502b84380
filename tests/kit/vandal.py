"""Somebody with every right on the database and no scruples, who plants what `turnus verify` has to find."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from psycopg import AsyncConnection, sql

from kit import server as test_server
from kit.world import World
from turnus.platform.tenancy.enter import enter_tenant


@dataclass
class Vandal:
    """Works in a transaction of a superuser, with triggers and foreign keys off."""

    world: World
    connection: AsyncConnection[Any]

    async def does(self, statement: str) -> None:
        """Run a statement that touches something; `$tenant` stands for the tenant's id."""
        text = sql.SQL(statement.replace("$tenant", "{tenant}")).format(tenant=sql.Literal(self.world.tenant_id))
        cursor = await self.connection.execute(text)
        assert cursor.rowcount > 0, "there was nothing to damage"

    async def leaves(self) -> AsyncConnection[Any]:
        """The connection as the application would see the tenant now."""
        await enter_tenant(self.connection, self.world.tenant_id)
        return self.connection


@asynccontextmanager
async def vandal(world: World, *, lasting: bool = False) -> AsyncIterator[Vandal]:
    """A vandal at work in a world; all is as before afterwards, unless the damage is to be `lasting`."""
    database = urlsplit(world.database.url).path
    with test_server.start() as server:
        url = urlsplit(server.superuser_url)._replace(path=database).geturl()
        connection = await AsyncConnection.connect(url)
        try:
            await connection.execute("set session_replication_role = replica")
            yield Vandal(world, connection)
            if lasting:
                await connection.commit()
        finally:
            await connection.rollback()
            await connection.close()
