"""Races that always happen: hold what both need, wait until both wait for it, let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from kit.world import World

_WAITING = """
select count(*) from pg_stat_activity
 where datname = current_database() and wait_event_type = 'Lock' and pid <> pg_backend_pid()
"""
PATIENCE = 10.0
"""Seconds until a race that did not come about fails its test."""


@asynccontextmanager
async def holding(world: World, statement: str, *parameters: Any) -> AsyncIterator[None]:
    """Inside, another transaction of the tenant holds the row locks that a statement took."""
    async with await psycopg.AsyncConnection.connect(world.database.url) as connection:
        await connection.execute(
            "select set_config('app.tenant_id', %s, true), set_config('role', 'turnus_app', true)",
            (str(world.tenant_id),),
        )
        locked = await (await connection.execute(statement, parameters or None)).fetchall()
        assert locked, "there was nothing to lock"
        yield
        await connection.rollback()


async def until_waiting(world: World, sessions: int) -> None:
    """Return when that many sessions of the world's database wait for a lock."""
    async with asyncio.timeout(PATIENCE):
        async with await psycopg.AsyncConnection.connect(world.database.url, autocommit=True) as connection:
            while True:
                row = await (await connection.execute(_WAITING)).fetchone()
                assert row is not None
                if row[0] >= sessions:
                    return
                await asyncio.sleep(0.01)


async def until(world: World, statement: str, expected: Any) -> None:
    """Return when a statement's first value is the expected one."""
    async with asyncio.timeout(PATIENCE):
        while (await world.rows(statement))[0][0] != expected:
            await asyncio.sleep(0.01)


async def race(world: World, held: str, *contenders: Awaitable[Any]) -> list[Any]:
    """Start contenders against a held lock that all of them need, let go when all wait; their results, or errors."""
    async with holding(world, held):
        tasks = [asyncio.ensure_future(contender) for contender in contenders]
        await until_waiting(world, len(tasks))
    return list(await asyncio.gather(*tasks, return_exceptions=True))
