"""Webhooks over HTTP: the resource, its refusals, the catalogue of events, test calls."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from kit.queries import count_queries
from kit.sink import Sink, a_sink, reaching
from kit.world import World, a_world
from turnus.customers.events import CUSTOMER_DELETED
from turnus.kernel.ids import new_ids
from turnus.platform.db.pool import Database
from turnus.platform.events.dispatch import dispatch_once

URL = "https://example.com/hook"


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with a_sink() as sink:
        yield sink


@pytest.fixture
async def reachable(world: World) -> AsyncIterator[World]:
    async with reaching(world) as reachable:
        yield reachable


async def created(world: World, **changes: Any) -> dict[str, Any]:
    """A webhook as the API answered it."""
    body = {"version": "v1", "events": ["customer.created"], "enabled": True, "url": URL, **changes}
    answer = await world.client.post("/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_webhook_is_created_with_a_secret_and_read_again(world: World) -> None:
    webhook = await created(world, name="CRM", headers={"X-Api-Key": "k1"})
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", webhook["secret"])
    assert {key: webhook[key] for key in ("url", "events", "enabled", "version", "name", "description")} == {
        "url": URL,
        "events": ["customer.created"],
        "enabled": True,
        "version": "v1",
        "name": "CRM",
        "description": None,
    }
    assert webhook["headers"] == {"X-Api-Key": "***"}
    assert webhook["disabledReason"] is webhook["lastDeliveryAt"] is webhook["lastSuccessAt"] is None
    assert webhook["failureCount"] == 0
    read = await world.client.get(f"/webhooks/{webhook['id']}")
    assert read.json() == webhook and read.headers["etag"]
    listed = (await world.client.get("/webhooks")).json()
    assert listed["data"] == [webhook | {"secret": None}]
    # Nothing readable lies in the database.
    ((secret, headers),) = await world.rows("select secret, headers from webhook")
    assert webhook["secret"].encode() not in secret and b"k1" not in headers


async def test_only_who_may_change_webhooks_sees_the_secret(world: World) -> None:
    webhook = await created(world)
    reader = await world.token_with("webhook:read")
    assert (await world.client.get(f"/webhooks/{webhook['id']}", headers=reader)).json()["secret"] is None
    refused = await world.client.post("/webhooks", json={"url": URL, "events": ["*"]}, headers=reader)
    assert refused.status_code == 403 and refused.json()["requiredPermissions"] == ["webhook:write"]
    stranger = await world.token_with("customer:read")
    assert (await world.client.get("/webhooks", headers=stranger)).status_code == 403
    assert await world.rows("select count(*) from webhook") == [(1,)]


async def test_every_broken_rule_of_a_webhook_is_reported(world: World) -> None:
    body = {
        "url": "ftp://example.com",
        "events": ["customer.created", "customer.exploded", "nothing.*"],
        "headers": {"Host": "x"},
        "version": "v2",
        "colour": "red",
    }
    refused = await world.client.post("/webhooks", json=body)
    assert refused.status_code == 422
    found = {(v["propertyPath"], v["code"]) for v in refused.json()["violations"]}
    assert found == {("headers", "invalid_format"), ("version", "invalid_choice"), ("colour", "unknown_property")}
    refused = await world.client.post("/webhooks", json={k: body[k] for k in ("url", "events")})
    violations = refused.json()["violations"]
    assert [(v["propertyPath"], v["code"]) for v in violations] == [
        ("url", "invalid_url"),
        ("events[1]", "invalid_choice"),
        ("events[2]", "invalid_choice"),
    ]
    assert "customer.created" in violations[1]["parameters"]["choices"]
    assert violations[0]["parameters"] == {"reason": "scheme"}
    assert await world.rows("select count(*) from webhook") == [(0,)]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://10.1.2.3/x", "private_address"),
        ("https://[::1]/x", "private_address"),
        ("https://169.254.169.254/latest/meta-data", "private_address"),
        ("https://user:pw@example.com/", "credentials"),
        ("https://example.com:25/", "port"),
        ("https://exa mple.com/", "invalid_url"),
        ("javascript:alert(1)", "scheme"),
    ],
)
async def test_urls_that_cannot_be_called_are_refused(world: World, url: str, reason: str) -> None:
    refused = await world.client.post("/webhooks", json={"url": url, "events": ["*"]})
    assert refused.status_code == 422, refused.text
    assert refused.json()["violations"][0]["parameters"] == {"reason": reason}


async def test_a_production_tenant_needs_https(database: Database) -> None:
    async with a_world(database, f"Live {uuid4()}") as world:
        async with database.connection() as connection:
            await connection.execute("update tenant set sandbox = false where id = %s", (world.tenant_id,))
        refused = await world.client.post("/webhooks", json={"url": "http://93.184.216.34/", "events": ["*"]})
        assert refused.json()["violations"][0]["parameters"] == {"reason": "https_required"}
        assert (await created(world))["url"] == URL


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": URL},
        {"url": URL, "events": []},
        {"url": URL, "events": None},
        {"url": URL, "events": "customer.created"},
        {"url": URL, "events": [1]},
        {"url": URL, "events": ["a\x00b"]},
        {"url": URL + "\x00", "events": ["*"]},
        {"url": "https://example.com/" + "x" * 2100, "events": ["*"]},
        {"url": URL, "events": ["*"] * 501},
        {"url": URL, "events": ["*"], "name": "n" * 256},
        {"url": URL, "events": ["*"], "enabled": "perhaps"},
        {"url": URL, "events": ["*"], "headers": {f"X-{n}": "v" for n in range(11)}},
        {"url": URL, "events": ["*"], "headers": {"X-A": "v", "x-a": "w"}},
        {"url": URL, "events": ["*"], "headers": {"X-A": "bad\r\nX-B: injected"}},
        {"url": URL, "events": ["*"], "headers": {"X-Webhook-Signature": "forged"}},
        {"url": URL, "events": ["*"], "headers": {"X-A": {"deep": 1}}},
    ],
)
async def test_bad_bodies_are_refused_and_nothing_is_written(world: World, body: dict[str, Any]) -> None:
    refused = await world.client.post("/webhooks", json=body)
    assert refused.status_code in (400, 422), refused.text
    assert refused.json()["violations"]
    assert await world.rows("select count(*) from webhook") == [(0,)]


async def test_put_replaces_and_patch_changes_only_what_is_sent(world: World) -> None:
    webhook = await created(world, name="CRM", headers={"X-Key": "k1", "X-Other": "o"})
    path = f"/webhooks/{webhook['id']}"
    patched = await world.client.patch(path, json={"events": ["customer.*"], "headers": {"X-Other": None}})
    assert patched.status_code == 200, patched.text
    assert patched.json()["events"] == ["customer.*"] and patched.json()["name"] == "CRM"
    assert patched.json()["headers"] == {"X-Key": "***"}
    # What a GET answered can be sent back; masked values stay as they are.
    body = (await world.client.get(path)).json() | {"name": None}
    replaced = await world.client.put(path, json=body)
    assert replaced.status_code == 200, replaced.text
    assert replaced.json()["name"] is None and replaced.json()["headers"] == {"X-Key": "***"}
    assert replaced.json()["secret"] == webhook["secret"]
    refused = await world.client.patch(path, json={"events": None})
    assert refused.status_code == 422
    actions = await world.rows("select action from activity where resource_type = 'webhook' order by created_at, id")
    assert [row[0] for row in actions] == ["created", "updated", "updated"]
    again = await world.client.put(path, json={"url": URL, "events": ["*"]})
    assert again.json()["headers"] == {} and again.json()["events"] == ["*"]


async def test_if_match_guards_changes(world: World) -> None:
    webhook = await created(world)
    path = f"/webhooks/{webhook['id']}"
    etag = (await world.client.get(path)).headers["etag"]
    fine = await world.client.patch(path, json={"name": "A"}, headers={"If-Match": etag})
    assert fine.status_code == 200
    late = await world.client.patch(path, json={"name": "B"}, headers={"If-Match": etag})
    assert late.status_code == 412
    assert (await world.client.get(path)).json()["name"] == "A"


async def test_a_webhook_of_another_tenant_does_not_exist(world: World, database: Database) -> None:
    webhook = await created(world)
    async with a_world(database, f"Other {uuid4()}") as other:
        path = f"/webhooks/{webhook['id']}"
        answers = [
            await other.client.get(path),
            await other.client.put(path, json={"url": URL, "events": ["*"]}),
            await other.client.patch(path, json={"name": "mine"}),
            await other.client.delete(path),
            await other.client.post(path + "/rotate-secret"),
            await other.client.post(path + "/test", json={}),
            await other.client.get(path + "/deliveries"),
            await other.client.post(
                path + "/redeliver", json={"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
            ),
        ]
        assert [answer.status_code for answer in answers] == [404] * 8, [answer.text for answer in answers]
    assert (await world.client.get(path)).json() == webhook


async def test_fifty_webhooks_are_the_limit(world: World) -> None:
    for _ in range(50):
        await created(world)
    refused = await world.client.post("/webhooks", json={"url": URL, "events": ["*"]})
    assert refused.status_code == 422
    assert refused.json()["violations"][0]["code"] == "limit_reached"
    assert await world.rows("select count(*) from webhook") == [(50,)]


async def test_a_deleted_webhook_is_gone(world: World) -> None:
    webhook = await created(world)
    path = f"/webhooks/{webhook['id']}"
    assert (await world.client.delete(path)).status_code == 204
    assert (await world.client.get(path)).status_code == 404
    assert (await world.client.delete(path)).status_code == 404


async def test_rotation_gives_a_new_secret_and_tells_how_long_the_old_one_counts(world: World) -> None:
    webhook = await created(world)
    rotated = await world.client.post(f"/webhooks/{webhook['id']}/rotate-secret")
    assert rotated.status_code == 200, rotated.text
    assert rotated.json()["secret"] != webhook["secret"]
    assert rotated.json()["previousSecretValidUntil"] == "2026-01-02T08:00:00+00:00"


async def test_the_catalogue_needs_a_token_and_no_permission(world: World) -> None:
    nothing = await world.token_with("media:read")
    answer = await world.client.get("/available-webhook-events", headers=nothing)
    assert answer.status_code == 200
    events = {event["name"]: event for event in answer.json()}
    assert list(events) == sorted(events)
    assert {"customer.created", "customer.updated", "webhook.test"} <= set(events)
    created_event = events["customer.created"]
    assert (created_event["group"], created_event["version"]) == ("customer", "1.0.0")
    assert created_event["sample"]["event"]["type"] == "customer.created"
    assert {"customerNumber", "defaultAddress", "emailAddresses"} <= set(created_event["sample"]["data"])
    without = await world.client.get("/available-webhook-events", headers={"Authorization": ""})
    assert without.status_code == 401
    wrong = await world.client.get("/available-webhook-events", headers={"Authorization": "Bearer api_nope"})
    assert wrong.status_code == 401


async def test_a_test_call_is_signed_and_answers_what_came_back(reachable: World, sink: Sink) -> None:
    world = reachable
    webhook = await created(world, url=sink.url, headers={"X-Key": "k1"})
    sink.status, sink.text = 418, b"teapot"
    result = (await world.client.post(f"/webhooks/{webhook['id']}/test")).json()
    assert result["success"] is False and result["statusCode"] == 418 and result["responseBody"] == "teapot"
    (request,) = sink.received
    expected = hmac.new(webhook["secret"].encode(), request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-webhook-signature"] == expected
    assert request.headers["x-key"] == "k1"
    assert request.json["event"]["type"] == "webhook.test" and request.json["tenantId"] == str(world.tenant_id)
    sink.status = 204
    sink.text = b""
    result = (await world.client.post(f"/webhooks/{webhook['id']}/test", json={"event": "customer.created"})).json()
    assert result["success"] is True
    assert "customerNumber" in sink.received[1].json["data"]
    refused = await world.client.post(f"/webhooks/{webhook['id']}/test", json={"event": "no.such"})
    assert refused.status_code == 422
    sink.status = 0
    result = (await world.client.post(f"/webhooks/{webhook['id']}/test")).json()
    assert result["error"] == "protocol" and result["statusCode"] is None
    # Test calls leave no trace in the log of deliveries.
    assert await world.rows("select count(*) from webhook_delivery") == [(0,)]


async def test_lists_take_the_same_number_of_statements_whatever_their_size(world: World) -> None:
    first = await created(world, events=["*"])
    for path in ("/webhooks", f"/webhooks/{first['id']}/deliveries"):
        await world.client.get(path)
    with count_queries(world) as few:
        await world.client.get("/webhooks")
    await created(world)
    await created(world)
    with count_queries(world) as many:
        await world.client.get("/webhooks")
    assert many.count == few.count <= 4
    log = f"/webhooks/{first['id']}/deliveries"
    counts = []
    for facts in (1, 30):
        async with world.work() as ctx:
            ctx.emit(CUSTOMER_DELETED, new_ids(facts))
        await dispatch_once(world.database, clock=world.clock)
        await world.client.get(log)
        with count_queries(world) as found:
            await world.client.get(log)
        counts.append(found.count)
    assert counts[0] == counts[1] <= 5
