"""Ends that give money back, and documents of nothing."""

from __future__ import annotations

from kit.world import World


async def test_immediate_cancellation_credits_the_rest_of_the_month(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-06-21")
    await acme.cancelled_now()
    await world.travel_to("2026-07-15")
    acme.has_invoices(
        ["30.00"],
        ["-10.00"],  # 21 to 30 June: 10 of 30 days
    )
    invoice, credit = acme.invoices()
    assert (credit["type"], credit["number"]) == ("TYPE_CREDIT_NOTE", "GS-0000000001")
    assert (credit["net"], credit["tax"], credit["gross"]) == ("-10.00", "-1.90", "-11.90")
    assert invoice["type"] == "TYPE_INVOICE"
    assert world.look("select quantity::float, unit_price::float from invoice_position where base_minor < 0") == [
        (-1.0, 10.0)  # EN 16931 BR-27: the price is never negative
    ]
    assert world.look("select status from subscription") == [("cancelled",)]
    # Receivable 35.70 − 11.90 = 23.80, revenue 20.00, tax 3.80.
    assert world.look("select account, sum(amount_minor)::int from ledger_entry group by 1 order by 1") == [
        ("1400", 2380), ("1776", -380), ("8400", -2000),
    ]  # fmt: skip


async def test_document_of_nothing_is_suppressed_and_its_period_counts_as_billed(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Free", monthly="0.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    acme.has_invoices()
    assert world.look("select invoice_id, period_start::text, gross_minor from invoice_position") == [
        (None, "2026-06-01", 0)
    ]
    assert world.look("select last_value from (select max(current_number) last_value from number_range"
                      " where type = 'invoice') r") == [(0,)]  # fmt: skip
    assert (await world.bill()).positions == 0
    world.events_were("billing_run.completed")


async def test_documents_of_nothing_on_request(world: World) -> None:
    await world.settings(**{"billing.generateZeroDocuments": True})
    acme = await world.customer("Acme").subscribed_to("Free", monthly="0.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    acme.has_invoices(["0.00"])
    assert world.look("select count(*) from ledger_entry") == [(0,)]
    assert await world.render() == 1
    assert world.look("select status, pay_date = finalization_date from invoice") == [("STATUS_PAID", True)]


async def test_free_line_stays_visible_beside_one_that_costs(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", setup="0.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    acme.has_invoices(["30.00", "0.00"])
