"""Contracts become invoices as time goes by."""

from __future__ import annotations

from kit.world import World

BILLED = ("invoice.created", "subscription.billed", "billing_run.completed")


async def test_monthly_in_advance(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    steps = await world.travel_to("2026-07-15")
    assert [(f"{step.at:%Y-%m-%d %H:%M}", step.name, step.result.invoices) for step in steps] == [
        ("2026-05-31 22:00", "billing", 1),  # midnight in Berlin
        ("2026-06-30 22:00", "billing", 1),
    ]
    acme.has_invoices(
        ["30.00"],  # June in advance
        ["30.00"],  # July in advance
    )
    june, july = acme.invoices()
    assert (june["number"], june["net"], june["tax"], june["gross"]) == (
        "RE-0000000001", "30.00", "5.70", "35.70",  # 19 % of 30.00 = 5.70
    )  # fmt: skip
    assert (july["number"], july["status"], july["type"]) == ("RE-0000000002", "STATUS_FINALIZING", "TYPE_INVOICE")
    world.events_were(*BILLED, *BILLED)


async def test_nothing_is_due_before_the_first_day(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    assert await world.travel_to("2026-05-31") == []
    acme.has_invoices()
    world.events_were()


async def test_monthly_in_arrears(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", arrears=True, on="2026-06-01")
    await world.travel_to("2026-06-30")
    acme.has_invoices()
    await world.travel_to("2026-07-01")
    acme.has_invoices(["30.00"])  # June, when it is over
    assert world.look("select service_from::text, service_to::text from invoice") == [("2026-06-01", "2026-07-01")]
    world.events_were(*BILLED)


async def test_one_time_setup_fee_is_charged_once_beside_the_first_month(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", setup="99.00", on="2026-06-01")
    await world.travel_to("2026-07-01")
    acme.has_invoices(
        ["30.00", "99.00"],  # 129.00 net, tax 19 % = 24.51
        ["30.00"],
    )
    assert acme.invoices()[0]["gross"] == "153.51"
    assert world.look("select type from invoice_position where base_minor = 9900") == [("setup",)]


async def test_units_cost_quantity_times_price(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to(
        "Seat", monthly="4.90", per_unit=True, quantity="7", on="2026-06-01"
    )
    await world.travel_to("2026-06-01")
    acme.has_invoices(["34.30"])  # 7 · 4.90
    assert world.look("select quantity::float, unit_price::float from invoice_position") == [(7.0, 4.9)]


async def test_billing_group_makes_a_stub_then_whole_months(world: World) -> None:
    await world.travel_to("2026-04-11")
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", group="start_of_month", on="2026-04-11")
    await world.travel_to("2026-05-31")
    acme.has_invoices(
        ["20.00"],  # 11 to 30 April: 20 of 30 days
        ["30.00"],  # May
    )


async def test_month_ends_do_not_drift(world: World) -> None:
    await world.customer("Acme").subscribed_to("Basic", monthly="31.00", on="2026-01-31")
    await world.travel_to("2026-05-30")
    # The anchor's day clamped to the month, always counted from the anchor.
    assert world.look("select service_from::text from invoice order by service_from") == [
        ("2026-01-31",), ("2026-02-28",), ("2026-03-31",), ("2026-04-30",),
    ]  # fmt: skip


async def test_scheduler_that_was_down_catches_up_on_one_invoice(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-03-01")
    await world.travel_to("2026-03-15")
    await world.sleep_until("2026-05-05")  # no run on 1 April and 1 May
    await world.travel_to("2026-05-05")
    acme.has_invoices(
        ["30.00"],  # March
        ["30.00", "30.00"],  # April and May: 60.00
    )
    assert world.look("select service_from::text, service_to::text from invoice_position order by service_from") == [
        ("2026-03-01", "2026-04-01"),
        ("2026-04-01", "2026-05-01"),
        ("2026-05-01", "2026-06-01"),
    ]
    assert (await world.bill()).invoices == 0
    world.events_were(*BILLED, *BILLED)


async def test_a_second_run_bills_nothing_and_tells_nothing(world: World) -> None:
    await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    before = world.look("select count(*) from invoice_position"), world.told()
    again = await world.bill()
    assert (again.run, again.invoices, again.positions, again.gross) == (None, 0, 0, {})
    assert (world.look("select count(*) from invoice_position"), world.told()) == before
    assert world.look("select count(*) from billing_run") == [(1,)]


async def test_end_of_the_contract_shortens_the_last_month(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="31.00", on="2026-07-01", until="2026-08-11")
    await world.travel_to("2026-12-31")
    acme.has_invoices(
        ["31.00"],
        ["10.00"],  # 1 to 10 August: 10 of 31 days
    )
    assert world.look("select status, next_billing_at from subscription") == [("cancelled", None)]
    assert world.events()[-3:] == ["subscription_item.terminated", "subscription.terminated", "billing_run.completed"]


async def test_two_contracts_of_a_customer_make_two_invoices(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await acme.subscribed_to("Extra", monthly="5.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    acme.has_invoices(["30.00"], ["5.00"])
    world.events_were("invoice.created", "invoice.created", "subscription.billed", "subscription.billed", BILLED[-1])


async def test_consolidated_contracts_of_a_customer_share_an_invoice(world: World) -> None:
    await world.settings(**{"billing.consolidate": "same_billing_date"})
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await acme.subscribed_to("Extra", monthly="5.00", on="2026-06-01")
    other = await world.customer("Other").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    acme.has_invoices(["30.00", "5.00"])  # 35.00 net, tax 6.65
    assert acme.invoices()[0]["gross"] == "41.65"
    other.has_invoices(["30.00"])


async def test_contracts_with_different_order_numbers_never_share_an_invoice(world: World) -> None:
    await world.settings(**{"billing.consolidate": "same_billing_date"})
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01", po_number="4711")
    await acme.subscribed_to("Extra", monthly="5.00", on="2026-06-01", po_number="4712")
    await world.travel_to("2026-06-01")
    assert world.look("select purchase_order_number, net_minor from invoice order by 1") == [
        ("4711", 3000), ("4712", 500),
    ]  # fmt: skip
