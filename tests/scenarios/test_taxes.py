"""Which tax stands on the invoice."""

from __future__ import annotations

import pytest

from kit.world import World


async def _bucket(world: World) -> tuple[object, ...]:
    taxes, case = world.look("select taxes, tax_case from invoice")[0]
    assert len(taxes) == 1
    return case, taxes[0]["category"], taxes[0]["rate"], taxes[0]["taxable"], taxes[0]["tax"]


async def test_small_business_charges_no_tax(world: World) -> None:
    await world.settings(**{"organisation.smallBusiness": True})
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    assert acme.invoices()[0]["gross"] == "30.00"
    assert await _bucket(world) == ("small_business", "E", "0", 3000, 0)  # § 19 UStG
    assert world.look("select account, amount_minor from ledger_entry order by 1") == [("1400", 3000), ("8195", -3000)]


async def test_reverse_charge_for_a_business_abroad_whose_vat_id_is_valid(world: World) -> None:
    acme = await world.customer(
        "Wiener Werkstatt", country_code="AT", vat_id="ATU13585627", vat_id_valid=True
    ).subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    assert acme.invoices()[0]["gross"] == "30.00"
    assert await _bucket(world) == ("reverse_charge_eu", "AE", "0", 3000, 0)  # § 13b, Art. 196
    assert world.look("select account, amount_minor from ledger_entry order by 1") == [("1400", 3000), ("8336", -3000)]


@pytest.mark.parametrize("valid", [None, False])
async def test_without_a_valid_vat_id_the_domestic_rate_applies(world: World, valid: bool | None) -> None:
    acme = await world.customer(
        "Wiener Werkstatt", country_code="AT", vat_id="ATU13585627", vat_id_valid=valid
    ).subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    assert acme.invoices()[0]["gross"] == "35.70"
    assert await _bucket(world) == ("domestic", "S", "19", 3000, 570)


async def test_business_in_a_third_country_is_out_of_scope(world: World) -> None:
    await world.customer("Alpenwerk", country_code="CH").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    assert await _bucket(world) == ("third_country_service", "O", None, 3000, 0)


async def test_the_rate_is_that_of_the_service_not_of_the_invoice(world: World) -> None:
    """Corona cut: 16 % for services that end from 1 July to 31 December 2020 (§ 27 (1) UStG)."""
    await world.customer("Acme").subscribed_to("Basic", monthly="100.00", on="2020-06-01", until="2020-08-01")
    await world.travel_to("2026-01-02")  # billed years later
    positions = world.look(
        "select service_from::text, tax_rate::int, tax_minor from invoice_position order by service_from"
    )
    assert positions == [("2020-06-01", 19, 1900), ("2020-07-01", 16, 1600)]
    assert world.look("select net_minor, tax_minor, gross_minor from invoice") == [(20000, 3500, 23500)]
    assert world.look("select account, amount_minor from ledger_entry order by 1") == [
        ("1400", 23500), ("1775", -1600), ("1776", -1900), ("8340", -10000), ("8400", -10000),
    ]  # fmt: skip


async def test_year_that_crosses_the_cut_bears_the_rate_of_its_last_day(world: World) -> None:
    await world.customer("Acme").subscribed_to(
        "Basic", yearly="1200.00", on="2019-12-01", arrears=True, until="2020-12-01"
    )
    await world.travel_to("2026-01-02")
    assert world.look("select tax_rate::int, tax_minor from invoice_position") == [(16, 19200)]


async def test_gross_prices_keep_the_agreed_amount(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="9.99", gross=True, on="2026-06-01")
    await acme.subscribed_to("Basic", monthly="9.99", gross=True, on="2026-06-01")
    await acme.subscribed_to("Basic", monthly="9.99", gross=True, on="2026-06-01")
    await world.settings(**{"billing.consolidate": "same_billing_date"})
    await world.travel_to("2026-06-01")
    invoice = acme.invoices()[0]
    # 29.97 · 19/119 = 4.785… → 4.79; net 25.18 = 8.40 + 8.39 + 8.39
    assert (invoice["net"], invoice["tax"], invoice["gross"]) == ("25.18", "4.79", "29.97")
    assert world.look("select net_minor from invoice_position order by position") == [(840,), (839,), (839,)]


async def test_two_rates_make_two_buckets(world: World) -> None:
    await world.settings(**{"billing.consolidate": "same_billing_date"})
    acme = await world.customer("Acme").subscribed_to("Hosting", monthly="30.00", on="2026-06-01")
    await acme.subscribed_to("Books", monthly="10.00", tax="7%", on="2026-06-01")
    await world.travel_to("2026-06-01")
    assert acme.invoices()[0]["gross"] == "46.40"  # 30.00 + 5.70 + 10.00 + 0.70
    taxes = world.look("select taxes from invoice")[0][0]
    assert sorted((t["rate"], t["taxable"], t["tax"]) for t in taxes) == [("19", 3000, 570), ("7", 1000, 70)]


async def test_tax_is_rounded_per_bucket_not_per_line(world: World) -> None:
    await world.settings(**{"billing.consolidate": "same_billing_date"})
    acme = await world.customer("Acme").subscribed_to("A", monthly="0.03", on="2026-06-01")
    await acme.subscribed_to("B", monthly="0.03", on="2026-06-01")
    await world.travel_to("2026-06-01")
    # Per line 0.0057 → 0.01 twice; per bucket 0.06 · 19 % = 0.0114 → 0.01 (EN 16931 BR-CO-17).
    assert acme.invoices()[0]["tax"] == "0.01"
    assert sum(row[0] for row in world.look("select tax_minor from invoice_position")) == 1


async def test_lines_outside_the_scope_stand_on_a_document_of_their_own(world: World) -> None:
    """EN 16931 BR-O-11: category O excludes all others on the same invoice."""
    await world.settings(**{"billing.consolidate": "same_billing_date"})
    alpenwerk = await world.customer("Alpenwerk", country_code="CH").subscribed_to(
        "Basic", monthly="30.00", on="2026-06-01"
    )
    await alpenwerk.subscribed_to("Fixed", monthly="10.00", tax="0%", on="2026-06-01")
    await alpenwerk.subscribed_to("Extra", monthly="5.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    alpenwerk.has_invoices(["30.00", "5.00"], ["10.00"])
    assert [row[0] for row in world.look("select tax_case from invoice order by number")] == [
        "third_country_service", "fixed_rate",
    ]  # fmt: skip
