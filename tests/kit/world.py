"""A world for a test: one fresh sandbox tenant, its clock, an API client, and what was told."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx2
import psycopg
from psycopg.types.json import Jsonb

from turnus.billing.ops.render_documents import render_batch
from turnus.billing.run import Outcome, run_billing
from turnus.entry.bootstrap import ROUTERS, new_tenant
from turnus.entry.clock import Step, advance_clock
from turnus.identity.ops.create_api_token import create_api_token
from turnus.kernel.time import start_of_day
from turnus.platform.api.app import build
from turnus.platform.api.edge import Edge
from turnus.platform.context import Context
from turnus.platform.crypto import FieldCipher
from turnus.platform.db.pool import Database
from turnus.platform.files import FileStore
from turnus.platform.http import OutboundClient
from turnus.platform.ratelimit import Limiter
from turnus.platform.services import Services
from turnus.platform.work import tenant_work

if TYPE_CHECKING:
    from kit.builders import CustomerBuilder

EPOCH = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)
ZONE = "Europe/Berlin"
ORGANISATION = {
    "organisation.companyName": "Wandel & Söhne GmbH",
    "organisation.street": "Hauptstraße",
    "organisation.houseNumber": "1",
    "organisation.zip": "10115",
    "organisation.city": "Berlin",
    "organisation.vatId": "DE136695976",
    "organisation.taxNumber": "27/123/45678",
    "organisation.email": "rechnung@wandel.example",
    "organisation.phone": "+49 30 1234567",
    "organisation.contactName": "Erika Wandel",
    "organisation.bankAccounts": [{"iban": "DE02120300000000202051", "bic": "BYLADEM1001", "bankName": "DKB"}],
}
"""Master data of an issuer, as far as invoices need them (§ 14 (4) UStG, XRechnung's BG-6 included)."""
_TOLD = """
select event from (
  select 0 as part, position as place, event, 1 as step from event_log where tenant_id = %(tenant)s
  union all
  select 1, sequence, event, step from outbox, generate_series(1, cardinality(subjects)) step
   where tenant_id = %(tenant)s) told
 order by part, place, step
"""


@dataclass
class FakeClock:
    """A wall clock that stands still until it is moved."""

    instant: datetime = EPOCH

    def wall(self) -> datetime:
        self.instant += timedelta(microseconds=1)
        return self.instant


@dataclass
class World:
    """One tenant under test."""

    database: Database
    clock: FakeClock
    tenant_id: UUID
    edge: Edge
    token: str
    client: httpx2.AsyncClient
    names: dict[str, Any] = field(default_factory=dict)
    prepared: Counter[str] = field(default_factory=Counter)
    """Facts told while builders prepared the story; `events_were` leaves them out."""

    @property
    def services(self) -> Services:
        """Encryption, a file store of this world, an outbound client that reaches nothing private."""
        assert self.edge.services is not None
        return self.edge.services

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Context]:
        """A transaction in the tenant, as the system."""
        async with tenant_work(self.database, self.tenant_id, clock=self.clock, services=self.services) as ctx:
            yield ctx

    async def token_with(self, *permissions: str, **options: Any) -> dict[str, str]:
        """Headers of a new token that holds just these permissions."""
        async with self.work() as ctx:
            _, secret = await create_api_token(ctx, "limited", permissions, rate_limit=0, **options)
        return {"Authorization": f"Bearer {secret}"}

    async def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows as the application sees them."""
        async with self.work() as ctx:
            return await (await ctx.connection.execute(sql, parameters)).fetchall()

    def look(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows as the application sees them, at once: for assertions that read like sentences."""
        with psycopg.connect(self.database.url) as connection:
            connection.execute(
                "select set_config('app.tenant_id', %s, true), set_config('role', 'turnus_app', true)",
                (str(self.tenant_id),),
            )
            return connection.execute(sql, parameters or None).fetchall()

    async def outbox(self) -> list[str]:
        """Names of the facts that were written for the dispatcher, in order."""
        from turnus.platform.work import system_work

        async with system_work(self.database) as connection:
            cursor = await connection.execute(
                "select event from outbox where tenant_id = %s order by sequence", (self.tenant_id,)
            )
            return [row[0] for row in await cursor.fetchall()]

    async def settings(self, **values: Any) -> None:
        """Set tenant settings: `await world.settings(**{"invoice.dueDays": 30})`."""
        async with self.work() as ctx:
            await ctx.connection.execute(
                "update tenant set settings = settings || %s where id = %s", (Jsonb(values), self.tenant_id)
            )

    def customer(self, name: str, **options: Any) -> CustomerBuilder:
        """A customer in the making; await it, or give it a subscription first. See `kit.builders`."""
        from kit.builders import CustomerBuilder

        return CustomerBuilder(self, name, options)

    async def travel_to(self, when: str | date | datetime) -> list[Step]:
        """Let business time pass; what falls due on the way happens in order. A date means its first instant."""
        return await advance_clock(
            self.database, self.tenant_id, moment(when), clock=self.clock, services=self.services
        )

    async def sleep_until(self, when: str | date | datetime) -> None:
        """Let business time pass while nothing happens: the scheduler is down."""
        async with self.work() as ctx:
            await ctx.connection.execute(
                "update tenant set clock_at = %s where id = %s", (moment(when), self.tenant_id)
            )

    async def bill(self, **options: Any) -> Outcome:
        """A billing run now."""
        return await run_billing(self.database, self.tenant_id, clock=self.clock, services=self.services, **options)

    async def render(self, limit: int = 50) -> int:
        """Render the documents that wait; returns how many were let out."""
        return await render_batch(
            self.database, self.tenant_id, clock=self.clock, services=self.services, limit=limit, threads=1
        )

    def told(self) -> list[str]:
        """Every fact that was told, one per object, in order."""
        with psycopg.connect(self.database.url) as connection:
            connection.execute("select set_config('role', 'turnus_system', true)")
            return [row[0] for row in connection.execute(_TOLD, {"tenant": self.tenant_id}).fetchall()]

    def events(self) -> list[str]:
        """The facts of the story, in order: all but those that builders caused."""
        left = Counter(self.prepared)
        found = []
        for name in self.told():
            if left[name]:
                left[name] -= 1
            else:
                found.append(name)
        return found

    def events_were(self, *names: str) -> None:
        """Assert exactly these facts, in this order."""
        assert self.events() == list(names)

    @asynccontextmanager
    async def prepares(self) -> AsyncIterator[None]:
        """What is told inside belongs to the setting of the scene."""
        before = Counter(self.told())
        yield
        self.prepared += Counter(self.told()) - before


def moment(when: str | date | datetime) -> datetime:
    """`2026-06-16` is the first instant of that day in the tenant's time zone."""
    if isinstance(when, datetime):
        return when
    if isinstance(when, str) and len(when) > len("2026-06-16"):
        return datetime.fromisoformat(when)
    return start_of_day(when if isinstance(when, date) else date.fromisoformat(when), ZONE)


@cache
def _outbound() -> OutboundClient:
    # One for all worlds: making a TLS context takes longer than making a tenant.
    return OutboundClient([])


@cache
def _files() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="turnus-test-files-")


def services_for(cipher: FieldCipher, folder: str = "shared") -> Services:
    """Services over a temporary folder that goes with the process."""
    return Services(cipher, FileStore(str(Path(_files().name) / folder)), _outbound())


def edge_on(database: Database, clock: FakeClock) -> Edge:
    """An edge over a test database."""
    cipher = FieldCipher([b"t" * 32])
    return Edge(database, clock, Limiter(), cipher, services_for(cipher))


@asynccontextmanager
async def a_world(database: Database, name: str, organisation: dict[str, Any] | None = None) -> AsyncIterator[World]:
    """A fresh tenant with the master data of an issuer and a token that may do everything."""
    clock = FakeClock()
    tenant_id = await new_tenant(database, name, sandbox=True, clock=clock)
    async with tenant_work(database, tenant_id, clock=clock) as ctx:
        _, secret = await create_api_token(ctx, "test", ["*"], rate_limit=0)
        await ctx.connection.execute(
            "update tenant set settings = settings || %s where id = %s",
            (Jsonb(ORGANISATION if organisation is None else organisation), tenant_id),
        )
    edge = edge_on(database, clock)
    app: Any = build(edge, ROUTERS)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield World(database, clock, tenant_id, edge, secret, client)
