"""Benchmarks of the billing run."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import time
from typing import Any
from uuid import UUID

import psycopg

from bench.harness import Bench, Result, pairs
from bench.seed import bench_tenant, due_subscriptions
from turnus.billing.run import run_billing
from turnus.platform.db.pool import Database

TABLES = ("invoice_position", "invoice_snapshot", "ledger_entry", "invoice", "number_issued")


async def _fresh(bench: Bench, customers: int, each: int = 1, settings: dict[str, object] | None = None) -> UUID:
    database = Database(bench.url, max_size=4)
    await database.open()
    tenant = await bench_tenant(database, settings)
    await due_subscriptions(database, tenant, customers, each)
    await database.close()
    with psycopg.connect(bench.superuser_url, autocommit=True) as admin:
        admin.execute("vacuum analyze")
        admin.execute("checkpoint")
    return tenant


async def _run(bench: Bench, tenant: UUID) -> float:
    database = Database(bench.url, max_size=4)
    await database.open()
    started = time.perf_counter()
    outcome = await run_billing(database, tenant)
    seconds = time.perf_counter() - started
    await database.close()
    assert outcome.failed == 0, outcome
    return outcome.invoices / seconds


class _Copies:
    """The rows that a run wrote, kept in memory to be loaded again by COPY."""

    def __init__(self, bench: Bench, tenant: UUID) -> None:
        self.bench, self.tenant = bench, tenant
        self.data: dict[str, bytes] = {}
        with psycopg.connect(bench.superuser_url) as admin:
            for table in TABLES:
                where = f"tenant_id = '{tenant}'" + (" and type = 'invoice'" if table == "number_issued" else "")
                with admin.cursor().copy(
                    f"copy (select * from {table} where {where}) to stdout (format binary)"
                ) as out:
                    self.data[table] = b"".join(bytes(block) for block in out)
            admin.execute("set session_replication_role = replica")
            for table in TABLES:
                extra = " and type = 'invoice'" if table == "number_issued" else ""
                admin.execute(f"delete from {table} where tenant_id = %s{extra}", (tenant,))
        with psycopg.connect(bench.superuser_url, autocommit=True) as admin:
            for table in TABLES:
                admin.execute(f"vacuum {table}")
            admin.execute("checkpoint")

    def load(self, invoices: int) -> float:
        """Invoices per second by a bare COPY of the same rows, keys and indexes on."""
        with psycopg.connect(self.bench.superuser_url) as admin:
            started = time.perf_counter()
            for table, data in self.data.items():
                with admin.cursor().copy(f"copy {table} from stdin (format binary)") as into:
                    for position in range(0, len(data), 1 << 20):
                        into.write(data[position : position + (1 << 20)])
            admin.commit()
            return invoices / (time.perf_counter() - started)


async def billing_run(bench: Bench) -> list[Result]:
    """N due subscriptions of one position each: rated, frozen, numbered, booked, advanced."""
    n = 20_000
    tenant: list[UUID] = []

    async def ours() -> float:
        tenant[:] = [await _fresh(bench, n)]
        return await _run(bench, tenant[0])

    async def limit() -> float:
        copies = await asyncio.to_thread(_Copies, bench, tenant[0])
        return await asyncio.to_thread(copies.load, n)

    return [await pairs("billing_run", "invoices/s", n, ours, limit)]


def _worker(url: str, tenant: UUID, ready: Any, go: Any) -> None:
    async def work() -> None:
        database = Database(url, max_size=2)
        await database.open()
        ready.release()
        await asyncio.to_thread(go.wait)
        # One chunk at a time each: what is compared is processes.
        await run_billing(database, tenant, walkers=1)
        await database.close()

    asyncio.run(work())


async def _with_workers(bench: Bench, tenant: UUID, workers: int, n: int) -> float:
    spawn = multiprocessing.get_context("spawn")
    ready, go = spawn.Semaphore(0), spawn.Event()
    processes = [spawn.Process(target=_worker, args=(bench.url, tenant, ready, go)) for _ in range(workers)]
    for process in processes:
        process.start()
    for _ in processes:
        await asyncio.to_thread(ready.acquire)
    started = time.perf_counter()
    go.set()
    for process in processes:
        await asyncio.to_thread(process.join)
    seconds = time.perf_counter() - started
    with psycopg.connect(bench.superuser_url) as admin:
        row = admin.execute("select count(*) from invoice where tenant_id = %s", (tenant,)).fetchone()
        assert row is not None and row[0] == n, row
    return n / seconds


async def billing_run_parallel(bench: Bench) -> list[Result]:
    """Two workers on one tenant against one."""
    n = 20_000

    async def run(workers: int) -> float:
        return await _with_workers(bench, await _fresh(bench, n), workers, n)

    return [
        await pairs("billing_run_parallel", "invoices/s", n, lambda: run(2), lambda: run(1), note="limit = one worker")
    ]


async def billing_run_scale(bench: Bench) -> list[Result]:
    """Invoices per second and peak memory over the number of subscriptions."""
    results = []
    for n in (1_000, 10_000, 100_000, *((1_000_000,) if bench.long else ())):
        tenant = await _fresh(bench, n)
        started = time.perf_counter()
        rate = await _run(bench, tenant)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        seconds = time.perf_counter() - started
        note = f"peak memory {peak:.0f} MB"
        results.append(Result(f"billing_run_scale_{n}", rate, "invoices/s", None, None, n, seconds, note=note))
    return results


async def big_customer(bench: Bench) -> list[Result]:
    """One customer with 30,000 subscriptions, one collective invoice."""
    n = 30_000
    tenant = await _fresh(bench, 1, n, {"billing.consolidate": "due_day"})
    database = Database(bench.url, max_size=2)
    await database.open()
    started = time.perf_counter()
    outcome = await run_billing(database, tenant)
    seconds = time.perf_counter() - started
    await database.close()
    assert outcome.invoices == 1 and outcome.positions == n, outcome
    return [Result("big_customer", seconds, "s", 10.0, seconds / 10, n, seconds, note="limit 10 s, lower is better")]
