"""What a tenant's transactions told, and proof that a refused one wrote and told nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec

from kit.world import World
from turnus.platform.work import system_work

ALWAYS = ("outbox", "activity", "number_issued", "term")


class Told(msgspec.Struct):
    """One outbox row."""

    event: str
    subjects: list[UUID]
    details: dict[str, Any]

    def of(self, id: str) -> dict[str, Any]:
        """What goes beside the payload of one object."""
        return self.details.get(id, {})


async def facts(world: World) -> list[Told]:
    """The facts of a tenant, in order."""
    async with system_work(world.database) as connection:
        cursor = await connection.execute(
            "select event, subjects, details from outbox where tenant_id = %s order by sequence", (world.tenant_id,)
        )
        return [Told(*row) for row in await cursor.fetchall()]


async def activities(world: World, resource_id: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """Action and changes of the activity entries of an object, in order."""
    return [
        (action, changes)
        for action, changes in await world.rows(
            "select action, changes from activity where resource_id = %s order by id", UUID(resource_id)
        )
    ]


async def contents(world: World, tables: Sequence[str]) -> dict[str, str]:
    """A digest of all rows of a tenant, by table."""
    found = {}
    async with system_work(world.database) as connection:
        for table in tables:
            cursor = await connection.execute(
                f"select md5(coalesce(string_agg(t::text, '\n' order by t::text), '')) from {table} t"
                " where tenant_id = %s",
                (world.tenant_id,),
            )
            found[table] = (await cursor.fetchall())[0][0]
    return found


@asynccontextmanager
async def nothing_written(world: World, *tables: str) -> AsyncIterator[None]:
    """Assert that what happens inside leaves the tables, the outbox, the activity log and the journal alone."""
    watched = [*tables, *ALWAYS]
    before = await contents(world, watched)
    yield
    assert await contents(world, watched) == before
