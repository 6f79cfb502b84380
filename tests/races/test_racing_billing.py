"""Billing beside itself and beside people: whoever races, every period is billed once and numbers have no holes."""

from __future__ import annotations

import asyncio
from datetime import datetime
from uuid import UUID

import pytest

from bench.seed import due_subscriptions
from kit.races import holding, race, until, until_waiting
from kit.world import World
from turnus.billing.run import Outcome, run_billing
from turnus.billing.verify import verify
from turnus.platform.clock import SystemClock
from turnus.subscriptions.ops.load_due import due_customers

PAYERS = 40


@pytest.fixture
async def due(world: World) -> World:
    """Forty customers with two monthly contracts each, due since the first of the present month."""
    await due_subscriptions(world.database, world.tenant_id, PAYERS, each=2)
    return world


async def run(world: World, chunk: int = 7) -> Outcome:
    return await run_billing(world.database, world.tenant_id, clock=SystemClock(), chunk=chunk)


async def everything_was_billed_once(world: World, invoices: int) -> None:
    """So many invoices, numbered without a hole, nothing due any more, and books that hold together."""
    numbers = [row[0] for row in await world.rows("select value from number_issued where type = 'invoice' order by 1")]
    assert numbers == list(range(1, invoices + 1))
    assert await world.rows("select count(*) from invoice where number like 'RE-%%'") == [(invoices,)]
    assert await verify(world.database, world.tenant_id) == []


async def test_same_draft_finalised_twice_at_once(world: World) -> None:
    await world.settings(**{"billing.manualApproval": True})
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    draft = acme.invoices()[0]["id"]
    answers = await race(
        world,
        f"select id from invoice where id = '{draft}' for no key update",
        world.client.post(f"/invoices/{draft}/finalize", json={}),
        world.client.post(f"/invoices/{draft}/finalize", json={}),
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    refused = next(answer.json() for answer in answers if answer.status_code == 409)
    assert (refused["code"], refused["currentState"]) == ("invalid_state", "STATUS_FINALIZING")
    assert world.events().count("invoice.updated") == 1
    await everything_was_billed_once(world, 1)


async def test_two_drafts_finalised_at_once_get_numbers_in_a_row(world: World) -> None:
    await world.settings(**{"billing.manualApproval": True})
    for name in ("Acme", "Bolt"):
        await world.customer(name).subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.travel_to("2026-06-01")
    drafts = [row[0] for row in world.look("select id from invoice")]
    answers = await race(
        world,
        "select id from number_range where type = 'invoice' for no key update",
        *(world.client.post(f"/invoices/{draft}/finalize", json={}) for draft in drafts),
    )
    assert sorted(answer.json()["number"] for answer in answers) == ["RE-0000000001", "RE-0000000002"]
    await everything_was_billed_once(world, 2)


@pytest.mark.parametrize("runs", [2, 4])
async def test_runs_at_once_share_the_work(due: World, runs: int) -> None:
    outcomes = await asyncio.gather(*(run(due, chunk) for chunk in (7, 5, 11, 3)[:runs]))
    assert sum(outcome.invoices for outcome in outcomes) == 2 * PAYERS
    assert [outcome.failed for outcome in outcomes] == [0] * runs
    await everything_was_billed_once(due, 2 * PAYERS)
    assert (await run(due)).invoices == 0
    assert (await due.rows("select sum(invoices) from billing_run_chunk"))[0][0] == 2 * PAYERS


async def test_two_runs_that_meet_at_the_number_range(due: World) -> None:
    outcomes = await race(
        due, "select id from number_range where type = 'invoice' for no key update", run(due), run(due)
    )
    assert sum(outcome.invoices for outcome in outcomes) == 2 * PAYERS
    await everything_was_billed_once(due, 2 * PAYERS)


async def test_customer_who_is_being_edited_is_passed_over_and_billed_after(due: World) -> None:
    customer = (await due.rows("select id from customer order by id offset 3 limit 1"))[0][0]
    async with holding(due, "select id from customer where id = %s for no key update", customer):
        running = asyncio.ensure_future(run(due))
        await until(due, "select count(*) from invoice", 2 * (PAYERS - 1))
        await until_waiting(due, 1)
        assert not running.done()
        assert await due.rows("select count(*) from invoice where customer_id = %s", customer) == [(0,)]
    assert (await running).invoices == 2 * PAYERS
    await everything_was_billed_once(due, 2 * PAYERS)


async def test_contract_added_while_a_run_goes_on(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    slow = await world.customer("Slow").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.sleep_until("2026-06-10")
    async with holding(world, "select id from customer where id = %s for no key update", slow.id):
        running = asyncio.ensure_future(world.bill())
        await until(world, "select count(*) from invoice", 1)
        await until_waiting(world, 1)
        await acme.subscribed_to("Extra", monthly="5.00", on="2026-06-01")
    await running
    await world.bill()
    slow.has_invoices(["30.00"])
    assert sorted(document["lines"] for document in acme.invoices()) == [["30.00"], ["5.00"]]
    await everything_was_billed_once(world, 3)


async def test_contract_added_to_a_customer_who_is_being_billed_waits(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.sleep_until("2026-06-10")
    results = await race(
        world,
        "select id from number_range where type = 'invoice' for no key update",
        world.bill(),
        _after(world, 1, acme.subscribed_to("Extra", monthly="5.00", on="2026-06-01")),
    )
    assert (results[0].failed, isinstance(results[1], UUID)) == (0, True)
    await world.bill()
    assert sorted(document["lines"] for document in acme.invoices()) == [["30.00"], ["5.00"]]
    await everything_was_billed_once(world, 2)


async def test_cancellation_of_a_contract_that_is_being_billed_waits_and_is_credited(world: World) -> None:
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.sleep_until("2026-06-21")
    results = await race(
        world,
        "select id from number_range where type = 'invoice' for no key update",
        world.bill(),
        _after(world, 1, acme.cancelled_now()),
    )
    assert (results[0].failed, results[1]) == (0, None)
    await world.bill()
    assert [document["lines"] for document in acme.invoices()] == [["30.00"], ["-10.00"]]  # 10 of 30 days
    await everything_was_billed_once(world, 1)


async def test_due_customers_of_a_run_are_read_again_after_the_lock(world: World) -> None:
    """A run that waited for a customer sees what another run billed meanwhile, and bills nothing twice."""
    acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
    await world.sleep_until("2026-06-10")
    async with holding(world, "select id from customer where id = %s for no key update", acme.id):
        first, second = (asyncio.ensure_future(world.bill()) for _ in range(2))
        await until_waiting(world, 2)
    assert sorted([(await first).invoices, (await second).invoices]) == [0, 1]
    async with world.work() as ctx:
        assert await due_customers(ctx, datetime.fromisoformat("2026-06-10T00:00:00+00:00")) == []
    await everything_was_billed_once(world, 1)


async def _after(world: World, sessions: int, contender: object) -> object:
    await until_waiting(world, sessions)
    return await contender  # type: ignore[misc]
