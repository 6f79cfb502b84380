"""E-mail addresses of customers over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from kit.customers import TABLES, created, shown, violations
from kit.facts import activities, facts, nothing_written
from kit.queries import count_queries
from kit.world import World


async def added(world: World, customer: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = await world.client.post(f"/customers/{customer['id']}/email-addresses", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def found(world: World, search: str) -> list[str]:
    return [row["id"] for row in (await world.client.get("/customers", params={"search": search})).json()["data"]]


@pytest.mark.parametrize(
    ("body", "type", "for_invoices"),
    [
        ({}, "TYPE_COMPANY", False),
        ({"isInvoiceEmail": True}, "TYPE_INVOICE", True),
        ({"type": "TYPE_INVOICE"}, "TYPE_INVOICE", True),
        ({"type": "TYPE_COMPANY"}, "TYPE_COMPANY", False),
        # The flag is the truth where both are sent.
        ({"type": "TYPE_INVOICE", "isInvoiceEmail": False}, "TYPE_COMPANY", False),
        ({"isInvoiceEmail": "true", "isDunningEmail": "false"}, "TYPE_INVOICE", True),
    ],
)
async def test_both_generations_of_clients_are_understood(
    world: World, body: dict[str, Any], type: str, for_invoices: bool
) -> None:
    customer = await created(world, firstName="Ada", lastName="Lovelace")
    email = await added(world, customer, email=" Second@Example.com ", **body)
    assert (email["email"], email["type"], email["isInvoiceEmail"]) == ("Second@Example.com", type, for_invoices)
    assert (email["default"], email["status"], email["verifiedAt"]) == (False, "active", None)
    assert email["receiverName"] == "Ada Lovelace"
    expected = email if for_invoices else customer["defaultEmailAddress"]
    now = await shown(world, customer)
    assert now["defaultInvoiceEmailAddress"] == expected
    assert now["defaultEmailAddress"] == customer["defaultEmailAddress"]
    assert await found(world, "second@exam") == [customer["id"]]
    assert await world.outbox() == ["customer.created", "customer.updated"]


async def test_new_default_is_the_login_from_now_on(world: World) -> None:
    customer = await created(world, email="old@example.com")
    old = customer["defaultEmailAddress"]["id"]
    new = await added(world, customer, email="new@example.com", isDefault=True)
    assert new["default"] is True
    assert (await shown(world, customer))["defaultEmailAddress"] == new
    assert (await world.client.get(f"/customer-email-addresses/{old}")).json()["default"] is False
    # The former login is free for another customer.
    assert (await created(world, email="old@example.com"))["name"] == "old@example.com"
    refused = await world.client.post(f"/customer-email-addresses/{old}/default")
    assert (refused.status_code, violations(refused)) == (422, {("email", "not_unique")})


async def test_default_moves_back_with_201(world: World) -> None:
    customer = await created(world)
    old = customer["defaultEmailAddress"]["id"]
    await added(world, customer, email="new@example.com", isDefault=True)
    answer = await world.client.post(f"/customer-email-addresses/{old}/default")
    assert (answer.status_code, answer.json()["default"]) == (201, True)
    async with nothing_written(world, *TABLES):
        assert (await world.client.post(f"/customer-email-addresses/{old}/default")).status_code == 201
    assert [row["default"] for row in (await shown(world, customer))["emailAddresses"]] == [True, False]
    previous = (await facts(world))[-1].of(customer["id"])["previous"]
    assert previous["defaultEmailAddress"]["email"] == "new@example.com"


async def test_login_of_another_customer_is_refused_and_nothing_is_written(world: World) -> None:
    await created(world, email="taken@example.com")
    customer = await created(world)
    second = await added(world, customer, email="Taken@example.com")
    path = f"/customers/{customer['id']}/email-addresses"
    async with nothing_written(world, *TABLES):
        for method, to, body in (
            ("POST", path, {"email": "TAKEN@example.com", "isDefault": True}),
            ("PUT", f"/customer-email-addresses/{customer['defaultEmailAddress']['id']}",
             {"email": "taken@example.com"}),
            ("PUT", f"/customer-email-addresses/{second['id']}", {"email": "taken@example.com", "isDefault": True}),
            ("POST", f"/customer-email-addresses/{second['id']}/default", {}),
        ):  # fmt: skip
            refused = await world.client.request(method, to, json=body)
            assert (refused.status_code, violations(refused)) == (422, {("email", "not_unique")})


async def test_put_replaces_and_what_get_answers_can_be_sent_back(world: World) -> None:
    customer = await created(world, companyName="Acme", invoiceEmail="bills@example.com")
    async with nothing_written(world, *TABLES):
        for email in customer["emailAddresses"]:
            answer = await world.client.put(f"/customer-email-addresses/{email['id']}", json=email)
            assert (answer.status_code, answer.json()) == (200, email)
    async with world.work() as ctx:
        await ctx.connection.execute("update customer_email set status = 'bouncing', verified_at = now()")
    path = f"/customer-email-addresses/{customer['defaultInvoiceEmailAddress']['id']}"
    same = (await world.client.put(path, json={"email": "Bills@example.com", "receiverName": "Buchhaltung"})).json()
    assert (same["status"], same["isInvoiceEmail"], same["receiverName"]) == ("bouncing", False, "Buchhaltung")
    other = (await world.client.put(path, json={"email": "dunning@example.com", "isDunningEmail": True})).json()
    assert (other["status"], other["verifiedAt"], other["isDunningEmail"]) == ("active", None, True)
    assert other["receiverName"] == "Acme"
    # Without an address for invoices the default one serves.
    now = await shown(world, customer)
    assert now["defaultInvoiceEmailAddress"] == now["defaultEmailAddress"]
    assert (await found(world, "dunning"), await found(world, "bills")) == ([customer["id"]], [])
    changes = {c["property"]: c["new"] for c in (await activities(world, customer["id"]))[-1][1]}
    assert changes[f"emailAddresses.{other['id']}.email"] == "dunning@example.com"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {("email", "not_null")}),
        ({"email": "nobody", "receiverName": "x" * 256}, {("email", "invalid_email"), ("receiverName", "too_long")}),
        ({"email": "a@b.de", "type": "TYPE_OTHER", "isDefualt": True},
         {("type", "invalid_choice"), ("isDefualt", "unknown_property")}),
    ],
)  # fmt: skip
async def test_refused_addresses_write_nothing(world: World, body: dict[str, Any], expected: set[Any]) -> None:
    customer = await created(world)
    async with nothing_written(world, *TABLES):
        for method, path in (
            ("POST", f"/customers/{customer['id']}/email-addresses"),
            ("PUT", f"/customer-email-addresses/{customer['defaultEmailAddress']['id']}"),
        ):
            refused = await world.client.request(method, path, json=body)
            assert (refused.status_code, violations(refused)) == (422, expected)


async def test_login_cannot_be_given_up_without_a_successor(world: World) -> None:
    customer = await created(world, email="login@example.com")
    second = await added(world, customer, email="second@example.com")
    login = f"/customer-email-addresses/{customer['defaultEmailAddress']['id']}"
    async with nothing_written(world, *TABLES):
        refused = await world.client.put(login, json={"email": "login@example.com", "isDefault": False})
        assert (refused.status_code, violations(refused)) == (422, {("isDefault", "read_only")})
        refused = await world.client.delete(login)
        assert (refused.status_code, refused.json()["code"]) == (409, "invalid_state")
    assert (await world.client.delete(f"/customer-email-addresses/{second['id']}")).status_code == 204
    assert (await shown(world, customer))["emailAddresses"] == customer["emailAddresses"]
    assert await found(world, "second") == []


async def test_unknown_ids_are_not_found(world: World) -> None:
    await created(world)
    async with nothing_written(world, *TABLES):
        for method, path in (
            ("GET", "/customers/{}/email-addresses"), ("POST", "/customers/{}/email-addresses"),
            ("GET", "/customer-email-addresses/{}"), ("PUT", "/customer-email-addresses/{}"),
            ("DELETE", "/customer-email-addresses/{}"), ("POST", "/customer-email-addresses/{}/default"),
        ):  # fmt: skip
            for id in (uuid4(), "nonsense"):
                body = {"json": {"email": "a@b.de"}} if method in ("POST", "PUT") and "default" not in path else {}
                assert (await world.client.request(method, path.format(id), **body)).status_code == 404, (method, path)


async def test_addresses_of_one_customer_are_listed(world: World) -> None:
    customer, _ = await created(world, invoiceEmail="bills@example.com"), await created(world)
    with count_queries(world) as queries:
        listed = (await world.client.get(f"/customers/{customer['id']}/email-addresses")).json()
    assert len(queries) == 4, queries.statements
    assert {row["email"] for row in listed["data"]} == {m["email"] for m in customer["emailAddresses"]}
    assert listed["meta"]["pagination"]["totalItems"] == 2
