"""Background entry points of the billing area."""

from __future__ import annotations

from turnus.billing.due import next_due, run_due
from turnus.platform.jobs.ticker import Due, register_due
from turnus.platform.work import tenant_work


async def bill_what_is_due(due: Due) -> int:
    """Bill a tenant whose next billing instant has come; returns the number of invoices."""
    async with tenant_work(due.database, due.tenant_id, clock=due.clock) as ctx:
        first = await next_due(ctx)
    if first is None or first > due.now:
        return 0
    outcome = await run_due(due.database, due.tenant_id, due.now, clock=due.clock, services=due.services)
    return outcome.invoices


register_due("billing", bill_what_is_due)
