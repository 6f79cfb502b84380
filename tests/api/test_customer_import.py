"""Many customers in one transaction."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from kit.customers import TABLES, created
from kit.facts import facts, nothing_written
from kit.queries import count_queries
from kit.world import World
from turnus.customers import views
from turnus.customers.commands import CreateCustomer
from turnus.customers.ops.import_customers import ImportRefused, check_import, import_customers


def row(index: int, **body: Any) -> CreateCustomer:
    return CreateCustomer.model_validate(
        {"email": f"stadt{index}@example.com", "companyName": f"Stadt Nummer {index}", "city": "Musterstadt", **body}
    )


async def test_imported_customers_look_like_created_ones(world: World) -> None:
    body = {
        "companyName": "Müller GmbH", "city": "Köln", "vatId": "DE123456788", "metadata": {"k": "v"},
        "invoiceEmail": "bills@example.com", "invoiceAddress": {"city": "Bonn"}, "leitwegId": "04011000-1234512345-06",
    }  # fmt: skip
    one = await created(world, **body)
    async with world.work() as ctx:
        [id] = await import_customers(ctx, [row(1, **body)])
    other = (await world.client.get(f"/customers/{id}")).json()
    own = {"id", "customerNumber", "createdAt", "updatedAt", "emailAddresses", "addresses", "defaultAddress"} | {
        "defaultInvoiceAddress", "defaultEmailAddress", "defaultInvoiceEmailAddress",
    }  # fmt: skip
    assert {k: v for k, v in other.items() if k not in own} == {k: v for k, v in one.items() if k not in own}
    assert [a["city"] for a in other["addresses"]] == ["Köln", "Bonn"]
    listed = (await world.client.get("/customers", params={"search": "muell"})).json()["data"]
    assert [found["id"] for found in listed] == [str(id), one["id"]]


async def test_thousands_are_written_as_a_set_told_as_one_fact_and_logged_once(world: World) -> None:
    await created(world, customerNumber="10005")
    rows = [row(i, externalId=f"e{i}", metadata={"population": str(i)}) for i in range(3000)]
    rows[7] = row(7, customerNumber="K-7")
    with count_queries(world) as queries:
        async with world.work() as ctx:
            ids = await import_customers(ctx, rows)
    assert len(queries) < 40, queries.statements
    numbers = dict(await world.rows("select id, number from customer"))
    # 2999 numbers from 10000 on, without the one that was taken.
    drawn = [str(n) for n in range(10000, 13000) if n != 10005]
    assert [numbers[id] for id in ids] == [*drawn[:7], "K-7", *drawn[7:]]
    told = await facts(world)
    assert [(t.event, len(t.subjects)) for t in told] == [("customer.created", 1), ("customer.created", 3000)]
    assert told[1].subjects == ids
    assert await world.rows(
        "select action, changes->0->>'new' from activity where resource_type = 'customer_import'"
    ) == [("created", "3000")]
    for table, count in (("customer_address", 3001), ("customer_email", 3001)):
        assert await world.rows(f"select count(*) from {table} where is_default") == [(count,)]
    assert (await world.client.get("/customers", params={"search": "2999 musterst"})).json()["data"] == []
    found = (await world.client.get("/customers", params={"search": "stadt2999"})).json()["data"]
    assert [c["id"] for c in found] == [str(ids[2999])]


async def test_wrong_rows_are_all_told_and_none_is_written(world: World) -> None:
    await created(world, email="taken@example.com", externalId="e-1")
    rows = [
        row(0),
        row(1, email="taken@example.com", externalId="e-1"),
        row(2, customerGroup=str(uuid4()), vatId="DE12345678"),
        row(3, email="stadt0@EXAMPLE.com"),
        row(4, customerNumber="K-1"),
        row(5, customerNumber="k-1", currencyCode="USD"),
    ]
    expected = [
        (1, {("email", "not_unique"), ("externalId", "not_unique")}),
        (2, {("customerGroup", "not_found"), ("vatId", "invalid_vat_id")}),
        (3, {("email", "not_unique")}),
        (5, {("customerNumber", "not_unique"), ("currencyCode", "currency_not_allowed")}),
    ]
    async with nothing_written(world, *TABLES):
        with pytest.raises(ImportRefused) as refused:
            async with world.work() as ctx:
                await import_customers(ctx, rows)
        async with world.work() as ctx:
            checked = await check_import(ctx, rows)
    for reported in (refused.value.rows, checked):
        assert [(i, {(v.property_path, v.code) for v in found}) for i, found in reported] == expected
    assert {v.property_path for v in refused.value.violations if v.code == "currency_not_allowed"} == {
        "[5].currencyCode"
    }


async def test_webhook_payloads_are_read_in_three_statements(world: World) -> None:
    async with world.work() as ctx:
        ids = await import_customers(ctx, [row(i, invoiceAddress={"city": "Ulm"}) for i in range(50)])
        await ctx.flush()
        with count_queries(world) as queries:
            found = await views.customers(ctx, [*ids, UUID(int=1)])
    assert set(found) == set(ids)
    assert len(queries) == 3
    assert {len(view.addresses) for view in found.values()} == {2}


async def test_nothing_to_import_tells_nothing(world: World) -> None:
    async with nothing_written(world, *TABLES):
        async with world.work() as ctx:
            assert await import_customers(ctx, []) == []
