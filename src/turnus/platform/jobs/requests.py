"""Requests for jobs in the outbox become jobs, in the dispatcher's transaction.

Every process may load this module; the queue's library is for workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from psycopg.types.json import Jsonb

from turnus.platform.db.pool import Connection
from turnus.platform.events.dispatch import Told
from turnus.platform.jobs.registry import kinds
from turnus.platform.tenancy.enter import enter_system

_REQUESTED = """
select outbox.id, subjects, details from outbox
  join unnest(%s::uuid[], %s::uuid[]) as wanted (tenant_id, id)
       on wanted.tenant_id = outbox.tenant_id and wanted.id = outbox.id
"""
_DEFER = """
select procrastinate_defer_jobs_v1(array_agg(
         row(queue, task, 0, null, null, arguments, null)::procrastinate_job_to_defer_v1 order by number))
  from unnest(%s::text[], %s::text[], %s::jsonb[]) with ordinality as wanted (queue, task, arguments, number)
"""


async def defer_requested(connection: Connection, rows: Sequence[Told], _: datetime) -> None:
    """Make jobs of requests in the outbox, in the dispatcher's transaction; see `events.dispatch.carry`."""
    of = {row.id: row for row in rows}
    cursor = await connection.execute(_REQUESTED, ([row.tenant_id for row in rows], [row.id for row in rows]))
    queues, tasks, arguments = [], [], []
    for id, subjects, details in await cursor.fetchall():
        told = of[id]
        kind = kinds.get(told.event)
        chunk = kind.chunk if kind is not None else len(subjects)
        for start in range(0, len(subjects), chunk):
            ids = [str(subject) for subject in subjects[start : start + chunk]]
            queues.append(kind.queue if kind is not None else "default")
            tasks.append(told.event)
            own = {id: details[id] for id in ids if id in details}
            arguments.append(Jsonb({"tenant": str(told.tenant_id), "ids": ids, "details": own}))
    if not tasks:
        return
    # The queue's tables belong to the login role.
    await connection.execute("select set_config('role', 'none', true)")
    await connection.execute(_DEFER, (queues, tasks, arguments))
    await enter_system(connection)
