"""A billing worker in a process of its own, to be killed."""

from __future__ import annotations

import asyncio
import multiprocessing
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from uuid import UUID

from turnus.billing.run import run_billing
from turnus.platform.db.pool import Database

READY_SECONDS = 30
# Forked from a server that has imported everything: a worker is ready in milliseconds, so that kills hit the work.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["turnus.billing.run", "kit.billing_worker"])


class Worker:
    """A process that bills what a tenant has due by an instant, in chunks."""

    def __init__(self, url: str, tenant_id: UUID, until: datetime, chunk: int) -> None:
        here, there = _context.Pipe(duplex=False)
        self.process: BaseProcess = _context.Process(target=_bill, args=(url, tenant_id, until, chunk, there))
        self._here = here
        self.process.start()
        there.close()
        assert here.poll(READY_SECONDS), "the worker did not start"
        assert here.recv() == "ready"

    def kill_after(self, seconds: float) -> bool:
        """SIGKILL after so many seconds of work; False when it had come to its end before."""
        self.process.join(seconds)
        killed = self.process.is_alive()
        if killed:
            self.process.kill()
        self.process.join()
        self._here.close()
        assert killed or self.process.exitcode == 0, f"the worker failed ({self.process.exitcode})"
        self.process.close()
        return killed


def _bill(url: str, tenant_id: UUID, until: datetime, chunk: int, ready: Connection) -> None:
    async def work() -> None:
        database = Database(url, max_size=2)
        await database.open()
        ready.send("ready")
        await run_billing(database, tenant_id, until=until, chunk=chunk)
        await database.close()

    asyncio.run(work())
