"""How an area declares its jobs, in its `jobs.py`.

    @job("documents.render", chunk=50)
    async def render(run: JobRun) -> None:
        async with run.work() as ctx:
            await render_documents(ctx, run.ids)

A use case asks for it with `render.request(ctx, ids)`; that is a fact in the outbox, so it happens if and only if the
transaction commits. The dispatcher makes one job per chunk of ids. Jobs run at least once: a worker may die after the
work and before the record, so every job finds out itself what is left to do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from turnus.platform.clock import Clock
from turnus.platform.context import Context
from turnus.platform.db.pool import Database
from turnus.platform.events.facts import EventType
from turnus.platform.services import Services
from turnus.platform.work import tenant_work

RESOURCE = "job"
"""The resource of outbox rows that are requests for jobs."""
MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a job. Periodic ones have no tenant and no ids."""

    name: str
    database: Database
    services: Services
    clock: Clock
    attempt: int = 1
    tenant: UUID | None = None
    ids: Sequence[UUID] = ()
    details: dict[UUID, dict[str, Any]] = field(default_factory=dict)

    @property
    def tenant_id(self) -> UUID:
        """The tenant of a job that was requested."""
        assert self.tenant is not None, f"{self.name} has no tenant"
        return self.tenant

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Context]:
        """A transaction in the job's tenant; a job may have several, one after the other."""
        async with tenant_work(
            self.database, self.tenant_id, clock=self.clock, request_id=f"job:{self.name}", services=self.services
        ) as ctx:
            yield ctx


Handler = Callable[[JobRun], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class JobKind:
    """A declared job: `chunk` ids go into one job, a failed one is tried `attempts` times."""

    name: str
    run: Handler
    queue: str
    attempts: int
    chunk: int
    cron: str | None

    def request(self, ctx: Context, ids: Sequence[UUID], details: dict[UUID, dict[str, Any]] | None = None) -> None:
        """Ask for the job when this transaction commits; `details` are handed to it by id."""
        ctx.emit(EventType(self.name, RESOURCE, RESOURCE, ""), ids, details)


kinds: dict[str, JobKind] = {}


def _declare(kind: JobKind) -> JobKind:
    if kind.name in kinds and kinds[kind.name].run is not kind.run:
        raise ValueError(f"job {kind.name} is declared twice")
    kinds[kind.name] = kind
    return kind


def job(name: str, *, queue: str = "default", attempts: int = 8, chunk: int = 1000) -> Callable[[Handler], JobKind]:
    """Declare a job that transactions request."""
    return lambda handler: _declare(JobKind(name, handler, queue, attempts, chunk, None))


def periodic(name: str, cron: str, *, queue: str = MAINTENANCE, attempts: int = 3) -> Callable[[Handler], JobKind]:
    """Declare a job that runs by the clock (`cron`: minute, hour, day, month, weekday; UTC), once for all workers."""
    return lambda handler: _declare(JobKind(name, handler, queue, attempts, 1, cron))
