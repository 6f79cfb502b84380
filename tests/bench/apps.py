"""Applications for the HTTP benchmarks: ours, and a bare one that runs the same SQL and answers ready-made bytes."""

from __future__ import annotations

import json
import os
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from turnus.customers.views import detail
from turnus.customers.views.listing import customer_list
from turnus.entry.bootstrap import ROUTERS
from turnus.platform import logging as log_lines
from turnus.platform.api.app import build
from turnus.platform.api.edge import Edge
from turnus.platform.clock import SystemClock
from turnus.platform.crypto import FieldCipher
from turnus.platform.db.pool import Database
from turnus.platform.ratelimit import Limiter

URL, TENANT, CUSTOMER = (os.environ.get(f"TURNUS_TEST_BENCH_{name}", "") for name in ("URL", "TENANT", "CUSTOMER"))
READY = json.dumps({"data": ["x" * 1500]}).encode()


def ours() -> Any:
    """The API as `turnus serve` runs it."""
    log_lines.configure("json", "warning")
    return build(Edge(Database(URL, max_size=8), SystemClock(), Limiter(), FieldCipher([b"b" * 32])), ROUTERS)


def _statements(path: str) -> list[tuple[str, dict[str, Any]]]:
    if path == "/customers":
        listed, counted = customer_list.statements(customer_list.parse("limit=100", "Europe/Berlin"))
        return [(counted.sql, counted.defaults), (listed.sql, {**listed.defaults, "limit_": 100, "offset_": 0})]
    wanted = {"ids": [UUID(CUSTOMER)]}
    return [(read.sql, {**read.defaults, **wanted}) for read in (detail._details, detail._addresses, detail._emails)]


class Bare:
    """A bare ASGI function with a pool: the statements of a path, all rows fetched, the same bytes every time."""

    def __init__(self) -> None:
        self._pool: AsyncConnectionPool[Any] | None = None
        self._known: dict[str, list[tuple[str, dict[str, Any]]]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if self._pool is None:
            options = f"-c timezone=UTC -c jit=off -c role=turnus_app -c app.tenant_id={TENANT}"
            pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
                URL, open=False, max_size=8, kwargs={"options": options, "autocommit": True, "prepare_threshold": 3}
            )
            await pool.open()
            self._pool = pool
        path = "/customers" if scope["path"] == "/customers" else "/customers/x"
        statements = self._known.get(path) or self._known.setdefault(path, _statements(path))
        async with self._pool.connection() as connection:
            for sql, parameters in statements:
                cursor = connection.cursor(binary=True)
                await cursor.execute(sql, parameters, prepare=True)
                await cursor.fetchall()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(READY)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": READY})


def bare() -> Any:
    """The limit."""
    return Bare()
