"""The ticker: asks for every tenant, at its own business time, what has fallen due.

A business due date is a column and no schedule of the queue, which has the database's clock. Each area registers a
function that does what is due until an instant. Several workers may ask at once: whatever is registered claims its
work by row locks, so that two of them share it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from turnus.platform.clock import Clock
from turnus.platform.db.pool import Database
from turnus.platform.services import Services

log = structlog.get_logger("turnus.ticker")
TICK_SECONDS = 5.0
_TENANTS = "select id, clock_at from tenant where status = 'active' order by id"


@dataclass(frozen=True, slots=True)
class Due:
    """A question to an area: do what is due in a tenant until `now`, its business time."""

    database: Database
    services: Services
    clock: Clock
    tenant_id: UUID
    now: datetime
    stop: asyncio.Event
    """Set when the process is to end: long work stops after its running chunk."""


Doer = Callable[[Due], Awaitable[int]]
_doers: dict[str, Doer] = {}


def register_due(name: str, doer: Doer) -> None:
    """Have `doer` called at every tick of every active tenant; it returns how much it did (0: nothing was due)."""
    if _doers.setdefault(name, doer) is not doer:
        raise ValueError(f"{name} is registered twice")


async def tick(database: Database, services: Services, clock: Clock, stop: asyncio.Event) -> int:
    """Ask once for all tenants; returns how much was done. What fails in one tenant holds nobody else up."""
    async with database.connection() as connection:
        tenants = await (await connection.execute(_TENANTS)).fetchall()
    done = 0
    for tenant_id, clock_at in tenants:
        for name, doer in _doers.items():
            if stop.is_set():
                return done
            try:
                done += await doer(Due(database, services, clock, tenant_id, clock_at or clock.wall(), stop))
            except Exception:
                log.exception("what is due failed", due=name, tenant_id=str(tenant_id))
    return done


async def run_ticker(database: Database, services: Services, clock: Clock, stop: asyncio.Event) -> None:
    """Tick until `stop`, again at once while there is something to do."""
    while not stop.is_set():
        if await tick(database, services, clock, stop) == 0:
            try:
                await asyncio.wait_for(stop.wait(), TICK_SECONDS)
            except TimeoutError:
                continue
