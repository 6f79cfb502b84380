"""The worker process: dispatcher, webhook courier, job queue, ticker and heartbeat in one event loop.

`turnus worker`, or `python -m turnus.entry.worker` below `turnus serve`. SIGTERM lets the running chunk end. A part
that fails is logged and started again after a growing pause, while the others go on.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog

import turnus.entry.bootstrap  # noqa: F401 - event types, payloads, jobs and followers of all areas
from turnus.billing.rendering import run_renderer
from turnus.entry.installation import Installation, OutOfDate, configure_logging, configured
from turnus.kernel.ids import new_id
from turnus.platform import metrics
from turnus.platform.clock import Clock, SystemClock
from turnus.platform.config import Config, ConfigError
from turnus.platform.db.embedded.errors import EmbeddedServerError
from turnus.platform.db.pool import Database
from turnus.platform.events.dispatch import run_dispatcher
from turnus.platform.jobs.heartbeat import run_heartbeat
from turnus.platform.jobs.queue import build_app, requeue_stalled, run_queue
from turnus.platform.jobs.ticker import run_ticker
from turnus.platform.services import Services
from turnus.webhooks.delivery.courier import Courier

log = structlog.get_logger("turnus.worker")
CONNECTIONS = 8
STALLED_CHECK_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE, STABLE = 0.5, 30.0, 60.0
Part = Callable[[], Awaitable[None]]


async def run(
    installation: Installation,
    *,
    queues: Sequence[str] | None = None,
    concurrency: int = 1,
    stop: asyncio.Event,
    wake: asyncio.Event | None = None,
    clock: Clock | None = None,
) -> None:
    """Do background work until `stop`. `wake`, set in this process, makes the dispatcher look at once."""
    clock = clock or SystemClock()
    services = installation.services()
    database = installation.database(connections=CONNECTIONS + concurrency, name="turnus worker")
    await database.open()
    try:
        parts = _parts(database, services, clock, queues, concurrency, stop, wake or asyncio.Event())
        await asyncio.gather(*(_kept_running(name, part, stop) for name, part in parts.items()))
    finally:
        await services.outbound.aclose()
        await database.close()


def _parts(
    database: Database,
    services: Services,
    clock: Clock,
    queues: Sequence[str] | None,
    concurrency: int,
    stop: asyncio.Event,
    wake: asyncio.Event,
) -> dict[str, Part]:
    worker_id = new_id()

    async def jobs() -> None:
        app = build_app(database, services, clock, connections=concurrency + 3)
        async with app.open_async():
            stalled = asyncio.create_task(_stalled(stop, lambda: requeue_stalled(app, clock.wall())))
            try:
                await run_queue(app, queues=queues, concurrency=concurrency, stop=stop)
            finally:
                stalled.cancel()

    return {
        "dispatcher": lambda: run_dispatcher(database, clock, services, stop, wake),
        "courier": lambda: Courier(database, services, clock).run(stop),
        "jobs": jobs,
        "renderer": lambda: run_renderer(database, services, clock, stop),
        "ticker": lambda: run_ticker(database, services, clock, stop),
        "heartbeat": lambda: run_heartbeat(database, worker_id, clock, stop),
    }


async def _stalled(stop: asyncio.Event, requeue: Callable[[], Awaitable[int]]) -> None:
    """Look for jobs of dead workers; not a job itself, since it must also run when every slot of the queue is taken."""
    while not stop.is_set():
        try:
            await requeue()
        except Exception:
            log.exception("stalled jobs could not be requeued")
        await asyncio.sleep(STALLED_CHECK_SECONDS)


async def _kept_running(name: str, part: Part, stop: asyncio.Event) -> None:
    pause = FIRST_PAUSE
    while not stop.is_set():
        began = time.monotonic()
        try:
            await part()
        except Exception:
            log.exception("part of the worker failed", part=name, pause=pause)
            pause = FIRST_PAUSE if time.monotonic() - began > STABLE else min(pause * 2, LONGEST_PAUSE)
            try:
                await asyncio.wait_for(stop.wait(), pause)
            except TimeoutError:
                continue


async def _until_signalled(config: Config, queues: Sequence[str] | None, concurrency: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with Installation.take(config) as installation:
        installation.make_usable()
        log.info("worker started", queues=list(queues or []), concurrency=concurrency)
        await run(installation, queues=queues, concurrency=concurrency, stop=stop)
        log.info("worker stopped")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker until SIGTERM or Ctrl-C; the exit code."""
    parser = argparse.ArgumentParser(prog="turnus worker", description="Background work.")
    parser.add_argument("--queues", help="only these queues, separated by commas")
    parser.add_argument("--concurrency", type=int, default=1, help="jobs at the same time")
    given = parser.parse_args(arguments)
    queues = [name.strip() for name in given.queues.split(",") if name.strip()] if given.queues else None
    try:
        config = configured()
        configure_logging(config)
        metrics.start(config.home / "metrics")
        asyncio.run(_until_signalled(config, queues, max(1, given.concurrency)))
    except (ConfigError, EmbeddedServerError, OutOfDate) as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        metrics.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
