"""Manual approval: a run makes drafts, people finalise them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from kit.world import World


@pytest.fixture
async def approving(world: World) -> World:
    """A tenant that approves by hand, with one draft of 30.00 waiting."""
    await world.settings(**{"billing.manualApproval": True})
    world.names["acme"] = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    return world


async def test_run_makes_drafts_without_number_and_booking(approving: World) -> None:
    approving.names["acme"].has_invoices(["30.00"])
    draft = approving.names["acme"].invoices()[0]
    assert (draft["number"], draft["status"], draft["gross"]) == (None, "STATUS_DRAFT", "35.70")
    assert approving.look("select count(*) from ledger_entry") == [(0,)]
    assert approving.look("select current_number from number_range where type = 'invoice'") == [(0,)]
    approving.events_were(
        "invoice.created", "invoice.requires_approval", "subscription.billed", "billing_run.completed"
    )
    assert (await approving.bill()).invoices == 0


async def test_finalised_draft_gets_number_booking_and_due_date(approving: World) -> None:
    draft = approving.names["acme"].invoices()[0]
    answer = await approving.client.post(f"/invoices/{draft['id']}/finalize", json={"dueDate": None})
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["number"], body["status"]) == ("RE-0000000001", "STATUS_FINALIZING")
    assert body["dueDate"] == "2026-06-14T22:00:00+00:00"  # 1 June + 14 days, midnight in Berlin
    assert body["unpaidAmount"]["decimal"] == "35.70"
    assert approving.look("select account, amount_minor from ledger_entry order by 1") == [
        ("1400", 3570), ("1776", -570), ("8400", -3000),
    ]  # fmt: skip
    assert await approving.render() == 1
    assert approving.events()[-2:] == ["invoice.updated", "invoice.finalized"]


async def test_tax_is_decided_by_the_day_of_the_finalisation(approving: World) -> None:
    draft = approving.names["acme"].invoices()[0]
    await approving.settings(**{"organisation.smallBusiness": True})
    answer = await approving.client.post(f"/invoices/{draft['id']}/finalize", json={})
    assert answer.json()["grossAmount"]["decimal"] == "30.00"
    assert answer.json()["taxCase"] == "small_business"
    assert [(t["taxCategory"], t["taxAmount"]["decimal"]) for t in answer.json()["taxes"]] == [("E", "0.00")]
    assert approving.look("select tax_minor, tax_category from invoice_position") == [(0, "E")]


async def test_chosen_due_date_wins(approving: World) -> None:
    draft = approving.names["acme"].invoices()[0]
    answer = await approving.client.post(f"/invoices/{draft['id']}/finalize", json={"dueDate": "2026-07-01"})
    assert answer.json()["dueDate"] == "2026-06-30T22:00:00+00:00"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"dueDate": "2026-05-31"}, 422, "out_of_range"),
        ({"dueDate": "soon"}, 422, "invalid_date"),
        ({"dueDate": "1026-05-31"}, 422, "out_of_range"),
        ({"dueDate": 7}, 400, "invalid_type"),
        ({"colour": "red"}, 422, "unknown_property"),
    ],
)
async def test_refused_finalisation_leaves_the_draft(
    approving: World, body: dict[str, object], status: int, code: str
) -> None:
    draft = approving.names["acme"].invoices()[0]
    before = approving.told()
    answer = await approving.client.post(f"/invoices/{draft['id']}/finalize", json=body)
    assert answer.status_code == status, answer.text
    assert [v["code"] for v in answer.json()["violations"]] == [code]
    assert approving.names["acme"].invoices() == [draft]
    assert approving.look("select count(*) from number_issued where type = 'invoice'") == [(0,)]
    assert approving.told() == before


async def test_second_finalisation_is_refused(approving: World) -> None:
    draft = approving.names["acme"].invoices()[0]
    await approving.client.post(f"/invoices/{draft['id']}/finalize", json={})
    again = await approving.client.post(f"/invoices/{draft['id']}/finalize", json={})
    assert again.status_code == 409
    assert (again.json()["code"], again.json()["currentState"]) == ("invalid_state", "STATUS_FINALIZING")
    assert approving.look("select count(*) from number_issued where type = 'invoice'") == [(1,)]


async def test_missing_issuer_data_are_named(approving: World) -> None:
    draft = approving.names["acme"].invoices()[0]
    await approving.settings(**{"organisation.vatId": None, "organisation.taxNumber": None, "organisation.city": ""})
    answer = await approving.client.post(f"/invoices/{draft['id']}/finalize", json={})
    assert answer.status_code == 422
    assert [v["propertyPath"] for v in answer.json()["violations"]] == ["organisation.city", "organisation.vatId"]
    assert approving.names["acme"].invoices() == [draft]


async def test_missing_tax_rate_is_a_refusal_not_a_failure(approving: World) -> None:
    draft = approving.names["acme"].invoices()[0]
    async with approving.work() as ctx:
        await ctx.connection.execute("delete from tax")
    answer = await approving.client.post(f"/invoices/{draft['id']}/finalize", json={})
    assert (answer.status_code, answer.json()["code"]) == (422, "tax_rate_missing")


async def test_permission_and_unknown_ids(approving: World) -> None:
    draft = approving.names["acme"].invoices()[0]
    reader = await approving.token_with("invoice:read")
    refused = await approving.client.post(f"/invoices/{draft['id']}/finalize", json={}, headers=reader)
    assert refused.status_code == 403
    finaliser = await approving.token_with("invoice:finalize")
    unknown = await approving.client.post(f"/invoices/{uuid4()}/finalize", json={}, headers=finaliser)
    assert unknown.status_code == 404
    done = await approving.client.post(f"/invoices/{draft['id']}/finalize", json={}, headers=finaliser)
    assert done.status_code == 201


async def test_suppressed_or_credited_drafts_become_what_they_are(approving: World) -> None:
    acme = approving.names["acme"]
    await approving.travel_to("2026-06-21")
    await acme.cancelled_now()
    await approving.travel_to("2026-06-22")
    credit = next(document for document in acme.invoices() if document["gross"].startswith("-"))
    answer = await approving.client.post(f"/invoices/{credit['id']}/finalize", json={})
    body = answer.json()
    # 10 of 30 days: −10.00 net, −1.90 tax
    assert (body["type"], body["number"], body["grossAmount"]["decimal"]) == (
        "TYPE_CREDIT_NOTE", "GS-0000000001", "-11.90",
    )  # fmt: skip
