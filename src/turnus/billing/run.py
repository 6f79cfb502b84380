"""A billing run: chunk after chunk of payers, each a transaction of its own.

Any number of runs and workers may work on one tenant at once: a chunk's payers are locked, locked ones are passed over,
and what is due is read after the lock. A run that is killed at any moment leaves only whole chunks behind; the next
one goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog

from turnus.billing.events import BILLING_RUN_COMPLETED
from turnus.billing.issuer import issuer_of
from turnus.billing.model import BillingFailure, BillingRun
from turnus.billing.ops.bill_customers import ChunkResult, bill_customers, compute
from turnus.kernel.errors import Problem, ValidationFailed
from turnus.kernel.ids import new_id
from turnus.platform import metrics
from turnus.platform.clock import Clock, SystemClock
from turnus.platform.context import Context
from turnus.platform.db.pool import Database
from turnus.platform.db.statistics import refresh_statistics
from turnus.platform.problems import message_of
from turnus.platform.services import Services
from turnus.platform.work import tenant_work
from turnus.subscriptions.ops.load_due import due_customers
from turnus.subscriptions.ops.park_subscriptions import park

log = structlog.get_logger("turnus.billing")
CHUNK = 1000
WALKERS = 2
"""Chunks of one run that are under way at once in a process: one is rated while the other is written."""
READ = ("customer", "customer_address", "customer_email", "subscription", "subscription_item")
WRITTEN = ("invoice", "invoice_position", "invoice_snapshot", "ledger_entry", "number_issued")
Progress = Callable[[int, int], Awaitable[None] | None]


class BillingDisabled(Problem):
    """Billing is switched off for the tenant (`billing.disabled`)."""

    code, status = "billing_disabled", 409


class Outcome(msgspec.Struct):
    """What a run did. `gross` in minor units per currency; `failed` counts customers that were parked."""

    run: UUID | None = None
    invoices: int = 0
    positions: int = 0
    skipped: int = 0
    failed: int = 0
    gross: dict[str, int] = {}
    seconds: float = 0.0

    def add(self, chunk: ChunkResult) -> None:
        """Count a chunk in."""
        self.invoices += chunk.invoices
        self.positions += chunk.positions
        self.skipped += chunk.suppressed
        for currency, minor in chunk.gross.items():
            self.gross[currency] = self.gross.get(currency, 0) + minor


class _Run:
    """The parts of a run that its steps share."""

    def __init__(
        self, database: Database, tenant_id: UUID, until: datetime, clock: Clock, services: Services | None, chunk: int
    ) -> None:
        self.database, self.tenant_id, self.until = database, tenant_id, until
        self.clock, self.services, self.chunk = clock, services, chunk
        self.outcome = Outcome()
        self.chunks, self.fresh = 0, 1

    def work(self) -> Any:
        """A transaction of the run."""
        return tenant_work(self.database, self.tenant_id, clock=self.clock, services=self.services)


async def run_billing(
    database: Database,
    tenant_id: UUID,
    *,
    until: datetime | None = None,
    clock: Clock | None = None,
    services: Services | None = None,
    trigger: str = "manual",
    started_by: str = "system",
    chunk: int = CHUNK,
    walkers: int = WALKERS,
    force: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Bill everything that is due by `until` (default: the tenant's now), and say what was done.

    Returns when everything is numbered and booked; documents are rendered by the worker.

    Raises:
        BillingDisabled: the tenant switched billing off, and `force` is not given.
        ValidationFailed: the tenant's own master data are incomplete: nobody could be billed, so nobody is parked.
    """
    clock = clock or SystemClock()
    started = time.perf_counter()
    async with tenant_work(database, tenant_id, clock=clock) as ctx:
        if ctx.setting("billing.disabled", False) and not force:
            raise BillingDisabled()
        until = until or ctx.now()
        found = await due_customers(ctx, until, None, 1)
        run = _Run(database, tenant_id, until, clock, services, chunk)
        if not found:
            return run.outcome
        if not ctx.setting("billing.manualApproval", False):
            issuer_of(ctx)
        run.outcome.run = _record(ctx, until, trigger, started_by)
    await refresh_statistics(database, READ + WRITTEN)
    await _all_chunks(run, progress, walkers)
    await _finish(run)
    run.outcome.seconds = time.perf_counter() - started
    metrics.billed(
        invoices=run.outcome.invoices,
        positions=run.outcome.positions,
        failed=run.outcome.failed,
        seconds=run.outcome.seconds,
    )
    return run.outcome


def _record(ctx: Context, until: datetime, trigger: str, started_by: str) -> UUID:
    row = BillingRun(
        id=new_id(),
        status="running",
        trigger=trigger,
        cutoff_at=until,
        filter={},
        started_by=started_by,
        created_at=ctx.now(),
    )
    return ctx.add(row).id


async def _all_chunks(run: _Run, progress: Progress | None, walkers: int) -> None:
    """Walk over the due customers by id; walk again, waiting for locks, until a walk finds nothing to do.

    Several walkers of one process overlap: while the database writes the chunk of one, another rates its own.
    """
    walks = (_walk(run, progress, wait=False) for _ in range(walkers))
    # All come to their end before a failure of one is told, so that nobody works on behind the caller's back.
    for ended in await asyncio.gather(*walks, return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended
    while await _walk(run, progress, wait=True):
        continue


async def _walk(run: _Run, progress: Progress | None, *, wait: bool) -> int:
    """Bill chunk after chunk in the order of the customers' ids; returns how many customers it had."""
    after: UUID | None = None
    billed = 0
    while True:
        customers, result = await _chunk(run, after, wait)
        if not customers:
            return billed
        after = customers[-1]
        billed += result.customers
        run.outcome.add(result)
        run.chunks += bool(result.customers)
        if run.chunks == run.fresh:
            # Tables that were empty when the run began have grown by an order of magnitude.
            run.fresh *= 8
            await refresh_statistics(run.database, WRITTEN)
        if progress is not None and (told := progress(run.outcome.invoices, run.outcome.failed)) is not None:
            await told


@contextmanager
def paused_collector() -> Iterator[None]:
    """Keep the cyclic garbage collector from walking over a chunk's many, acyclic objects again and again (a third
    of a chunk's CPU); reference counting frees them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


async def _chunk(run: _Run, after: UUID | None, wait: bool) -> tuple[list[UUID], ChunkResult]:
    customers: list[UUID] = []
    try:
        async with run.work() as ctx:
            customers = await due_customers(ctx, run.until, after, run.chunk)
            if not customers:
                return customers, ChunkResult()
            with paused_collector():
                return customers, await bill_customers(ctx, customers, run.until, run=run.outcome.run, wait=wait)
    except Exception as error:
        if not customers:
            raise
        log.warning("chunk failed, trying its customers one by one", customers=len(customers), error=repr(error))
    return customers, await _one_by_one(run, customers)


async def _one_by_one(run: _Run, customers: Sequence[UUID]) -> ChunkResult:
    """Bill the customers of a failed chunk singly; one that fails again is parked with its reason."""
    total = ChunkResult()
    for customer in customers:
        try:
            async with run.work() as ctx:
                result = await bill_customers(ctx, [customer], run.until, run=run.outcome.run, wait=True)
        except Exception as error:
            log.warning("customer parked", customer=str(customer), exc_info=not isinstance(error, Problem))
            # Added up after the wait: another walker counts meanwhile.
            parked = await _park(run, customer, error)
            run.outcome.failed += parked
            continue
        total.customers += result.customers
        total.invoices += result.invoices
        total.positions += result.positions
        total.suppressed += result.suppressed
        for currency, minor in result.gross.items():
            total.gross[currency] = total.gross.get(currency, 0) + minor
    return total


async def _park(run: _Run, customer: UUID, error: Exception) -> bool:
    """Set a customer's due subscriptions aside; False when another walker, whose chunk failed too, was faster."""
    code, message = reason_of(error)
    async with run.work() as ctx:
        cursor = await ctx.connection.execute(
            "select id from subscription where customer_id = %s and next_billing_at <= %s and parked_at is null"
            " order by id for no key update",
            (customer, run.until),
        )
        subscriptions = [row[0] for row in await cursor.fetchall()]
        if not subscriptions:
            return False
        await park(ctx, subscriptions, f"{code}: {message}")
        assert run.outcome.run is not None
        ctx.add(
            BillingFailure(
                run_id=run.outcome.run, customer_id=customer, code=code, message=message, created_at=ctx.now()
            )
        )
        for id in subscriptions:
            ctx.log("subscription", id, "parked")
    return True


def reason_of(error: Exception) -> tuple[str, str]:
    """Code and text of why something could not be billed; internals of unexpected errors stay in the log."""
    if isinstance(error, ValidationFailed):
        first = error.violations[0]
        text = " ".join(f"{v.property_path}: {message_of(v, 'en')}" for v in error.violations[:5])
        return first.code, text
    if isinstance(error, Problem):
        return error.code, error.detail or error.code
    return "internal_error", f"Unexpected error ({type(error).__name__}); the log has the details."


async def _finish(run: _Run) -> None:
    async with run.work() as ctx:
        assert run.outcome.run is not None
        status = "completed_with_errors" if run.outcome.failed else "completed"
        await ctx.connection.execute(
            "update billing_run set status = %s, finished_at = %s where id = %s", (status, ctx.now(), run.outcome.run)
        )
        ctx.emit(BILLING_RUN_COMPLETED, [run.outcome.run])


async def preview_billing(
    database: Database, tenant_id: UUID, *, until: datetime | None = None, clock: Clock | None = None
) -> Outcome:
    """What `run_billing` would do; nothing is written, no number drawn."""
    started = time.perf_counter()
    outcome = Outcome()
    after: UUID | None = None
    while True:
        async with tenant_work(database, tenant_id, clock=clock) as ctx:
            cutoff = until or ctx.now()
            customers = await due_customers(ctx, cutoff, after, CHUNK)
            if not customers:
                break
            after = customers[-1]
            computed = await compute(ctx, customers, cutoff, run=None)
            drafts = computed.assembled.drafts
            chunk = ChunkResult(len(customers), len(drafts), sum(len(d.lines) for d in drafts))
            chunk.suppressed = len(computed.assembled.suppressed)
            for draft in drafts:
                chunk.gross[draft.currency] = chunk.gross.get(draft.currency, 0) + draft.gross_minor
            outcome.add(chunk)
    outcome.seconds = time.perf_counter() - started
    return outcome
