"""Which deliveries to make now: webhooks with something due are leased, one process at a time each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from turnus.platform.db.pool import Connection, Database
from turnus.platform.work import system_work
from turnus.webhooks.delivery.call import TARGET_COLUMNS

LEASE = timedelta(seconds=60)
"""After a crash another process goes on with the webhook that much later."""
ROUND = 100
"""Deliveries of one webhook in one round."""
MAX_WEBHOOKS = 40

# A loose scan of the index of open deliveries: one step for each webhook that has any, however many they are.
_DUE = """
with recursive listed as (
  (select tenant_id, webhook_id from webhook_delivery where status in ('pending', 'retrying')
    order by webhook_id limit 1)
  union all
  select following.* from listed cross join lateral (
    select tenant_id, webhook_id from webhook_delivery
     where status in ('pending', 'retrying') and webhook_id > listed.webhook_id
     order by webhook_id limit 1) as following
)
select tenant_id, webhook_id from listed where exists (
  select from webhook_delivery due
   where due.webhook_id = listed.webhook_id and status in ('pending', 'retrying') and next_attempt_at <= %s)
"""
# Two processes look at the same time: the row lock lets one of them see the webhook, the lease keeps the other away.
_LEASE = f"""
with free as (
  select webhook.tenant_id, webhook.id, tenant.sandbox, tenant.settings
    from webhook join tenant on tenant.id = webhook.tenant_id
    join unnest(%(tenants)s::uuid[], %(ids)s::uuid[]) as due (tenant_id, id)
         on due.tenant_id = webhook.tenant_id and due.id = webhook.id
   where enabled and tenant.status = 'active'
     and (lease is null or lease <= %(now)s)
   order by lease nulls first, webhook.id limit %(limit)s for no key update of webhook skip locked
)
update webhook set lease = %(until)s from free
 where webhook.tenant_id = free.tenant_id and webhook.id = free.id
returning webhook.tenant_id, webhook.id, free.sandbox, free.settings, {TARGET_COLUMNS}
"""
# Switched off between the dispatch and now, or deleted.
_UNWANTED = """
select tenant_id, id from unnest(%s::uuid[], %s::uuid[]) as due (tenant_id, id)
 where not exists (select from webhook where webhook.tenant_id = due.tenant_id and webhook.id = due.id and enabled)
"""
_CANCEL = """
update webhook_delivery set status = 'cancelled', next_attempt_at = null, finished_at = %s
 where tenant_id = %s and webhook_id = %s and status in ('pending', 'retrying')
"""
_ROUND = """
select delivery.id, delivery.event_id, delivery.event, attempt_count, log.occurred_at, log.details::text, log.payload,
       log.id is null
  from (select * from webhook_delivery
         where webhook_id = %s and tenant_id = %s and status in ('pending', 'retrying') and next_attempt_at <= %s
         order by next_attempt_at limit %s) as delivery
  left join event_log log on log.tenant_id = delivery.tenant_id and log.id = delivery.event_id
 order by next_attempt_at, delivery.id
"""


class Due(msgspec.Struct):
    """A delivery to make. `payload` is None when it was not rendered yet, `lost` when its event was purged."""

    id: UUID
    event_id: UUID
    event: str
    attempt_count: int
    occurred_at: datetime | None
    details: str | None
    payload: bytes | None
    lost: bool


class Leased(msgspec.Struct):
    """A webhook this process delivers to until `until`, with its stored columns."""

    tenant_id: UUID
    id: UUID
    sandbox: bool
    settings: dict[str, Any]
    columns: tuple[Any, ...]
    until: datetime


async def lease_due(database: Database, now: datetime, *, limit: int = MAX_WEBHOOKS) -> list[Leased]:
    """Lease webhooks that have something due, those that waited longest first; cancels what nobody wants any more."""
    async with system_work(database) as connection:
        due = await _rows(connection, _DUE, (now,))
        if not due:
            return []
        until = now + LEASE
        tenants, ids = [row[0] for row in due], [row[1] for row in due]
        parameters = {"tenants": tenants, "ids": ids, "now": now, "until": until, "limit": limit}
        leased = await _rows(connection, _LEASE, parameters)
        if len(leased) < len(due):
            for unwanted in await _rows(connection, _UNWANTED, (tenants, ids)):
                await connection.execute(_CANCEL, (now, *unwanted), prepare=True)
    return [Leased(row[0], row[1], row[2], row[3], tuple(row[4:]), until) for row in leased]


async def due_of(database: Database, leased: Leased, now: datetime, *, limit: int = ROUND) -> list[Due]:
    """What is due for a leased webhook, oldest first."""
    async with system_work(database) as connection:
        rows = await _rows(connection, _ROUND, (leased.id, leased.tenant_id, now, limit))
    return [Due(*row) for row in rows]


async def _rows(connection: Connection, sql: str, parameters: Any) -> list[tuple[Any, ...]]:
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(sql.encode(), parameters, prepare=True)
        return await cursor.fetchall()
