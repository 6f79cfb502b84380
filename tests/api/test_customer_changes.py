"""Changing, archiving and deleting customers over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from kit.customers import TABLES, created, shown, violations
from kit.facts import activities, facts, nothing_written
from kit.world import World
from turnus.customers import blockers
from turnus.customers.blockers import Blocker
from turnus.customers.commands import PatchCustomer
from turnus.customers.ops.update_customer import patch_customer
from turnus.platform.context import Context

MASTER = {"countryCode": "DE", "timeZone": "Europe/Berlin", "language": "de"}


@pytest.fixture
def in_the_way() -> Iterator[dict[str, dict[str, int]]]:
    """What areas above report as being in the way, by action."""
    counts: dict[str, dict[str, int]] = {"archive": {}, "delete": {}, "currency": {}}

    def reporting(action: str) -> Blocker:
        async def blocker(ctx: Context, id: UUID) -> dict[str, int]:
            return counts[action]

        return blocker

    added = []
    for action, registered in (
        ("archive", blockers.archive_blockers),
        ("delete", blockers.delete_blockers),
        ("currency", blockers.currency_blockers),
    ):
        added.append((registered, reporting(action)))
        registered.append(added[-1][1])
    yield counts
    for registered, blocker in added:
        registered.remove(blocker)


async def custom_field(world: World, key: str, **fields: Any) -> dict[str, Any]:
    body = {"entityType": "customer", "key": key, "label": {"de": key}, "type": "text", **fields}
    answer = await world.client.post("/custom-fields", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def currencies(world: World, *codes: str) -> None:
    async with world.work() as ctx:
        await ctx.connection.execute(
            "update tenant set settings = settings || jsonb_build_object('localization.currencies', %s::text[])",
            (list(codes),),
        )


async def test_put_replaces_master_data_but_keeps_number_debtor_and_currency(world: World) -> None:
    await currencies(world, "EUR", "USD")
    customer = await created(
        world, companyName="Acme", firstName="Ada", phone="+49 1", customerNumber="K-1", datevId="70001",
        currencyCode="USD", metadata={"a": "1"}, externalId="e-1", taxExempt="exempt",
    )  # fmt: skip
    body = {"countryCode": "AT", "timeZone": "Europe/Vienna", "language": "en", "lastName": "Lovelace"}
    answer = await world.client.put(f"/customers/{customer['id']}", json=body)
    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert {key: changed[key] for key in body} == body
    kept = ("id", "customerNumber", "datevId", "currencyCode", "addresses", "emailAddresses", "createdAt")
    assert {key: changed[key] for key in kept} == {key: customer[key] for key in kept}
    for emptied in ("companyName", "firstName", "phone", "externalId"):
        assert changed[emptied] is None, emptied
    assert (changed["metadata"], changed["taxExempt"], changed["businessCustomer"]) == ({}, "auto", False)
    assert changed["name"] == "Lovelace"
    assert await shown(world, customer) == changed


async def test_change_tells_old_values_once_and_finds_the_customer_by_its_new_name(world: World) -> None:
    customer = await created(world, companyName="Früher GmbH")
    answer = await world.client.put(f"/customers/{customer['id']}", json={**MASTER, "companyName": "Später GmbH"})
    assert answer.status_code == 200
    assert await world.outbox() == ["customer.created", "customer.updated"]
    assert (await facts(world))[1].of(customer["id"]) == {
        "previous": {"companyName": "Früher GmbH", "name": "Früher GmbH"}
    }
    assert (await activities(world, customer["id"]))[1:] == [
        ("updated", [{"property": "companyName", "old": "Früher GmbH", "new": "Später GmbH"}])
    ]
    for search, found in (("spaeter", [customer["id"]]), ("frueher", [])):
        listed = (await world.client.get("/customers", params={"search": search})).json()
        assert [row["id"] for row in listed["data"]] == found


async def test_what_get_answers_can_be_sent_back_and_changes_nothing(world: World) -> None:
    await custom_field(world, "size", type="number")
    group = (await world.client.post("/customer-groups", json={"name": "Gold"})).json()
    partner = await created(world, isPartner=True)
    customer = await created(
        world, companyName="Acme", vatId="DE 123 456 788", customerGroup=group["id"], partner=partner["id"],
        customFields={"size": 0.1}, metadata={"k": "v"}, externalId="e-1",
    )  # fmt: skip
    assert customer["customerGroup"] == {"id": group["id"], "name": "Gold", "description": None}
    assert customer["partner"]["id"] == partner["id"]
    async with nothing_written(world, *TABLES):
        for method in ("PUT", "PATCH"):
            answer = await world.client.request(method, f"/customers/{customer['id']}", json=customer)
            assert answer.status_code == 200, answer.text
            assert answer.json() == customer


async def test_patch_changes_only_what_is_sent(world: World) -> None:
    customer = await created(world, companyName="Acme", firstName="Ada", vatId="DE123456788", language="en")
    answer = await world.client.patch(
        f"/customers/{customer['id']}",
        json={"firstName": None, "phone": "+49 30 1", "taxExempt": None},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert answer.status_code == 200, answer.text
    changed = answer.json()
    differing = {key for key in customer if changed[key] != customer[key]}
    assert differing - {"updatedAt"} == {"firstName", "phone"}
    assert (changed["firstName"], changed["phone"]) == (None, "+49 30 1")
    assert (await facts(world))[-1].of(customer["id"]) == {"previous": {"firstName": "Ada", "phone": None}}


async def test_patch_merges_custom_fields_and_metadata_by_key(world: World) -> None:
    for key in ("a", "b", "c"):
        await custom_field(world, key)
    customer = await created(world, customFields={"a": "1", "b": "2"}, metadata={"x": "1", "y": "2"})
    path = f"/customers/{customer['id']}"
    changed = (
        await world.client.patch(path, json={"customFields": {"a": None, "c": "3"}, "metadata": {"x": None, "z": "3"}})
    ).json()
    assert (changed["customFields"], changed["metadata"]) == ({"b": "2", "c": "3"}, {"y": "2", "z": "3"})
    changed = (await world.client.patch(path, json={"customFields": {}, "metadata": {}})).json()
    assert (changed["customFields"], changed["metadata"]) == ({"b": "2", "c": "3"}, {})
    changed = (await world.client.patch(path, json={"customFields": None})).json()
    assert changed["customFields"] == {}


async def test_put_keeps_values_of_a_deleted_custom_field_out_of_sight(world: World) -> None:
    gone, kept = await custom_field(world, "gone"), await custom_field(world, "kept")
    assert kept["key"] == "kept"
    customer = await created(world, customFields={"gone": "1", "kept": "2"})
    assert (await world.client.delete(f"/custom-fields/{gone['id']}")).status_code == 204
    path = f"/customers/{customer['id']}"
    assert (await world.client.get(path)).json()["customFields"] == {"kept": "2"}
    assert (await world.client.get("/customers")).json()["data"][0]["customFields"] == {"kept": "2"}
    answer = await world.client.put(path, json={**MASTER, "customFields": {"kept": "3"}})
    assert answer.json()["customFields"] == {"kept": "3"}
    assert await world.rows("select custom_fields from customer") == [({"gone": "1", "kept": "3"},)]
    async with nothing_written(world, *TABLES):
        refused = await world.client.patch(path, json={"customFields": {"gone": "2"}})
    assert violations(refused) == {("customFields.gone", "unknown_property")}


async def test_value_whose_choice_was_removed_may_stay_but_not_be_chosen(world: World) -> None:
    field = await custom_field(world, "tier", type="select", choices=["gold", "silver"])
    customer, other = await created(world, customFields={"tier": "gold"}), await created(world)
    changed = await world.client.patch(f"/custom-fields/{field['id']}", json={"choices": ["silver"]})
    assert changed.status_code == 200, changed.text
    assert (await world.client.put(f"/customers/{customer['id']}", json=customer)).status_code == 200
    async with nothing_written(world, *TABLES):
        refused = await world.client.patch(f"/customers/{other['id']}", json={"customFields": {"tier": "gold"}})
    assert violations(refused) == {("customFields.tier", "invalid_choice")}


@pytest.mark.parametrize(
    ("method", "body", "expected"),
    [
        ("PUT", {}, {("countryCode", "not_null"), ("timeZone", "not_null"), ("language", "not_null")}),
        ("PUT", {**MASTER, "email": "new@b.de"}, {("email", "unknown_property")}),
        ("PATCH", {"countryCode": None, "language": None}, {("countryCode", "not_null"), ("language", "not_null")}),
        ("PATCH", {"vatId": "DE1", "customerGroup": str(uuid4())},
         {("vatId", "invalid_vat_id"), ("customerGroup", "not_found")}),
        ("PATCH", {"countryCode": "AT"}, {("vatId", "invalid_vat_id")}),
        ("PATCH", {"customerNumber": "K-2", "datevId": "70002", "externalId": "e-2"},
         {("customerNumber", "not_unique"), ("datevId", "not_unique"), ("externalId", "not_unique")}),
        ("PATCH", {"currencyCode": "USD", "customFields": {"nope": 1}},
         {("currencyCode", "currency_not_allowed"), ("customFields.nope", "unknown_property")}),
        ("PATCH", {"firstName": "\u0000x", "nmae": 1},
         {("firstName", "invalid_characters"), ("nmae", "unknown_property")}),
    ],
)  # fmt: skip
async def test_refused_changes_write_nothing(
    world: World, method: str, body: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    await created(world, customerNumber="K-2", datevId="70002", externalId="e-2")
    customer = await created(world, vatId="DE123456788", customerNumber="K-1", datevId="70001", externalId="e-1")
    async with nothing_written(world, *TABLES):
        answer = await world.client.request(method, f"/customers/{customer['id']}", json=body)
    assert answer.status_code == 422, answer.text
    assert violations(answer) == expected


async def test_number_can_change_and_change_back_but_never_goes_to_another(world: World) -> None:
    customer, other = await created(world, customerNumber="K-1"), await created(world)
    path = f"/customers/{customer['id']}"
    for number in ("K-2", "K-1", "k-1"):
        answer = await world.client.patch(path, json={"customerNumber": number})
        assert answer.json()["customerNumber"] == number
    async with nothing_written(world, *TABLES):
        refused = await world.client.patch(f"/customers/{other['id']}", json={"customerNumber": "K-2"})
    assert violations(refused) == {("customerNumber", "not_unique")}


async def test_new_vat_id_awaits_its_check(world: World) -> None:
    customer = await created(world, vatId="DE123456788")
    async with world.work() as ctx:
        await ctx.connection.execute("update customer set vat_id_valid = true")
    path = f"/customers/{customer['id']}"
    assert (await world.client.patch(path, json={"phone": "+49 1"})).json()["isVatIdValid"] is True
    moved = (await world.client.patch(path, json={"vatId": "atu 12345675", "countryCode": "AT"})).json()
    assert (moved["vatId"], moved["isVatIdValid"], moved["businessCustomer"]) == ("ATU12345675", None, True)


async def test_currency_is_fixed_by_what_areas_above_say(world: World, in_the_way: dict[str, dict[str, int]]) -> None:
    await currencies(world, "EUR", "USD")
    customer = await created(world)
    path = f"/customers/{customer['id']}"
    in_the_way["currency"] = {"invoice": 2}
    async with nothing_written(world, *TABLES):
        refused = await world.client.patch(path, json={"currencyCode": "USD"})
        assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
        assert refused.json()["references"] == [{"type": "invoice", "count": 2}]
        assert (await world.client.patch(path, json={"currencyCode": "EUR"})).status_code == 200
    in_the_way["currency"] = {"invoice": 0}
    assert (await world.client.patch(path, json={"currencyCode": "USD"})).json()["currencyCode"] == "USD"


async def test_if_match_lets_only_the_present_version_be_changed(world: World) -> None:
    customer = await created(world, firstName="Ada")
    path = f"/customers/{customer['id']}"
    tag = (await world.client.get(path)).headers["ETag"]
    assert (await world.client.get(path, headers={"If-None-Match": tag})).status_code == 304
    first = await world.client.patch(path, json={"firstName": "Eva"}, headers={"If-Match": tag})
    assert first.status_code == 200
    assert first.headers["ETag"] == (await world.client.get(path)).headers["ETag"] != tag
    async with nothing_written(world, *TABLES):
        for method, to in (("PATCH", path), ("PUT", f"{path}/archive"), ("DELETE", path)):
            body = {"json": {"firstName": "Ida"}} if method == "PATCH" else {}
            late = await world.client.request(method, to, headers={"If-Match": tag}, **body)
            assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")


async def test_archived_customer_is_hidden_until_it_is_unarchived(world: World) -> None:
    customer = await created(world, companyName="Acme")
    path = f"/customers/{customer['id']}"
    archived = await world.client.put(f"{path}/archive")
    assert archived.status_code == 200, archived.text
    assert archived.json()["status"] == "STATUS_ARCHIVED"
    assert archived.json()["archivedAt"] is not None
    async with nothing_written(world, *TABLES):
        assert (await world.client.put(f"{path}/archive")).json() == archived.json()
    assert (await world.client.get("/customers")).json()["data"] == []
    listed = (await world.client.get("/customers", params={"status[]": "STATUS_ARCHIVED"})).json()["data"]
    assert [row["id"] for row in listed] == [customer["id"]]
    active = await world.client.put(f"{path}/unarchive", json={})
    assert (active.json()["status"], active.json()["archivedAt"]) == ("STATUS_ACTIVE", None)
    async with nothing_written(world, *TABLES):
        assert (await world.client.put(f"{path}/unarchive")).status_code == 200
    assert await world.outbox() == ["customer.created", "customer.archived", "customer.unarchived"]
    assert [action for action, _ in await activities(world, customer["id"])] == ["created", "archived", "unarchived"]


async def test_customer_with_contracts_or_active_children_is_not_archived(
    world: World, in_the_way: dict[str, dict[str, int]]
) -> None:
    customer = await created(world)
    child = await created(world, parentCustomerId=customer["id"])
    in_the_way["archive"] = {"subscription": 2, "invoice": 0}
    path = f"/customers/{customer['id']}/archive"
    async with nothing_written(world, *TABLES):
        refused = await world.client.put(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert refused.json()["references"] == [{"type": "subscription", "count": 2}, {"type": "customer", "count": 1}]
    in_the_way["archive"] = {}
    assert (await world.client.put(f"/customers/{child['id']}/archive")).status_code == 200
    assert (await world.client.put(path)).status_code == 200
    async with nothing_written(world, *TABLES):
        late = await world.client.post("/customers", json={"email": "a@b.de", "parentCustomerId": customer["id"]})
    assert violations(late) == {("parentCustomerId", "archived")}


async def test_deleted_customer_is_gone_with_everything_but_its_number(world: World) -> None:
    partner = await created(world, email="a@b.de", companyName="Acme", isPartner=True, customerNumber="K-1")
    referred = await created(world, partner=partner["id"])
    path = f"/customers/{partner['id']}"
    answer = await world.client.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await world.client.get(path)).status_code == 404
    assert (await world.client.delete(path)).status_code == 404
    for table in ("customer_address", "customer_email"):
        assert await world.rows(f"select count(*) from {table} where customer_id = %s", UUID(partner["id"])) == [(0,)]
    assert await world.rows("select count(*) from term where object_id = %s", UUID(partner["id"])) == [(0,)]
    assert (await shown(world, referred))["partner"] is None
    told = {told.event: told for told in await facts(world)}
    assert told["customer.deleted"].of(partner["id"]) == {"data": partner}
    assert told["customer.updated"].subjects == [UUID(referred["id"])]
    # The login is free again, the number never.
    assert (await created(world, email="a@b.de"))["name"] == "a@b.de"
    refused = await world.client.post("/customers", json={"email": "c@b.de", "customerNumber": "K-1"})
    assert violations(refused) == {("customerNumber", "not_unique")}


async def test_customer_with_documents_is_not_deleted(world: World, in_the_way: dict[str, dict[str, int]]) -> None:
    customer = await created(world)
    in_the_way["delete"] = {"invoice": 3}
    async with nothing_written(world, *TABLES):
        refused = await world.client.delete(f"/customers/{customer['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "customer_has_documents")
    assert refused.json()["references"] == [{"type": "invoice", "count": 3}]
    deleter = await world.token_with("customer:delete")
    in_the_way["delete"] = {}
    assert (await world.client.delete(f"/customers/{customer['id']}", headers=deleter)).status_code == 204


@pytest.fixture
async def notes(world: World) -> AsyncIterator[None]:
    """A table of an area above whose foreign keys nobody told the customers area of."""
    async with world.database.connection() as connection:
        await connection.execute(
            "create table customer_note (tenant_id uuid, customer_id uuid, address_id uuid,"
            " foreign key (tenant_id, customer_id) references customer (tenant_id, id),"
            " foreign key (tenant_id, address_id) references customer_address (tenant_id, id))"
        )
    yield
    async with world.database.connection() as connection:
        await connection.execute("drop table customer_note")


async def test_a_foreign_key_alone_keeps_customer_and_address(world: World, notes: None) -> None:
    customer = await created(world, invoiceAddress={"city": "Ulm"})
    address = customer["defaultInvoiceAddress"]["id"]
    async with world.database.connection() as connection:
        await connection.execute(
            "insert into customer_note values (%s, %s, %s)", (world.tenant_id, customer["id"], address)
        )
    async with nothing_written(world, *TABLES):
        refused = await world.client.delete(f"/customers/{customer['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "customer_has_documents")
    assert refused.json()["references"] == [{"type": "customer_note", "count": 1}]
    assert (await world.client.delete(f"/customer-addresses/{address}")).status_code == 204
    kept = (await world.client.get(f"/customer-addresses/{address}")).json()
    assert (kept["status"], kept["default"], kept["city"]) == ("archived", False, "Ulm")


async def test_changes_of_one_transaction_are_told_together(world: World) -> None:
    customer = await created(world, firstName="Ada")
    async with world.work() as ctx:
        for body in ({"firstName": "Eva"}, {"firstName": "Ida", "phone": "+49 1"}):
            await patch_customer(ctx, UUID(customer["id"]), PatchCustomer.model_validate(body))
    assert await world.outbox() == ["customer.created", "customer.updated"]
    previous = (await facts(world))[-1].of(customer["id"])["previous"]
    assert previous == {"firstName": "Ada", "name": "Ada", "phone": None}
