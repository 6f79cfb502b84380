"""The catalogue over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kit.catalogue import TABLES, contract, posted, price, product, tax_group
from kit.customers import created, violations
from kit.facts import activities, facts, nothing_written
from kit.queries import count_queries
from kit.world import World, a_world

GONE = "01890000-0000-7000-8000-000000000000"


async def test_a_new_tenant_finds_the_usual_units_and_the_built_in_measurement(world: World) -> None:
    units = (await world.client.get("/units", params={"locale": "en", "order[createdAt]": "asc"})).json()["data"]
    assert sorted((unit["name"], unit["code"]) for unit in units) == [
        ("GB", "E34"), ("day", "DAY"), ("hour", "HUR"), ("month", "MON"), ("piece", "C62"), ("user", "C62"),
    ]  # fmt: skip
    measurements = (await world.client.get("/catalogue/measurements")).json()["data"]
    assert [(m["code"], m["unit"]["name"], m["type"], m["fairBilling"]) for m in measurements] == [
        ("quantity", "Stück", "recurring", True)
    ]


async def test_a_unit_is_created_changed_and_deleted(world: World) -> None:
    unit = await posted(world, "/units", translations={"de": {"name": "Lizenz"}, "en": {"name": "licence"}})
    assert (unit["name"], unit["code"]) == ("Lizenz", "C62")
    english = await world.client.get(f"/units/{unit['id']}", params={"locale": "en"})
    assert english.json()["name"] == "licence"
    assert (await world.client.get(f"/units/{unit['id']}", params={"locale": "fr"})).json()["name"] == "Lizenz"
    changed = await world.client.put(
        f"/units/{unit['id']}", json={"translations": {"de": {"name": "Sitz"}}, "code": "C62"}
    )
    assert changed.json()["translations"] == {"de": {"name": "Sitz"}}
    assert (await world.client.delete(f"/units/{unit['id']}")).status_code == 204
    assert (await world.client.get(f"/units/{unit['id']}")).status_code == 404
    assert [action for action, _ in await activities(world, unit["id"])] == ["created", "updated", "deleted"]


async def test_a_unit_that_a_measurement_uses_stays(world: World) -> None:
    (measurement,) = (await world.client.get("/catalogue/measurements")).json()["data"]
    async with nothing_written(world, *TABLES):
        refused = await world.client.delete(f"/units/{measurement['unit']['id']}")
        assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
        assert refused.json()["references"] == [{"type": "measurement", "count": 1}]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {("translations", "not_null")}),
        ({"translations": {}}, {("translations", "not_blank")}),
        ({"translations": {"de": {"name": " "}}}, {("translations.de.name", "not_blank")}),
        (
            {"translations": {"german": {"name": "x"}}, "code": "?"},
            {("translations", "invalid_format"), ("code", "invalid_format")},
        ),
        ({"translations": {"de": {"name": "x\u0000"}}}, {("translations.de.name", "invalid_characters")}),
        ({"translations": {"de": {"name": "x" * 256}}}, {("translations.de.name", "too_long")}),
        ({"translations": {"de": {"name": "x"}}, "colour": 1}, {("colour", "unknown_property")}),
    ],
)
async def test_a_unit_with_faults_is_refused_with_all_of_them(
    world: World, body: dict[str, Any], wrong: set[tuple[str, str]]
) -> None:
    async with nothing_written(world, *TABLES):
        refused = await world.client.post("/units", json=body)
        assert refused.status_code == 422
        assert violations(refused) == wrong


async def _unit(world: World) -> str:
    return str((await world.client.get("/units")).json()["data"][0]["id"])


async def test_a_measurement_keeps_how_it_counts(world: World) -> None:
    made = await posted(
        world,
        "/catalogue/measurements",
        unit=await _unit(world),
        code="users",
        aggregationType="avg",
        description="Nutzer",
    )
    assert (made["aggregationType"], made["type"]) == ("average", "metered")
    path = f"/catalogue/measurements/{made['id']}"
    changed = await world.client.put(path, json={"code": "seats", "description": "Plätze"})
    assert (changed.json()["code"], changed.json()["description"]) == ("seats", "Plätze")
    refused = await world.client.put(path, json={"code": "seats", "aggregationType": "sum"})
    assert violations(refused) == {("aggregationType", "unknown_property")}
    assert [fact.event for fact in await facts(world)] == ["measurement.created"]
    assert (await world.client.delete(path)).status_code == 204


async def test_faults_of_a_measurement_are_told_together(world: World) -> None:
    async with nothing_written(world, *TABLES):
        refused = await world.client.post(
            "/catalogue/measurements",
            json={"unit": GONE, "code": "quantity", "aggregationType": "count", "type": "recurring"},
        )
        assert violations(refused) == {("unit", "not_found"), ("code", "not_unique"), ("type", "invalid_choice")}


async def test_the_built_in_measurement_stays_as_it_is(world: World) -> None:
    (built_in,) = (await world.client.get("/catalogue/measurements", params={"code": "quantity"})).json()["data"]
    path = f"/catalogue/measurements/{built_in['id']}"
    async with nothing_written(world, *TABLES):
        assert (await world.client.delete(path)).status_code == 409
        assert violations(await world.client.put(path, json={"code": "pieces"})) == {("code", "read_only")}


async def test_two_measurements_that_race_for_a_code_leave_one(world: World) -> None:
    unit = await _unit(world)
    body = {"unit": unit, "code": "traffic", "aggregationType": "sum"}
    answers = await asyncio.gather(*(world.client.post("/catalogue/measurements", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422, 422]
    assert await world.rows("select count(*) from measurement where code = 'traffic'") == [(1,)]


async def test_a_product_shows_its_texts_in_the_language_asked_for(world: World) -> None:
    made = await product(
        world,
        translations={"de": {"name": "Grundgebühr", "description": "je Monat"}, "en": {"name": "Base fee"}},
        number="M-1234", internalName="Base (monthly)",
    )  # fmt: skip
    assert (made["name"], made["description"], made["type"], made["invoiceVisibility"]) == (
        "Grundgebühr", "je Monat", "product", "always",
    )  # fmt: skip
    assert made["measurement"]["code"] == "quantity"
    assert made["taxGroup"]["internalDescription"] == "19%"
    (english,) = (await world.client.get("/catalogue/products", params={"locale": "en"})).json()["data"]
    assert (english["name"], english["description"]) == ("Base fee", "je Monat")
    for search in ("grundgebuehr", "base", "M-1234", "monthly"):
        found = (await world.client.get("/catalogue/products", params={"search": search})).json()["data"]
        assert [row["id"] for row in found] == [made["id"]], search
    assert [fact.event for fact in await facts(world)] == ["product.created"]


async def test_a_product_read_can_be_sent_back_unchanged(world: World) -> None:
    plan = await price(world)
    path = f"/catalogue/products/{plan['product']['id']}"
    read = await world.client.get(path)
    assert [p["id"] for p in read.json()["pricePlans"]] == [plan["id"]]
    sent = await world.client.put(path, json=read.json(), headers={"If-Match": read.headers["ETag"]})
    assert sent.status_code == 200, sent.text
    assert {**sent.json(), "updatedAt": ""} == {**read.json(), "updatedAt": ""}
    stale = await world.client.put(path, json={**read.json(), "number": "X"}, headers={"If-Match": '"stale"'})
    assert stale.status_code == 412


async def test_a_changed_product_tells_what_it_was(world: World) -> None:
    made = await product(world, "Alt", number="1")
    body = {"translations": {"de": {"name": "Neu"}}, "taxGroup": made["taxGroup"]["id"], "number": "2"}
    await world.client.put(f"/catalogue/products/{made['id']}", json=body)
    told = (await facts(world))[-1]
    assert told.event == "product.updated"
    assert told.of(made["id"])["previous"] == {"translations": {"de": {"name": "Alt"}}, "number": "1"}
    assert (await world.client.get("/catalogue/products", params={"search": "alt"})).json()["data"] == []


async def test_archived_products_are_listed_only_on_request_and_cannot_be_priced(world: World) -> None:
    made = await product(world)
    path = f"/catalogue/products/{made['id']}"
    assert (await world.client.put(path + "/archive")).json()["isArchived"] is True
    assert (await world.client.put(path + "/archive")).json()["code"] == "invalid_state"
    assert (await world.client.get("/catalogue/products")).json()["data"] == []
    shown = await world.client.get("/catalogue/products", params={"showArchived": "true"})
    assert [row["id"] for row in shown.json()["data"]] == [made["id"]]
    refused = await world.client.post(
        "/price-plans", json={"product": made["id"], "price": {"amount": "1"}, "billingInterval": "1M"}
    )
    assert violations(refused) == {("product", "archived")}
    assert (await world.client.put(path + "/unarchive")).json()["isArchived"] is False
    assert [fact.event for fact in await facts(world)] == ["product.created", "product.archived", "product.updated"]


async def test_a_product_that_was_never_sold_goes_with_its_prices(world: World) -> None:
    plan = await price(world)
    path = f"/catalogue/products/{plan['product']['id']}"
    assert (await world.client.delete(path)).status_code == 204
    assert await world.rows("select count(*) from price_plan") == [(0,)]
    told = (await facts(world))[-1]
    assert told.event == "product.deleted"
    assert told.of(plan["product"]["id"])["data"]["name"] == "Basis"


async def test_a_sold_product_keeps_what_it_counts_and_cannot_go(world: World) -> None:
    sold = await contract(world)
    product_id = sold["items"][0]["product"]["id"]
    path = f"/catalogue/products/{product_id}"
    read = (await world.client.get(path)).json()
    async with nothing_written(world, *TABLES):
        for refused in (
            await world.client.delete(path),
            await world.client.put(path, json={**read, "type": "charge"}),
        ):
            assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
            assert refused.json()["references"] == [{"type": "subscription_item", "count": 1}]
    renamed = await world.client.put(path, json={**read, "translations": {"de": {"name": "Neu"}}})
    assert renamed.status_code == 200
    kept = await world.client.get(f"/subscription-items/{sold['items'][0]['id']}")
    assert kept.json()["name"] == "Basis"


async def test_faults_of_a_product_are_told_together(world: World) -> None:
    await product(world, externalId="e1")
    async with nothing_written(world, *TABLES):
        refused = await world.client.post(
            "/catalogue/products",
            json={
                "translations": {"de": {"name": "x"}}, "taxGroup": GONE, "measurement": GONE, "externalId": "e1",
                "customFields": {"colour": "red"}, "costCentre": GONE, "productFamilies": [GONE],
            },
        )  # fmt: skip
        assert violations(refused) == {
            ("taxGroup", "not_found"), ("measurement", "not_found"), ("externalId", "not_unique"),
            ("customFields.colour", "unknown_property"), ("costCentre", "not_found"),
            ("productFamilies[0]", "not_found"),
        }  # fmt: skip


async def test_custom_fields_of_a_product_are_checked_kept_and_found(world: World) -> None:
    await posted(world, "/custom-fields", entityType="product", key="colour", label={"de": "Farbe"}, type="text")
    made = await product(world, customFields={"colour": "red"})
    assert made["customFields"] == {"colour": "red"}
    found = (await world.client.get("/catalogue/products", params={"customFields[colour]": "red"})).json()["data"]
    assert [row["id"] for row in found] == [made["id"]]


async def test_a_price_is_written_in_major_units_and_read_in_minor_units(world: World) -> None:
    plan = await price(world, "29.00", minimumAmount="10.00", freeUnits="2.5")
    assert (plan["price"]["amount"], plan["price"]["decimal"]) == (2900, "29.00")
    assert plan["minimumAmount"] == {"amount": 1000, "currencyCode": "EUR", "precision": 2, "decimal": "10.00"}
    assert (plan["status"], plan["type"], plan["calculationType"]) == ("active", "recurring", "flat_fee")
    assert (plan["applyTrial"], plan["payInAdvance"], plan["proRata"], plan["taxIncluded"]) == (True, True, True, False)
    assert plan["freeUnits"] == 2.5
    fine = await price(world, "0.00123", calculationType="per_unit")
    assert (fine["price"]["amount"], fine["price"]["decimal"]) == (0.123, "0.00123")
    path = f"/price-plans/{plan['id']}"
    sent = await world.client.put(path, json=(await world.client.get(path)).json())
    assert sent.json()["price"]["decimal"] == "29.00"
    assert sent.json()["minimumAmount"]["amount"] == 1000


async def test_a_tiered_price_names_every_fault_by_its_place(world: World) -> None:
    made = await product(world)
    async with nothing_written(world, *TABLES):
        refused = await world.client.post(
            "/price-plans",
            json={
                "product": made["id"], "calculationType": "tiered", "currencyCode": "USD",
                "price": {"tiers": [{"upTo": 10, "unitAmount": 1}, {"upTo": 5, "unitAmount": 1}]},
                "minimumAmount": "1.005", "customer": GONE,
            },
        )  # fmt: skip
        assert violations(refused) == {
            ("price.tiers[1].upTo", "invalid_choice"), ("billingInterval", "required_with"),
            ("currencyCode", "currency_not_allowed"), ("minimumAmount", "invalid_decimal"), ("customer", "not_found"),
        }  # fmt: skip
    tiers = [{"upTo": 10, "unitAmount": "10.00"}, {"upTo": None, "unitAmount": "8.00", "flatAmount": 3}]
    plan = await price(world, product=made["id"], calculationType="tiered", price={"tiers": tiers})
    assert [tier["upTo"] for tier in plan["price"]["tiers"]] == [10, None]
    assert plan["price"]["tiers"][1]["flatDecimal"] == "3.00"


async def test_a_one_time_price_has_no_interval(world: World) -> None:
    made = await product(world, type="charge")
    refused = await world.client.post(
        "/price-plans",
        json={"product": made["id"], "type": "one_time", "billingInterval": "1M", "price": {"amount": 1}},
    )
    assert violations(refused) == {("billingInterval", "conflicting")}
    setup = await posted(world, "/price-plans", product=made["id"], type="one_time", price={"amount": "50"})
    assert setup["billingInterval"] is None


async def test_a_price_in_use_is_frozen_but_may_be_renamed(world: World) -> None:
    sold = await contract(world)
    path = f"/price-plans/{sold['items'][0]['pricePlan']['id']}"
    plan = (await world.client.get(path)).json()
    assert plan["inUse"] is True
    async with nothing_written(world, *TABLES):
        for frozen in (
            {"price": {"amount": "31.00"}}, {"billingInterval": "1Y"}, {"payInAdvance": False}, {"proRata": False},
            {"freeUnits": 1}, {"calculationType": "per_unit"}, {"maximumAmount": "20.00"},
        ):  # fmt: skip
            refused = await world.client.put(path, json={**plan, **frozen})
            assert (refused.status_code, refused.json()["code"]) == (409, "in_use"), frozen
    renamed = await world.client.put(path, json={**plan, "internalName": "Partner", "applyTrial": False})
    assert (renamed.status_code, renamed.json()["internalName"]) == (200, "Partner")


async def test_a_price_goes_from_draft_to_active_to_archived_and_back(world: World) -> None:
    plan = await price(world, status="draft")
    path = f"/price-plans/{plan['id']}"
    assert (await world.client.put(path + "/unarchive")).status_code == 409
    assert (await world.client.put(path + "/activate")).json()["status"] == "active"
    refused = await world.client.delete(path)
    assert (refused.json()["code"], refused.json()["currentState"]) == ("invalid_state", "active")
    archived = (await world.client.put(path + "/archive")).json()
    assert (archived["status"], archived["archivedAt"] is not None) == ("archived", True)
    assert (await world.client.get("/price-plans")).json()["data"] == []
    for query in ({"showArchived": "true"}, {"status": "archived"}):
        assert len((await world.client.get("/price-plans", params=query)).json()["data"]) == 1, query
    assert (await world.client.put(path + "/unarchive")).json()["archivedAt"] is None
    draft = await price(world, status="draft")
    assert (await world.client.delete(f"/price-plans/{draft['id']}")).status_code == 204
    assert [fact.event for fact in await facts(world) if fact.event.startswith("price_plan")] == [
        "price_plan.created", "price_plan.activated", "price_plan.archived", "price_plan.updated", "price_plan.created",
    ]  # fmt: skip


async def test_lists_cost_two_statements_whatever_their_length(world: World) -> None:
    for number in range(3):
        await price(world, product=(await product(world, f"P{number}"))["id"])
    for path in ("/units", "/catalogue/measurements", "/catalogue/products", "/price-plans"):
        await world.client.get(path)
        with count_queries(world) as queries:
            answer = await world.client.get(path)
        assert answer.status_code == 200
        # Who asks, the count, the page.
        assert queries.count == 3, path


async def test_prices_are_filtered_by_product_customer_and_interval(world: World) -> None:
    customer = await created(world)
    reserved = await price(world, customer=customer["id"])
    yearly = await price(world, billingInterval="1Y")
    assert (reserved["custom"], reserved["customer"]["id"]) == (True, customer["id"])
    for query, expected in (
        ({"customer": customer["id"]}, [reserved]),
        ({"custom": "false"}, [yearly]),
        ({"billingInterval": "1Y"}, [yearly]),
        ({"product.id": reserved["product"]["id"]}, [reserved]),
    ):
        found = (await world.client.get("/price-plans", params=query)).json()["data"]
        assert [row["id"] for row in found] == [plan["id"] for plan in expected], query


async def test_reading_needs_the_read_permission_and_writing_the_write_permission(world: World) -> None:
    headers = await world.token_with("product:read", "unit:write")
    assert (await world.client.get("/catalogue/products", headers=headers)).status_code == 200
    async with nothing_written(world, *TABLES):
        for method, path, needed in (
            ("GET", "/units", "unit:read"), ("POST", "/catalogue/products", "product:write"),
            ("GET", "/price-plans", "price-plan:read"), ("POST", "/price-plans", "price-plan:write"),
            ("POST", "/catalogue/measurements", "measurement:write"),
        ):  # fmt: skip
            refused = await world.client.request(method, path, headers=headers, json={} if method == "POST" else None)
            assert (refused.status_code, refused.json()["requiredPermissions"]) == (403, [needed])


async def test_objects_of_another_tenant_do_not_exist(world: World) -> None:
    plan = await price(world)
    async with a_world(world.database, f"Other {plan['id']}") as other:
        for path in (f"/price-plans/{plan['id']}", f"/catalogue/products/{plan['product']['id']}"):
            assert (await other.client.get(path)).status_code == 404
            assert (await other.client.delete(path)).status_code == 404
        refused = await other.client.post(
            "/price-plans",
            json={"product": plan["product"]["id"], "price": {"amount": 1}, "billingInterval": "1M"},
        )
        assert violations(refused) == {("product", "not_found")}
        foreign = await other.client.post(
            "/catalogue/products",
            json={"translations": {"de": {"name": "x"}}, "taxGroup": await tax_group(world)},
        )
        assert violations(foreign) == {("taxGroup", "not_found")}
