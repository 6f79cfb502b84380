"""A delivery for every event and every webhook that wants it, made in the dispatcher's transaction."""

from __future__ import annotations

from uuid import UUID

from turnus.kernel.ids import new_ids
from turnus.platform.db.pool import Connection, Database
from turnus.platform.events.dispatch import Batch
from turnus.platform.events.payloads import payloads
from turnus.platform.services import Services
from turnus.platform.work import system_work, tenant_work
from turnus.webhooks.rules import wants

RENDER_AT_ONCE = 500

# The share lock makes a deletion wait, so that no delivery is made for a webhook that is gone. One that is switched off
# meanwhile gets deliveries that are cancelled as soon as they are looked at.
_WEBHOOKS = """
select tenant_id, id, events from webhook where tenant_id = any(%s) and enabled order by tenant_id, id for key share
"""
_INSERT = """
insert into webhook_delivery (tenant_id, id, webhook_id, event_id, event, status, attempt_count, next_attempt_at,
                              created_at)
select made.tenant_id, (%(ids)s::uuid[])[row_number() over (order by made.tenant_id, log.position, wanted.webhook_id)],
       wanted.webhook_id, log.id, log.event, 'pending', 0, %(now)s, %(now)s
  from unnest(%(tenants)s::uuid[], %(firsts)s::bigint[], %(lasts)s::bigint[]) as made (tenant_id, first, last)
  join event_log log on log.tenant_id = made.tenant_id and log.position between made.first and made.last
  join unnest(%(of)s::uuid[], %(webhooks)s::uuid[], %(events)s::text[]) as wanted (tenant_id, webhook_id, event)
       on wanted.tenant_id = log.tenant_id and wanted.event = log.event
"""
_PATTERNS = """
select tenant_id, array_agg(distinct pattern) from webhook, unnest(events) as pattern
 where tenant_id = any(%s) and enabled group by tenant_id
"""
_EVENTS = """
select id from event_log where tenant_id = %s and position between %s and %s and event = any(%s) order by position
"""


async def fan_out(connection: Connection, batch: Batch) -> None:
    """Insert the deliveries of a batch; see `events.dispatch.follow`."""
    counted = batch.events()
    cursor = await connection.execute(_WEBHOOKS, (list(batch.spans),), prepare=True)
    names: dict[UUID, list[str]] = {}
    for tenant_id, event in counted:
        names.setdefault(tenant_id, []).append(event)
    wanted = [
        (tenant_id, webhook_id, event)
        for tenant_id, webhook_id, patterns in await cursor.fetchall()
        for event in names[tenant_id]
        if wants(patterns, event)
    ]
    if not wanted:
        return
    tenants = sorted({tenant_id for tenant_id, _, _ in wanted})
    parameters = {
        "ids": new_ids(sum(counted[tenant_id, event] for tenant_id, _, event in wanted)),
        "now": batch.at,
        "tenants": tenants,
        "firsts": [batch.spans[tenant_id][0] for tenant_id in tenants],
        "lasts": [batch.spans[tenant_id][1] for tenant_id in tenants],
        "of": [row[0] for row in wanted],
        "webhooks": [row[1] for row in wanted],
        "events": [row[2] for row in wanted],
    }
    await connection.execute(_INSERT, parameters)


async def render_wanted(database: Database, batch: Batch, services: Services | None) -> None:
    """Render what webhooks will get right after the dispatch, as near as possible to the time of the event."""
    async with system_work(database) as connection:
        ids = await _wanted(connection, batch)
    for tenant_id, events in ids.items():
        for start in range(0, len(events), RENDER_AT_ONCE):
            async with tenant_work(database, tenant_id, services=services) as ctx:
                await payloads(ctx, events[start : start + RENDER_AT_ONCE])


async def _wanted(connection: Connection, batch: Batch) -> dict[UUID, list[UUID]]:
    cursor = await connection.execute(_PATTERNS, (list(batch.spans),), prepare=True)
    patterns: dict[UUID, list[str]] = dict(await cursor.fetchall())
    found = {}
    for tenant_id, wanted in patterns.items():
        names = [event for tenant, event in batch.events() if tenant == tenant_id and wants(wanted, event)]
        cursor = await connection.execute(_EVENTS, (tenant_id, *batch.spans[tenant_id], names), prepare=True)
        found[tenant_id] = [row[0] for row in await cursor.fetchall()]
    return found
