"""When billing has something to do next, and doing it: what the ticker and the test clock ask."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from turnus.billing.run import Outcome, run_billing
from turnus.platform.clock import Clock
from turnus.platform.context import Context
from turnus.platform.db.pool import Database
from turnus.platform.services import Services

_NEXT = "select min(next_billing_at) from subscription where next_billing_at is not null and parked_at is null"


async def next_due(ctx: Context) -> datetime | None:
    """The earliest instant at which a subscription falls due, overdue ones included; None: nothing ever does.

    Parked subscriptions do not count, and nothing is due while the tenant has billing switched off.
    """
    if ctx.setting("billing.disabled", False):
        return None
    await ctx.flush()
    row = await (await ctx.connection.execute(_NEXT)).fetchone()
    return None if row is None else row[0]


async def run_due(
    database: Database, tenant_id: UUID, at: datetime, *, clock: Clock, services: Services | None = None
) -> Outcome:
    """Bill everything that is due by `at`."""
    return await run_billing(database, tenant_id, until=at, clock=clock, services=services, trigger="scheduler")
