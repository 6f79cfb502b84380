"""What is final stays final, whatever SQL the application sends (§ 146 (4) AO, GoBD)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from kit.world import World, a_world
from turnus.billing.model import Invoice
from turnus.billing.verify import verify
from turnus.platform.db.pool import Database

MOVING = {
    "status": "'STATUS_PAID'",
    "unpaid_minor": "0",
    "pay_date": "now()",
    "last_sent_at": "now()",
    "internal_note": "'called'",
    "custom_fields": "'{\"a\": 1}'",
    "pdf_id": "gen_random_uuid()",
    "xml_id": "gen_random_uuid()",
    "document_hash": "'x'",
    "render_after": "now()",
    "render_attempts": "7",
    "render_error": "'crash'",
    "updated_at": "now()",
}
NUMBERED = "(select id from invoice where number is not null)"
DRAFT = "(select id from invoice where number is null)"
_OTHER_VALUE = {
    "text": "coalesce({0}, '') || 'x'",
    "bigint": "coalesce({0}, 0) + 1",
    "uuid": "gen_random_uuid()",
    "date": "coalesce({0}, current_date) + 1",
    "timestamp with time zone": "coalesce({0}, now()) + interval '1 day'",
    "jsonb": "'[{{\"tax\": 0}}]'",
    "numeric": "coalesce({0}, 0) + 1",
    "boolean": "not {0}",
    "bytea": "'x'::bytea",
}


@pytest.fixture(scope="module")
async def books(database: Database) -> AsyncIterator[World]:
    """One numbered invoice, and one draft."""
    async with a_world(database, f"Final {uuid4()}") as world:
        await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
        await world.travel_to("2026-06-01")
        await world.settings(**{"billing.manualApproval": True})
        await world.travel_to("2026-07-01")
        yield world


async def refused(world: World, statement: str, *parameters: Any) -> psycopg.Error:
    """The error of a statement as the application's role; nothing of it stays."""
    with pytest.raises(psycopg.Error) as error:
        async with world.work() as ctx:
            await ctx.connection.execute(statement, parameters or None)
    assert await verify(world.database, world.tenant_id) == []
    return error.value


def _columns(table: str, without: set[str]) -> list[str]:
    return [c.name for c in Invoice.metadata.tables[table].columns if c.name not in without]


def _other(world: World, table: str, column: str) -> str:
    kind = world.look(
        "select format_type(atttypid, null) from pg_attribute where attrelid = %s::regclass and attname = %s",
        table,
        column,
    )[0][0]
    return _OTHER_VALUE[kind].format(column)


@pytest.mark.parametrize("column", _columns("invoice", {*MOVING, "tenant_id"}))
async def test_frozen_column_of_a_numbered_invoice(books: World, column: str) -> None:
    value = _other(books, "invoice", column)
    error = await refused(books, f"update invoice set {column} = {value} where number is not null")
    assert error.sqlstate in ("TU001", "23514"), error  # the guard, or before it a rule of the table


@pytest.mark.parametrize("column", MOVING)
async def test_moving_column_of_a_numbered_invoice(books: World, column: str) -> None:
    async with books.work() as ctx:
        cursor = await ctx.connection.execute(
            f"update invoice set {column} = {MOVING[column]} where number is not null"
        )
        assert cursor.rowcount == 1
        await ctx.connection.rollback()


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("delete from invoice where number is not null", "TU001"),
        ("update invoice set number = null where number is not null", "TU001"),
        (f"update invoice_position set name = 'Else' where invoice_id = {NUMBERED}", "TU001"),
        (f"update invoice_position set invoice_id = null where invoice_id = {NUMBERED}", "TU001"),
        (f"update invoice_position set invoice_id = {DRAFT} where invoice_id = {NUMBERED}", "TU001"),
        (f"update invoice_position set invoice_id = {NUMBERED}, position = 2 where invoice_id = {DRAFT}", "TU001"),
        (f"delete from invoice_position where invoice_id = {NUMBERED}", "TU001"),
        ("update invoice_snapshot set document = ''", "42501"),
        ("delete from invoice_snapshot", "42501"),
        ("update ledger_entry set amount_minor = amount_minor + 1", "42501"),
        ("delete from ledger_entry", "42501"),
        ("update number_issued set number = 'x'", "42501"),
        ("delete from number_issued", "42501"),
        ("truncate invoice", "42501"),
        ("truncate ledger_entry", "42501"),
        ("alter table invoice disable trigger all", "42501"),
        ("drop trigger invoice_is_final on invoice", "42501"),
        ("set session_replication_role = replica", "42501"),
    ],
)  # fmt: skip
async def test_what_the_application_may_not_do(books: World, statement: str, state: str) -> None:
    assert (await refused(books, statement)).sqlstate == state


async def test_no_position_is_added_to_a_numbered_invoice(books: World) -> None:
    columns = _columns("invoice_position", {"id", "position", "charge_kind", "item_id"})
    copied = ", ".join(columns)
    error = await refused(
        books,
        f"insert into invoice_position (id, position, {copied}) select gen_random_uuid(), 2, {copied}"
        " from invoice_position where invoice_id = (select id from invoice where number is not null)",
    )
    assert error.sqlstate == "TU001"


async def test_a_second_snapshot_is_refused(books: World) -> None:
    error = await refused(
        books, "insert into invoice_snapshot (tenant_id, id, document, salt) select tenant_id, id, '', '' from"
        " invoice_snapshot",
    )  # fmt: skip
    assert error.sqlstate == "23505"


@pytest.mark.parametrize(
    ("amounts", "currencies"), [((100, -99), ("EUR", "EUR")), ((100, -100), ("EUR", "CHF")), ((100,), ("EUR",))]
)
async def test_unbalanced_booking_is_refused(
    books: World, amounts: tuple[int, ...], currencies: tuple[str, ...]
) -> None:
    rows = ", ".join(
        f"(%s, gen_random_uuid(), '{uuid4()}'::uuid, gen_random_uuid(), current_date, '1400', {amount}, '{currency}',"
        " 'manual')"
        for amount, currency in zip(amounts, currencies, strict=True)
    )
    booking = uuid4()
    statement = (
        "insert into ledger_entry (tenant_id, id, booking_id, document_id, booked_on, account, amount_minor,"
        f" currency_code, kind) values {rows}"
    )
    for line in rows.split("'")[1::2]:
        statement = statement.replace(f"'{line}'::uuid", f"'{booking}'::uuid")
    error = await refused(books, statement, *[books.tenant_id] * len(amounts))
    assert error.sqlstate == "TU002"


async def test_draft_may_still_change_and_go(books: World) -> None:
    async with books.work() as ctx:
        for statement in (
            "update invoice set net_minor = net_minor + 1, gross_minor = gross_minor + 1 where number is null",
            f"update invoice_position set name = 'Else' where invoice_id = {DRAFT}",
            "delete from invoice where number is null",
        ):
            assert (await ctx.connection.execute(statement)).rowcount == 1
        await ctx.connection.rollback()


async def test_other_tenants_documents_cannot_be_reached(books: World, other_world: World) -> None:
    async with other_world.work() as ctx:
        for table in ("invoice", "invoice_position", "invoice_snapshot", "ledger_entry", "number_issued"):
            cursor = await ctx.connection.execute(
                f"select count(*) from {table} where tenant_id = %s", (books.tenant_id,)
            )
            assert await cursor.fetchone() == (0,)
        cursor = await ctx.connection.execute("update invoice set internal_note = 'x'")
        assert cursor.rowcount == 0
