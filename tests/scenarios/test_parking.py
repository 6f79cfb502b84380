"""One bad contract never stops a run: it is set aside with a reason, all others are billed."""

from __future__ import annotations

import pytest

from kit.builders import Payer
from kit.world import World
from turnus.billing.run import BillingDisabled
from turnus.billing.verify import verify
from turnus.kernel.errors import ValidationFailed


async def _good(world: World) -> list[Payer]:
    return [
        await world.customer(name).subscribed_to("Basic", monthly="30.00", on="2026-06-01")
        for name in ("Acme", "Bolt", "Crane")
    ]


async def _only_others_were_billed(world: World, good: list[Payer], bad: Payer, code: str) -> str:
    """The run went on, nothing of the bad one is left behind; the reason as people read it."""
    for payer in good:
        payer.has_invoices(["30.00"])
    bad.has_invoices()
    reasons = await world.rows(
        "select parked_reason, next_billing_at is not null, last_billing_at from subscription where customer_id = %s",
        bad.id,
    )
    failures = await world.rows("select customer_id, code, message from billing_failure")
    assert [(row[0], row[1]) for row in failures] == [(bad.id, code)]
    reason = f"{code}: {failures[0][2]}"
    assert reasons == [(reason, True, None)]
    assert await world.rows("select status from billing_run") == [("completed_with_errors",)]
    assert await world.rows("select count(*) from invoice_position") == [(len(good),)]
    assert await world.rows("select value from number_issued where type = 'invoice' order by 1") == [(1,), (2,), (3,)]
    actions = await world.rows(
        "select action from activity where resource_id = %s order by created_at, id", bad.subscriptions[0]
    )
    assert actions[-1] == ("parked",)
    assert await verify(world.database, world.tenant_id) == []
    return reason


async def test_customer_without_an_address_is_parked_and_billed_once_it_has_one(world: World) -> None:
    good = await _good(world)
    bad = await world.customer("Nowhere").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    address = (await world.client.get(f"/customers/{bad.id}")).json()["defaultAddress"]
    body = {key: address[key] for key in ("type", "companyName", "street", "houseNumber", "countryCode")}
    emptied = await world.client.put(f"/customer-addresses/{address['id']}", json={**body, "zip": "", "city": ""})
    assert emptied.status_code == 200, emptied.text
    (step,) = await world.travel_to("2026-06-02")
    assert (step.result.invoices, step.result.failed) == (3, 1)
    reason = await _only_others_were_billed(world, good, bad, "missing_for_invoice")
    assert "zip" in reason
    assert "city" in reason
    assert (await world.bill()).invoices == 0
    assert await world.travel_to("2026-06-03") == []  # what is parked does not keep the clock

    changed = await world.client.put(
        f"/customer-addresses/{address['id']}", json={**body, "zip": "20095", "city": "Hamburg"}
    )
    assert changed.status_code == 200, changed.text
    assert await world.rows("select count(*) from subscription where parked_at is not null") == [(0,)]
    await world.travel_to("2026-06-04")
    bad.has_invoices(["30.00"])
    assert await verify(world.database, world.tenant_id) == []


async def test_missing_tax_rate_parks_only_those_who_need_it(world: World) -> None:
    good = await _good(world)
    bad = await world.customer("Reader").subscribed_to("Books", monthly="10.00", tax="7%", on="2026-06-01")
    async with world.work() as ctx:
        await ctx.connection.execute("delete from tax where rate in (5, 7)")
    await world.travel_to("2026-06-02")
    reason = await _only_others_were_billed(world, good, bad, "tax_rate_missing")
    assert "Books" in reason


async def test_account_that_is_missing_from_the_chart_parks_with_its_key(world: World) -> None:
    good = await _good(world)
    bad = await world.customer("Alpenwerk", country_code="CH").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    async with world.work() as ctx:
        await ctx.connection.execute("delete from ledger_account where key = 'revenueThirdCountry'")
    await world.travel_to("2026-06-02")
    assert "revenueThirdCountry" in await _only_others_were_billed(world, good, bad, "account_missing")


async def test_unexpected_error_parks_without_telling_internals(world: World) -> None:
    good = await _good(world)
    bad = await world.customer("Broken").subscribed_to("Odd", monthly="31.00", on="2026-06-01")
    async with world.work() as ctx:
        await ctx.connection.execute(
            "update price_plan set price = '{\"amount\": \"many\"}' where price->>'amount' = '31'"
        )
    await world.travel_to("2026-06-02")
    reason = await _only_others_were_billed(world, good, bad, "internal_error")
    assert "many" not in reason


async def test_amount_beyond_everything_parks(world: World) -> None:
    good = await _good(world)
    bad = await world.customer("Croesus").subscribed_to("Empire", monthly="31.00", on="2026-06-01")
    async with world.work() as ctx:
        await ctx.connection.execute(
            "update price_plan set price = '{\"amount\": \"99999999999999999\"}' where price->>'amount' = '31'"
        )
    await world.travel_to("2026-06-02")
    await _only_others_were_billed(world, good, bad, "internal_error")


async def test_incomplete_master_data_of_the_tenant_park_nobody(world: World) -> None:
    good = await _good(world)
    await world.settings(**{"organisation.city": "", "organisation.vatId": None, "organisation.taxNumber": None})
    before = world.told()
    with pytest.raises(ValidationFailed) as refused:
        await world.travel_to("2026-06-02")
    assert [v.property_path for v in refused.value.violations] == ["organisation.city", "organisation.vatId"]
    assert await world.rows("select count(*) from subscription where parked_at is not null") == [(0,)]
    assert await world.rows("select count(*) from billing_run") == [(0,)]
    assert world.told() == before
    await world.settings(**{"organisation.city": "Berlin", "organisation.vatId": "DE136695976"})
    await world.travel_to("2026-06-02")
    for payer in good:
        payer.has_invoices(["30.00"])


async def test_billing_that_is_switched_off_bills_nobody(world: World) -> None:
    await world.settings(**{"billing.disabled": True})
    good = await _good(world)
    assert await world.travel_to("2026-06-02") == []
    with pytest.raises(BillingDisabled):
        await world.bill()
    world.events_were()
    await world.settings(**{"billing.disabled": False})
    await world.travel_to("2026-06-03")
    good[0].has_invoices(["30.00"])
