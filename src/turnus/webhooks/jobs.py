"""Periodic jobs of the webhooks area."""

from __future__ import annotations

from turnus.platform.jobs import JobRun, periodic
from turnus.platform.jobs.maintenance import purge
from turnus.webhooks.rules import LOG_KEPT


@periodic("webhooks.purge_deliveries", "37 * * * *")
async def purge_deliveries(run: JobRun) -> None:
    """The log of deliveries is kept for 30 days."""
    await purge(run.database, "webhook_delivery", run.clock.wall() - LOG_KEPT)
