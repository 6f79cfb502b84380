"""The courier: makes the deliveries that are due, each webhook on a lane of its own.

A webhook is leased to one process, which makes at most five requests to it at a time, so that a slow one delays nobody
else and no receiver is overrun by several workers. Requests are made outside of any transaction. A worker that dies
leaves a lease that runs out; what it had sent without recording it is sent again, with the same event id.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from turnus.kernel.errors import NotFound
from turnus.platform import metrics
from turnus.platform.clock import Clock
from turnus.platform.crypto import DecryptionFailed
from turnus.platform.db.pool import Database
from turnus.platform.events.payloads import envelope, payloads, public_id
from turnus.platform.services import Services
from turnus.platform.work import tenant_work
from turnus.webhooks.delivery.call import Target, call, limits_of, target_of
from turnus.webhooks.delivery.claim import MAX_WEBHOOKS, Due, Leased, due_of, lease_due
from turnus.webhooks.delivery.record import Made, record
from turnus.webhooks.ops.disable_webhook import disable_webhook
from turnus.webhooks.rules import Attempt, Limits, outcome

log = structlog.get_logger("turnus.courier")
LANES = 5
"""Requests to one webhook at a time."""
POLL_SECONDS = 0.25
MARGIN = timedelta(seconds=10)
"""What is left of a lease when the last answer is there, to record it."""


@dataclass(slots=True)
class Courier:
    """Delivers from one process. `chance` yields numbers from 0 to 1 that spread retries."""

    database: Database
    services: Services
    clock: Clock
    chance: Callable[[], float] = random.random
    _stopping: bool = False
    _rounds: set[asyncio.Task[int]] = field(default_factory=set)

    async def deliver_batch(self) -> int:
        """One round for every webhook that has something due; returns how many deliveries were tried."""
        leased = await lease_due(self.database, self.clock.wall())
        return sum(await asyncio.gather(*(self._round(one) for one in leased)))

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`; then the requests under way are finished and recorded."""
        try:
            while not stop.is_set():
                if (room := MAX_WEBHOOKS - len(self._rounds)) > 0:
                    leased = await lease_due(self.database, self.clock.wall(), limit=room)
                    for one in leased:
                        task = asyncio.create_task(self._guarded(one))
                        self._rounds.add(task)
                        task.add_done_callback(self._rounds.discard)
                await self._next(stop)
        finally:
            self._stopping = True
            await asyncio.gather(*self._rounds)

    async def _next(self, stop: asyncio.Event) -> None:
        """Until something may be due: a round ended (there may be more for its webhook) or a moment passed."""
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({stopping, *self._rounds}, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()

    async def _guarded(self, leased: Leased) -> int:
        try:
            return await self._round(leased)
        except Exception:
            # The lease runs out by itself; other webhooks go on.
            log.exception("round of deliveries failed", webhook_id=str(leased.id))
            return 0

    async def _round(self, leased: Leased) -> int:
        limits = limits_of(leased.settings)
        due = await due_of(self.database, leased, self.clock.wall())
        made = await self._made(leased, due, limits)
        why = await record(self.database, leased, made, self.clock.wall(), limits.disable_after)
        if why is not None:
            await self._disable(leased, why)
        return len(made)

    async def _made(self, leased: Leased, due: list[Due], limits: Limits) -> list[Made]:
        now = self.clock.wall()
        try:
            target = target_of(
                self.services.cipher,
                leased.tenant_id,
                leased.id,
                leased.columns,
                sandbox=leased.sandbox,
                settings=leased.settings,
                now=now,
            )
            await self._render(leased, due)
        except Exception as problem:
            # A key that is missing or a view that fails: nothing can be sent, and trying again at once would not help.
            log.exception("deliveries cannot be prepared", webhook_id=str(leased.id))
            error = "secret_unreadable" if isinstance(problem, DecryptionFailed) else "payload_unavailable"
            return [self._problem(delivery, limits, error) for delivery in due]
        made: list[Made] = []
        waiting = iter(due)
        await asyncio.gather(*(self._lane(leased, target, waiting, made) for _ in range(LANES)))
        return made

    async def _lane(self, leased: Leased, target: Target, waiting: Iterator[Due], made: list[Made]) -> None:
        """One request after the other, as long as there is time to record the answer within the lease."""
        longest = timedelta(seconds=target.limits.timeout_seconds) + MARGIN
        for delivery in waiting:
            if delivery.lost:
                made.append(Made(delivery.id, delivery.attempt_count, "failed", None, None, self.clock.wall()))
                continue
            result = await self._deliver(target, delivery)
            made.append(result)
            gone = result.attempt is not None and result.attempt.gone
            if gone or self._stopping or self.clock.wall() + longest > leased.until:
                return

    async def _deliver(self, target: Target, delivery: Due) -> Made:
        assert delivery.occurred_at is not None and delivery.details is not None and delivery.payload is not None
        body = envelope(
            target.tenant_id,
            delivery.event_id,
            delivery.event,
            delivery.occurred_at,
            delivery.details,
            delivery.payload,
        )
        attempt = await call(
            self.services.outbound,
            target,
            delivery_id=delivery.id,
            event_id=public_id(delivery.event_id),
            event=delivery.event,
            number=delivery.attempt_count + 1,
            body=body,
            clock=self.clock,
        )
        return self._result(delivery, attempt, target.limits)

    def _result(self, delivery: Due, attempt: Attempt, limits: Limits) -> Made:
        now = self.clock.wall()
        status, following = outcome(attempt, limits, now, self.chance())
        metrics.webhook_attempted("succeeded" if attempt.succeeded else "retried" if status == "retrying" else "failed")
        return Made(delivery.id, attempt.number, status, following, attempt, now)

    def _problem(self, delivery: Due, limits: Limits, error: str) -> Made:
        now = self.clock.wall()
        number = delivery.attempt_count + 1
        attempt = Attempt(number, now.isoformat(timespec="seconds"), 0, None, error, None, "")
        return self._result(delivery, attempt, limits)

    async def _render(self, leased: Leased, due: list[Due]) -> None:
        """Render what was not rendered after the dispatch, because a process died in between."""
        missing = [one.event_id for one in due if one.payload is None and not one.lost]
        if not missing:
            return
        async with tenant_work(self.database, leased.tenant_id, services=self.services) as ctx:
            rendered = await payloads(ctx, missing)
        for one in due:
            one.payload = one.payload or rendered.get(one.event_id)

    async def _disable(self, leased: Leased, why: str) -> None:
        try:
            async with tenant_work(self.database, leased.tenant_id, clock=self.clock, services=self.services) as ctx:
                await disable_webhook(ctx, leased.id, why)
        except NotFound:
            # Deleted a moment ago.
            return
        log.warning("webhook switched off", webhook_id=str(leased.id), why=why)
