"""Workers killed at random moments: nothing is lost, nothing doubled, every number accounted for."""

from __future__ import annotations

import asyncio
import os
import random
import time
from datetime import datetime

import pytest

from bench.seed import due_subscriptions
from kit.billing_worker import Worker
from kit.world import ZONE, World
from turnus.billing.run import run_billing
from turnus.billing.verify import verify
from turnus.kernel.time import add_months, local_date, start_of_day
from turnus.platform.clock import SystemClock

CUSTOMERS, EACH = 2000, 2
CHUNK = 30
KILLS = int(os.environ.get("TURNUS_TEST_KILLS", "50"))
SEED = int(os.environ.get("TURNUS_TEST_SEED", str(time.time_ns() % 1_000_000)))


def _kill_workers(world: World, chance: random.Random, workers: int, kills: int, until: datetime) -> datetime:
    """Start workers and kill them 20 to 300 ms later, until so many died at work; the instant up to which they billed.

    When one comes to its end before, the next month falls due, so that there is always work to die at.
    """
    killed = 0
    while killed < kills:
        started = [Worker(world.database.url, world.tenant_id, until, CHUNK) for _ in range(workers)]
        deaths = [worker.kill_after(chance.uniform(0.02, 0.3)) for worker in started]
        killed += sum(deaths)
        if not all(deaths):
            until = start_of_day(add_months(local_date(until, ZONE), 1), ZONE)
    return until


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "kills"), [(1, KILLS), (2, KILLS // 5)])
async def test_killed_at_random_moments(world: World, workers: int, kills: int) -> None:
    print(f"TURNUS_TEST_SEED={SEED}")
    await due_subscriptions(world.database, world.tenant_id, CUSTOMERS, each=EACH)
    async with world.database.connection() as connection:
        # What autovacuum does in life: without it the planner takes the new tables for empty.
        await connection.execute("analyze customer, customer_address, customer_email, subscription, subscription_item")
        await connection.commit()
    first = start_of_day(SystemClock().wall().date().replace(day=1), ZONE)
    until = await asyncio.to_thread(_kill_workers, world, random.Random(SEED), workers, kills, first)
    print(f"{(await world.rows('select count(*) from invoice'))[0][0]} invoices when the last worker was killed")

    last = await run_billing(world.database, world.tenant_id, until=until, clock=SystemClock())

    assert last.failed == 0
    assert await verify(world.database, world.tenant_id) == []
    begin, end = local_date(first, ZONE), local_date(until, ZONE)
    months = (end.year - begin.year) * 12 + end.month - begin.month + 1
    contracts = CUSTOMERS * EACH
    periods = await world.rows(
        "select count(*)::int, count(distinct (item_id, period_start))::int, count(distinct item_id)::int"
        " from invoice_position"
    )
    assert periods == [(contracts * months, contracts * months, contracts)]
    numbers = [row[0] for row in await world.rows("select value from number_issued where type = 'invoice' order by 1")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert await world.rows("select count(*) from invoice") == [(len(numbers),)]
    assert await world.rows("select sum(invoices)::int, sum(positions)::int from billing_run_chunk") == [
        (len(numbers), contracts * months)
    ]
    told = world.told()
    assert (told.count("invoice.created"), told.count("subscription.billed")) == (len(numbers), len(numbers))
    again = await run_billing(world.database, world.tenant_id, until=until, clock=SystemClock())
    assert (again.invoices, again.positions) == (0, 0)
