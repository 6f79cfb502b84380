"""Compiled reads and lists: how many statements they need and what they find."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import literal, select

from kit.queries import count_queries
from kit.world import World
from turnus.platform.db.reads import read_scalar, shape


async def create_customers(world: World, count: int, *, start: int = 0) -> list[str]:
    """Customers a1@…, a2@…; their ids."""
    ids = []
    for number in range(start, start + count):
        created = await world.client.post(
            "/customers", json={"email": f"a{number}@example.com", "companyName": f"Firma {number:03}", "city": "Ulm"}
        )
        assert created.status_code == 201, created.text
        ids.append(created.json()["id"])
    return ids


async def test_a_list_needs_the_same_three_statements_for_any_number_of_rows(world: World) -> None:
    await create_customers(world, 1)
    with count_queries(world) as one:
        assert len((await world.client.get("/customers")).json()["data"]) == 1
    await create_customers(world, 6, start=1)
    with count_queries(world) as many:
        assert len((await world.client.get("/customers")).json()["data"]) == 7
    # Enter the tenant, count, page.
    assert one.count == many.count == 3, many.statements
    assert "turnus_enter" in many.statements[0]


async def test_statements_of_a_session_and_of_a_pipeline_are_counted(world: World) -> None:
    with count_queries(world) as queries:
        async with world.work() as ctx:
            before = queries.count
            async with ctx.connection.pipeline():
                await ctx.connection.execute("select 1")
                await ctx.connection.execute("select 2")
            assert queries.statements[before:] == ["select 1", "select 2"]
    counted = queries.count
    await world.rows("select 3")
    assert queries.count == counted


async def test_pages_do_not_overlap_and_together_hold_all(world: World) -> None:
    ids = await create_customers(world, 7)
    found: list[str] = []
    for page in (1, 2, 3, 4):
        answer = (await world.client.get("/customers", params={"page": page, "limit": 3})).json()
        found += [row["id"] for row in answer["data"]]
        assert answer["meta"]["pagination"] == {
            "totalItems": 7,
            "itemsPerPage": 3,
            "currentPage": page,
            "lastPage": 3,
            "pageTotalItems": (3, 3, 1, 0)[page - 1],
        }
    assert found == ids[::-1]


@pytest.mark.parametrize("order", ["", "order[companyName]=asc", "order[companyName]=desc", "order[lastName]=asc"])
async def test_a_cursor_walks_through_every_row_once(world: World, order: str) -> None:
    ids = set(await create_customers(world, 5))
    found: list[str] = []
    cursor = ""
    for _ in range(10):
        answer = (await world.client.get(f"/customers?limit=2&after={cursor}&{order}")).json()
        found += [row["id"] for row in answer["data"]]
        cursor = answer["meta"]["pagination"]["nextCursor"]
        if cursor is None:
            break
    assert len(found) == 5
    assert set(found) == ids


@pytest.mark.parametrize(
    ("query", "parameter", "code"),
    [
        ("limit=101", "limit", "invalid_parameter"),
        ("limit=-1", "limit", "invalid_parameter"),
        ("page=x", "page", "invalid_parameter"),
        ("order[createdAt]=up", "order[createdAt]", "invalid_parameter"),
        ("order[nothing]=asc", "order[nothing]", "unknown_parameter"),
        ("nothing=1", "nothing", "unknown_parameter"),
        ("status[like]=x", "status[like]", "unknown_parameter"),
        ("status=none", "status", "invalid_parameter"),
        ("createdAt[after]=yesterday", "createdAt[after]", "invalid_parameter"),
        ("id=1", "id", "invalid_parameter"),
        ("companyName=%00", "companyName", "invalid_parameter"),
        ("after=%21", "after", "invalid_parameter"),
    ],
)
async def test_unreadable_parameters_are_named(world: World, query: str, parameter: str, code: str) -> None:
    await create_customers(world, 1)
    refused = await world.client.get(f"/customers?{query}")
    assert refused.status_code == 400, refused.text
    assert [(v["propertyPath"], v["code"]) for v in refused.json()["violations"]] == [(parameter, code)]


async def test_an_unknown_parameter_is_ignored_when_the_caller_prefers_leniency(world: World) -> None:
    await create_customers(world, 2)
    answer = await world.client.get("/customers?nothing=1", headers={"Prefer": "handling=lenient"})
    assert answer.json()["meta"]["pagination"]["totalItems"] == 2


async def test_a_limit_of_nothing_only_counts(world: World) -> None:
    await create_customers(world, 2)
    with count_queries(world) as queries:
        answer = (await world.client.get("/customers?limit=0")).json()
    assert (answer["data"], answer["meta"]["pagination"]["totalItems"]) == ([], 2)
    assert queries.count == 2


async def test_a_shape_that_misses_a_field_of_its_view_is_refused_at_import() -> None:
    class View(msgspec.Struct):
        one: int
        two: int

    with pytest.raises(ValueError, match="two"):
        shape(View, one=1)


async def test_a_constant_in_a_statement_is_written_out(world: World) -> None:
    async with world.work() as ctx:
        value: Any = await read_scalar(select(literal("it's 100 %"))).one(ctx)
    assert value == "it's 100 %"
