"""Customers over HTTP: creation, reading, lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from kit.customers import TABLES, created, violations
from kit.facts import activities, facts, nothing_written
from kit.queries import count_queries
from kit.world import World, a_world
from turnus.platform.crypto import token_hash

# Answer of GET /customers as the API documents it.
DOCUMENTED = msgspec.json.decode((Path(__file__).parent / "data" / "get-customers-200.json").read_bytes())

FULL: dict[str, Any] = {
    "email": "john.doe@example.com",
    "invoiceEmail": "invoices@example.com",
    "firstName": "John",
    "lastName": "Doe",
    "companyName": "Acme Inc.",
    "gender": "male",
    "phone": "+49 123 456789",
    "vatId": "DE123456788",
    "datevId": "123456789",
    "commercialRegisterName": "Amtsgericht Berlin (Charlottenburg)",
    "commercialRegisterNumber": "HRB 123456",
    "street": "Musterstraße",
    "houseNumber": "1a",
    "zip": "12345",
    "city": "Berlin",
    "addition": "c/o John Doe",
    "isPartner": True,
    "externalId": "crm-4711",
    "leitwegId": "04011000-1234512345-06",
    "buyerReference": "PO 1",
    "peppolId": "0204:04011000-1234512345-06",
    "gln": "4000000000006",
    "businessProof": "Gewerbeschein",
    "taxExempt": "exempt",
    "metadata": {"source": "crm"},
    "invoiceAddress": {
        "companyName": "Acme Billing",
        "salutation": "Firma",
        "firstName": "Erika",
        "lastName": "Muster",
        "addition": "2. OG",
        "street": "Rechnungsweg",
        "houseNumber": "2",
        "zip": "10115",
        "city": "Berlin",
        "costCentre": "K-100",
    },
}


def differences(documented: Any, answered: Any, path: str = "") -> list[str]:
    """Properties that lack or have another JSON type. The documentation shows some booleans as strings."""
    if isinstance(documented, dict):
        if not isinstance(answered, dict):
            return [f"{path}: object expected, got {answered!r}"]
        return [
            found
            for key, inner in documented.items()
            for found in (
                differences(inner, answered[key], f"{path}.{key}") if key in answered else [f"{path}.{key} is missing"]
            )
        ]
    if isinstance(documented, list):
        return differences(documented[0], answered[0], f"{path}[0]")
    expected = bool if documented in ("true", "false") else type(documented)
    return [] if type(answered) is expected else [f"{path}: {expected.__name__} expected, got {answered!r}"]


async def test_created_customer_is_listed_with_its_default_address(world: World) -> None:
    customer = await created(world, companyName="Müller GmbH", city="Köln")
    listed = (await world.client.get("/customers", params={"search": "muell"})).json()
    assert [row["id"] for row in listed["data"]] == [customer["id"]]
    assert listed["data"][0]["defaultAddress"]["city"] == "Köln"
    assert listed["meta"]["pagination"] == {
        "totalItems": 1, "itemsPerPage": 30, "currentPage": 1, "lastPage": 1, "pageTotalItems": 1,
    }  # fmt: skip
    assert await world.outbox() == ["customer.created"]
    assert await activities(world, customer["id"]) == [("created", [])]


async def test_list_has_every_documented_property_in_its_documented_type(world: World) -> None:
    for key in ("field1", "field2"):
        field = {"entityType": "customer", "key": key, "label": {"de": key}, "type": "text"}
        assert (await world.client.post("/custom-fields", json=field)).status_code == 201
    customer = await created(world, **FULL, customFields={"field1": "value1", "field2": "value2"})
    # Only the check with the authorities and the nightly ranking set these.
    async with world.work() as ctx:
        await ctx.connection.execute("update customer set vat_id_valid = true, turnover_rank = 10")
        await ctx.connection.execute("update customer_address set salutation = 'Herr', cost_centre = '123456789'")
    listed = (await world.client.get("/customers")).json()
    assert differences(DOCUMENTED, listed) == []
    detail = (await world.client.get(f"/customers/{customer['id']}")).json()
    assert differences(DOCUMENTED["data"][0], detail) == []
    assert listed["data"][0]["defaultAddress"]["default"] is True
    assert listed["data"][0]["defaultPaymentMethod"] == {}


async def test_detail_shows_what_was_sent(world: World) -> None:
    customer = await created(world, **FULL)
    sent = {k: v for k, v in FULL.items() if k in customer}
    assert {key: customer[key] for key in sent} == sent
    assert customer["customerNumber"] == "10000"
    assert customer["name"] == "Acme Inc."
    assert (customer["businessCustomer"], customer["isVatIdValid"], customer["currencyCode"]) == (True, None, "EUR")
    assert customer["defaultAddress"]["street"] == "Musterstraße"
    assert customer["defaultAddress"]["formatted"] == [
        "Acme Inc.", "John Doe", "c/o John Doe", "Musterstraße 1a", "12345 Berlin",
    ]  # fmt: skip
    invoice = customer["defaultInvoiceAddress"]
    assert (invoice["type"], invoice["street"], invoice["vatId"]) == ("TYPE_INVOICE", "Rechnungsweg", "DE123456788")
    emails = {mail["email"]: (mail["type"], mail["default"]) for mail in customer["emailAddresses"]}
    assert emails == {
        "john.doe@example.com": ("TYPE_COMPANY", True),
        "invoices@example.com": ("TYPE_INVOICE", False),
    }
    assert customer["defaultInvoiceEmailAddress"]["email"] == "invoices@example.com"
    assert (await world.client.get(f"/customers/{customer['id']}")).json() == customer


async def test_customer_with_nothing_but_an_email_address_has_an_empty_default_address(world: World) -> None:
    customer = await created(world, email="only@example.com")
    assert customer["name"] == "only@example.com"
    assert (customer["businessCustomer"], customer["companyName"]) == (False, None)
    assert customer["defaultAddress"]["city"] == ""
    assert customer["defaultInvoiceAddress"] == customer["defaultAddress"]
    assert customer["defaultInvoiceEmailAddress"]["email"] == "only@example.com"


@pytest.mark.parametrize(
    ("country", "language"), [("DE", "de"), ("AT", "de"), ("CH", "de"), ("FR", "en"), ("US", "en")]
)
async def test_language_follows_the_country_unless_given(world: World, country: str, language: str) -> None:
    assert (await created(world, countryCode=country))["language"] == language
    assert (await created(world, countryCode=country, language="en"))["language"] == "en"


async def test_numbers_run_on_and_skip_those_given_by_hand(world: World) -> None:
    assert (await created(world))["customerNumber"] == "10000"
    assert (await created(world, customerNumber="10001"))["customerNumber"] == "10001"
    assert (await created(world, customerNumber="CUSTOMER-000"))["customerNumber"] == "CUSTOMER-000"
    assert (await created(world))["customerNumber"] == "10002"


async def test_debtor_number_is_drawn_when_the_tenant_keeps_debtor_accounts(world: World) -> None:
    assert (await created(world))["datevId"] is None
    async with world.work() as ctx:
        await ctx.connection.execute(
            """update tenant set settings = settings || '{"accounting.useDebitorAccounts": true}'"""
        )
    assert (await created(world))["datevId"] == "10000"
    assert (await created(world, datevId="10001"))["datevId"] == "10001"
    assert (await created(world))["datevId"] == "10002"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"email": "not an address"}, {("email", "invalid_email")}),
        ({}, {("email", "not_null")}),
        ({"email": "a@b.de", "countryCode": "XX", "timeZone": "Mars/Base", "language": "fr", "currencyCode": "ABC"},
         {("countryCode", "invalid_country"), ("timeZone", "invalid_time_zone"), ("language", "invalid_choice"),
          ("currencyCode", "invalid_currency")}),
        ({"email": "a@b.de", "currencyCode": "USD"}, {("currencyCode", "currency_not_allowed")}),
        ({"email": "a@b.de", "firstName": "x" * 256, "lastName": "Y"},
         {("firstName", "too_long"), ("lastName", "too_short")}),
        ({"email": "a@b.de", "companyName": "A\u0000B"}, {("companyName", "invalid_characters")}),
        ({"email": "a@b.de", "nmae": "typo"}, {("nmae", "unknown_property")}),
        ({"email": "a@b.de", "vatId": "DE12345678"}, {("vatId", "invalid_vat_id")}),
        ({"email": "a@b.de", "vatId": "ATU12345675"}, {("vatId", "invalid_vat_id")}),
        ({"email": "a@b.de", "invoiceAddress": {"vatId": "FR123"}}, {("invoiceAddress.vatId", "invalid_vat_id")}),
        ({"email": "a@b.de", "leitwegId": "04011000-1234512345-07"}, {("leitwegId", "invalid_format")}),
        ({"email": "a@b.de", "metadata": {"k" * 41: "v"}}, {("metadata", "invalid_format")}),
        ({"email": "a@b.de", "metadata": {f"k{i}": "v" for i in range(51)}}, {("metadata", "too_long")}),
        ({"email": "a@b.de", "customFields": {"unknown": 1}}, {("customFields.unknown", "unknown_property")}),
        ({"email": "a@b.de", "customerGroup": str(uuid4()), "contactPerson": str(uuid4()), "partner": str(uuid4()),
          "parentCustomerId": str(uuid4())},
         {("customerGroup", "not_found"), ("contactPerson", "not_found"), ("partner", "not_found"),
          ("parentCustomerId", "not_found")}),
    ],
)  # fmt: skip
async def test_broken_rules_are_all_told_and_nothing_is_written(
    world: World, body: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    async with nothing_written(world, *TABLES):
        answer = await world.client.post("/customers", json=body)
    assert answer.status_code == 422, answer.text
    assert violations(answer) == expected


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'{"email": 5}', b'{"email": "a@b.de", "metadata": []}', b'{"email":"a@b.de","isPartner":"yes"}',
     b'{"email":"a@b.de","metadata":{"a":1}}'],
)  # fmt: skip
async def test_wrong_json_is_invalid_input(world: World, content: bytes) -> None:
    async with nothing_written(world, *TABLES):
        answer = await world.client.post("/customers", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


async def test_taken_values_are_refused_together(world: World) -> None:
    await created(world, email="a@b.de", customerNumber="K-1", datevId="77", externalId="crm-1")
    body = {"email": " A@B.de ", "customerNumber": "k-1", "datevId": "77", "externalId": "crm-1"}
    async with nothing_written(world, *TABLES):
        answer = await world.client.post("/customers", json=body)
    assert answer.status_code == 422
    assert violations(answer) == {(key, "not_unique") for key in body}
    # Another address of a customer is nobody's login.
    assert (await created(world, invoiceEmail="a@b.de"))["defaultInvoiceEmailAddress"]["email"] == "a@b.de"


async def test_values_of_custom_fields_must_fit_their_definitions(world: World) -> None:
    for field in (
        {"key": "tier", "type": "select", "choices": [{"value": "g", "label": "Gold"}, "s"], "required": True},
        {"key": "seats", "type": "number"},
        {"key": "since", "type": "date"},
        {"key": "tags", "type": "list"},
        {"key": "vip", "type": "checkbox"},
    ):
        body = {"entityType": "customer", "label": {"en": field["key"]}, **field}
        answer = await world.client.post("/custom-fields", json=body)
        assert answer.status_code == 201, answer.text
    wrong = {"seats": "many", "since": "2026-02-30", "tags": "a", "vip": 1}
    async with nothing_written(world, *TABLES):
        answer = await world.client.post("/customers", json={"email": "a@b.de", "customFields": wrong})
    assert answer.status_code == 422
    assert violations(answer) == {
        ("customFields.tier", "not_blank"),
        ("customFields.seats", "invalid_type"),
        ("customFields.since", "invalid_date"),
        ("customFields.tags", "invalid_type"),
        ("customFields.vip", "invalid_type"),
    }
    right = {"tier": "g", "seats": 1.5, "since": "2026-02-28", "tags": ["a", "b"], "vip": True}
    customer = await created(world, customFields=right)
    assert customer["customFields"] == right
    for key, value in (("tier", "g"), ("seats", "1.5"), ("vip", "true"), ("tags", "b")):
        listed = (await world.client.get("/customers", params={f"customFields[{key}]": value})).json()
        assert [row["id"] for row in listed["data"]] == [customer["id"]], key


async def test_customer_is_read_by_external_id_even_if_that_looks_like_an_id(world: World) -> None:
    guid = str(uuid4())
    first, second = await created(world), await created(world, externalId=guid)
    assert (await world.client.get(f"/customers/{guid}")).json() == second
    assert (await world.client.get(f"/customers/{UUID(first['id']).hex.upper()}")).json() == first
    named = await created(world, externalId="crm-1")
    assert (await world.client.get("/customers/crm-1")).json() == named
    for unknown in (str(uuid4()), "nobody", "%00", "a" * 400):
        assert (await world.client.get(f"/customers/{unknown}")).status_code == 404


async def test_customers_of_another_tenant_do_not_exist(world: World) -> None:
    customer = await created(world, externalId="crm-1")
    address, email = customer["defaultAddress"]["id"], customer["defaultEmailAddress"]["id"]
    async with a_world(world.database, f"Other {uuid4()}") as other, nothing_written(world, *TABLES):
        for method, path in (
            ("GET", f"/customers/{customer['id']}"), ("GET", "/customers/crm-1"),
            ("PUT", f"/customers/{customer['id']}/archive"), ("DELETE", f"/customers/{customer['id']}"),
            ("GET", f"/customers/{customer['id']}/addresses"), ("GET", f"/customer-addresses/{address}"),
            ("POST", f"/customer-addresses/{address}/default"), ("DELETE", f"/customer-addresses/{address}"),
            ("GET", f"/customers/{customer['id']}/email-addresses"), ("GET", f"/customer-email-addresses/{email}"),
            ("POST", f"/customer-email-addresses/{email}/default"), ("DELETE", f"/customer-email-addresses/{email}"),
        ):  # fmt: skip
            assert (await other.client.request(method, path)).status_code == 404, path
        patched = await other.client.patch(f"/customers/{customer['id']}", json={"firstName": "Eve"})
        assert patched.status_code == 404
        refused = await other.client.post("/customers", json={"email": "a@b.de", "partner": customer["id"]})
        assert violations(refused) == {("partner", "not_found")}
        assert (await other.client.get("/customers")).json()["data"] == []


async def test_permissions_are_asked_for_by_name(world: World) -> None:
    customer = await created(world)
    reader = await world.token_with("customer:read")
    assert (await world.client.get("/customers", headers=reader)).status_code == 200
    async with nothing_written(world, *TABLES):
        refused = await world.client.post("/customers", json={"email": "a@b.de"}, headers=reader)
        assert (refused.status_code, refused.json()["requiredPermissions"]) == (403, ["customer:write"])
        removed = await world.client.delete(f"/customers/{customer['id']}", headers=reader)
        assert removed.json()["requiredPermissions"] == ["customer:write", "customer:delete"]
    # A machine's token has no self.
    selfish = await world.token_with("customer:self:read")
    assert (await world.client.get(f"/customers/{customer['id']}", headers=selfish)).status_code == 404


async def test_a_customers_own_token_reaches_only_that_customer(world: World) -> None:
    own, other = await created(world), await created(world)
    async with world.work() as ctx:
        await ctx.connection.execute(
            "insert into credential (hash, tenant_id, kind, principal_id, name, permissions, allowed_ips, created_at)"
            " values (%s, %s, 'customer', %s, 'own', %s, '{}', now())",
            (token_hash("cust"), world.tenant_id, UUID(own["id"]), ["customer:self:read", "customer:self:write"]),
        )
    headers = {"Authorization": "Bearer cust"}
    for path in ("", "/addresses"):
        assert (await world.client.get(f"/customers/{own['id']}{path}", headers=headers)).status_code == 200
        assert (await world.client.get(f"/customers/{other['id']}{path}", headers=headers)).status_code == 404
    body = {"city": "Kiel"}
    added = await world.client.post(f"/customers/{own['id']}/addresses", json=body, headers=headers)
    assert added.status_code == 201
    async with nothing_written(world, *TABLES):
        refused = await world.client.post(f"/customers/{other['id']}/addresses", json=body, headers=headers)
    assert refused.status_code == 404
    assert (await world.client.get("/customers", headers=headers)).status_code == 403


async def test_repeated_request_with_an_idempotency_key_creates_one_customer(world: World) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = await world.client.post("/customers", json={"email": "a@b.de"}, headers=headers)
    again = await world.client.post("/customers", json={"email": "a@b.de"}, headers=headers)
    assert (first.status_code, again.status_code, again.headers["Idempotent-Replayed"]) == (201, 201, "true")
    assert again.json() == first.json()
    reused = await world.client.post("/customers", json={"email": "c@b.de"}, headers=headers)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert await world.rows("select count(*) from customer") == [(1,)]
    assert await world.outbox() == ["customer.created"]


async def test_a_refusal_is_replayed_too(world: World) -> None:
    await created(world, email="a@b.de")
    headers = {"Idempotency-Key": "k-2"}
    async with nothing_written(world, *TABLES):
        for _ in range(2):
            refused = await world.client.post("/customers", json={"email": "a@b.de"}, headers=headers)
            assert (refused.status_code, violations(refused)) == (422, {("email", "not_unique")})


async def test_pages_orders_and_filters(world: World) -> None:
    names = ["Zebra AG", "Ärzte eG", "Asta e. V.", "Österreich GmbH", "Otto KG"]
    ids = {name: (await created(world, companyName=name))["id"] for name in names}
    private = await created(world, firstName="Ida", lastName="Öhm", countryCode="AT", language="en")

    async def listed(**parameters: Any) -> list[str]:
        answer = await world.client.get("/customers", params=parameters)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()["data"]]

    by_name = ["Ärzte eG", "Asta e. V.", "Österreich GmbH", "Otto KG", "Zebra AG"]
    # ä sorts like a, ö like o; customers without a company come last, whatever the direction.
    assert await listed(**{"order[companyName]": "asc"}) == [*(ids[n] for n in by_name), private["id"]]
    assert await listed(**{"order[companyName]": "desc"}) == [*(ids[n] for n in by_name[::-1]), private["id"]]
    assert await listed() == [private["id"], *(ids[n] for n in names[::-1])]
    assert await listed(limit=2, page=2) == [ids["Österreich GmbH"], ids["Asta e. V."]]
    assert await listed(limit=0) == []
    for search, found in (
        ("ärzte", ["Ärzte eG"]), ("aerzte", ["Ärzte eG"]), ("ARZ", ["Ärzte eG"]), ("oesterr gmb", ["Österreich GmbH"]),
        ("10001", ["Ärzte eG"]), ("ohm ida", None), ("nobody", []),
    ):  # fmt: skip
        assert await listed(search=search) == ([private["id"]] if found is None else [ids[n] for n in found]), search
    assert await listed(companyName="öster") == [ids["Österreich GmbH"]]
    assert await listed(customerNumber="10004") == [ids["Otto KG"]]
    assert await listed(countryCode="AT") == await listed(businessCustomer="false") == [private["id"]]
    assert await listed(language="en", status="STATUS_ACTIVE") == [private["id"]]
    assert await listed(**{"emailAddresses.email": private["defaultEmailAddress"]["email"].upper()}) == [private["id"]]
    assert await listed(**{"createdAt[after]": "2026-01-02"}) == []
    assert len(await listed(**{"createdAt[on]": "2026-01-01"})) == 6
    assert len(await listed(**{"isVatIdValid[empty]": "true"})) == 6


@pytest.mark.parametrize(
    "parameters",
    [{"limit": "101"}, {"limit": "-1"}, {"page": "x"}, {"nmae": "x"}, {"order[phone]": "asc"}, {"partner": "x"},
     {"order[createdAt]": "up"}, {"createdAt[after]": "yesterday"}, {"isPartner": "maybe"}, {"status": "active"},
     {"search": "\x00"}, {"customFields[\x00]": "x"}],
)  # fmt: skip
async def test_unreadable_parameters_are_refused(world: World, parameters: dict[str, str]) -> None:
    answer = await world.client.get("/customers", params=parameters)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
    assert [v["propertyPath"] for v in answer.json()["violations"]] == list(parameters)


async def test_statements_do_not_grow_with_the_number_of_customers(world: World) -> None:
    customer = await created(world, **FULL)
    for _ in range(3):
        await created(world, invoiceEmail="x@example.com", invoiceAddress={"city": "Ulm"})
    # One of each enters the tenant.
    with count_queries(world) as listing:
        assert len((await world.client.get("/customers")).json()["data"]) == 4
    assert len(listing) == 3, listing.statements
    with count_queries(world) as reading:
        assert (await world.client.get(f"/customers/{customer['id']}")).status_code == 200
    assert len(reading) == 4, reading.statements
    with count_queries(world) as creation:
        await created(world)
    assert len(creation) == 16, creation.statements


async def test_events_carry_ids_only(world: World) -> None:
    customer = await created(world)
    assert [(told.event, told.subjects, told.details) for told in await facts(world)] == [
        ("customer.created", [UUID(customer["id"])], {})
    ]
