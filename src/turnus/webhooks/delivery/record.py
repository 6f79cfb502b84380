"""What came of a round of deliveries, written in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from turnus.platform.db.pool import Database
from turnus.platform.work import system_work
from turnus.webhooks.delivery.claim import Leased
from turnus.webhooks.rules import Attempt

# One that was cancelled while it was under way stays so; its attempt is kept.
_DELIVERIES = """
update webhook_delivery delivery
   set status = case when open then made.status else delivery.status end,
       next_attempt_at = case when open then made.next_attempt_at end,
       finished_at = case when open and made.next_attempt_at is null then %(now)s else finished_at end,
       attempt_count = made.number,
       attempts = attempts || coalesce(made.attempt, '[]')
  from (select given.*, held.status in ('pending', 'retrying') as open
          from unnest(%(ids)s::uuid[], %(statuses)s::text[], %(nexts)s::timestamptz[], %(numbers)s::bigint[],
                      %(attempts)s::jsonb[]) as given (id, status, next_attempt_at, number, attempt)
          join webhook_delivery held on held.tenant_id = %(tenant)s and held.id = given.id) as made
 where delivery.tenant_id = %(tenant)s and delivery.id = made.id
"""
_WEBHOOK = """
update webhook
   set lease = null,
       last_delivery_at = coalesce(%(last)s, last_delivery_at),
       last_success_at = coalesce(%(success)s, last_success_at),
       failure_count = case when %(success)s::timestamptz is null then failure_count else 0 end + %(failures)s,
       failing_since = case when %(success)s::timestamptz is null then coalesce(failing_since, %(failed)s)
                            else %(failed)s end
 where tenant_id = %(tenant)s and id = %(id)s and lease = %(lease)s
returning enabled, failing_since
"""


class Made(msgspec.Struct):
    """What came of one delivery. `attempt` is None when it could not even be tried."""

    id: UUID
    number: int
    status: str
    next_attempt_at: datetime | None
    attempt: Attempt | None
    at: datetime


async def record(
    database: Database, leased: Leased, made: Sequence[Made], now: datetime, after: timedelta
) -> str | None:
    """Write the results, give the lease back and say why the webhook is to be switched off, if it is.

    Somebody else may hold the lease by now, because this process slept too long: then nothing is written, and what was
    sent is sent again (at least once).
    """
    tried = [result for result in made if result.attempt is not None]
    succeeded = [result.at for result in tried if result.attempt is not None and result.attempt.succeeded]
    success = max(succeeded, default=None)
    failed = [result.at for result in tried if result.attempt is not None and not result.attempt.succeeded]
    since = [at for at in failed if success is None or at > success]
    parameters = {
        "tenant": leased.tenant_id,
        "id": leased.id,
        "lease": leased.until,
        "last": max((result.at for result in tried), default=None),
        "success": success,
        "failures": len(since),
        "failed": min(since, default=None),
    }
    async with system_work(database) as connection:
        held = await (await connection.execute(_WEBHOOK, parameters, prepare=True)).fetchone()
        if held is None:
            return None
        if made:
            await connection.execute(_DELIVERIES, _columns(leased.tenant_id, made, now), prepare=True)
    enabled, failing_since = held
    if not enabled:
        return None
    if any(result.attempt is not None and result.attempt.gone for result in made):
        return "the receiver answered 410 Gone"
    if failing_since is not None and now - failing_since >= after:
        return f"only failures for {after.days} days"
    return None


def _columns(tenant_id: UUID, made: Sequence[Made], now: datetime) -> dict[str, object]:
    attempts = [None if result.attempt is None else Jsonb([msgspec.to_builtins(result.attempt)]) for result in made]
    return {
        "tenant": tenant_id,
        "now": now,
        "ids": [result.id for result in made],
        "statuses": [result.status for result in made],
        "nexts": [result.next_attempt_at for result in made],
        "numbers": [result.number for result in made],
        "attempts": attempts,
    }
