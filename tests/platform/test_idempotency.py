"""The same request twice has one effect and one answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2
import msgspec
import pytest

from kit.world import World
from turnus.entry.bootstrap import ROUTERS
from turnus.platform.api import post, router
from turnus.platform.api.app import build
from turnus.platform.commands import Command
from turnus.platform.context import Context

KEY = {"Idempotency-Key": "order-1"}


class Body(Command):
    """Any body."""

    name: str = "x"


class Secret(msgspec.Struct):
    """An answer that is shown once."""

    secret: str


class Routes:
    """One operation that shows a secret, one that waits, one that fails the first time."""

    def __init__(self) -> None:
        self.routes = routes = router("Test")
        self.calls = 0
        self.entered, self.go_on = asyncio.Event(), asyncio.Event()

        @post(routes, "/test/secret", permission="customer:write", summary="Show a secret")
        async def secret(ctx: Context, data: Body) -> Secret:
            self.calls += 1
            return Secret(f"swordfish-{self.calls}")

        @post(routes, "/test/slow", permission="customer:write", summary="Wait")
        async def slow(ctx: Context, data: Body) -> Secret:
            self.calls += 1
            self.entered.set()
            await self.go_on.wait()
            return Secret("done")

        @post(routes, "/test/flaky", permission="customer:write", summary="Fail once")
        async def flaky(ctx: Context, data: Body) -> Secret:
            self.calls += 1
            if self.calls == 1:
                raise RuntimeError("once")
            return Secret("recovered")


@pytest.fixture
async def routes() -> Routes:
    return Routes()


@pytest.fixture
async def client(world: World, routes: Routes) -> AsyncIterator[httpx2.AsyncClient]:
    async with _client(world, routes) as client:
        yield client


@asynccontextmanager
async def _client(world: World, routes: Routes) -> AsyncIterator[httpx2.AsyncClient]:
    app: Any = build(world.edge, [*ROUTERS, routes.routes])
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {world.token}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield client


async def test_a_repetition_gets_the_first_answer_and_does_nothing(world: World) -> None:
    first = await world.client.post("/customers", json={"email": "a@b.de"}, headers=KEY)
    again = await world.client.post("/customers", json={"email": "a@b.de"}, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert await world.rows("select count(*) from customer") == [(1,)]
    assert await world.outbox() == ["customer.created"]


async def test_a_refusal_is_repeated_even_when_it_would_succeed_now(world: World) -> None:
    first = await world.client.post("/customers", json={"email": "no address"}, headers=KEY)
    again = await world.client.post("/customers", json={"email": "no address"}, headers=KEY)
    assert (first.status_code, again.status_code) == (422, 422)
    assert again.content == first.content
    assert again.headers["content-type"] == "application/problem+json"
    assert again.headers["idempotent-replayed"] == "true"


async def test_another_body_under_the_same_key_is_refused(world: World) -> None:
    await world.client.post("/customers", json={"email": "a@b.de"}, headers=KEY)
    refused = await world.client.post("/customers", json={"email": "c@d.de"}, headers=KEY)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert await world.rows("select count(*) from customer") == [(1,)]
    assert await world.outbox() == ["customer.created"]


async def test_while_the_first_runs_the_second_is_told_so_and_a_third_gets_the_answer(
    client: httpx2.AsyncClient, routes: Routes
) -> None:
    first = asyncio.create_task(client.post("/test/slow", json={}, headers=KEY))
    await asyncio.wait_for(routes.entered.wait(), 10)
    second = await client.post("/test/slow", json={}, headers=KEY)
    assert (second.status_code, second.json()["code"]) == (409, "request_in_progress")
    routes.go_on.set()
    assert (await first).status_code == 201
    third = await client.post("/test/slow", json={}, headers=KEY)
    assert (third.status_code, third.json(), routes.calls) == (201, {"secret": "done"}, 1)


async def test_many_at_once_create_one_customer(world: World) -> None:
    answers = await asyncio.gather(
        *(world.client.post("/customers", json={"email": "a@b.de"}, headers=KEY) for _ in range(8))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    created = [answer.content for answer in answers if answer.status_code == 201]
    assert len(created) >= 1
    assert len(set(created)) == 1
    assert await world.rows("select count(*) from customer") == [(1,)]


async def test_our_own_fault_is_not_kept(world: World, client: httpx2.AsyncClient, routes: Routes) -> None:
    assert (await client.post("/test/flaky", json={}, headers=KEY)).status_code == 500
    assert await world.rows("select count(*) from idempotency_record") == [(0,)]
    again = await client.post("/test/flaky", json={}, headers=KEY)
    assert (again.status_code, again.json()) == (201, {"secret": "recovered"})


async def test_another_token_may_use_the_same_key(world: World) -> None:
    first = await world.client.post("/customers", json={"email": "a@b.de"}, headers=KEY)
    other = {**KEY, **await world.token_with("customer:write", "customer:read")}
    second = await world.client.post("/customers", json={"email": "c@d.de"}, headers=other)
    assert (first.status_code, second.status_code) == (201, 201)
    assert await world.rows("select count(*) from customer") == [(2,)]


async def test_another_path_may_use_the_same_key(world: World, client: httpx2.AsyncClient, routes: Routes) -> None:
    routes.calls = 1
    assert (await client.post("/test/secret", json={}, headers=KEY)).json() == {"secret": "swordfish-2"}
    assert (await client.post("/test/flaky", json={}, headers=KEY)).json() == {"secret": "recovered"}


async def test_a_token_without_the_permission_does_not_see_the_kept_answer(
    world: World, client: httpx2.AsyncClient
) -> None:
    headers = {**KEY, **await world.token_with("customer:write")}
    assert (await client.post("/test/secret", json={}, headers=headers)).status_code == 201
    async with world.work() as ctx:
        await ctx.connection.execute("update credential set permissions = '{}' where name = 'limited'")
    refused = await client.post("/test/secret", json={}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


async def test_a_kept_secret_is_encrypted(world: World, client: httpx2.AsyncClient) -> None:
    answered = await client.post("/test/secret", json={}, headers=KEY)
    assert answered.json() == {"secret": "swordfish-1"}
    [(body, row)] = await world.rows("select body, idempotency_record::text from idempotency_record")
    assert b"swordfish" not in body
    assert b"swordfish".hex() not in row
    assert "order-1" not in row
    assert (await client.post("/test/secret", json={}, headers=KEY)).json() == {"secret": "swordfish-1"}


async def test_after_a_day_the_key_is_new(world: World, client: httpx2.AsyncClient) -> None:
    await client.post("/test/secret", json={}, headers=KEY)
    world.clock.instant += timedelta(hours=24, seconds=-1)
    assert (await client.post("/test/secret", json={}, headers=KEY)).json() == {"secret": "swordfish-1"}
    world.clock.instant += timedelta(seconds=2)
    assert (await client.post("/test/secret", json={}, headers=KEY)).json() == {"secret": "swordfish-2"}
    assert await world.rows("select count(*) from idempotency_record") == [(1,)]


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
async def test_an_unfit_key_is_refused(world: World, client: httpx2.AsyncClient, routes: Routes, key: str) -> None:
    refused = await client.post("/test/secret", json={}, headers={"Idempotency-Key": key})
    assert refused.status_code == 400, refused.text
    assert [v["propertyPath"] for v in refused.json()["violations"]] == ["Idempotency-Key"]
    assert routes.calls == 0
    assert await world.rows("select count(*) from idempotency_record") == [(0,)]
