"""Tax groups over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import pytest

from kit.queries import count_queries
from kit.world import World
from turnus.platform.context import Context
from turnus.settings import references
from turnus.settings.ops.load_tax_rates import load_tax_table

FRENCH = {"rate": "5.5", "validFrom": "2014-01-01", "countryCode": "FR"}


def codes(answer: Any) -> list[tuple[str, str]]:
    return [(v["propertyPath"], v["code"]) for v in answer.json()["violations"]]


async def group(world: World, *taxes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body = {"internalDescription": "Books", "type": "reduced", "taxes": list(taxes) or [FRENCH], **fields}
    answer = await world.client.post("/tax-groups", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


@pytest.fixture
def used_taxes() -> Iterator[set[UUID]]:
    """Rates that finalised documents use, as an upper area would say."""
    used: set[UUID] = set()

    async def invoices(ctx: Context, ids: Sequence[UUID]) -> dict[str, int]:
        return {"invoice": len(used & set(ids))}

    references.register_usage("tax", invoices)
    yield used
    references._usages["tax"].remove(invoices)


async def test_new_tenant_finds_german_groups_with_their_history(world: World) -> None:
    with count_queries(world) as queries:
        listed = (await world.client.get("/tax-groups")).json()["data"]
    assert queries.count == 3  # entering the tenant, count, page
    groups = {row["internalDescription"]: row for row in listed}
    assert {"19%", "7%", "0%"} <= set(groups)
    standard = groups["19%"]
    assert [(t["rate"], t["validFrom"], t["validTo"], t["countryCode"]) for t in standard["taxes"]] == [
        (19, "2007-01-01", "2020-06-30", "DE"), (16, "2020-07-01", "2020-12-31", "DE"), (19, "2021-01-01", None, "DE"),
    ]  # fmt: skip
    assert (standard["reverseChargeType"], standard["type"], standard["archived"]) == (
        "REVERSE_CHARGE", "standard", False,
    )  # fmt: skip
    assert groups["0%"]["exemption"] == {"legalBasis": "", "vatexCode": None, "text": ""}
    reduced = (await world.client.get("/tax-groups?type[]=reduced")).json()["data"]
    assert [row["internalDescription"] for row in reduced] == ["7%"]


async def test_created_group_reads_back_and_names_its_rates(world: World) -> None:
    made = await group(world, FRENCH, {"rate": 24, "validFrom": "2016-06-01", "countryCode": "GR"})
    assert [(t["rate"], t["code"], t["description"], t["countryCode"]) for t in made["taxes"]] == [
        (24, "24", "24%", "EL"), (5.5, "5.5", "5.5%", "FR"),
    ]  # fmt: skip
    assert made["reverseChargeType"] == "REVERSE_CHARGE"
    assert (await world.client.get(f"/tax-groups/{made['id']}")).json() == made


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"taxes": []}, [("internalDescription", "not_null"), ("taxes", "too_short")]),
        ({"internalDescription": "x", "taxes": [FRENCH, FRENCH]}, [("taxes[1].validFrom", "not_unique")]),
        ({"internalDescription": "x", "reverseChargeType": "NONE", "colour": 1,
          "taxes": [{"rate": "100.01", "validFrom": "2026-02-30", "countryCode": "US"}]},
         [("colour", "unknown_property"), ("reverseChargeType", "invalid_choice"),
          ("taxes[0].countryCode", "invalid_choice"), ("taxes[0].rate", "out_of_range"),
          ("taxes[0].validFrom", "invalid_date")]),
    ],
)  # fmt: skip
async def test_wrong_group_is_refused_and_nothing_is_written(
    world: World, body: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    before = await world.rows("select count(*) from tax_group")
    refused = await world.client.post("/tax-groups", json=body)
    assert (refused.status_code, sorted(codes(refused))) == (422, expected)
    assert await world.rows("select count(*) from tax_group") == before


async def test_replacing_changes_adds_and_removes_rates(world: World) -> None:
    made = await group(world, FRENCH, {**FRENCH, "validFrom": "2026-01-01"}, {**FRENCH, "countryCode": "*"})
    star, old, new = made["taxes"]
    # The two French rates swap their days; `*` goes; Italy comes.
    taxes = [
        {**old, "validFrom": new["validFrom"]},
        {**new, "validFrom": old["validFrom"], "rate": 6},
        {"rate": 4, "validFrom": "2026-01-01", "countryCode": "IT"},
    ]
    body = {**made, "internalDescription": "Printed books", "taxes": taxes}
    answer = await world.client.put(f"/tax-groups/{made['id']}", json=body)
    assert answer.status_code == 200, answer.text
    replaced = answer.json()
    assert replaced["internalDescription"] == "Printed books"
    assert [(t["id"], t["rate"], t["validFrom"]) for t in replaced["taxes"][:2]] == [
        (new["id"], 6, "2014-01-01"), (old["id"], 5.5, "2026-01-01"),
    ]  # fmt: skip
    assert [t["countryCode"] for t in replaced["taxes"]] == ["FR", "FR", "IT"]
    assert star["id"] not in {t["id"] for t in replaced["taxes"]}


async def test_unknown_rate_of_a_group_is_refused(world: World) -> None:
    made = await group(world)
    body = {"internalDescription": "x", "taxes": [{**FRENCH, "id": "01890000-0000-7000-8000-000000000000"}]}
    refused = await world.client.put(f"/tax-groups/{made['id']}", json=body)
    assert codes(refused) == [("taxes[0].id", "not_found")]
    assert (await world.client.get(f"/tax-groups/{made['id']}")).json() == made


async def test_rates_are_added_changed_and_removed_one_by_one(world: World) -> None:
    made = await group(world)
    path = f"/tax-groups/{made['id']}/taxes"
    added = await world.client.post(path, json={**FRENCH, "validFrom": "2026-01-01", "rate": 6})
    assert (added.status_code, added.json()["rate"]) == (201, 6)
    assert codes(await world.client.post(path, json=FRENCH)) == [("validFrom", "not_unique")]
    changed = await world.client.put(f"{path}/{added.json()['id']}", json={**FRENCH, "validFrom": "2026-02-01"})
    assert (changed.json()["rate"], changed.json()["validFrom"]) == (5.5, "2026-02-01")
    assert codes(await world.client.put(f"{path}/{added.json()['id']}", json=FRENCH)) == [("validFrom", "not_unique")]
    assert (await world.client.delete(f"{path}/{added.json()['id']}")).status_code == 204
    last = await world.client.delete(f"{path}/{made['taxes'][0]['id']}")
    assert (last.status_code, last.json()["code"]) == (409, "invalid_state")
    assert (await world.client.delete(f"{path}/{added.json()['id']}")).status_code == 404
    read = (await world.client.get(f"/tax-groups/{made['id']}")).json()
    assert read["taxes"] == made["taxes"]
    assert read["updatedAt"] >= made["updatedAt"]


async def test_rate_used_by_a_finalised_document_stays(world: World, used_taxes: set[UUID]) -> None:
    made = await group(world, FRENCH, {**FRENCH, "countryCode": "IT"})
    french, italian = made["taxes"]
    used_taxes.add(UUID(french["id"]))
    path = f"/tax-groups/{made['id']}"
    for refused in (
        await world.client.put(f"{path}/taxes/{french['id']}", json={**FRENCH, "rate": 6}),
        await world.client.delete(f"{path}/taxes/{french['id']}"),
        await world.client.put(path, json={**made, "taxes": [italian]}),
        await world.client.put(path, json={**made, "taxes": [{**french, "rate": 6}, italian]}),
        await world.client.delete(path),
    ):
        assert refused.status_code == 409, refused.text
        assert refused.json()["references"] == [{"type": "invoice", "count": 1}]
    assert (await world.client.get(path)).json() == made
    # Everything else may still change, and a later rate may follow.
    assert (
        await world.client.put(path, json={**made, "internalDescription": "x", "taxes": [french]})
    ).status_code == 200
    assert (await world.client.post(f"{path}/taxes", json={**FRENCH, "validFrom": "2030-01-01"})).status_code == 201


async def test_group_in_use_is_archived_instead_of_deleted(world: World) -> None:
    default = (await world.client.get("/settings/billing")).json()["settings"]["defaultTaxGroup"]["value"]
    refused = await world.client.delete(f"/tax-groups/{default}")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    made = await group(world)
    path = f"/tax-groups/{made['id']}"
    assert (await world.client.put(f"{path}/archive")).json()["archived"] is True
    shown = (await world.client.get("/tax-groups")).json()["data"]
    assert made["id"] not in {row["id"] for row in shown}
    hidden = (await world.client.get("/tax-groups?archived=true")).json()["data"]
    assert [row["id"] for row in hidden] == [made["id"]]
    refused = await world.client.patch("/settings/billing", json={"defaultTaxGroup": made["id"]})
    assert codes(refused) == [("defaultTaxGroup", "archived")]
    assert (await world.client.put(f"{path}/unarchive")).json()["archived"] is False
    assert (await world.client.delete(path)).status_code == 204
    assert (await world.client.get(path)).status_code == 404


async def test_two_that_remove_the_last_two_rates_leave_one(world: World) -> None:
    made = await group(world, FRENCH, {**FRENCH, "countryCode": "IT"})
    paths = [f"/tax-groups/{made['id']}/taxes/{t['id']}" for t in made["taxes"]]
    answers = await asyncio.gather(*(world.client.delete(path) for path in paths))
    assert sorted(a.status_code for a in answers) == [204, 409]


async def test_rate_is_resolved_by_country_and_day(world: World) -> None:
    listed = (await world.client.get("/tax-groups")).json()["data"]
    standard, reduced = (
        next(row["id"] for row in listed if row["internalDescription"] == name) for name in ("19%", "7%")
    )

    async def resolve(group: str, country: str, day: str | None = None) -> Any:
        body = {"taxGroup": group, "countryCode": country, **({"date": day} if day else {})}
        return (await world.client.post("/tax-groups/resolve", json=body)).json()

    def core(answer: dict[str, Any]) -> tuple[Any, ...]:
        return answer["rate"], answer["category"], answer["source"], answer["warning"]

    assert core(await resolve(standard, "DE", "2020-08-31")) == (16, "S", "group", None)
    assert core(await resolve(standard, "DE")) == (19, "S", "group", None)
    assert core(await resolve(standard, "FI", "2024-08-31")) == (24, "S", "eu_table", None)
    assert core(await resolve(standard, "FI", "2024-09-01")) == (25.5, "S", "eu_table", None)
    assert core(await resolve(reduced, "GR", "2026-01-01")) == (24, "S", "eu_table", "reduced_rate_unknown")
    assert (await resolve(standard, "US"))["code"] == "tax_rate_missing"
    assert (await resolve("01890000-0000-7000-8000-000000000000", "DE"))["code"] == "validation_failed"


async def test_table_for_a_billing_run_is_loaded_in_one_round_trip(world: World) -> None:
    async with world.work() as ctx:
        with count_queries(world) as queries:
            table = await load_tax_table(ctx)
        assert queries.count == 2  # groups and rates, pipelined
        assert {group.description for group in table.groups.values()} >= {"19%", "7%", "0%"}
        german = next(g.id for g in table.groups.values() if g.description == "19%")
        assert table.percent(german, "DE", ctx.today()) == 19


async def test_permissions_and_other_tenants(world: World) -> None:
    made = await group(world)
    headers = await world.token_with("tax-group:read")
    assert (await world.client.get("/tax-groups", headers=headers)).status_code == 200
    assert (await world.client.delete(f"/tax-groups/{made['id']}", headers=headers)).status_code == 403
    assert (await world.client.get("/tax-groups/nothing")).status_code == 404
