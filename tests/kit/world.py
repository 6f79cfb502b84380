"""A world for a test: one fresh sandbox tenant, its clock, an API client, and what was told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_network
from ssl import SSLContext
from typing import Any
from uuid import UUID

import httpx2

from turnus.entry.bootstrap import ROUTERS, new_tenant
from turnus.identity.ops.create_api_token import create_api_token
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

EPOCH = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)


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

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Context]:
        """A transaction in the tenant, as the system."""
        async with tenant_work(self.database, self.tenant_id, clock=self.clock, services=self.services) as ctx:
            yield ctx

    @property
    def services(self) -> Services:
        """Cipher, files in memory, and outgoing calls that may reach this machine."""
        assert self.edge.services is not None
        return self.edge.services

    async def token_with(self, *permissions: str, **options: Any) -> dict[str, str]:
        """Headers of a new token that holds just these permissions."""
        async with self.work() as ctx:
            _, secret = await create_api_token(ctx, "limited", permissions, rate_limit=0, **options)
        return {"Authorization": f"Bearer {secret}"}

    async def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows as the application sees them."""
        async with self.work() as ctx:
            return await (await ctx.connection.execute(sql, parameters)).fetchall()

    async def outbox(self) -> list[str]:
        """Names of the facts that were written for the dispatcher, in order."""
        from turnus.platform.work import system_work

        async with system_work(self.database) as connection:
            cursor = await connection.execute(
                "select event from outbox where tenant_id = %s order by sequence", (self.tenant_id,)
            )
            return [row[0] for row in await cursor.fetchall()]


@lru_cache(maxsize=1)
def _ssl_context() -> SSLContext:
    return httpx2.create_ssl_context()


def edge_on(database: Database, clock: FakeClock) -> Edge:
    """An edge over a test database."""
    cipher = FieldCipher([b"t" * 32])
    outbound = OutboundClient([ip_network("127.0.0.0/8")], ssl_context=_ssl_context())
    return Edge(database, clock, Limiter(), cipher, Services(cipher, FileStore("memory:///"), outbound))


@asynccontextmanager
async def a_world(database: Database, name: str) -> AsyncIterator[World]:
    """A fresh tenant with a token that may do everything."""
    clock = FakeClock()
    tenant_id = await new_tenant(database, name, sandbox=True, clock=clock)
    async with tenant_work(database, tenant_id, clock=clock) as ctx:
        _, secret = await create_api_token(ctx, "test", ["*"], rate_limit=0)
    edge = edge_on(database, clock)
    app: Any = build(edge, ROUTERS)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        world = World(database, clock, tenant_id, edge, secret, client)
        async with world.services.outbound:
            yield world
