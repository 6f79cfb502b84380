"""The connection pool, shared by compiled reads (psycopg) and by sessions (SQLAlchemy) of commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from psycopg import AsyncConnection
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from turnus.kernel.wire import encode

set_json_loads(msgspec.json.decode)
set_json_dumps(encode)

Connection = AsyncConnection[Any]


class Database:
    """One PostgreSQL database, reached by one pool.

    Transactions carry no session state (role and tenant are set `local`), so a transaction pooler may sit in between.
    """

    def __init__(self, url: str, *, max_size: int = 8, application_name: str = "turnus") -> None:
        self.url = url
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            open=False,
            min_size=1,
            max_size=max_size,
            timeout=20,
            close_returns=True,
            kwargs={
                "application_name": application_name,
                "options": "-c timezone=UTC -c jit=off",
                "prepare_threshold": 3,
            },
        )
        # The pool hands its connections to SQLAlchemy too; closing one there gives it back (`close_returns`).
        self._engine = create_async_engine(
            "postgresql+psycopg://", poolclass=NullPool, async_creator=self._pool.getconn, use_native_hstore=False
        )

    async def open(self) -> None:
        """Open the pool; raises PoolTimeout when the server cannot be reached."""
        await self._pool.open(wait=True, timeout=20)

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for reads; what it began is rolled back unless the caller commits."""
        async with self._pool.connection() as connection:
            yield connection

    def session(self) -> AsyncSession:
        """A session for a command. Its driver connection comes from the same pool."""
        return AsyncSession(self._engine, expire_on_commit=False, autoflush=False)


async def driver_connection(session: AsyncSession) -> Connection:
    """The psycopg connection of a session, for compiled reads and bulk writes inside its transaction."""
    raw = await (await session.connection()).get_raw_connection()
    connection = raw.driver_connection
    assert connection is not None
    return connection  # type: ignore[no-any-return]
