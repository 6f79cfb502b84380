"""Move the test clock of a sandbox tenant: what falls due on the way happens, each thing at its own instant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from turnus.billing import due as billing
from turnus.kernel.errors import Problem, ValidationFailed
from turnus.kernel.wire import instant
from turnus.platform.clock import Clock, SystemClock
from turnus.platform.context import Context
from turnus.platform.db.pool import Database
from turnus.platform.services import Services
from turnus.platform.work import change, tenant_work


class SandboxOnly(Problem):
    """Only a sandbox has a clock that can be moved."""

    code, status = "sandbox_only", 409


class Run(Protocol):
    """Does what is due by an instant, to its end."""

    def __call__(
        self, database: Database, tenant_id: UUID, at: datetime, *, clock: Clock, services: Services | None
    ) -> Awaitable[Any]: ...


class Due(msgspec.Struct, frozen=True):
    """A kind of work with business due dates: `next_due` says when it has something to do (None: never)."""

    name: str
    next_due: Callable[[Context], Awaitable[datetime | None]]
    run: Run


class Step(msgspec.Struct, frozen=True):
    """Something that fell due on the way, and what came of it."""

    at: datetime
    name: str
    result: Any


DUE: Sequence[Due] = (Due("billing", billing.next_due, billing.run_due),)
OnStep = Callable[[Step], None]
_SET = "update tenant set clock_at = %s where id = %s and clock_at is distinct from %s"


async def advance_clock(
    database: Database,
    tenant_id: UUID,
    target: datetime,
    *,
    clock: Clock | None = None,
    services: Services | None = None,
    on_step: OnStep | None = None,
    due: Sequence[Due] = DUE,
) -> list[Step]:
    """Set business time to the earliest due instant up to `target`, do what is due to its end, repeat; then `target`.

    What is overdue when it begins is done at once, at the present business time. Documents are not rendered here.

    Raises:
        SandboxOnly: the tenant is no sandbox.
        ValidationFailed: `target` lies before the tenant's business time; a test clock only goes forward.
    """
    clock = clock or SystemClock()
    steps: list[Step] = []
    last: dict[str, datetime] = {}
    while True:
        async with tenant_work(database, tenant_id, clock=clock) as ctx:
            _check(ctx, target)
            found, at = await _earliest(ctx, target, due, last)
            await _set(ctx, at)
        if found is None:
            return steps
        last[found.name] = at
        step = Step(at, found.name, await found.run(database, tenant_id, at, clock=clock, services=services))
        steps.append(step)
        if on_step is not None:
            on_step(step)


def _check(ctx: Context, target: datetime) -> None:
    if not ctx.tenant.sandbox:
        raise SandboxOnly(f"{ctx.tenant.name} is no sandbox; its clock is the real one.")
    if target < ctx.now():
        raise ValidationFailed.at("now", "out_of_range", bounds=f"≥ {instant(ctx.now())}")


async def _earliest(
    ctx: Context, target: datetime, due: Sequence[Due], last: dict[str, datetime]
) -> tuple[Due | None, datetime]:
    """What comes first, and the business time at which it happens.

    Work that was run at an instant and is still due then (somebody holds its rows) is left for a later instant, lest
    the clock stands still for ever.
    """
    now, found, earliest = ctx.now(), None, target
    for candidate in due:
        when = await candidate.next_due(ctx)
        if when is None or when > target:
            continue
        at = max(when, now)
        if candidate.name in last and at <= last[candidate.name]:
            continue
        if found is None or at < earliest:
            found, earliest = candidate, at
    return found, earliest


async def _set(ctx: Context, at: datetime) -> None:
    before = ctx.tenant.clock_at
    cursor = await ctx.connection.execute(_SET, (at, ctx.tenant_id, at))
    if cursor.rowcount:
        changes = [change("clock", None if before is None else instant(before), instant(at))]
        ctx.log("tenant", ctx.tenant_id, "clock_moved", changes)
