"""The dispatcher: what transactions wrote to the outbox becomes the event log, and whoever follows it is told.

Rows are claimed by row lock, never by a cursor: a sequence number is given before the commit, so a lower one may become
visible after a higher one was read. Everything happens in one transaction; a dispatcher that dies leaves all as it was.
Two dispatchers at once take different rows, and the lock on a tenant's position makes one wait for the other's commit,
so that positions have no gaps and become visible in their order.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog

from turnus.kernel.ids import new_ids
from turnus.platform import metrics
from turnus.platform.clock import Clock
from turnus.platform.db.pool import Connection, Database
from turnus.platform.services import Services
from turnus.platform.work import system_work

log = structlog.get_logger("turnus.dispatch")
CLAIM_ROWS = 500
MAX_SUBJECTS = 20_000
"""So many events are written in one transaction (more only when a single fact has more)."""
POLL_SECONDS = 0.25
LAG_SECONDS = 5.0


class Told(msgspec.Struct, frozen=True):
    """A claimed outbox row; `subjects` is the number of its objects."""

    tenant_id: UUID
    id: UUID
    event: str
    resource: str
    subjects: int
    occurred_at: datetime


class Batch(msgspec.Struct, frozen=True):
    """What one transaction wrote to the event log: the facts, and each tenant's first and last position."""

    at: datetime
    facts: list[Told]
    spans: dict[UUID, tuple[int, int]]

    def events(self) -> Counter[tuple[UUID, str]]:
        """How many events of each tenant and name."""
        counted: Counter[tuple[UUID, str]] = Counter()
        for fact in self.facts:
            counted[fact.tenant_id, fact.event] += fact.subjects
        return counted


Follower = Callable[[Connection, Batch], Awaitable[None]]
Carrier = Callable[[Connection, Sequence[Told], datetime], Awaitable[None]]
Sequel = Callable[[Database, Batch, Services | None], Awaitable[None]]
_followers: list[Follower] = []
_carriers: dict[str, Carrier] = {}
_sequels: list[Sequel] = []


def follow(follower: Follower) -> None:
    """Call `follower(connection, batch)` as the system role inside every dispatch, after its events were logged."""
    if follower not in _followers:
        _followers.append(follower)


def carry(resource: str, carrier: Carrier) -> None:
    """Hand outbox rows of a resource over to `carrier(connection, rows, now)` instead of logging them as events."""
    _carriers[resource] = carrier


def afterwards(sequel: Sequel) -> None:
    """Call `sequel(database, batch, services)` after the commit of a dispatch. Its failure is logged, no more."""
    if sequel not in _sequels:
        _sequels.append(sequel)


# As long as a dispatcher holds these, others skip them; a crash frees them untouched.
_CLAIM = """
select tenant_id, id, event, resource, cardinality(subjects), occurred_at
  from outbox order by sequence limit %s for update skip locked
"""
# The tenants' rows are locked in the order of their ids, whoever comes.
_POSITIONS = """
insert into event_position (tenant_id, position)
select tenant_id, number from unnest(%s::uuid[], %s::bigint[]) as counted (tenant_id, number) order by tenant_id
on conflict (tenant_id) do update set position = event_position.position + excluded.position
returning tenant_id, position
"""
_EXPLODE = """
with claimed as (
  delete from outbox using unnest(%(tenants)s::uuid[], %(rows)s::uuid[]) as wanted (tenant_id, id)
   where outbox.tenant_id = wanted.tenant_id and outbox.id = wanted.id
  returning outbox.*
), told as (
  select claimed.tenant_id, event, resource, subject, extra, occurred_at,
         row_number() over (order by claimed.tenant_id, sequence, place) as number,
         row_number() over (partition by claimed.tenant_id order by sequence, place) as step
    from claimed cross join lateral (
           select subject, place, detail.value as extra
             from unnest(claimed.subjects) with ordinality as listed (subject, place)
             left join jsonb_each(claimed.details) as detail on detail.key = listed.subject::text) as exploded
)
insert into event_log (tenant_id, id, position, event, resource, subject, details, occurred_at, created_at)
select told.tenant_id, (%(ids)s::uuid[])[number], base.position + step, event, resource, subject,
       coalesce(extra, '{}'), occurred_at, %(now)s
  from told join unnest(%(of)s::uuid[], %(bases)s::bigint[]) as base (tenant_id, position)
         on base.tenant_id = told.tenant_id
"""
_DELETE = "delete from outbox using unnest(%s::uuid[], %s::uuid[]) as w (t, i) where tenant_id = w.t and id = w.i"
_OLDEST = "select id from outbox order by sequence limit 1"


async def dispatch_once(
    database: Database, limit: int = CLAIM_ROWS, *, clock: Clock, services: Services | None = None
) -> int:
    """Dispatch up to `limit` outbox rows in one transaction; returns how many it was (0: nothing waits)."""
    now = clock.wall()
    async with system_work(database) as connection:
        told = await _claimed(connection, limit)
        if not told:
            return 0
        carried = [row for row in told if row.resource in _carriers]
        batch = await _logged(connection, [row for row in told if row.resource not in _carriers], now)
        for resource, carrier in _carriers.items():
            if rows := [row for row in carried if row.resource == resource]:
                await carrier(connection, rows, now)
        if carried:
            await connection.execute(_DELETE, ([row.tenant_id for row in carried], [row.id for row in carried]))
        if batch.facts:
            for follower in _followers:
                await follower(connection, batch)
    for sequel in _sequels if batch.facts else ():
        try:
            await sequel(database, batch, services)
        except Exception:
            log.exception("after a dispatch", sequel=getattr(sequel, "__qualname__", ""))
    return len(told)


async def _claimed(connection: Connection, limit: int) -> list[Told]:
    cursor = await connection.execute(_CLAIM, (limit,), prepare=True)
    told: list[Told] = []
    subjects = 0
    async for row in cursor:
        subjects += row[4]
        if told and subjects > MAX_SUBJECTS:
            break
        told.append(Told(*row))
    return told


async def _logged(connection: Connection, facts: list[Told], now: datetime) -> Batch:
    counted: Counter[UUID] = Counter()
    for fact in facts:
        counted[fact.tenant_id] += fact.subjects
    if not facts:
        return Batch(now, [], {})
    cursor = await connection.execute(_POSITIONS, (list(counted), list(counted.values())), prepare=True)
    spans = {tenant: (last - counted[tenant] + 1, last) for tenant, last in await cursor.fetchall()}
    parameters: dict[str, Any] = {
        "tenants": [fact.tenant_id for fact in facts],
        "rows": [fact.id for fact in facts],
        "ids": new_ids(counted.total()),
        "of": list(spans),
        "bases": [first - 1 for first, _ in spans.values()],
        "now": now,
    }
    async with connection.cursor(binary=True) as inserting:
        await inserting.execute(_EXPLODE, parameters)
    return Batch(now, facts, spans)


async def oldest_waiting(database: Database) -> datetime | None:
    """When the longest waiting outbox row was written, by the clock of its id; None when nothing waits."""
    async with system_work(database) as connection:
        row = await (await connection.execute(_OLDEST)).fetchone()
    return None if row is None else datetime.fromtimestamp((row[0].int >> 80) / 1000, tz=UTC)


async def run_dispatcher(
    database: Database, clock: Clock, services: Services, stop: asyncio.Event, wake: asyncio.Event
) -> None:
    """Dispatch whatever comes until `stop`; looks every quarter of a second, at once when `wake` is set."""
    measured = clock.wall()
    while not stop.is_set():
        wake.clear()
        dispatched = await dispatch_once(database, clock=clock, services=services)
        now = clock.wall()
        if (now - measured).total_seconds() >= LAG_SECONDS:
            measured = now
            oldest = await oldest_waiting(database)
            metrics.set_outbox_lag(0.0 if oldest is None else max(0.0, (now - oldest).total_seconds()))
        if not dispatched:
            await _first(stop, wake, POLL_SECONDS)


async def _first(stop: asyncio.Event, wake: asyncio.Event, seconds: float) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in (stop, wake)]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
