"""Subscriptions over HTTP, from draft to the last credit."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from kit.catalogue import TABLES, contract, payer, posted, price, product
from kit.customers import created, violations
from kit.facts import activities, facts, nothing_written
from kit.queries import count_queries
from kit.world import World, a_world
from turnus.subscriptions.ops.import_subscriptions import ImportedItem, ImportedSubscription, import_subscriptions
from turnus.subscriptions.ops.load_due import due_customers, load_contracts
from turnus.subscriptions.ops.park_subscriptions import park

GONE = "01890000-0000-7000-8000-000000000000"
JANUARY, FEBRUARY = "2025-12-31T23:00:00+00:00", "2026-01-31T23:00:00+00:00"


async def put(world: World, subscription: dict[str, Any], action: str, **body: Any) -> dict[str, Any]:
    """The answer to an action that works."""
    answer = await world.client.put(f"/subscriptions/{subscription['id']}{action}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def shown(world: World, subscription: dict[str, Any]) -> dict[str, Any]:
    """A subscription as it is now."""
    found: dict[str, Any] = (await world.client.get(f"/subscriptions/{subscription['id']}")).json()
    return found


async def nets(world: World) -> list[int]:
    """What was billed, in minor units, in order."""
    rows = await world.rows("select net_minor from invoice_position order by created_at, position, id")
    return [row[0] for row in rows]


def events(told: list[Any]) -> list[str]:
    return [fact.event for fact in told if fact.event.startswith("subscription")]


async def test_a_draft_takes_number_texts_and_dates_from_where_they_are_known(world: World) -> None:
    customer = await payer(world, timeZone="Europe/Vienna", language="en")
    made = await product(
        world, translations={"de": {"name": "Grundgebühr"}, "en": {"name": "Base fee", "description": "monthly"}}
    )
    plan = await price(world, product=made["id"])
    draft = await contract(world, customer=customer["id"], items=[{"product": made["id"], "quantity": "3"}])
    assert (draft["number"], draft["status"], draft["nextBillingDate"]) == ("S-00000001", "draft", None)
    assert draft["contractDetails"]["timeZone"] == "Europe/Vienna"
    assert draft["contractDetails"]["contractStart"] == JANUARY
    (item,) = draft["items"]
    assert (item["name"], item["description"], item["quantity"], item["status"]) == ("Base fee", "monthly", 3, "draft")
    assert item["pricePlan"]["id"] == plan["id"]
    by_number = await world.client.get("/subscriptions/s-00000001")
    assert by_number.json()["id"] == draft["id"]
    assert events(await facts(world)) == ["subscription.created"]


async def test_activation_starts_the_items_and_tells_when_billing_begins(world: World) -> None:
    draft = await contract(world, startDate="2026-01-01")
    active = await put(world, draft, "/activate")
    assert (active["status"], active["nextBillingDate"]) == ("active", JANUARY)
    assert active["activatedAt"] is not None
    assert (active["items"][0]["status"], active["items"][0]["billing"]["nextBillingAt"]) == ("active", JANUARY)
    again = await world.client.put(f"/subscriptions/{draft['id']}/activate", json={})
    assert (again.status_code, again.json()["currentState"], again.json()["allowedStates"]) == (
        409, "active", ["draft", "offer"],
    )  # fmt: skip
    assert events(await facts(world)) == ["subscription.created", "subscription.activated"]


async def test_an_item_that_starts_later_is_pending_until_then(world: World) -> None:
    plan = await price(world)
    items = [{"pricePlan": plan["id"]}, {"pricePlan": plan["id"], "billingStart": "2026-02-10"}]
    active = await contract(world, items=items, startDate="2026-01-01", activate=True)
    assert [item["status"] for item in active["items"]] == ["active", "pending"]
    await world.travel_to("2026-02-10")
    assert [item["status"] for item in (await shown(world, active))["items"]] == ["active", "active"]


async def test_a_trial_moves_the_first_billing_of_prices_that_take_part(world: World) -> None:
    setup = await product(world, "Einrichtung", type="charge")
    once = await posted(
        world, "/price-plans", product=setup["id"], type="one_time", price={"amount": "50.00"}, applyTrial=False
    )
    monthly = await price(world, "20.00")
    items = [{"pricePlan": monthly["id"]}, {"pricePlan": once["id"]}]
    draft = await contract(world, items=items, startDate="2026-01-01", trialDays=3)
    active = await put(world, draft, "/activate", trialDays=14)
    assert active["trialEndsOn"] == "2026-01-14T23:00:00+00:00"
    assert active["nextBillingDate"] == JANUARY
    await world.bill()
    await world.travel_to("2026-01-15")
    assert await nets(world) == [5000, 2000]  # S28
    assert events(await facts(world))[:3] == [
        "subscription.created", "subscription.activated", "subscription.trial_started",
    ]  # fmt: skip


async def test_the_trial_of_a_price_counts_when_nothing_overrides_it(world: World) -> None:
    plan = await price(world, trialPeriod="14D")
    active = await contract(world, items=[{"pricePlan": plan["id"]}], activate=True)
    assert active["items"][0]["trialEndsOn"] == "2026-01-14T23:00:00+00:00"
    without = await contract(world, items=[{"pricePlan": plan["id"]}], activate=True, trialDays=0)
    assert (without["trialEndsOn"], without["nextBillingDate"]) == (None, JANUARY)


async def test_only_the_named_items_and_their_children_start(world: World) -> None:
    plan = (await price(world))["id"]
    items = [{"pricePlan": plan}, {"pricePlan": plan, "parent": 0}, {"pricePlan": plan}]
    draft = await contract(world, items=items)
    active = await put(world, draft, "/activate", items=[draft["items"][0]["id"]])
    assert [item["status"] for item in active["items"]] == ["active", "active", "draft"]
    assert active["items"][1]["parent"]["id"] == active["items"][0]["id"]


async def test_a_draft_without_items_or_of_an_archived_customer_cannot_start(world: World) -> None:
    customer = await created(world)
    draft = await posted(world, "/subscriptions", customer=customer["id"])
    async with nothing_written(world, *TABLES):
        refused = await world.client.put(f"/subscriptions/{draft['id']}/activate", json={})
        assert violations(refused) == {("items", "not_blank")}
    other = await contract(world, customer=customer["id"])
    assert (await world.client.put(f"/customers/{customer['id']}/archive")).status_code == 200
    async with nothing_written(world, *TABLES):
        refused = await world.client.put(f"/subscriptions/{other['id']}/activate", json={"items": [GONE]})
        assert violations(refused) == {("customer", "archived"), ("items[0]", "not_found")}


async def test_a_contract_that_no_invoice_could_be_made_out_for_does_not_start(world: World) -> None:
    plan = (await price(world))["id"]
    customer = await created(world, city="Köln")
    draft = await contract(world, customer=customer["id"], items=[{"pricePlan": plan}])
    async with nothing_written(world, *TABLES):
        refused = await world.client.put(f"/subscriptions/{draft['id']}/activate", json={})
        assert violations(refused) == {
            ("invoiceAddress.companyName", "missing_for_invoice"), ("invoiceAddress.zip", "missing_for_invoice"),
        }  # fmt: skip
    await world.settings(**{"billing.paymentMethodRequired": True})
    complete = await contract(world)
    refused = await world.client.put(f"/subscriptions/{complete['id']}/activate", json={})
    assert violations(refused) == {("paymentMethod", "not_null")}


async def test_faults_of_a_subscription_are_told_together(world: World) -> None:
    customer, stranger = await created(world), await created(world)
    archived, draft = await price(world), await price(world, status="draft")
    await world.client.put(f"/price-plans/{archived['id']}/archive")
    reserved = await price(world, customer=stranger["id"])
    group = await posted(world, "/billing-groups", customer=stranger["id"], name="G", type="start_of_month")
    foreign = (await world.client.get(f"/customers/{stranger['id']}")).json()["defaultAddress"]["id"]
    await contract(world, externalId="x1")
    async with nothing_written(world, *TABLES):
        refused = await world.client.post(
            "/subscriptions",
            json={
                "customer": customer["id"], "invoiceAddress": foreign, "billingGroup": group["id"], "externalId": "x1",
                "startDate": "2026-03-01", "contractEnd": "2026-03-01", "plan": GONE, "paymentMethod": GONE,
                "coupons": [GONE],
                "items": [
                    {"pricePlan": archived["id"]}, {"pricePlan": draft["id"]}, {"pricePlan": reserved["id"]},
                    {"pricePlan": GONE}, {}, {"product": archived["product"]["id"]},
                    {"pricePlan": reserved["id"], "parent": 6},
                ],
            },
        )  # fmt: skip
        assert violations(refused) == {
            ("invoiceAddress", "not_found"), ("billingGroup", "not_found"), ("externalId", "not_unique"),
            ("contractEnd", "out_of_range"), ("plan", "not_found"), ("paymentMethod", "not_found"),
            ("coupons[0]", "not_found"), ("items[0].pricePlan", "archived"), ("items[1].pricePlan", "conflicting"),
            ("items[2].pricePlan", "conflicting"), ("items[3].pricePlan", "not_found"),
            ("items[4].pricePlan", "not_null"), ("items[5].product", "not_found"),
            ("items[6].pricePlan", "conflicting"), ("items[6].parent", "out_of_range"),
        }  # fmt: skip


async def test_a_product_with_several_prices_needs_one_named(world: World) -> None:
    customer = await created(world)
    plan = await price(world)
    await price(world, product=plan["product"]["id"], billingInterval="1Y")
    refused = await world.client.post(
        "/subscriptions", json={"customer": customer["id"], "items": [{"product": plan["product"]["id"]}]}
    )
    assert violations(refused) == {("items[0].pricePlan", "required_with")}


async def test_amounts_that_no_invoice_could_hold_are_refused(world: World) -> None:
    plan = await price(world, "999999999999999", calculationType="per_unit")
    customer = await created(world)
    for body in (
        {"items": [{"pricePlan": plan["id"], "quantity": "99999"}]},
        {"items": [{"pricePlan": plan["id"], "quantity": "-1"}]},
    ):
        async with nothing_written(world, *TABLES):
            refused = await world.client.post("/subscriptions", json={"customer": customer["id"], **body})
            assert violations(refused) == {("items[0].quantity", "out_of_range")}


async def test_a_price_in_a_currency_that_was_switched_off_is_not_sold_any_more(world: World) -> None:
    await world.settings(**{"localization.currencies": ["EUR", "USD"]})
    plan = await price(world, currencyCode="USD")
    await world.settings(**{"localization.currencies": ["EUR"]})
    customer = await created(world)
    async with nothing_written(world, *TABLES):
        refused = await world.client.post(
            "/subscriptions", json={"customer": customer["id"], "items": [{"pricePlan": plan["id"]}]}
        )
        assert violations(refused) == {("items[0].pricePlan", "currency_not_allowed")}


async def test_an_archived_customer_gets_no_new_contract(world: World) -> None:
    customer = await created(world)
    await world.client.put(f"/customers/{customer['id']}/archive")
    async with nothing_written(world, *TABLES):
        refused = await world.client.post("/subscriptions", json={"customer": customer["id"]})
        assert violations(refused) == {("customer", "archived")}
        unknown = await world.client.post("/subscriptions", json={"customer": GONE})
        assert violations(unknown) == {("customer", "not_found")}


async def test_a_number_is_given_once(world: World) -> None:
    await contract(world, number="V-1")
    customer = await created(world)
    async with nothing_written(world, *TABLES):
        refused = await world.client.post("/subscriptions", json={"customer": customer["id"], "number": "v-1"})
        assert violations(refused) == {("number", "not_unique")}


async def test_of_racing_creations_with_one_external_id_one_wins(world: World) -> None:
    customer = await created(world)
    body = {"customer": customer["id"], "externalId": "once"}
    answers = await asyncio.gather(*(world.client.post("/subscriptions", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422, 422]
    assert await world.rows("select count(*) from subscription") == [(1,)]


async def test_a_customer_is_either_archived_or_gets_the_contract(world: World) -> None:
    plan = (await price(world))["id"]
    for _ in range(5):
        customer = await payer(world)
        body = {"customer": customer["id"], "items": [{"pricePlan": plan}], "activate": True}
        sold, archived = await asyncio.gather(
            world.client.post("/subscriptions", json=body), world.client.put(f"/customers/{customer['id']}/archive")
        )
        assert (sold.status_code, archived.status_code) in ((201, 409), (422, 200))


async def test_a_price_is_either_changed_or_sold_as_it_was(world: World) -> None:
    customer = await created(world)
    for _ in range(5):
        plan = await price(world)
        sold, changed = await asyncio.gather(
            world.client.post(
                "/subscriptions", json={"customer": customer["id"], "items": [{"pricePlan": plan["id"]}]}
            ),
            world.client.put(f"/price-plans/{plan['id']}", json={**plan, "price": {"amount": "99.00"}}),
        )
        assert sold.status_code == 201
        assert changed.status_code in (200, 409)
        if changed.status_code == 409:
            assert changed.json()["code"] == "in_use"


async def test_monthly_billing_until_a_cancellation_credits_the_rest(world: World) -> None:
    active = await contract(world, startDate="2026-01-01", activate=True)
    await world.bill()
    await world.travel_to("2026-02-01")
    await world.travel_to("2026-02-15")
    ended = await put(world, active, "/cancel", cancellationDateType="immediate", reason="moved")
    assert (ended["status"], ended["cancellationDate"], ended["isCancellationPending"]) == (
        "cancelled", "2026-02-14T23:00:00+00:00", False,
    )  # fmt: skip
    assert (ended["cancellationReason"]["code"], ended["items"][0]["status"]) == ("moved", "canceled")
    await world.bill()
    assert await nets(world) == [3000, 3000, -1500]  # 14 of 28 days of February were used
    over = await shown(world, active)
    assert (over["status"], over["nextBillingDate"], over["items"][0]["status"]) == ("cancelled", None, "terminated")
    assert events(await facts(world))[2:] == [
        "subscription.billed", "subscription.billed", "subscription.canceled", "subscription_item.terminated",
        "subscription.terminated", "subscription.billed",
    ]  # fmt: skip
    await world.bill()
    assert len(await nets(world)) == 3


async def test_a_cancellation_ahead_lets_the_contract_run_to_its_end(world: World) -> None:
    active = await contract(world, startDate="2026-01-01", activate=True)
    await world.bill()
    pending = await put(
        world, active, "/cancel", cancellationDateType="custom", cancellationDate="2026-02-14T23:59:00+01:00"
    )
    assert (pending["status"], pending["isCancellationPending"]) == ("active", True)
    assert pending["cancellationDate"] == "2026-02-14T23:00:00+00:00"
    assert pending["contractDetails"]["contractEnd"] == "2026-02-14T23:00:00+00:00"
    await world.travel_to("2026-03-01")
    assert await nets(world) == [3000, 1500]  # S44: February is billed up to the known end
    over = await shown(world, active)
    assert (over["status"], over["isCancellationPending"], over["nextBillingDate"]) == ("cancelled", False, None)
    assert events(await facts(world))[-2:] == ["subscription_item.terminated", "subscription.terminated"]


async def test_a_cancellation_may_be_moved_and_repeated(world: World) -> None:
    active = await contract(world, startDate="2026-01-01", activate=True)
    await world.bill()
    body = {"cancellationDateType": "custom", "cancellationDate": "2026-02-10"}
    await put(world, active, "/cancel", **body)
    async with nothing_written(world, *TABLES):
        await put(world, active, "/cancel", **body)
    await world.travel_to("2026-02-01")
    await put(world, active, "/cancel", cancellationDateType="custom", cancellationDate="2026-02-20")
    await world.travel_to("2026-03-02")
    charged = await nets(world)
    assert charged[0] == 3000
    assert sum(charged[1:]) == 2036  # 19 of 28 days of February: 30 · 19/28 = 20.357
    refused = await world.client.put(f"/subscriptions/{active['id']}/cancel", json=body)
    assert (refused.status_code, refused.json()["currentState"]) == (409, "cancelled")


@pytest.mark.parametrize(
    ("terms", "today", "end"),
    [
        ([{"contractPeriod": "12M", "cancellationPeriod": "3M"}], "2026-09-30", "2026-12-31T23:00:00+00:00"),  # S23
        ([{"contractPeriod": "12M", "cancellationPeriod": "3M"}], "2026-10-01", "2027-12-31T23:00:00+00:00"),
        ([], "2026-01-10", FEBRUARY),  # S26: the end of the time already invoiced
    ],
)
async def test_next_possible_follows_the_terms(world: World, terms: list[Any], today: str, end: str) -> None:
    active = await contract(world, startDate="2026-01-01", periods=terms, activate=True)
    await world.bill()
    await world.travel_to(today)
    pending = await put(world, active, "/cancel", cancellationDateType="next_possible")
    assert pending["cancellationDate"] == end


async def test_a_custom_end_needs_a_date_behind_the_last_billed_period(world: World) -> None:
    active = await contract(world, startDate="2026-01-01", activate=True)
    await world.bill()
    await world.travel_to("2026-02-15")
    async with nothing_written(world, *TABLES):
        path = f"/subscriptions/{active['id']}/cancel"
        missing = await world.client.put(path, json={"cancellationDateType": "custom"})
        assert violations(missing) == {("cancellationDate", "required_with")}
        early = await world.client.put(path, json={"cancellationDateType": "custom", "cancellationDate": "2026-01-15"})
        assert violations(early) == {("cancellationDate", "out_of_range")}


async def test_a_fixed_end_ends_the_contract_by_itself(world: World) -> None:
    terms = [{"contractPeriod": "1M", "contractPeriodCount": 2, "cancellationPeriod": "0D"}]
    active = await contract(world, startDate="2026-01-01", periods=terms, activate=True)
    assert active["contractDetails"]["contractEnd"] == "2026-02-28T23:00:00+00:00"
    await world.bill()
    await world.travel_to("2026-03-05")
    assert await nets(world) == [3000, 3000]
    assert (await shown(world, active))["status"] == "cancelled"


async def test_a_full_update_replaces_terms_and_names(world: World) -> None:
    draft = await contract(world, name="Alt", poNumber="1", periods=[{"contractPeriod": "12M"}])
    read = await world.client.get(f"/subscriptions/{draft['id']}")
    same = await world.client.put(
        f"/subscriptions/{draft['id']}", json=read.json(), headers={"If-Match": read.headers["ETag"]}
    )
    assert same.status_code == 200, same.text
    assert same.json()["periods"] == draft["periods"]
    changed = await put(world, draft, "", periods=[], name="Neu", number="V-7", startDate="2026-02-01", externalId="e")
    assert (changed["name"], changed["poNumber"], changed["number"], changed["periods"]) == ("Neu", None, "V-7", [])
    assert changed["contractDetails"]["contractStart"] == FEBRUARY
    assert changed["items"][0]["startDate"] == FEBRUARY
    told = (await facts(world))[-1]
    assert told.event == "subscription.updated"
    assert told.of(draft["id"])["previous"]["name"] == "Alt"
    assert len((await world.client.get("/subscriptions", params={"search": "neu"})).json()["data"]) == 1
    missing = await world.client.put(f"/subscriptions/{draft['id']}", json={"name": "x"})
    assert violations(missing) == {("periods", "not_null")}


async def test_the_start_of_a_billed_contract_cannot_move(world: World) -> None:
    active = await contract(world, startDate="2026-01-01", activate=True)
    await world.bill()
    async with nothing_written(world, *TABLES):
        refused = await world.client.put(
            f"/subscriptions/{active['id']}", json={"periods": [], "startDate": "2026-03-01"}
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "invalid_state")
    kept = await put(world, active, "", periods=[])
    assert kept["contractDetails"]["contractStart"] == JANUARY


async def test_joining_and_leaving_a_group_counts_from_the_end_of_what_was_billed(world: World) -> None:
    customer = await payer(world)
    group = await posted(world, "/billing-groups", customer=customer["id"], name="Monat", type="start_of_month")
    active = await contract(world, customer=customer["id"], startDate="2026-01-11", activate=True)
    await world.travel_to("2026-01-11")
    joined = await put(world, active, "", periods=[], billingGroup=group["id"])
    assert joined["nextBillingDate"] == "2026-02-10T23:00:00+00:00"
    await world.travel_to("2026-03-01")
    assert await nets(world) == [3000, 1929, 3000]  # 18 of 28 days of February
    await put(world, active, "", periods=[])
    left = await shown(world, active)
    assert (left["billingGroup"], left["nextBillingDate"]) == (None, "2026-03-31T22:00:00+00:00")
    assert (await world.client.delete(f"/billing-groups/{group['id']}")).status_code == 204


async def test_a_billing_group_with_members_stays_and_checks_its_day(world: World) -> None:
    customer = await created(world)
    async with nothing_written(world, *TABLES):
        refused = await world.client.post(
            "/billing-groups", json={"customer": GONE, "name": "G", "type": "custom", "customMonth": 13}
        )
        assert violations(refused) == {("customMonth", "out_of_range")}
        refused = await world.client.post("/billing-groups", json={"customer": GONE, "name": "G", "type": "custom"})
        assert violations(refused) == {("customDay", "required_with"), ("customer", "not_found")}
        refused = await world.client.post(
            "/billing-groups",
            json={"customer": customer["id"], "name": "G", "type": "end_of_year", "customDay": 3},
        )
        assert violations(refused) == {("customDay", "conflicting")}
    group = await posted(world, "/billing-groups", customer=customer["id"], name="G", type="custom", customDay=31)
    path = f"/billing-groups/{group['id']}"
    await contract(world, customer=customer["id"], billingGroup=group["id"])
    in_use = await world.client.delete(path)
    assert (in_use.status_code, in_use.json()["references"]) == (409, [{"type": "subscription", "count": 1}])
    changed = await world.client.put(path, json={**group, "customDay": 15})
    assert changed.json()["customDay"] == 15
    found = await world.client.get("/billing-groups", params={"customer": customer["id"]})
    assert [row["id"] for row in found.json()["data"]] == [group["id"]]


async def test_only_drafts_can_be_deleted(world: World) -> None:
    draft, active = await contract(world), await contract(world, activate=True)
    assert (await world.client.delete(f"/subscriptions/{draft['id']}")).status_code == 204
    assert (await world.client.get(f"/subscriptions/{draft['id']}")).status_code == 404
    assert await world.rows("select count(*) from subscription_item") == [(1,)]
    async with nothing_written(world, *TABLES):
        refused = await world.client.delete(f"/subscriptions/{active['id']}")
        assert (refused.status_code, refused.json()["currentState"]) == (409, "active")
    assert [action for action, _ in await activities(world, draft["id"])] == ["created", "deleted"]


async def test_texts_of_an_item_can_be_changed(world: World) -> None:
    sold = await contract(world)
    path = f"/subscription-items/{sold['items'][0]['id']}"
    changed = await world.client.patch(path, json={"name": "Lizenz", "furtherInformation": "laut Vertrag"})
    assert (changed.json()["name"], changed.json()["furtherInformation"]) == ("Lizenz", "laut Vertrag")
    cleared = await world.client.patch(path, json={"furtherInformation": None})
    assert (cleared.json()["name"], cleared.json()["furtherInformation"]) == ("Lizenz", None)
    async with nothing_written(world, *TABLES):
        assert violations(await world.client.patch(path, json={"name": ""})) == {("name", "not_blank")}
        assert (await world.client.patch(f"/subscription-items/{GONE}", json={"name": "x"})).status_code == 404
    assert events(await facts(world))[-1] == "subscription.updated"


async def test_lists_filter_sort_and_search(world: World) -> None:
    first = await contract(world, name="Alpha", contractEnd="2026-05-01", poNumber="PO-1")
    second = await contract(world, name="Beta", activate=True, externalId="b")
    await put(world, second, "/cancel", cancellationDateType="custom", cancellationDate="2026-04-01")
    for query, expected in (
        ({"status": "draft"}, [first]),
        ({"isCancellationPending": "true"}, [second]),
        ({"isCancellationPending": "false"}, [first]),
        ({"customer": first["customer"]["id"]}, [first]),
        ({"items.product.id": second["items"][0]["product"]["id"]}, [second]),
        ({"externalId": "b"}, [second]),
        ({"poNumber": "PO-1"}, [first]),
        ({"search": "alp"}, [first]),
        ({"number": "s-00000002"}, [second]),
        ({"order[contractDetails.contractEnd]": "desc"}, [first, second]),
        ({"order[status]": "asc"}, [second, first]),
        ({"order[activatedAt]": "asc"}, [second, first]),
        ({"order[trialEndsOn]": "asc", "limit": "0"}, []),
    ):
        answer = await world.client.get("/subscriptions", params=query)
        assert answer.status_code == 200, answer.text
        assert [row["id"] for row in answer.json()["data"]] == [row["id"] for row in expected], query
    items = await world.client.get("/subscription-items", params={"subscription": second["id"], "status": "canceled"})
    assert [row["id"] for row in items.json()["data"]] == [second["items"][0]["id"]]


async def test_lists_cost_two_statements_whatever_their_length(world: World) -> None:
    for _ in range(3):
        await contract(world)
    for path in ("/subscriptions", "/subscription-items", "/billing-groups"):
        await world.client.get(path)
        with count_queries(world) as queries:
            answer = await world.client.get(path)
        assert answer.status_code == 200
        # Who asks, the count, the page; an empty page is not read.
        assert queries.count <= 3, path
    (row, *_) = (await world.client.get("/subscriptions")).json()["data"]
    assert (row["items"][0]["name"], row["items"][0]["quantity"]) == ("Basis", 1)


async def test_a_customer_with_contracts_keeps_address_currency_and_life(world: World) -> None:
    customer = await payer(world)
    address = customer["defaultAddress"]["id"]
    await contract(world, customer=customer["id"], invoiceAddress=address, activate=True)
    archived = await world.client.put(f"/customers/{customer['id']}/archive")
    assert (archived.status_code, archived.json()["references"]) == (409, [{"type": "subscription", "count": 1}])
    assert (await world.client.delete(f"/customers/{customer['id']}")).status_code == 409


async def test_a_parked_subscription_waits_until_its_customer_changes(world: World) -> None:
    active = await contract(world, startDate="2026-01-01", activate=True)
    customer = active["customer"]["id"]
    async with world.work() as ctx:
        assert await park(ctx, [UUID(active["id"])], "tax_undetermined") == 1
    async with world.work() as ctx:
        assert await due_customers(ctx, ctx.now()) == []
        assert await load_contracts(ctx, [UUID(customer)], ctx.now()) == []
    assert (await shown(world, active))["parkedReason"] == "tax_undetermined"
    changed = await world.client.patch(f"/customers/{customer}", json={"phone": "123"})
    assert changed.status_code == 200, changed.text
    async with world.work() as ctx:
        assert await due_customers(ctx, ctx.now()) == [UUID(customer)]
    assert (await shown(world, active))["parkedReason"] is None


async def test_due_customers_are_paged_by_their_ids(world: World) -> None:
    plan = (await price(world))["id"]
    customers = sorted([UUID((await payer(world))["id"]) for _ in range(3)])
    for customer in customers:
        await contract(
            world, customer=str(customer), items=[{"pricePlan": plan}], startDate="2026-01-01", activate=True
        )
    async with world.work() as ctx:
        assert await due_customers(ctx, ctx.now(), None, 2) == customers[:2]
        assert await due_customers(ctx, ctx.now(), customers[1], 2) == customers[2:]
        with count_queries(world) as queries:
            found = await load_contracts(ctx, customers, ctx.now())
        assert queries.count == 2
    assert [len(due.items) for due in found] == [1, 1, 1]


async def test_imported_contracts_are_numbered_active_due_and_billed(world: World) -> None:
    plan = UUID((await price(world))["id"])
    customers = [UUID((await payer(world))["id"]) for _ in range(3)]
    rows = [
        ImportedSubscription(
            customer_id=customer, start=date(2020, 5, 1), billing_start=date(2026, 1, 1), name=f"Alt {n}",
            items=[ImportedItem(price_plan_id=plan), ImportedItem(price_plan_id=plan, custom_price={"amount": "5"})],
        )
        for n, customer in enumerate(customers)
    ]  # fmt: skip
    async with world.work() as ctx:
        ids = await import_subscriptions(ctx, rows)
    found = (await world.client.get("/subscriptions", params={"order[createdAt]": "asc"})).json()["data"]
    assert {row["id"] for row in found} == {str(id) for id in ids}
    assert sorted(row["number"] for row in found) == ["S-00000001", "S-00000002", "S-00000003"]
    assert {row["nextBillingDate"] for row in found} == {JANUARY}
    assert len((await world.client.get("/subscriptions", params={"search": "alt 2"})).json()["data"]) == 1
    await world.bill()
    assert sorted(await nets(world)) == [500, 500, 500, 3000, 3000, 3000]
    assert events(await facts(world))[:2] == ["subscription.created", "subscription.activated"]


async def test_reading_and_writing_need_their_permissions(world: World) -> None:
    sold = await contract(world)
    headers = await world.token_with("subscription:read")
    assert (await world.client.get(f"/subscriptions/{sold['id']}", headers=headers)).status_code == 200
    async with nothing_written(world, *TABLES):
        for method, path in (
            ("POST", "/subscriptions"), ("PUT", f"/subscriptions/{sold['id']}/activate"),
            ("DELETE", f"/subscriptions/{sold['id']}"), ("POST", "/billing-groups"),
        ):  # fmt: skip
            refused = await world.client.request(method, path, headers=headers, json={} if method != "DELETE" else None)
            assert (refused.status_code, refused.json()["requiredPermissions"]) == (403, ["subscription:write"])


async def test_contracts_of_another_tenant_do_not_exist(world: World) -> None:
    sold = await contract(world)
    async with a_world(world.database, f"Other {sold['id']}") as other:
        for path in (f"/subscriptions/{sold['id']}", f"/subscription-items/{sold['items'][0]['id']}"):
            assert (await other.client.get(path)).status_code == 404
        assert (await other.client.put(f"/subscriptions/{sold['id']}/activate", json={})).status_code == 404
        mine = await created(other)
        refused = await other.client.post(
            "/subscriptions",
            json={"customer": mine["id"], "items": [{"pricePlan": sold["items"][0]["pricePlan"]["id"]}]},
        )
        assert violations(refused) == {("items[0].pricePlan", "not_found")}
        stolen = await other.client.post("/subscriptions", json={"customer": sold["customer"]["id"]})
        assert violations(stolen) == {("customer", "not_found")}


@pytest.mark.parametrize(
    "body",
    [
        {"startDate": "2026-02-30"}, {"startDate": 5}, {"periods": [{"contractPeriod": "1X"}]}, {"trialDays": -1},
        {"periods": [{"contractPeriod": None}, {"contractPeriod": "1M"}]}, {"quantity": 1},
        {"periods": [{"contractPeriod": "999Y", "contractPeriodCount": 999}]}, {"name": "\u0000"},
        {"items": [{"quantity": "1E+999999"}]}, {"items": [{"customPrice": {"amount": "1,5"}}]}, {"items": {}},
        {"startDate": "9999-12-31"}, {"number": "x" * 256}, {"customFields": {"x": 1}}, {"items": [{"coupons": 1}]},
    ],
)  # fmt: skip
async def test_whatever_is_sent_is_refused_and_nothing_is_written(world: World, body: dict[str, Any]) -> None:
    customer = await created(world)
    async with nothing_written(world, *TABLES):
        refused = await world.client.post("/subscriptions", json={"customer": customer["id"], **body})
        assert refused.status_code in (400, 422), refused.text
