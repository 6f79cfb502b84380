"""The worker as a whole: all parts in one loop, and as a process that is ended and killed."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import turnus
from kit.sink import Sink, a_sink
from kit.world import World
from turnus.customers.events import CUSTOMER_DELETED
from turnus.entry import worker
from turnus.kernel.ids import new_ids
from turnus.platform.clock import SystemClock
from turnus.platform.db.pool import Database
from turnus.platform.jobs import ticker
from turnus.platform.services import Services


@dataclass
class Borrowed:
    """The test's database and services in place of an installation's."""

    url: str
    lent: Services

    def services(self) -> Services:
        return self.lent

    def database(self, *, connections: int, name: str) -> Database:
        return Database(self.url, max_size=connections, application_name=name)


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with a_sink() as sink:
        yield sink


@pytest.fixture(autouse=True)
def nothing_due() -> Iterator[None]:
    """Tenants of other tests are left in peace."""
    known = dict(ticker._doers)
    ticker._doers.clear()
    yield
    ticker._doers.update(known)


async def hooked(world: World, sink: Sink) -> None:
    body = {"version": "v1", "url": sink.url, "events": ["customer.deleted"]}
    answer = await world.client.post("/webhooks", json=body)
    assert answer.status_code == 201, answer.text


async def told(world: World, count: int) -> list[str]:
    ids = new_ids(count)
    async with world.work() as ctx:
        ctx.emit(CUSTOMER_DELETED, ids, {id: {"data": {"id": str(id)}} for id in ids})
    return [str(id) for id in ids]


async def until(sink: Sink, count: int, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while len(sink.received) < count:
            await asyncio.sleep(0.02)


def subjects(sink: Sink) -> list[str]:
    return sorted(request.json["data"]["id"] for request in sink.received)


async def beats(world: World) -> int:
    async with world.database.connection() as connection:
        row = await (await connection.execute("select count(*) from worker_heartbeat")).fetchone()
        assert row is not None
        return int(row[0])


async def test_everything_runs_in_one_loop_until_it_is_told_to_stop(world: World, sink: Sink) -> None:
    await hooked(world, sink)
    stop, wake = asyncio.Event(), asyncio.Event()
    borrowed: Any = Borrowed(world.database.url, world.services)
    running = asyncio.create_task(worker.run(borrowed, stop=stop, wake=wake, clock=SystemClock()))
    ids = await told(world, 3)
    await until(sink, 3)
    assert await beats(world) == 1
    ids += await told(world, 2)
    wake.set()
    await until(sink, 5)
    assert subjects(sink) == sorted(ids)
    stop.set()
    async with asyncio.timeout(15):
        await running
    assert await beats(world) == 0


async def test_a_part_that_fails_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = asyncio.Event()
    calls = []

    async def part() -> None:
        calls.append(1)
        if len(calls) < 3:
            raise ConnectionError("gone")
        stop.set()

    monkeypatch.setattr(worker, "FIRST_PAUSE", 0.01)
    async with asyncio.timeout(5):
        await worker._kept_running("test", part, stop)
    assert len(calls) == 3


@contextmanager
def process(world: World, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process on the test's database."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TURNUS_")},
        "TURNUS_HOME": str(home),
        "TURNUS_DATABASE_URL": world.database.url,
        "TURNUS_SECRET_KEY": secrets.token_urlsafe(32),
        "TURNUS_OUTBOUND_ALLOW": "127.0.0.0/8",
        "PYTHONPATH": str(Path(turnus.__file__).parents[1]),
    }
    started = subprocess.Popen([sys.executable, "-m", "turnus.entry.worker"], env=environment)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


async def ended(started: subprocess.Popen[bytes]) -> int:
    return await asyncio.wait_for(asyncio.to_thread(started.wait), 30)


async def logged(world: World, count: int) -> None:
    """Wait until so many events of the tenant are logged."""
    async with asyncio.timeout(30):
        while await world.rows("select count(*) from event_log") < [(count,)]:
            await asyncio.sleep(0.05)


async def test_a_process_ends_at_sigterm_and_loses_nothing_at_sigkill(world: World, tmp_path: Path) -> None:
    ids = await told(world, 50)
    with process(world, tmp_path) as first:
        await logged(world, 50)
        first.send_signal(signal.SIGTERM)
        assert await ended(first) == 0
    with process(world, tmp_path) as second:
        for _ in range(5):
            ids += await told(world, 200)
        second.kill()
        await ended(second)
    ids += await told(world, 10)
    with process(world, tmp_path) as third:
        await logged(world, len(ids))
        third.send_signal(signal.SIGTERM)
        assert await ended(third) == 0
    rows = await world.rows("select position, subject::text from event_log order by position")
    assert [row[0] for row in rows] == list(range(1, len(ids) + 1))
    assert sorted(row[1] for row in rows) == sorted(ids)


async def test_a_wrong_variable_is_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "TURNUS_HOME": str(tmp_path), "TURNUS_LOG": "loud"}
    found = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "turnus.entry.worker"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1 and "TURNUS_LOG" in found.stderr
