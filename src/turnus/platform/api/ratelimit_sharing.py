"""API processes tell each other once a second what they let pass, so that a limit holds for all of them together.

Each process writes the total it ever let pass for a key and reads the others' totals; what they grew by since the last
look is taken off here. Totals, because whatever was missed by one look is in the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from turnus.kernel.ids import new_id
from turnus.platform.clock import Clock
from turnus.platform.db.pool import Database
from turnus.platform.ratelimit import Consumption, Limiter

log = structlog.get_logger("turnus.ratelimit")
PERIOD_SECONDS = 1.0
_CLEAN_EVERY = 300
_MAX_KEYS = 100_000
_WRITE = """
insert into rate_limit_usage (process, key, limit_per_minute, burst, passed)
select %s, key, per_minute, burst, passed
  from unnest(%s::text[], %s::int[], %s::int[], %s::bigint[]) as told (key, per_minute, burst, passed)
on conflict (process, key) do update
   set limit_per_minute = excluded.limit_per_minute, burst = excluded.burst, passed = excluded.passed,
       updated_at = clock_timestamp()
"""
# Longer than a round may be late; what is read twice has no effect the second time.
_READ = """
select process, key, limit_per_minute, burst, passed from rate_limit_usage
 where process <> %s and updated_at > clock_timestamp() - interval '60 seconds'
"""
# A bucket that nobody used for so long is full in every process.
_CLEAN = "delete from rate_limit_usage where updated_at < clock_timestamp() - interval '1 hour'"


class Sharing:
    """One process's part in the exchange."""

    def __init__(self, database: Database, limiter: Limiter, clock: Clock) -> None:
        self._database, self._limiter, self._clock = database, limiter, clock
        self._id = new_id()
        self._own: dict[str, Consumption] = {}
        self._unwritten: set[str] = set()
        self._seen: dict[tuple[UUID, str], int] = {}
        self._first = True
        self._rounds = 0

    async def exchange(self) -> None:
        """Write what passed here and take off what passed elsewhere."""
        for told in self._limiter.drain_deltas():
            before = self._own[told.key].passed if told.key in self._own else 0
            self._own[told.key] = told._replace(passed=before + told.passed)
            self._unwritten.add(told.key)
        changed = [self._own[key] for key in sorted(self._unwritten)]
        async with self._database.connection() as connection:
            if changed:
                keys, limits, bursts, totals = zip(*changed, strict=True)
                await connection.execute(_WRITE, (self._id, list(keys), list(limits), list(bursts), list(totals)))
            rows = await (await connection.execute(_READ, (self._id,))).fetchall()
            if self._rounds % _CLEAN_EVERY == 0:
                await connection.execute(_CLEAN)
        self._unwritten.clear()
        self._rounds += 1
        if len(self._own) > _MAX_KEYS:
            # Totals may only grow, so forgetting them means to begin as another process.
            self._own, self._id = {}, new_id()
        self._limiter.apply_remote(self._growth(rows), self._clock.wall().timestamp())

    def _growth(self, rows: list[tuple[Any, ...]]) -> list[Consumption]:
        grown, seen = [], dict[tuple[UUID, str], int]()
        for process, key, limit, burst, total in rows:
            # What others had counted before this process began is long refilled.
            before = self._seen.get((process, key), total if self._first else 0)
            seen[process, key] = total
            if total > before:
                grown.append(Consumption(key, limit, burst, total - before))
        # Rows that fell out of the window come back with their old total when they change.
        self._seen |= seen
        if len(self._seen) > _MAX_KEYS:
            self._seen = seen
        self._first = False
        return grown

    async def run(self) -> None:
        """Exchange once a second, for ever; a database that cannot be reached is tried again."""
        while True:
            try:
                await self.exchange()
            except (psycopg.Error, PoolTimeout):
                log.exception("rate limits could not be shared")
            await asyncio.sleep(PERIOD_SECONDS)


def sharing(database: Database, limiter: Limiter, clock: Clock) -> Callable[[Any], Any]:
    """A lifespan for the application: shares the limiter as long as it serves."""

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        task = asyncio.create_task(Sharing(database, limiter, clock).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return lifespan
