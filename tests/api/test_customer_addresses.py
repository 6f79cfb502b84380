"""Addresses of customers over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from kit.customers import TABLES, created, shown, violations
from kit.facts import activities, facts, nothing_written
from kit.queries import count_queries
from kit.world import World
from turnus.customers import blockers
from turnus.platform.context import Context


async def added(world: World, customer: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = await world.client.post(f"/customers/{customer['id']}/addresses", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def defaults(world: World, customer: dict[str, Any]) -> dict[str, str]:
    """Default addresses by type; the database would refuse two of one type."""
    rows = (await shown(world, customer))["addresses"]
    return {row["type"]: row["id"] for row in rows if row["default"]}


@pytest.fixture
def referenced() -> Iterator[set[UUID]]:
    """Addresses that an area above refers to."""
    ids: set[UUID] = set()

    async def blocker(ctx: Context, id: UUID) -> dict[str, int]:
        return {"subscription": 1} if id in ids else {}

    blockers.address_blockers.append(blocker)
    yield ids
    blockers.address_blockers.remove(blocker)


async def test_new_address_becomes_the_default_of_its_type(world: World) -> None:
    customer = await created(world, city="Ulm", countryCode="AT", vatId="ATU12345675")
    first = customer["defaultAddress"]["id"]
    second = await added(world, customer, city="Wien", street="Ring", houseNumber="1", zip="1010", state="Wien")
    assert (second["type"], second["default"], second["status"]) == ("TYPE_DEFAULT", True, "active")
    assert (second["countryCode"], second["vatId"]) == ("AT", "ATU12345675")
    assert second["formatted"] == ["Ring 1", "1010 Wien", "AT"]
    invoice = await added(world, customer, type="TYPE_INVOICE", city="Graz", countryCode="DE", vatId="DE123456788")
    assert await defaults(world, customer) == {"TYPE_DEFAULT": second["id"], "TYPE_INVOICE": invoice["id"]}
    now = await shown(world, customer)
    assert [a["id"] for a in now["addresses"]] == [first, second["id"], invoice["id"]]
    assert now["defaultInvoiceAddress"] == invoice
    # Editing addresses never moves the customer to another country.
    assert now["countryCode"] == "AT"
    assert await world.outbox() == ["customer.created", "customer.updated", "customer.updated"]
    previous = (await facts(world))[1].of(customer["id"])["previous"]
    assert previous["defaultAddress"]["id"] == first
    assert previous["addresses"] == customer["addresses"]
    [_, (action, changes), _] = await activities(world, customer["id"])
    assert action == "updated"
    assert {c["property"] for c in changes} == {f"addresses.{first}.default", f"addresses.{second['id']}"}


async def test_address_may_be_empty(world: World) -> None:
    customer = await created(world)
    address = await added(world, customer)
    assert (address["street"], address["city"], address["companyName"], address["formatted"]) == ("", "", None, [])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"type": "TYPE_OTHER", "salutation": "Sir", "countryCode": "XX"},
         {("type", "invalid_choice"), ("salutation", "invalid_choice"), ("countryCode", "invalid_country")}),
        ({"city": "x" * 256, "street": "S", "costCentre": "K", "addition": "a" * 256},
         {("city", "too_long"), ("street", "too_short"), ("costCentre", "too_short"), ("addition", "too_long")}),
        ({"vatId": "DE12345678"}, {("vatId", "invalid_vat_id")}),
        ({"vatId": "DE123456788", "countryCode": "FR"}, {("vatId", "invalid_vat_id")}),
        ({"city": "\u0000!", "town": "Ulm"}, {("city", "invalid_characters"), ("town", "unknown_property")}),
    ],
)  # fmt: skip
async def test_refused_addresses_write_nothing(world: World, body: dict[str, Any], expected: set[Any]) -> None:
    customer = await created(world)
    async with nothing_written(world, *TABLES):
        for method, path in (
            ("POST", f"/customers/{customer['id']}/addresses"),
            ("PUT", f"/customer-addresses/{customer['defaultAddress']['id']}"),
        ):
            answer = await world.client.request(method, path, json=body)
            assert answer.status_code == 422, answer.text
            assert violations(answer) == expected


async def test_unknown_ids_are_not_found(world: World) -> None:
    await created(world)
    async with nothing_written(world, *TABLES):
        for method, path in (
            ("GET", "/customers/{}/addresses"), ("POST", "/customers/{}/addresses"), ("GET", "/customer-addresses/{}"),
            ("PUT", "/customer-addresses/{}"), ("DELETE", "/customer-addresses/{}"),
            ("POST", "/customer-addresses/{}/default"), ("PUT", "/customer-addresses/{}/unset-default"),
            ("DELETE", "/customer-addresses/{}/default"), ("PUT", "/customer-addresses/{}/archive"),
            ("PUT", "/customer-addresses/{}/unarchive"),
        ):  # fmt: skip
            for id in (uuid4(), "nonsense"):
                assert (await world.client.request(method, path.format(id))).status_code == 404, (method, path)


async def test_put_replaces_an_address_and_what_get_answers_can_be_sent_back(world: World) -> None:
    customer = await created(world, companyName="Acme", city="Ulm", zip="89073", vatId="DE123456788")
    await added(world, customer, type="TYPE_INVOICE", city="Graz")
    customer = await shown(world, customer)
    async with nothing_written(world, *TABLES):
        for address in customer["addresses"]:
            # Older clients repeat the boolean as a string.
            for body in (address, {**address, "default": "true"}):
                answer = await world.client.put(f"/customer-addresses/{address['id']}", json=body)
                assert answer.status_code == 200, answer.text
                assert answer.json() == address
    path = f"/customer-addresses/{customer['defaultInvoiceAddress']['id']}"
    answer = await world.client.put(path, json={"street": "Neue Straße", "vatId": None})
    changed = answer.json()
    assert (changed["street"], changed["city"], changed["vatId"]) == ("Neue Straße", "", None)
    assert (changed["type"], changed["default"], changed["countryCode"]) == ("TYPE_INVOICE", True, "DE")
    assert (await world.client.get(path)).json() == changed
    assert (await world.outbox())[2:] == ["customer.updated"]


async def test_type_of_the_default_address_is_fixed(world: World) -> None:
    customer = await created(world)
    general = customer["defaultAddress"]["id"]
    async with nothing_written(world, *TABLES):
        refused = await world.client.put(f"/customer-addresses/{general}", json={"type": "TYPE_INVOICE"})
    assert violations(refused) == {("type", "read_only")}
    invoice = await added(world, customer, type="TYPE_INVOICE")
    answer = await world.client.put(f"/customer-addresses/{invoice['id']}", json={"type": "TYPE_DEFAULT"})
    assert (answer.json()["type"], answer.json()["default"]) == ("TYPE_DEFAULT", False)
    assert await defaults(world, customer) == {"TYPE_DEFAULT": general}


async def test_default_moves_between_addresses_of_a_type(world: World) -> None:
    customer = await created(world)
    first = customer["defaultAddress"]["id"]
    second = await added(world, customer)
    answer = await world.client.post(f"/customer-addresses/{first}/default")
    assert (answer.status_code, answer.json()["default"]) == (201, True)
    assert await defaults(world, customer) == {"TYPE_DEFAULT": first}
    assert (await world.client.get(f"/customer-addresses/{second['id']}")).json()["default"] is False
    async with nothing_written(world, *TABLES):
        assert (await world.client.post(f"/customer-addresses/{first}/default")).status_code == 201


@pytest.mark.parametrize(("method", "path"), [("PUT", "unset-default"), ("DELETE", "default")])
async def test_general_address_serves_for_invoices_again(world: World, method: str, path: str) -> None:
    customer = await created(world)
    general = customer["defaultAddress"]["id"]
    invoice = await added(world, customer, type="TYPE_INVOICE")
    answer = await world.client.request(method, f"/customer-addresses/{invoice['id']}/{path}")
    assert (answer.status_code, answer.json()["default"]) == (200, False)
    assert (await shown(world, customer))["defaultInvoiceAddress"]["id"] == general
    async with nothing_written(world, *TABLES):
        again = await world.client.request(method, f"/customer-addresses/{invoice['id']}/{path}")
        assert again.status_code == 200
        refused = await world.client.request(method, f"/customer-addresses/{general}/{path}")
        assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed")


async def test_archived_address_is_no_default(world: World) -> None:
    customer = await created(world)
    general = customer["defaultAddress"]["id"]
    invoice = await added(world, customer, type="TYPE_INVOICE")
    path = f"/customer-addresses/{invoice['id']}"
    archived = await world.client.put(f"{path}/archive")
    assert (archived.json()["status"], archived.json()["default"]) == ("archived", False)
    async with nothing_written(world, *TABLES):
        assert (await world.client.put(f"{path}/archive")).status_code == 200
        refused = await world.client.post(f"{path}/default")
        assert (refused.status_code, refused.json()["currentState"]) == (409, "archived")
        kept = await world.client.put(f"/customer-addresses/{general}/archive")
        assert (kept.status_code, kept.json()["code"]) == (409, "invalid_state")
    active = await world.client.put(f"{path}/unarchive")
    assert (active.json()["status"], active.json()["default"]) == ("active", False)
    async with nothing_written(world, *TABLES):
        assert (await world.client.put(f"{path}/unarchive")).status_code == 200


async def test_deleted_address_is_gone_unless_something_refers_to_it(world: World, referenced: set[UUID]) -> None:
    customer = await created(world)
    general = customer["defaultAddress"]["id"]
    plain, used = await added(world, customer, type="TYPE_INVOICE"), await added(world, customer, type="TYPE_INVOICE")
    referenced.add(UUID(used["id"]))
    async with nothing_written(world, *TABLES):
        refused = await world.client.delete(f"/customer-addresses/{general}")
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_state")
    for address in (plain, used):
        assert (await world.client.delete(f"/customer-addresses/{address['id']}")).status_code == 204
    assert (await world.client.get(f"/customer-addresses/{plain['id']}")).status_code == 404
    kept = (await world.client.get(f"/customer-addresses/{used['id']}")).json()
    assert (kept["status"], kept["default"]) == ("archived", False)
    assert await defaults(world, customer) == {"TYPE_DEFAULT": general}


async def test_addresses_are_listed_by_type_and_status(world: World) -> None:
    customer, other = await created(world, externalId="e-1"), await created(world)
    invoice = await added(world, customer, type="TYPE_INVOICE")
    await world.client.put(f"/customer-addresses/{invoice['id']}/archive")

    async def listed(**parameters: Any) -> list[str]:
        with count_queries(world) as queries:
            answer = await world.client.get(f"/customers/{customer['id']}/addresses", params=parameters)
        assert answer.status_code == 200, answer.text
        assert answer.json()["meta"]["pagination"]["totalItems"] == len(answer.json()["data"])
        # Entering the tenant, looking the customer up, counting, and reading if there is anything.
        assert len(queries) == 4, queries.statements
        return [row["id"] for row in answer.json()["data"]]

    general = customer["defaultAddress"]["id"]
    assert await listed() == [invoice["id"], general]
    assert await listed(type="TYPE_INVOICE") == await listed(status="archived") == [invoice["id"]]
    assert await listed(status="active") == [general]
    assert await listed(type="TYPE_INVOICE", status="active") == []
    assert await listed(**{"order[createdAt]": "asc"}) == [general, invoice["id"]]
    wrong = await world.client.get(f"/customers/{customer['id']}/addresses", params={"type": "OTHER"})
    assert wrong.status_code == 400
    by_key = await world.client.get("/customers/e-1/addresses")
    assert [row["id"] for row in by_key.json()["data"]] == [invoice["id"], general]
    assert other["defaultAddress"]["id"] not in await listed()
