"""From a change to the receiver: outbox, event log, deliveries, signed requests, retries, switching off."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from kit.sink import Received, Sink, a_sink
from kit.world import EPOCH, World
from turnus.customers.events import CUSTOMER_DELETED, CUSTOMER_UPDATED
from turnus.kernel.ids import new_id, new_ids
from turnus.platform.events.dispatch import dispatch_once
from turnus.webhooks.delivery import claim
from turnus.webhooks.delivery.courier import Courier

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with a_sink() as sink:
        yield sink


@pytest.fixture
async def quiet(world: World) -> AsyncIterator[None]:
    """Nothing of earlier tests is open any more, so that every round concerns this test alone."""
    from turnus.platform.work import system_work

    await dispatched(world)
    async with system_work(world.database) as connection:
        await connection.execute("update webhook_delivery set status = 'cancelled', next_attempt_at = null")
    yield


def courier(world: World, chance: float = 0.5) -> Courier:
    """A courier whose retries come exactly when the table says (chance ½ = no jitter)."""
    return Courier(world.database, world.services, world.clock, lambda: chance)


async def dispatched(world: World) -> None:
    while await dispatch_once(world.database, clock=world.clock, services=None):
        pass


async def webhook(world: World, url: str, *events: str, **more: Any) -> dict[str, Any]:
    """A new webhook as the API answered it."""
    body = {"version": "v1", "url": url, "events": list(events or ("customer.created",)), **more}
    answer = await world.client.post("/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def customer(world: World, **changes: Any) -> dict[str, Any]:
    """A new customer as the API answered it."""
    body = {"email": f"{new_id()}@example.com", "companyName": "Müller & Söhne", **changes}
    answer = await world.client.post("/customers", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def told(world: World, count: int = 1) -> list[UUID]:
    """Facts about objects that do not exist (any more), for tests that need no payload."""
    ids = new_ids(count)
    async with world.work() as ctx:
        ctx.emit(CUSTOMER_DELETED, ids, {id: {"data": {"id": str(id), "number": n}} for n, id in enumerate(ids)})
    return ids


async def deliveries(world: World, hook: dict[str, Any]) -> list[dict[str, Any]]:
    """The log of a webhook, newest first, as the API shows it."""
    answer = await world.client.get(f"/webhooks/{hook['id']}/deliveries", params={"limit": "100"})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def signed(request: Received, secret: str) -> None:
    """Check all three signatures as a receiver would, from the bytes alone."""
    key = secret.encode()
    assert request.headers["x-webhook-signature"] == hmac.new(key, request.body, hashlib.sha256).hexdigest()
    timestamp = request.headers["x-webhook-timestamp"]
    timed = hmac.new(key, timestamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert f"t={timestamp},v1={timed}" in request.headers["x-webhook-signature-v2"]
    standard = request.headers["webhook-id"].encode() + b"." + timestamp.encode() + b"." + request.body
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), standard, hashlib.sha256).digest()
    assert "v1," + base64.b64encode(digest).decode() in request.headers["webhook-signature"].split()


async def arrival(sink: Sink, count: int = 1) -> None:
    """Wait until the sink has seen so many requests."""
    async with asyncio.timeout(10):
        while len(sink.received) < count:
            await asyncio.sleep(0.01)


async def test_a_change_reaches_the_receiver_signed_and_complete(world: World, sink: Sink) -> None:
    hook = await webhook(world, sink.url, "customer.*", headers={"X-Key": "k1"})
    made = await customer(world)
    await dispatched(world)
    assert await courier(world).deliver_batch() == 1
    (request,) = sink.received
    signed(request, hook["secret"])
    assert request.headers["content-type"] == "application/json" and request.headers["x-key"] == "k1"
    body = request.json
    assert list(body) == ["event", "tenantId", "data"]
    assert body["event"]["type"] == "customer.created" and body["event"]["version"] == "1.0.0"
    assert body["event"]["id"].startswith("webhk_") and len(body["event"]["id"]) == 32
    assert body["event"]["created"] == "2026-01-01T08:00:00.000Z"
    assert body["tenantId"] == str(world.tenant_id)
    assert body["data"] == (await world.client.get(f"/customers/{made['id']}")).json()
    # Compact UTF-8, as a receiver that serialises it again would write it.
    assert "Müller & Söhne".encode() in request.body and b'": ' not in request.body
    (entry,) = await deliveries(world, hook)
    assert entry["status"] == "delivered" and entry["attemptCount"] == 1 and entry["statusCode"] == 200
    assert entry["eventId"] == body["event"]["id"] == request.headers["x-webhook-id"]
    assert request.headers["x-webhook-delivery"] == entry["id"]
    detail = (await world.client.get(f"/webhook-deliveries/{entry['id']}")).json()
    assert detail["requestBody"] == body and detail["attempts"][0]["responseBody"] == "ok"
    after = (await world.client.get(f"/webhooks/{hook['id']}")).json()
    assert after["lastDeliveryAt"] == after["lastSuccessAt"] == "2026-01-01T08:00:00+00:00"
    assert await courier(world).deliver_batch() == 0


async def test_an_update_brings_the_values_from_before(world: World, sink: Sink) -> None:
    await webhook(world, sink.url, "*")
    made = await customer(world)
    id = UUID(made["id"])
    async with world.work() as ctx:
        ctx.emit(CUSTOMER_UPDATED, [id], {id: {"previous": {"companyName": "Vorher"}, "mergedCustomerIds": ["x"]}})
    await dispatched(world)
    await courier(world).deliver_batch()
    bodies = {request.json["event"]["type"]: request.json for request in sink.received}
    updated = bodies["customer.updated"]
    assert updated["previous"] == {"companyName": "Vorher"}
    assert updated["data"]["mergedCustomerIds"] == ["x"]
    assert updated["data"]["companyName"] == "Müller & Söhne"
    assert "previous" not in bodies["customer.created"]


async def test_an_object_that_is_gone_is_shown_in_its_last_state(world: World, sink: Sink) -> None:
    await webhook(world, sink.url, "customer.deleted")
    (id,) = await told(world)
    await dispatched(world)
    await courier(world).deliver_batch()
    assert sink.received[0].json["data"] == {"id": str(id), "number": 0}


async def test_only_wanted_events_reach_only_enabled_webhooks(world: World, sink: Sink) -> None:
    await webhook(world, sink.url + "/created", "customer.created")
    await webhook(world, sink.url + "/group", "customer.*", "customer.created")
    await webhook(world, sink.url + "/all", "*")
    await webhook(world, sink.url + "/off", "*", enabled=False)
    await customer(world)
    await told(world)
    await dispatched(world)
    await courier(world).deliver_batch()
    seen = sorted((request.path.removeprefix("/hook/"), request.json["event"]["type"]) for request in sink.received)
    assert seen == [
        ("all", "customer.created"),
        ("all", "customer.deleted"),
        ("created", "customer.created"),
        ("group", "customer.created"),
        ("group", "customer.deleted"),
    ]


async def test_another_tenants_webhook_never_gets_an_event(world: World, another: World, sink: Sink) -> None:
    await webhook(another, sink.url, "*")
    await customer(world)
    await told(world)
    await dispatched(world)
    assert await courier(world).deliver_batch() == 0
    assert sink.received == []
    assert await another.rows("select count(*) from webhook_delivery") == [(0,)]


async def test_failures_are_tried_again_after_the_times_of_the_table(world: World, sink: Sink) -> None:
    hook = await webhook(world, sink.url, "customer.deleted")
    sink.status, sink.text = 500, b"x" * 5000
    await told(world)
    await dispatched(world)
    waits = [1, 5, 30, 120, 300, 600, 720, 720, 720]
    for attempt, minutes in enumerate(waits, start=1):
        assert await courier(world).deliver_batch() == 1
        (entry,) = await deliveries(world, hook)
        assert (entry["status"], entry["attemptCount"], entry["statusCode"]) == ("retrying", attempt, 500)
        wait = datetime.fromisoformat(entry["nextAttemptAt"]) - world.clock.instant
        assert abs(wait - timedelta(minutes=minutes)) < timedelta(seconds=2)
        world.clock.instant += timedelta(minutes=minutes) - timedelta(seconds=2)
        assert await courier(world).deliver_batch() == 0
        world.clock.instant += timedelta(seconds=4)
    assert await courier(world).deliver_batch() == 1
    (entry,) = await deliveries(world, hook)
    assert (entry["status"], entry["attemptCount"], entry["nextAttemptAt"]) == ("failed", 10, None)
    attempts = (await world.client.get(f"/webhook-deliveries/{entry['id']}")).json()["attempts"]
    assert [attempt["number"] for attempt in attempts] == list(range(1, 11))
    assert {len(attempt["responseBody"]) for attempt in attempts} == {4096}
    assert [request.headers["x-webhook-attempt"] for request in sink.received] == [str(n) for n in range(1, 11)]
    # The same event id and bytes every time, so that a receiver recognises the repetition.
    assert len({request.body for request in sink.received}) == 1
    assert len({request.headers["x-webhook-id"] for request in sink.received}) == 1
    world.clock.instant += timedelta(days=30)
    assert await courier(world).deliver_batch() == 0
    # 54 hours of failures are less than five days.
    assert (await world.client.get(f"/webhooks/{hook['id']}")).json()["enabled"] is True


async def test_a_receiver_that_comes_back_gets_what_it_missed(world: World, sink: Sink) -> None:
    hook = await webhook(world, sink.url, "customer.deleted")
    sink.status = 503
    await told(world, 3)
    await dispatched(world)
    assert await courier(world).deliver_batch() == 3
    assert (await world.client.get(f"/webhooks/{hook['id']}")).json()["failureCount"] == 3
    sink.status = 200
    world.clock.instant += timedelta(minutes=2)
    assert await courier(world).deliver_batch() == 3
    assert {entry["status"] for entry in await deliveries(world, hook)} == {"delivered"}
    assert (await world.client.get(f"/webhooks/{hook['id']}")).json()["failureCount"] == 0


async def test_jitter_spreads_retries_by_ten_per_cent(world: World, sink: Sink) -> None:
    hook = await webhook(world, sink.url, "customer.deleted")
    sink.status = 500
    for chance, seconds in ((0.0, 54), (1.0, 66)):
        await told(world)
        await dispatched(world)
        await courier(world, chance).deliver_batch()
        entry = (await deliveries(world, hook))[0]
        wait = datetime.fromisoformat(entry["nextAttemptAt"]) - world.clock.instant
        assert abs(wait.total_seconds() - seconds) < 2
        world.clock.instant += timedelta(seconds=1)


@pytest.mark.parametrize(
    ("url", "error"),
    [("http://127.0.0.1:1025/hook", "connect"), ("http://no-such-host.invalid/hook", "dns")],
)
async def test_a_dead_receiver_is_a_failure_like_any_other(world: World, url: str, error: str) -> None:
    hook = await webhook(world, url, "customer.deleted")
    await told(world)
    await dispatched(world)
    assert await courier(world).deliver_batch() == 1
    (entry,) = await deliveries(world, hook)
    assert (entry["status"], entry["statusCode"], entry["error"]) == ("retrying", None, error)


async def test_a_redirect_is_not_followed(world: World, sink: Sink) -> None:
    hook = await webhook(world, sink.url, "customer.deleted")
    sink.status = 302
    await told(world)
    await dispatched(world)
    await courier(world).deliver_batch()
    assert [entry["statusCode"] for entry in await deliveries(world, hook)] == [302]
    assert len(sink.received) == 1


async def test_410_switches_the_webhook_off_at_once(world: World, sink: Sink) -> None:
    hook = await webhook(world, sink.url, "customer.deleted")
    sink.status = 410
    await told(world, 20)
    await dispatched(world)
    await courier(world).deliver_batch()
    after = (await world.client.get(f"/webhooks/{hook['id']}")).json()
    assert (after["enabled"], after["disabledReason"]) == (False, "failures")
    assert len(sink.received) <= 5
    states = {entry["status"] for entry in await deliveries(world, hook)}
    assert states == {"failed", "cancelled"}
    actions = await world.rows("select action from activity where resource_id = %s order by id", UUID(hook["id"]))
    assert actions[-1] == ("disabled",)
    await told(world)
    await dispatched(world)
    assert await courier(world).deliver_batch() == 0
    # Switched on again it starts afresh.
    again = (await world.client.patch(f"/webhooks/{hook['id']}", json={"enabled": True})).json()
    assert (again["enabled"], again["disabledReason"], again["failureCount"]) == (True, None, 0)


async def test_five_days_of_failures_only_switch_the_webhook_off(world: World, sink: Sink) -> None:
    hook = await webhook(world, sink.url, "customer.deleted")
    sink.status = 500
    for _ in range(5):
        await told(world)
        await dispatched(world)
        await courier(world).deliver_batch()
        assert (await world.client.get(f"/webhooks/{hook['id']}")).json()["enabled"] is True
        world.clock.instant += timedelta(days=1)
    await courier(world).deliver_batch()
    after = (await world.client.get(f"/webhooks/{hook['id']}")).json()
    assert (after["enabled"], after["disabledReason"]) == (False, "failures")
    assert "pending" not in {entry["status"] for entry in await deliveries(world, hook)}


async def test_one_success_in_five_days_keeps_the_webhook_on(world: World, sink: Sink) -> None:
    hook = await webhook(world, sink.url, "customer.deleted")
    for day in range(9):
        sink.status = 200 if day == 4 else 500
        await told(world)
        await dispatched(world)
        await courier(world).deliver_batch()
        world.clock.instant += timedelta(days=1)
    assert (await world.client.get(f"/webhooks/{hook['id']}")).json()["enabled"] is True


async def test_deleting_or_switching_off_cancels_what_waits(world: World, sink: Sink) -> None:
    gone, off = await webhook(world, sink.url, "*"), await webhook(world, sink.url, "*")
    await told(world)
    await dispatched(world)
    waiting = (await deliveries(world, gone))[0]
    assert (await world.client.delete(f"/webhooks/{gone['id']}")).status_code == 204
    await world.client.patch(f"/webhooks/{off['id']}", json={"enabled": False})
    assert (await world.client.get(f"/webhook-deliveries/{waiting['id']}")).json()["status"] == "cancelled"
    assert [entry["status"] for entry in await deliveries(world, off)] == ["cancelled"]
    assert (await world.client.get(f"/webhooks/{off['id']}")).json()["disabledReason"] == "user"
    assert await courier(world).deliver_batch() == 0 and sink.received == []
    refused = await world.client.post(f"/webhook-deliveries/{waiting['id']}/redeliver")
    assert refused.status_code == 409 and refused.json()["currentState"] == "deleted"


async def test_deliveries_of_a_webhook_that_vanished_meanwhile_are_cancelled(world: World, sink: Sink) -> None:
    hook = await webhook(world, sink.url, "*")
    await told(world)
    await dispatched(world)
    (entry,) = await deliveries(world, hook)
    async with world.work() as ctx:
        await ctx.connection.execute("delete from webhook where id = %s", (UUID(hook["id"]),))
    assert await courier(world).deliver_batch() == 0
    assert (await world.client.get(f"/webhook-deliveries/{entry['id']}")).json()["status"] == "cancelled"


async def test_both_secrets_sign_for_a_day_after_a_rotation(world: World, sink: Sink) -> None:
    hook = await webhook(world, sink.url, "customer.deleted")
    new = (await world.client.post(f"/webhooks/{hook['id']}/rotate-secret")).json()["secret"]
    await told(world)
    await dispatched(world)
    await courier(world).deliver_batch()
    first = sink.received[0]
    signed(first, new)
    old = hmac.new(hook["secret"].encode(), first.body, hashlib.sha256).hexdigest()
    assert first.headers["x-webhook-signature-previous"] == old
    world.clock.instant += timedelta(hours=25)
    await told(world)
    await dispatched(world)
    await courier(world).deliver_batch()
    signed(sink.received[1], new)
    assert "x-webhook-signature-previous" not in sink.received[1].headers


async def test_redelivery_sends_the_same_event_again(world: World, sink: Sink) -> None:
    hook = await webhook(world, sink.url, "customer.deleted")
    await told(world)
    await dispatched(world)
    await courier(world).deliver_batch()
    (entry,) = await deliveries(world, hook)
    world.clock.instant += timedelta(minutes=1)
    again = await world.client.post(f"/webhook-deliveries/{entry['id']}/redeliver")
    assert again.status_code == 202, again.text
    assert again.json()["id"] != entry["id"] and again.json()["eventId"] == entry["eventId"]
    await courier(world).deliver_batch()
    assert sink.received[0].body == sink.received[1].body
    many = await world.client.post(
        f"/webhooks/{hook['id']}/redeliver",
        json={"from": EPOCH.isoformat(), "to": (EPOCH + timedelta(hours=1)).isoformat(), "status": "delivered"},
    )
    assert many.status_code == 202 and many.json() == {"count": 1}, many.text
    none = await world.client.post(
        f"/webhooks/{hook['id']}/redeliver",
        json={"from": EPOCH.isoformat(), "to": (EPOCH + timedelta(hours=1)).isoformat()},
    )
    assert none.json() == {"count": 0}
    wrong = await world.client.post(
        f"/webhooks/{hook['id']}/redeliver",
        json={"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
    )
    assert wrong.status_code == 422
    await courier(world).deliver_batch()
    assert len(sink.received) == 3


async def test_at_most_five_requests_at_a_time_also_with_several_workers(world: World, sink: Sink) -> None:
    await webhook(world, sink.url, "customer.deleted")
    sink.delay = 0.02
    await told(world, 60)
    await dispatched(world)
    await asyncio.gather(*(courier(world).deliver_batch() for _ in range(3)))
    while await courier(world).deliver_batch():
        pass
    assert sink.busiest == 5
    assert len(sink.received) == 60
    assert len({request.json["event"]["id"] for request in sink.received}) == 60


async def test_a_slow_receiver_delays_nobody_else(world: World, sink: Sink) -> None:
    async with a_sink() as slow:
        slow.delay = 5.0
        await webhook(world, slow.url, "customer.deleted")
        await webhook(world, sink.url, "customer.deleted")
        await told(world, 20)
        await dispatched(world)
        stop = asyncio.Event()
        running = asyncio.create_task(courier(world).run(stop))
        async with asyncio.timeout(4.5):
            await arrival(sink, 20)
            await told(world, 30)
            await dispatched(world)
            await arrival(sink, 50)
        assert len(slow.received) == 5
        stop.set()
        await running
        # What was under way when the worker was told to stop was finished and recorded, and nothing new begun.
        assert len(slow.received) == 5
        assert await world.rows("select count(*) from webhook_delivery where status = 'delivered'") == [(55,)]


async def test_a_worker_that_dies_loses_nothing(world: World, sink: Sink) -> None:
    hook = await webhook(world, sink.url, "customer.deleted")
    await told(world, 4)
    await dispatched(world)
    sink.delay = 1.0
    killed = asyncio.create_task(courier(world).deliver_batch())
    await arrival(sink)
    killed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await killed
    sink.delay = 0.0
    # Its lease still holds: nobody else sends at the same time.
    assert await courier(world).deliver_batch() == 0
    world.clock.instant += claim.LEASE
    assert await courier(world).deliver_batch() == 4
    assert [entry["status"] for entry in await deliveries(world, hook)] == ["delivered"] * 4


async def test_results_of_a_worker_that_lost_its_lease_are_not_written(world: World, sink: Sink) -> None:
    hook = await webhook(world, sink.url, "customer.deleted")
    await told(world)
    await dispatched(world)
    sink.on_request = lambda _: setattr(world.clock, "instant", world.clock.instant + claim.LEASE)
    sink.delay = 0.2
    sleeper = asyncio.create_task(courier(world).deliver_batch())
    await arrival(sink)
    sink.on_request, sink.delay, sink.status = None, 0.0, 500
    assert await courier(world).deliver_batch() == 1
    await sleeper
    (entry,) = await deliveries(world, hook)
    assert (entry["attemptCount"], entry["status"], entry["statusCode"]) == (1, "retrying", 500)


async def test_a_payload_not_rendered_after_the_dispatch_is_rendered_before_the_delivery(
    world: World, sink: Sink
) -> None:
    await webhook(world, sink.url)
    made = await customer(world)
    await dispatched(world)
    async with world.work() as ctx:
        await ctx.connection.execute("update event_log set payload = null")
    await courier(world).deliver_batch()
    assert sink.received[0].json["data"]["id"] == made["id"]


async def test_the_payload_shows_the_state_at_the_time_of_the_event(world: World, sink: Sink) -> None:
    await webhook(world, sink.url)
    made = await customer(world)
    await dispatched(world)
    async with world.work() as ctx:
        await ctx.connection.execute("update customer set company_name = 'Später'")
    await courier(world).deliver_batch()
    assert sink.received[0].json["data"]["companyName"] == made["companyName"]


async def test_settings_of_the_tenant_limit_attempts(world: World, sink: Sink) -> None:
    hook = await webhook(world, sink.url, "customer.deleted")
    async with world.work() as ctx:
        await ctx.connection.execute("update tenant set settings = settings || '{\"webhook.maxAttempts\": 1}'")
    sink.status = 500
    await told(world)
    await dispatched(world)
    await courier(world).deliver_batch()
    assert [entry["status"] for entry in await deliveries(world, hook)] == ["failed"]


async def test_the_log_filters_and_orders(world: World, sink: Sink) -> None:
    hook = await webhook(world, sink.url, "*")
    sink.status = 500
    await customer(world)
    await told(world)
    await dispatched(world)
    await courier(world).deliver_batch()
    path = f"/webhooks/{hook['id']}/deliveries"
    created = (await world.client.get(path, params={"event": "customer.created"})).json()["data"]
    assert [entry["event"] for entry in created] == ["customer.created"]
    assert (await world.client.get(path, params={"status": "delivered"})).json()["data"] == []
    retrying = (await world.client.get(path, params={"status": "retrying"})).json()
    assert retrying["meta"]["pagination"]["totalItems"] == 2
    day = (await world.client.get(path, params={"createdAt[on]": "2026-01-01"})).json()
    assert day["meta"]["pagination"]["totalItems"] == 2
    for wrong in ({"colour": "red"}, {"status": "lost"}, {"createdAt[on]": "yesterday"}):
        assert (await world.client.get(path, params=wrong)).status_code == 400


async def test_bodies_survive_a_round_trip_through_javascript(world: World, sink: Sink) -> None:
    await webhook(world, sink.url, "customer.deleted")
    id = new_id()
    data = {"b": 1, "10": "ten", "2": "two", "large": 2**60, "text": 'ä€😀\u2028\x7f"\\\n', "tiny": "0.0000001"}
    async with world.work() as ctx:
        ctx.emit(CUSTOMER_DELETED, [id], {id: {"data": data}})
    await dispatched(world)
    await courier(world).deliver_batch()
    body = sink.received[0].body
    # Index-like keys first and ascending, whole numbers beyond 2⁵³ as text, nothing escaped without need.
    assert list(json.loads(body)["data"])[:2] == ["2", "10"]
    assert json.loads(body)["data"]["large"] == str(2**60)
    assert "ä€😀\u2028\x7f".encode() in body
