"""A worker tells every few seconds that it lives; `/health/ready` and the operator read it."""

from __future__ import annotations

import asyncio
import os
import socket
from datetime import datetime
from uuid import UUID

from turnus.platform.clock import Clock
from turnus.platform.db.pool import Database

BEAT_SECONDS = 5.0
_BEAT = """
insert into worker_heartbeat (id, host, process, started_at, beat_at) values (%s, %s, %s, %s, %s)
on conflict (id) do update set beat_at = excluded.beat_at
"""
_GONE = "delete from worker_heartbeat where id = %s"


async def beat(database: Database, worker_id: UUID, started_at: datetime, now: datetime) -> None:
    """Say that the worker lives."""
    async with database.connection() as connection:
        await connection.execute(_BEAT, (worker_id, socket.gethostname(), os.getpid(), started_at, now))


async def run_heartbeat(database: Database, worker_id: UUID, clock: Clock, stop: asyncio.Event) -> None:
    """Beat until `stop`; then the worker is no longer listed."""
    started_at = clock.wall()
    while not stop.is_set():
        await beat(database, worker_id, started_at, clock.wall())
        try:
            await asyncio.wait_for(stop.wait(), BEAT_SECONDS)
        except TimeoutError:
            continue
    async with database.connection() as connection:
        await connection.execute(_GONE, (worker_id,))
