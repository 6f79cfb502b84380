"""What the API shows of an invoice."""

from __future__ import annotations

from kit.queries import count_queries
from kit.world import World
from turnus.billing.run import preview_billing


async def test_every_field_of_a_new_invoice(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01", po_number="4711")
    await world.settings(**{"invoice.dueDays": 30})
    await world.travel_to("2026-06-01")
    id = acme.invoices()[0]["id"]
    body = (await world.client.get(f"/invoices/{id}")).json()
    position = body["positions"][0]
    shown = {
        "number": "RE-0000000001", "type": "TYPE_INVOICE", "status": "STATUS_FINALIZING", "currencyCode": "EUR",
        "source": "subscription", "taxCase": "domestic", "language": "de",
    }  # fmt: skip
    assert {key: body[key] for key in shown} == shown
    assert body["creationDate"] == body["finalizationDate"] == "2026-05-31T22:00:00+00:00"
    assert body["dueDate"] == "2026-06-30T22:00:00+00:00"  # 1 June + 30 days, midnight in Berlin
    assert (body["serviceDateFrom"], body["serviceDateTo"]) == ("2026-06-01", "2026-06-30")
    assert body["purchaseOrderNumber"] == "4711"
    assert body["netAmount"] == {"amount": 3000, "currencyCode": "EUR", "precision": 2, "decimal": "30.00"}
    assert (body["taxAmount"]["decimal"], body["grossAmount"]["decimal"]) == ("5.70", "35.70")
    assert (body["unpaidAmount"]["decimal"], body["paidAmount"]["decimal"]) == ("35.70", "0.00")
    assert (body["customer"]["id"], body["customer"]["customerNumber"]) == (str(acme.id), acme.number)
    assert body["invoiceAddress"]["city"] == "Bremen"
    assert body["taxes"][0]["taxRate"] == 19
    assert (position["name"], position["quantity"], position["serviceDateTo"]) == ("Basic", 1, "2026-06-30")
    assert position["netAmount"]["decimal"] == "30.00"
    assert position["tax"] == {"rate": 19, "category": "S"}
    assert position["subscription"] == str(acme.subscriptions[0])
    assert (position["trace"]["base"], position["trace"]["factor"]) == ("30.00", [30, 30])
    assert (body["file"], body["xmlFile"], body["documentHash"], body["renderingError"]) == (None, None, None, None)


async def test_list_finds_by_customer_status_and_number_with_few_statements(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    for name in ("Bolt", "Crane", "Dune"):
        await world.customer(name).subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-07-01")
    with count_queries(world) as queries:
        listed = (await world.client.get("/invoices", params={"customer.id": str(acme.id)})).json()
    assert queries.count <= 4  # entering, rows and count, whatever the number of rows
    assert listed["meta"]["pagination"]["totalItems"] == 2
    numbers = [row["number"] for row in (await world.client.get("/invoices")).json()["data"]]
    assert sorted(numbers) == [f"RE-000000000{n}" for n in range(1, 9)]
    found = (await world.client.get("/invoices", params={"number": "re-0000000003"})).json()["data"]
    assert [row["number"] for row in found] == ["RE-0000000003"]
    assert (await world.client.get("/invoices", params={"status": "STATUS_PAID"})).json()["data"] == []


async def test_another_tenants_invoice_is_not_found(world: World, other_world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    id = acme.invoices()[0]["id"]
    for path in (f"/invoices/{id}", f"/invoices/{id}/pdf", f"/invoices/{id}/xml"):
        assert (await other_world.client.get(path)).status_code == 404
    assert (await other_world.client.post(f"/invoices/{id}/finalize", json={})).status_code == 404
    assert (await other_world.client.get("/invoices")).json()["data"] == []


async def test_preview_is_reality(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", setup="99.00", on="2026-06-01")
    await acme.subscribed_to("Free", monthly="0.00", on="2026-06-01")
    await world.customer("Bolt", country_code="CH").subscribed_to("Basic", monthly="19.99", on="2026-06-15")
    await world.sleep_until("2026-07-20")
    before = world.told(), world.look("select count(*) from invoice_position")
    preview = await preview_billing(world.database, world.tenant_id, clock=world.clock)
    assert (world.told(), world.look("select count(*) from invoice_position")) == before
    reality = await world.bill()
    # Acme: (30 + 99 + 30) · 1.19 = 189.21; Bolt: 19.99 · 2 = 39.98 out of scope. Free: two periods suppressed.
    assert preview.gross == reality.gross == {"EUR": 18921 + 3998}
    for name in ("invoices", "positions", "skipped", "failed"):
        assert getattr(preview, name) == getattr(reality, name), name
    assert (reality.invoices, reality.positions, reality.skipped) == (2, 5, 2)
