"""A throw-away database whose tables are full of random rows, so that the planner's choices mean something."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import UUID

import psycopg

from kit import server as test_server

TENANT = UUID("00000000-0000-7000-8000-00000000000a")
OTHER_TENANT = UUID("00000000-0000-7000-8000-00000000000b")
ROWS = 2000
"""Rows of each of the two tenants."""

_VALUES = {
    "uuid": "gen_random_uuid()",
    "text": "'w' || (random() * 200)::int || 'x' || (random() * 1000)::int",
    "boolean": "random() < 0.5",
    "bigint": "(random() * 200)::int",
    "integer": "(random() * 200)::int",
    "numeric(30,12)": "(random() * 200)::numeric(30, 12)",
    "timestamp with time zone": "timestamptz '2022-01-01' + random() * interval '8 years'",
    "date": "date '2022-01-01' + (random() * 2900)::int",
    "jsonb": "'{}'::jsonb",
    "bytea": "decode(md5(random()::text), 'hex')",
}
_COLUMNS = """
select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
  from pg_attribute a
 where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped and a.attidentity = '' and a.attgenerated = ''
"""

_CONSTRAINTS = """
select c.conrelid::regclass::text, c.conname from pg_constraint c join pg_namespace n on n.oid = c.connamespace
 where c.contype in ('c', 'f') and n.nspname = 'public' and c.conparentid = 0 and c.conrelid <> 0
"""


@contextmanager
def filled_database(name: str) -> Iterator[str]:
    """A clone of the template without foreign keys, check constraints and triggers; its superuser URL."""
    with test_server.start() as server:
        test_server.clone(server, name)
        url = urlsplit(server.superuser_url)._replace(path=f"/{name}").geturl()
        with psycopg.connect(url, autocommit=True) as connection:
            _loosen(connection)
        try:
            yield url
        finally:
            with psycopg.connect(server.superuser_url, autocommit=True) as admin:
                admin.execute(f'drop database if exists "{name}" with (force)')


def _loosen(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    constraints = connection.execute(_CONSTRAINTS).fetchall()
    for table, constraint in constraints:
        connection.execute(f'alter table {table} drop constraint "{constraint}"')


def fill(connection: psycopg.Connection[tuple[object, ...]], tables: Iterable[str]) -> None:
    """Random rows of two tenants in each table; of unique values that come twice only the first stays."""
    connection.execute("set session_replication_role = replica")
    for table in tables:
        columns = connection.execute(_COLUMNS, (table,)).fetchall()
        for tenant in (TENANT, OTHER_TENANT):
            values = {str(name): _value(str(name), str(kind), tenant) for name, kind, _ in columns}
            connection.execute(
                f'insert into "{table}" ({", ".join(f"{chr(34)}{c}{chr(34)}" for c in values)})'
                f" select {', '.join(values.values())} from generate_series(1, {ROWS}) on conflict do nothing"
            )
        connection.execute(f'analyze "{table}"')


def _value(name: str, kind: str, tenant: UUID) -> str:
    if name == "tenant_id":
        return f"'{tenant}'::uuid"
    if kind.endswith("[]"):
        return f"'{{}}'::{kind}"
    return _VALUES.get(kind, f"null::{kind}")
