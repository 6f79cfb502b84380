"""Count the statements that a piece of work sends to the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg import AsyncCursor
from psycopg.sql import Composable

from kit.world import World


@dataclass
class Queries:
    """Statements in the order they were sent; `begin`, `commit` and `rollback` are not among them."""

    statements: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many there were."""
        return len(self.statements)

    def __len__(self) -> int:
        return len(self.statements)


@contextmanager
def count_queries(world: World) -> Iterator[Queries]:
    """Note every statement executed on the world's database meanwhile, by compiled reads, bulk writes and sessions.

    All of them end in a psycopg cursor, in a pipeline too. An `executemany` counts once; a COPY by its statement.
    """
    name = _database_name(world)
    found = Queries()
    originals = {method: getattr(AsyncCursor, method) for method in ("execute", "executemany", "copy")}

    def noting(original: Any) -> Any:
        def call(cursor: AsyncCursor[Any], query: Any, *arguments: Any, **options: Any) -> Any:
            if cursor.connection.info.dbname == name:
                found.statements.append(_text(query, cursor))
            return original(cursor, query, *arguments, **options)

        return call

    for method, original in originals.items():
        setattr(AsyncCursor, method, noting(original))
    try:
        yield found
    finally:
        for method, original in originals.items():
            setattr(AsyncCursor, method, original)


def _database_name(world: World) -> str:
    return world.database.url.partition("?")[0].rpartition("/")[2]


def _text(query: Any, cursor: AsyncCursor[Any]) -> str:
    if isinstance(query, Composable):
        return query.as_string(cursor)
    return query.decode() if isinstance(query, bytes) else str(query)
