"""Settings over HTTP."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from kit.queries import count_queries
from kit.world import World
from turnus.entry.bootstrap import new_tenant
from turnus.platform.work import tenant_work
from turnus.settings.values import value


def codes(answer: Any) -> list[tuple[str, str]]:
    return [(v["propertyPath"], v["code"]) for v in answer.json()["violations"]]


async def stored(world: World) -> dict[str, Any]:
    return (await world.rows("select settings from tenant where id = %s", world.tenant_id))[0][0]  # type: ignore[no-any-return]


async def log_entries(world: World) -> int:
    return (await world.rows("select count(*) from activity where resource_type = 'settings'"))[0][0]  # type: ignore[no-any-return]


async def test_new_tenant_has_its_name_and_a_default_tax_group(world: World) -> None:
    fresh = await new_tenant(world.database, f"Fresh {uuid4()}", sandbox=True, clock=world.clock)
    async with tenant_work(world.database, fresh, clock=world.clock) as ctx:
        assert value(ctx, "organisation.companyName") == ctx.tenant.name
        assert isinstance(value(ctx, "billing.defaultTaxGroup"), UUID)
    context = (await world.client.get("/settings/organisation")).json()
    assert context["context"] == "organisation"
    country = context["settings"]["countryCode"]
    assert country == {
        "key": "countryCode", "value": "DE", "source": "default", "inheritedValue": "DE", "type": "string",
        "choices": None, "customerOverridable": False, "readOnly": False,
    }  # fmt: skip
    group = (await world.client.get("/settings/billing")).json()["settings"]["defaultTaxGroup"]["value"]
    assert await world.rows("select internal_description from tax_group where id = %s", group) == [("19%",)]


async def test_changed_values_hold_and_null_gives_the_default_back(world: World) -> None:
    body = {"dueDays": 30, "autoSend": False, "introduction": "Guten Tag"}
    changed = await world.client.patch("/settings/invoice", json=body)
    assert changed.status_code == 200, changed.text
    settings = changed.json()["settings"]
    assert (settings["dueDays"]["value"], settings["dueDays"]["source"]) == (30, "tenant")
    assert settings["introduction"]["value"] == {"de": "Guten Tag"}
    async with world.work() as ctx:
        assert value(ctx, "invoice.dueDays") == 30 and value(ctx, "invoice.autoSend") is False
    reset = (await world.client.patch("/settings/invoice", json={"dueDays": None})).json()["settings"]["dueDays"]
    assert (reset["value"], reset["source"]) == (14, "default")
    assert "invoice.dueDays" not in await stored(world)
    log = await world.rows("select changes from activity where resource_type = 'settings' order by id desc limit 1")
    assert log[0][0] == [{"property": "invoice.dueDays", "old": 30, "new": None}]


async def test_one_wrong_value_changes_nothing_and_all_are_named(world: World) -> None:
    before, logged = await stored(world), await log_entries(world)
    body = {"dueDays": 400, "autoSend": "yes", "deliveryChannel": "fax", "dueDates": 1, "showServicePeriod": False}
    refused = await world.client.patch("/settings/invoice", json=body)
    assert refused.status_code == 422
    assert sorted(codes(refused)) == [
        ("autoSend", "invalid_type"), ("deliveryChannel", "invalid_choice"), ("dueDates", "unknown_property"),
        ("dueDays", "out_of_range"),
    ]  # fmt: skip
    assert await stored(world) == before
    assert await log_entries(world) == logged


async def test_default_currency_must_be_among_the_allowed_ones(world: World) -> None:
    async def patch(**body: Any) -> Any:
        return await world.client.patch("/settings/localization", json=body)

    assert codes(await patch(defaultCurrencyCode="CHF")) == [("defaultCurrencyCode", "currency_not_allowed")]
    assert codes(await patch(currencies=["CHF"])) == [("currencies", "conflicting")]
    assert (await patch(currencies=["CHF", "EUR"], defaultCurrencyCode="CHF")).status_code == 200
    assert codes(await patch(currencies=None)) == [("currencies", "conflicting")]
    currencies = (await world.client.get("/currencies")).json()["data"]
    chosen = {c["code"]: (c["allowed"], c["default"]) for c in currencies if c["allowed"]}
    assert chosen == {"CHF": (True, True), "EUR": (True, False)}
    yen = next(c for c in currencies if c["code"] == "JPY")
    assert (yen["name"], yen["symbol"], yen["decimals"]) == ("Japanese Yen", "¥", 0)


async def test_settings_that_need_each_other(world: World) -> None:
    refused = await world.client.patch("/settings/accounting", json={"deferredRevenue": True})
    assert codes(refused) == [("deferredRevenue", "required_with")]
    both = {"deferredRevenue": True, "postingPerPosition": True}
    assert (await world.client.patch("/settings/accounting", json=both)).status_code == 200
    refused = await world.client.patch("/settings/accounting", json={"postingPerPosition": None})
    assert codes(refused) == [("postingPerPosition", "conflicting")]


async def test_reference_must_exist(world: World) -> None:
    nobody = "01890000-0000-7000-8000-000000000000"
    refused = await world.client.patch("/settings/billing", json={"defaultTaxGroup": nobody})
    assert codes(refused) == [("defaultTaxGroup", "not_found")]
    assert codes(await world.client.patch("/settings/organisation", json={"logo": nobody})) == [("logo", "not_found")]


async def test_default_may_be_the_value_of_another_setting(world: World) -> None:
    await world.client.patch("/settings/organisation", json={"companyName": "Müller GmbH", "countryCode": "AT"})
    async with world.work() as ctx:
        assert value(ctx, "sepaXml.creditorName") == "Müller GmbH"
        assert value(ctx, "checkout.defaultCountry") == "AT"
        assert value(ctx, "portal.subdomain") == ctx.tenant.slug


async def test_exact_decimals_survive(world: World) -> None:
    body = b'{"creditLimit": 1234567890123.45}'
    headers = {"Content-Type": "application/merge-patch+json"}
    answer = await world.client.patch("/settings/billing", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    async with world.work() as ctx:
        assert value(ctx, "billing.creditLimit") == Decimal("1234567890123.45")


async def test_changes_at_once_do_not_undo_each_other(world: World) -> None:
    bodies = [("invoice", {"dueDays": 7}), ("billing", {"manualApproval": True}), ("webhook", {"maxAttempts": 3})]
    answers = await asyncio.gather(*(world.client.patch(f"/settings/{c}", json=b) for c, b in bodies))
    assert [a.status_code for a in answers] == [200, 200, 200]
    kept = await stored(world)
    assert (kept["invoice.dueDays"], kept["billing.manualApproval"], kept["webhook.maxAttempts"]) == (7, True, 3)


async def test_unknown_context_does_not_exist(world: World) -> None:
    assert (await world.client.get("/settings/invoices")).status_code == 404
    assert (await world.client.patch("/settings/invoices", json={})).status_code == 404
    assert (await world.client.get("/settings", params={"context[]": "nothing"})).status_code == 404


async def test_contexts_can_be_chosen(world: World) -> None:
    everything = (await world.client.get("/settings")).json()["data"]
    assert len(everything) > 20
    chosen = await world.client.get("/settings?context[]=invoice&context[]=tax")
    assert [c["context"] for c in chosen.json()["data"]] == ["invoice", "tax"]


async def test_catalogue_describes_every_setting(world: World) -> None:
    contexts = (await world.client.get("/settings/schema")).json()["data"]
    due = next(s for c in contexts if c["context"] == "invoice" for s in c["settings"] if s["key"] == "dueDays")
    assert (due["type"], due["default"], due["minimum"], due["maximum"], due["customerOverridable"]) == (
        "integer", 14, 0, 365, True,
    )  # fmt: skip
    assert due["description"]


async def test_permissions(world: World) -> None:
    accounting = await world.token_with("accounting-settings:read")
    assert (await world.client.get("/settings/datev", headers=accounting)).status_code == 200
    refused = await world.client.get("/settings/invoice", headers=accounting)
    assert (refused.status_code, refused.json()["requiredPermissions"]) == (403, ["settings:read"])
    reader = await world.token_with("settings:read")
    assert (await world.client.patch("/settings/invoice", json={"dueDays": 1}, headers=reader)).status_code == 403
    nothing = await world.token_with()
    for path in ("/languages", "/countries", "/time-zones"):
        assert (await world.client.get(path, headers=nothing)).status_code == 200
    assert (await world.client.get("/currencies", headers=nothing)).status_code == 403


async def test_countries_speak_the_reader_s_language(world: World) -> None:
    answer = await world.client.get("/countries", headers={"Accept-Language": "de"})
    countries = {c["code"]: c for c in answer.json()["data"]}
    assert countries["GR"] == {
        "code": "GR", "name": "Griechenland", "isEu": True, "vatPrefix": "EL", "languageSuggestion": "en",
        "ibanLength": 27,
    }  # fmt: skip
    assert (countries["GB"]["isEu"], countries["CH"]["languageSuggestion"], countries["US"]["ibanLength"]) == (
        False, "de", None,
    )  # fmt: skip
    zones = {z["name"]: z["utcOffset"] for z in (await world.client.get("/time-zones")).json()["data"]}
    assert (zones["Europe/Berlin"], zones["UTC"]) == ("+01:00", "+00:00")  # the world begins in January


async def test_settings_are_read_without_a_query_of_their_own(world: World) -> None:
    with count_queries(world) as queries:
        await world.client.get("/settings")
    assert queries.count == 1  # entering the tenant
