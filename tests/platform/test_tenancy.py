"""A tenant can neither see nor reference nor overwrite what belongs to another: walked over every table there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from kit.world import World, a_world
from turnus.kernel.ids import new_id
from turnus.platform.db.pool import Database
from turnus.platform.db.schema import APP_ROLE, SYSTEM_ROLE
from turnus.platform.work import tenant_work

# Tables without a tenant in their key, each with the reason.
GLOBAL = {
    "tenant": "is the tenant",
    "credential": "is looked up by hash before the tenant is known",
    "app_user": "is a person of any number of tenants; the application's role has no right on it",
    "alembic_version": "version of the schema",
    "worker_heartbeat": "says which workers live; the application's role has no right on it",
    "rate_limit_usage": "counts over all tenants and before any is known; the application's role has no right on it",
}
QUEUE = "procrastinate"
"""Tables of the job queue, on which the application has no right at all."""

_TABLES = """
select c.relname, c.relrowsecurity, c.relforcerowsecurity,
       coalesce((select array_agg(a.attname::text order by k.position)
                   from pg_index i cross join unnest(i.indkey) with ordinality k(number, position)
                   join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
                  where i.indrelid = c.oid and i.indisprimary), '{}')
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = 'public' and c.relkind in ('r', 'p')
 order by 1
"""
_READABLE = f"""
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = 'public' and c.relkind in ('r', 'p')
   and (has_any_column_privilege('{APP_ROLE}', c.oid, 'select, insert, update, references')
        or has_table_privilege('{APP_ROLE}', c.oid, 'delete, truncate'))
"""
_POLICIES = """
select tablename, policyname, roles::text[], cmd, qual, with_check from pg_policies where schemaname = 'public'
"""
_FOREIGN_KEYS = """
select f.conrelid::regclass::text, f.conname, f.confrelid::regclass::text,
       (select array_agg(a.attname::text order by k.position) from unnest(f.conkey) with ordinality k(number, position)
          join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.number),
       (select array_agg(a.attname::text order by k.position) from unnest(f.confkey) with ordinality k(number, position)
          join pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.number)
  from pg_constraint f join pg_namespace n on n.oid = f.connamespace
 where f.contype = 'f' and n.nspname = 'public' and f.conparentid = 0
"""


async def catalogue(database: Database, sql: str) -> list[tuple[Any, ...]]:
    """Rows that the login role reads from the system catalogue."""
    async with database.connection() as connection:
        return await (await connection.execute(sql)).fetchall()


async def tenant_tables(database: Database) -> list[str]:
    """Names of the tables that belong to tenants."""
    found = await catalogue(database, _TABLES)
    return [name for name, *_ in found if name not in GLOBAL and not name.startswith(QUEUE)]


@pytest.fixture
async def other(database: Database) -> AsyncIterator[World]:
    """A second tenant beside `world`."""
    async with a_world(database, f"Other {uuid4()}") as other:
        yield other


async def test_every_table_of_a_tenant_has_it_first_in_its_key_and_forces_row_level_security(
    database: Database,
) -> None:
    tables = [row for row in await catalogue(database, _TABLES) if not row[0].startswith(QUEUE)]
    assert {"customer", "outbox", "term", "idempotency_record"} <= {row[0] for row in tables}
    assert [name for name, _, _, key in tables if name not in GLOBAL and key[:1] != ["tenant_id"]] == []
    open_to_application = {row[0] for row in await catalogue(database, _READABLE)}
    assert "customer" in open_to_application
    assert not {"app_user", "alembic_version"} & open_to_application
    unprotected = [name for name, enabled, forced, _ in tables if not (enabled and forced)]
    assert [name for name in unprotected if name not in GLOBAL or name in open_to_application] == []


async def test_every_protected_table_has_exactly_the_policies_of_tenant_and_system(database: Database) -> None:
    policies: dict[str, dict[str, tuple[Any, ...]]] = {}
    for table, name, *rest in await catalogue(database, _POLICIES):
        policies.setdefault(table, {})[name] = tuple(rest)
    for table in await tenant_tables(database):
        found = policies.get(table, {})
        assert set(found) == {"tenant", "system"}, table
        roles, command, using, check = found["tenant"]
        assert (roles, command) == ([APP_ROLE], "ALL"), table
        for condition in (using, check):
            assert condition.startswith("(tenant_id = "), table
            assert "current_setting('app.tenant_id'" in condition, table
        roles, command, using, check = found["system"]
        assert (roles, command) == ([SYSTEM_ROLE], "ALL"), table
        # The login role is a member of both: the policy must look at the role that is current.
        assert using == check == f"(CURRENT_USER = '{SYSTEM_ROLE}'::name)", table


async def test_every_foreign_key_carries_the_tenant(database: Database) -> None:
    wrong = []
    for table, name, target, columns, referenced in await catalogue(database, _FOREIGN_KEYS):
        if table.startswith(QUEUE) or target in GLOBAL:
            continue
        if "tenant_id" not in columns or columns.index("tenant_id") != referenced.index("tenant_id"):
            wrong.append(f"{table}.{name} {columns} → {target} {referenced}")
    assert wrong == []


async def test_nobody_but_the_two_roles_has_a_right_on_a_table(database: Database) -> None:
    granted = await catalogue(
        database,
        "select distinct table_name, grantee from information_schema.role_table_grants"
        " where table_schema = 'public' and grantee not in ('turnus_app', 'turnus_system', current_user)",
    )
    assert [row for row in granted if not row[0].startswith(QUEUE)] == []
    queue = await catalogue(
        database,
        f"select c.relname from pg_class c where c.relname like '{QUEUE}%' and c.relkind = 'r'"
        f" and has_table_privilege('{APP_ROLE}', c.oid, 'select, insert, update, delete')",
    )
    assert queue == []


async def test_the_application_cannot_change_the_schema(world: World) -> None:
    for statement in ("create table leak (x int)", "alter table customer disable row level security"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with world.work() as ctx:
                await ctx.connection.execute(statement)


async def test_no_table_shows_a_row_of_another_tenant(world: World, other: World) -> None:
    created = await other.client.post("/customers", json={"email": "a@b.de"}, headers={"Idempotency-Key": "x"})
    assert created.status_code == 201
    for table in await tenant_tables(world.database):
        async with world.work() as ctx:
            try:
                cursor = await ctx.connection.execute(
                    f'select count(*) from "{table}" where tenant_id <> %s', (ctx.tenant_id,)
                )
            except psycopg.errors.InsufficientPrivilege:
                # Not even the own rows: outbox and the like.
                await ctx.connection.rollback()
                ctx.unit.facts.clear()
                continue
            assert await cursor.fetchone() == (0,), table


async def test_the_login_role_sees_no_row_of_any_tenant(world: World) -> None:
    await world.client.post("/customers", json={"email": "a@b.de"})
    for table in await tenant_tables(world.database):
        async with world.database.connection() as connection:
            cursor = await connection.execute(f'select count(*) from "{table}"')
            assert await cursor.fetchone() == (0,), table


async def test_without_a_tenant_the_application_sees_nothing(world: World) -> None:
    await world.client.post("/customers", json={"email": "a@b.de"})
    async with world.database.connection() as connection:
        await connection.execute("select set_config('role', 'turnus_app', true)")
        for table in ("customer", "tenant", "credential"):
            assert await (await connection.execute(f"select count(*) from {table}")).fetchone() == (0,)


async def test_credentials_of_other_tenants_stay_hidden_and_unchanged(world: World, other: World) -> None:
    hashes = await world.rows("select tenant_id from credential")
    assert {row[0] for row in hashes} == {world.tenant_id}
    assert await world.rows("select id from tenant") == [(world.tenant_id,)]
    async with world.work() as ctx:
        changed = await ctx.connection.execute("update credential set permissions = '{}' where tenant_id = %s",
                                               (other.tenant_id,))  # fmt: skip
        assert changed.rowcount == 0
    assert (await other.client.get("/customers")).status_code == 200
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        async with world.work() as ctx:
            await ctx.connection.execute(
                "insert into credential (hash, tenant_id, kind, principal_id, name, permissions, allowed_ips,"
                " created_at) values ('x', %s, 'token', %s, 'x', '{}', '{}', now())",
                (other.tenant_id, uuid4()),
            )


@pytest.mark.parametrize(
    "statement",
    [
        "select * from outbox",
        "update outbox set event = 'x'",
        "delete from outbox",
        "delete from activity",
        "update activity set action = 'x'",
        "delete from event_log",
        "insert into event_log default values",
        "update idempotency_record set status = 200",
        "delete from tenant",
        "select * from procrastinate_jobs",
    ],
)
async def test_what_is_append_only_or_of_all_tenants_is_denied(world: World, statement: str) -> None:
    await world.client.post("/customers", json={"email": "a@b.de"})
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
        async with world.work() as ctx:
            await ctx.connection.execute(statement)
    assert await world.outbox() == ["customer.created"]


async def _group(world: World) -> UUID:
    id = new_id()
    async with world.work() as ctx:
        await ctx.connection.execute(
            "insert into customer_group (tenant_id, id, name, name_folded, created_at, updated_at)"
            " values (%s, %s, 'Gold', 'gold', now(), now())",
            (ctx.tenant_id, id),
        )
    return id


async def test_a_row_cannot_be_inserted_for_another_tenant(world: World, other: World) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        async with world.work() as ctx:
            await ctx.connection.execute(
                "insert into customer_group (tenant_id, id, name, name_folded, created_at, updated_at)"
                " values (%s, %s, 'Gold', 'gold', now(), now())",
                (other.tenant_id, uuid4()),
            )
    assert await other.rows("select count(*) from customer_group") == [(0,)]


async def test_a_row_cannot_be_moved_to_another_tenant(world: World, other: World) -> None:
    await _group(world)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        async with world.work() as ctx:
            await ctx.connection.execute("update customer_group set tenant_id = %s", (other.tenant_id,))
    assert await world.rows("select count(*) from customer_group") == [(1,)]


async def test_a_row_of_another_tenant_cannot_be_referenced(world: World, other: World) -> None:
    foreign = await _group(other)
    customer = (await world.client.post("/customers", json={"email": "a@b.de"})).json()["id"]
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        async with world.work() as ctx:
            await ctx.connection.execute(
                "update customer set customer_group_id = %s where id = %s", (foreign, customer)
            )
    refused = await world.client.post("/customers", json={"email": "b@b.de", "customerGroup": str(foreign)})
    assert refused.status_code == 422
    assert [(v["propertyPath"], v["code"]) for v in refused.json()["violations"]] == [("customerGroup", "not_found")]
    assert await world.rows("select count(*) from customer") == [(1,)]


async def test_an_unused_connection_carries_no_tenant_to_the_next_user(world: World) -> None:
    single = Database(world.database.url, max_size=1)
    await single.open()
    try:
        async with tenant_work(single, world.tenant_id, clock=world.clock) as ctx:
            row = await (await ctx.connection.execute("select current_user::text")).fetchone()
            assert row == (APP_ROLE,)
        async with single.connection() as connection:
            row = await (
                await connection.execute(
                    "select current_user = session_user, nullif(current_setting('app.tenant_id', true), '')"
                )
            ).fetchone()
            assert row == (True, None)
    finally:
        await single.close()
