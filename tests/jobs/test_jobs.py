"""Jobs: requested in a transaction, made by the dispatcher, run at least once; periodic ones once for all workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from procrastinate import App
from procrastinate.periodic import PeriodicDeferrer

from kit.world import World
from turnus.customers.events import CUSTOMER_CREATED
from turnus.kernel.ids import new_id, new_ids
from turnus.platform.events.dispatch import dispatch_once
from turnus.platform.jobs import Due, JobRun, job, maintenance, register_due, ticker
from turnus.platform.jobs.queue import Patience, build_app, requeue_stalled, run_queue
from turnus.platform.jobs.registry import kinds
from turnus.platform.work import system_work

runs: list[JobRun] = []
failures = 0


@job("test.work", chunk=3, attempts=3)
async def work_job(run: JobRun) -> None:
    """Note the run; fail as often as was asked for."""
    global failures
    runs.append(run)
    if failures:
        failures -= 1
        raise ValueError("not yet")
    async with run.work() as ctx:
        ctx.log("test", run.ids[0], "worked")


@pytest.fixture(autouse=True)
async def empty(world: World) -> None:
    """No job of earlier tests is left."""
    global failures
    failures = 0
    runs.clear()
    while await dispatch_once(world.database, clock=world.clock):
        pass
    async with world.database.connection() as connection:
        await connection.execute("delete from procrastinate_jobs")
        await connection.execute("delete from procrastinate_periodic_defers")


@asynccontextmanager
async def an_app(world: World) -> AsyncIterator[App]:
    app = build_app(world.database, world.services, world.clock, connections=3)
    async with app.open_async():
        yield app


async def caught_up(app: App) -> None:
    """Run what is in the queue, then stop. Periodic jobs whose hour it is may run too."""
    async with asyncio.timeout(20):
        await app.run_worker_async(wait=False, listen_notify=False, install_signal_handlers=False)


async def jobs(world: World) -> list[tuple[str, str, int]]:
    """Task, status and attempts of all jobs but the periodic ones."""
    async with world.database.connection() as connection:
        cursor = await connection.execute(
            "select task_name, status::text, attempts from procrastinate_jobs where task_name like 'test.%' order by id"
        )
        return list(await cursor.fetchall())


async def requested(world: World, ids: list[UUID], details: dict[UUID, dict[str, Any]] | None = None) -> None:
    async with world.work() as ctx:
        work_job.request(ctx, ids, details)
    await dispatch_once(world.database, clock=world.clock)


async def test_a_request_becomes_one_job_per_chunk_and_no_event(world: World) -> None:
    ids = new_ids(7)
    await requested(world, ids, {ids[4]: {"reason": "x"}})
    assert await jobs(world) == [("test.work", "todo", 0)] * 3
    assert await world.rows("select count(*) from event_log") == [(0,)]
    async with an_app(world) as app:
        await caught_up(app)
    assert sorted(len(run.ids) for run in runs) == [1, 3, 3]
    assert sorted(id for run in runs for id in run.ids) == ids
    assert {run.tenant for run in runs} == {world.tenant_id}
    assert [run.details for run in runs if run.details] == [{ids[4]: {"reason": "x"}}]
    assert await jobs(world) == [("test.work", "succeeded", 1)] * 3
    assert await world.rows("select count(*) from activity where action = 'worked'") == [(3,)]


async def test_a_request_of_a_transaction_that_fails_is_no_job(world: World) -> None:
    with pytest.raises(ZeroDivisionError):
        async with world.work() as ctx:
            work_job.request(ctx, new_ids(1))
            raise ZeroDivisionError
    await dispatch_once(world.database, clock=world.clock)
    assert await jobs(world) == []


async def test_requests_and_events_of_one_transaction_both_arrive(world: World) -> None:
    (id,) = new_ids(1)
    async with world.work() as ctx:
        work_job.request(ctx, [id])
        ctx.emit(CUSTOMER_CREATED, [id])
    await dispatch_once(world.database, clock=world.clock)
    assert await jobs(world) == [("test.work", "todo", 0)]
    assert await world.rows("select event, position from event_log") == [("customer.created", 1)]
    assert await world.outbox() == []


async def test_a_job_that_fails_is_tried_again_and_given_up_in_the_end(world: World) -> None:
    global failures
    failures = 99
    await requested(world, new_ids(1))
    async with an_app(world) as app:
        for attempt in (1, 2):
            await caught_up(app)
            assert await jobs(world) == [("test.work", "todo", attempt)]
            async with world.database.connection() as connection:
                await connection.execute("update procrastinate_jobs set scheduled_at = now()")
        await caught_up(app)
    assert await jobs(world) == [("test.work", "failed", 3)]
    assert [run.attempt for run in runs] == [1, 2, 3]


def test_retries_become_rarer() -> None:
    class Tried:
        def __init__(self, attempts: int) -> None:
            self.attempts = attempts

    decisions = [Patience(9).get_retry_decision(exception=ValueError(), job=Tried(n)) for n in range(9)]  # type: ignore[arg-type]
    assert decisions[-1] is None
    times = [decision.retry_at for decision in decisions if decision is not None]
    assert all(time is not None for time in times) and times == sorted(times)  # type: ignore[type-var]
    assert times[-1] - times[0] <= timedelta(hours=1)  # type: ignore[operator]


async def test_jobs_of_a_dead_worker_are_requeued(world: World) -> None:
    await requested(world, new_ids(1))
    async with an_app(world) as app:
        dead = await app.job_manager.register_worker()
        taken = await app.job_manager.fetch_job(queues=None, worker_id=dead)
        assert taken is not None
        assert await requeue_stalled(app, world.clock.wall()) == 0
        async with world.database.connection() as connection:
            await connection.execute("update procrastinate_workers set last_heartbeat = now() - interval '5 minutes'")
        assert await requeue_stalled(app, world.clock.wall()) == 1
        await caught_up(app)
    assert await jobs(world) == [("test.work", "succeeded", 2)]
    assert len(runs) == 1


async def test_periodic_jobs_are_deferred_once_however_many_workers_there_are(world: World) -> None:
    async with an_app(world) as one, an_app(world) as two:
        hour = 1_767_225_600  # 2026-01-01T00:00:00Z
        for app in (one, two):
            deferrer = PeriodicDeferrer(app.periodic_registry)
            tasks = [(task, hour) for task in app.periodic_registry.periodic_tasks.values()]
            await asyncio.gather(deferrer.defer_jobs(tasks), deferrer.defer_jobs(tasks))
    expected = sorted(kind.name for kind in kinds.values() if kind.cron is not None)
    assert len(expected) >= 4
    async with world.database.connection() as connection:
        cursor = await connection.execute("select task_name from procrastinate_jobs order by task_name")
        assert [row[0] for row in await cursor.fetchall()] == expected


async def test_a_worker_told_to_stop_finishes_its_job(world: World) -> None:
    begun, done = asyncio.Event(), asyncio.Event()

    @job("test.slow")
    async def slow(run: JobRun) -> None:
        begun.set()
        await asyncio.sleep(0.5)
        done.set()

    try:
        async with world.work() as ctx:
            slow.request(ctx, new_ids(1))
        await dispatch_once(world.database, clock=world.clock)
        async with an_app(world) as app:
            stop = asyncio.Event()
            running = asyncio.create_task(run_queue(app, queues=["default"], concurrency=1, stop=stop))
            async with asyncio.timeout(10):
                await begun.wait()
                stop.set()
                await running
        assert done.is_set()
        assert await jobs(world) == [("test.slow", "succeeded", 1)]
    finally:
        kinds.pop("test.slow")


async def test_the_ticker_asks_for_every_tenant_at_its_own_time(world: World, another: World) -> None:
    asked: dict[UUID, list[Any]] = {}

    async def doer(due: Due) -> int:
        if due.tenant_id not in (world.tenant_id, another.tenant_id):
            return 0
        if due.tenant_id == world.tenant_id and asked.get(world.tenant_id):
            raise RuntimeError("broken tenant")
        asked.setdefault(due.tenant_id, []).append(due.now)
        return 1

    async with another.work() as ctx:
        await ctx.connection.execute("update tenant set clock_at = '2027-05-01T00:00:00Z'")
    register_due("test", doer)
    try:
        stop = asyncio.Event()
        others = {name: known for name, known in ticker._doers.items() if name != "test"}
        for name in others:
            ticker._doers.pop(name)
        assert await ticker.tick(world.database, world.services, world.clock, stop) == 2
        assert asked[another.tenant_id][0].isoformat() == "2027-05-01T00:00:00+00:00"
        assert asked[world.tenant_id][0] <= world.clock.instant
        # The tenant that fails holds the other one up neither now nor later.
        assert await ticker.tick(world.database, world.services, world.clock, stop) == 1
        assert len(asked[another.tenant_id]) == 2
        stop.set()
        assert await ticker.tick(world.database, world.services, world.clock, stop) == 0
    finally:
        ticker._doers.pop("test")
        ticker._doers.update(others)


async def test_what_is_old_is_purged_and_the_rest_stays(world: World) -> None:
    for days in (31, 29):
        async with world.work() as ctx:
            ctx.emit(CUSTOMER_CREATED, [new_id()])
        await dispatch_once(world.database, clock=world.clock)
        async with system_work(world.database) as connection:
            await connection.execute(
                "update event_log set created_at = %s where tenant_id = %s and created_at > %s",
                (world.clock.wall() - timedelta(days=days), world.tenant_id, world.clock.wall() - timedelta(days=1)),
            )
    await world.client.post("/customers", json={"email": "a@b.de"}, headers={"Idempotency-Key": "k"})
    run = JobRun("test", world.database, world.services, world.clock)
    await maintenance.purge_events.run(run)
    await maintenance.purge_idempotency.run(run)
    assert await world.rows("select position from event_log") == [(2,)]
    assert await world.rows("select count(*) from idempotency_record") == [(1,)]
    world.clock.instant += timedelta(hours=25)
    await maintenance.purge_idempotency.run(run)
    assert await world.rows("select count(*) from idempotency_record") == [(0,)]


async def test_finished_jobs_are_purged_failed_ones_later(world: World) -> None:
    async with world.database.connection() as connection:
        for name, status in (("test.a", "succeeded"), ("test.b", "failed"), ("test.c", "doing")):
            await connection.execute(
                "insert into procrastinate_jobs (queue_name, task_name, priority) values ('q', %s, 0)", (name,)
            )
            await connection.execute("update procrastinate_jobs set status = 'doing' where task_name = %s", (name,))
            await connection.execute(
                "update procrastinate_jobs set status = %s::procrastinate_job_status where task_name = %s",
                (status, name),
            )
        cursor = await connection.execute("select now()")
        row = await cursor.fetchone()
    assert row is not None
    run = JobRun("test", world.database, world.services, world.clock)
    for moment, left in ((1, 3), (25, 2), (15 * 24, 1)):
        world.clock.instant = row[0] + timedelta(hours=moment)
        await maintenance.purge_jobs.run(run)
        assert len(await jobs(world)) == left
