"""Periodic jobs of the platform itself: what is old goes."""

from __future__ import annotations

from datetime import datetime, timedelta

from turnus.platform import idempotency
from turnus.platform.db.pool import Database
from turnus.platform.jobs.registry import JobRun, periodic
from turnus.platform.work import system_work

BATCH = 10_000
EVENTS_KEPT = timedelta(days=30)
FINISHED_JOBS_KEPT = timedelta(days=1)
FAILED_JOBS_KEPT = timedelta(days=14)

_FINISHED = """
delete from procrastinate_jobs where id in (
  select id from procrastinate_jobs job
   where status = any(%s::procrastinate_job_status[])
     and not exists (select from procrastinate_events event where event.job_id = job.id and event.at >= %s) limit %s)
"""


async def purge(database: Database, table: str, before: datetime) -> int:
    """Delete the rows of a tenant table that were created before an instant, in short transactions; how many."""
    # Table names come from our own code.
    statement = (
        f"delete from {table} where (tenant_id, id) in"
        f" (select tenant_id, id from {table} where created_at < %s limit {BATCH})"
    )
    total = 0
    while True:
        async with system_work(database) as connection:
            deleted = (await connection.execute(statement.encode(), (before,))).rowcount
        total += deleted
        if deleted < BATCH:
            return total


@periodic("platform.purge_events", "7 * * * *")
async def purge_events(run: JobRun) -> None:
    """Events are kept for 30 days."""
    await purge(run.database, "event_log", run.clock.wall() - EVENTS_KEPT)


@periodic("platform.purge_idempotency", "17 * * * *")
async def purge_idempotency(run: JobRun) -> None:
    """Answers to requests with an idempotency key are kept for 24 hours."""
    await purge(run.database, "idempotency_record", run.clock.wall() - idempotency.KEPT)


@periodic("platform.purge_jobs", "27 * * * *")
async def purge_jobs(run: JobRun) -> None:
    """Finished jobs are kept for a day, failed ones for two weeks; heartbeats of workers that ended for a day."""
    now = run.clock.wall()
    async with run.database.connection() as connection:
        await connection.execute(_FINISHED, (["succeeded"], now - FINISHED_JOBS_KEPT, BATCH))
        await connection.execute(_FINISHED, (["failed", "cancelled", "aborted"], now - FAILED_JOBS_KEPT, BATCH))
        await connection.execute("delete from worker_heartbeat where beat_at < %s", (now - FINISHED_JOBS_KEPT,))
