"""Transactions of work that is no request: jobs, command line, tests. The HTTP edge has its own in `edge.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from psycopg.types.json import Jsonb

from turnus.kernel.errors import NotFound
from turnus.kernel.ids import new_id, new_ids
from turnus.platform.clock import Clock, SystemClock
from turnus.platform.context import ALL_PERMISSIONS, SYSTEM, Actor, Change, Context, Unit
from turnus.platform.db.pool import Connection, Database, driver_connection
from turnus.platform.events.facts import reactions_to
from turnus.platform.services import Services
from turnus.platform.tenancy.enter import enter_system, enter_tenant, find_tenant

_OUTBOX = (
    "insert into outbox (tenant_id, id, event, resource, subjects, details, occurred_at) values (%s,%s,%s,%s,%s,%s,%s)"
)
_ACTIVITY = """
insert into activity (tenant_id, id, resource_type, resource_id, action, actor_kind, actor_id, actor_name,
                      changes, ip, request_id, created_at)
values (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s)
"""


async def finish(ctx: Context) -> None:
    """Write everything that belongs to the transaction: pending rows, reactions, audit entries, outbox rows."""
    await ctx.flush()
    told: set[str] = set()
    while pending := [fact for name, fact in ctx.unit.facts.items() if name not in told]:
        for fact in pending:
            told.add(fact.event.name)
            for reaction in reactions_to(fact.event.name):
                await reaction(ctx, fact)
        await ctx.flush()
    unit, connection = ctx.unit, ctx.connection
    if not unit.facts and not unit.audit:
        return
    now, actor = ctx.now(), ctx.actor
    async with connection.pipeline(), connection.cursor() as cursor:
        for entry, id in zip(unit.audit, new_ids(len(unit.audit)), strict=True):
            changes = Jsonb([{"property": c.property, "old": c.old, "new": c.new} for c in entry.changes])
            await cursor.execute(
                _ACTIVITY,
                (ctx.tenant_id, id, entry.resource_type, entry.resource_id, entry.action, actor.kind, actor.id,
                 actor.name, changes, ctx.ip, ctx.request_id, now),
            )  # fmt: skip
        for fact in unit.facts.values():
            details = {str(id): extra for id, extra in fact.subjects.items() if extra}
            await cursor.execute(
                _OUTBOX,
                (ctx.tenant_id, new_id(), fact.event.name, fact.event.resource, list(fact.subjects),
                 Jsonb(details), fact.occurred_at),
            )  # fmt: skip
    unit.facts.clear()
    unit.audit.clear()


@asynccontextmanager
async def tenant_work(
    database: Database,
    tenant_id: UUID,
    *,
    actor: Actor = SYSTEM,
    clock: Clock | None = None,
    request_id: str = "",
    locale: str = "en",
    services: Services | None = None,
) -> AsyncIterator[Context]:
    """One transaction in a tenant with every permission; commits at the end, rolls back on an error."""
    async with database.session() as session:
        connection = await driver_connection(session)
        tenant = await find_tenant(connection, id=tenant_id)
        if tenant is None:
            raise NotFound(f"tenant {tenant_id}")
        await enter_tenant(connection, tenant_id)
        permissions = frozenset({ALL_PERMISSIONS})
        unit = Unit(connection, session)
        ctx = Context(tenant, actor, permissions, locale, request_id, clock or SystemClock(), unit, None, services)
        yield ctx
        await finish(ctx)
        await session.commit()


@asynccontextmanager
async def system_work(database: Database) -> AsyncIterator[Connection]:
    """One transaction that sees all tenants, for dispatcher and ticker; commits at the end."""
    async with database.connection() as connection, connection.transaction():
        await enter_system(connection)
        yield connection


def change(property: str, old: object, new: object) -> Change:
    """A changed property of an audit entry."""
    return Change(property, old, new)
