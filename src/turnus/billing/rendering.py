"""The renderer of a worker: documents of all tenants, batch after batch."""

from __future__ import annotations

import asyncio
from uuid import UUID

from turnus.billing.ops.render_documents import render_batch
from turnus.platform.clock import Clock
from turnus.platform.db.pool import Database
from turnus.platform.services import Services
from turnus.platform.work import system_work

BATCH = 50
POLL_SECONDS = 1.0
_WAITING = "select distinct tenant_id from invoice where status = 'STATUS_FINALIZING' and render_after <= %s"


async def run_renderer(database: Database, services: Services, clock: Clock, stop: asyncio.Event) -> None:
    """Render until `stop`, one batch per tenant in turn, so that a large run holds no other tenant up."""
    while not stop.is_set():
        done = 0
        for tenant_id in await _tenants(database, clock):
            if stop.is_set():
                return
            done += await render_batch(database, tenant_id, clock=clock, services=services, limit=BATCH)
        if not done:
            try:
                await asyncio.wait_for(stop.wait(), POLL_SECONDS)
            except TimeoutError:
                continue


async def render_all(database: Database, tenant_id: UUID, *, clock: Clock, services: Services) -> int:
    """Render everything that waits in a tenant; returns how many documents were let out."""
    total = 0
    while done := await render_batch(database, tenant_id, clock=clock, services=services, limit=BATCH):
        total += done
    return total


async def _tenants(database: Database, clock: Clock) -> list[UUID]:
    async with system_work(database) as connection:
        cursor = await connection.execute(_WAITING, (clock.wall(),))
        return [row[0] for row in await cursor.fetchall()]
