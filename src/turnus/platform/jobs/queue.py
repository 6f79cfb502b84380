"""The queue behind the jobs: procrastinate, on tables that the login role alone may touch.

It has the database's clock and is no place for business due dates. Neither LISTEN nor session state is used, so that a
transaction pooler may sit in between. A periodic job is deferred by every worker; a unique key over name and time lets
one of them succeed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from procrastinate import App, JobContext, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy

from turnus.platform import metrics
from turnus.platform.clock import Clock
from turnus.platform.db.pool import Database
from turnus.platform.jobs.registry import JobKind, JobRun, kinds
from turnus.platform.services import Services

log = structlog.get_logger("turnus.jobs")
POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 10.0
STALLED_SECONDS = 60.0
_FIRST_RETRY_SECONDS = 5
_LONGEST_RETRY_SECONDS = 3600


class Patience(BaseRetryStrategy):
    """Try again after 5, 20, 80 … seconds, an hour at most, up to a number of attempts."""

    def __init__(self, attempts: int) -> None:
        self.attempts = attempts

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """When to try again; None gives up."""
        if job.attempts + 1 >= self.attempts:
            return None
        seconds = min(_FIRST_RETRY_SECONDS * 4**job.attempts, _LONGEST_RETRY_SECONDS)
        return RetryDecision(retry_in={"seconds": seconds})


def build_app(database: Database, services: Services, clock: Clock, *, connections: int) -> App:
    """The queue with a task for every declared job, on a small pool of its own as the login role."""
    connector = PsycopgConnector(
        conninfo=database.url, min_size=1, max_size=connections, kwargs={"application_name": "turnus jobs"}
    )
    app = App(connector=connector)
    for kind in kinds.values():
        _add(app, kind, database, services, clock)
    return app


def _add(app: App, kind: JobKind, database: Database, services: Services, clock: Clock) -> None:
    async def requested(context: JobContext, tenant: str, ids: list[str], details: dict[str, Any]) -> None:
        await _measured(
            kind,
            JobRun(
                name=kind.name,
                database=database,
                services=services,
                clock=clock,
                attempt=context.job.attempts + 1,
                tenant=UUID(tenant),
                ids=[UUID(id) for id in ids],
                details={UUID(id): given for id, given in details.items()},
            ),
        )

    async def by_the_clock(context: JobContext, timestamp: int) -> None:
        await _measured(kind, JobRun(kind.name, database, services, clock, context.job.attempts + 1))

    options: dict[str, Any] = {
        "name": kind.name,
        "queue": kind.queue,
        "retry": Patience(kind.attempts),
        "pass_context": True,
    }
    declare: Any = app
    if kind.cron is None:
        declare.task(**options)(requested)
        return
    # Waiting at most once and running at most once, however late the workers are.
    task = declare.task(**options, lock=kind.name, queueing_lock=kind.name)(by_the_clock)
    declare.periodic(cron=kind.cron, periodic_id=kind.name)(task)


async def _measured(kind: JobKind, run: JobRun) -> None:
    began = time.perf_counter()
    outcome: metrics.Outcome = "succeeded"
    with structlog.contextvars.bound_contextvars(job=kind.name, tenant_id=str(run.tenant) if run.tenant else None):
        try:
            await kind.run(run)
        except Exception:
            last = run.attempt >= kind.attempts
            outcome = "failed" if last else "retried"
            log.exception("job failed", attempt=run.attempt, final=last)
            raise
        finally:
            metrics.job_finished(kind.name, outcome, time.perf_counter() - began)


async def run_queue(app: App, *, queues: Sequence[str] | None, concurrency: int, stop: asyncio.Event) -> None:
    """Run jobs until `stop`; those that run then are finished."""
    options: dict[str, Any] = {
        "concurrency": concurrency,
        "listen_notify": False,
        "fetch_job_polling_interval": POLL_SECONDS,
        "update_heartbeat_interval": HEARTBEAT_SECONDS,
        "stalled_worker_timeout": STALLED_SECONDS,
        "install_signal_handlers": False,
    }
    if queues:
        options["queues"] = queues
    worker = asyncio.create_task(app.run_worker_async(**options))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({worker, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        # Cancelling the worker asks it to stop; it ends when its jobs have.
        worker.cancel()
        ended = (await asyncio.gather(worker, return_exceptions=True))[0]
    if isinstance(ended, Exception):
        raise ended


async def requeue_stalled(app: App, now: datetime) -> int:
    """Give jobs whose worker has died back to the queue; returns how many."""
    stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS))
    for job in stalled:
        await app.job_manager.retry_job(job, retry_at=now)
        log.warning("job requeued, its worker died", job=job.task_name, job_id=job.id)
    return len(stalled)
