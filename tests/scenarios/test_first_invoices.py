"""Contracts become invoices as time goes by."""

from __future__ import annotations

from kit.world import World


async def test_monthly_in_advance(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-07-15")
    acme.has_invoices(
        ["30.00"],  # June in advance
        ["30.00"],  # July in advance
    )
    june, july = acme.invoices()
    assert (june["number"], june["net"], june["tax"], june["gross"]) == (
        "RE-0000000001", "30.00", "5.70", "35.70",  # 19 % of 30.00 = 5.70
    )  # fmt: skip
    assert july["number"] == "RE-0000000002"
    world.events_were(
        "invoice.created", "subscription.billed", "billing_run.completed",
        "invoice.created", "subscription.billed", "billing_run.completed",
    )  # fmt: skip
