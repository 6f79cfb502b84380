"""The edge of a request: who may ask, what is readable, and that a refusal leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import msgspec
import pytest
from pydantic import Field

from kit.world import World, a_world
from turnus.customers.model import CustomerGroup
from turnus.entry.bootstrap import ROUTERS
from turnus.identity.ops.create_api_token import create_api_token
from turnus.kernel.errors import InvalidState
from turnus.kernel.ids import new_id
from turnus.platform.api import delete, get, post, put, router
from turnus.platform.api.app import build
from turnus.platform.commands import Amount, Command, Count, Name
from turnus.platform.context import Context
from turnus.platform.crypto import token_hash
from turnus.platform.db.pool import Database
from turnus.platform.events.facts import EventType

TOLD = EventType("test.done", "test", "test", "Something was done.")


class Wish(Command):
    """A body with one value of each kind that is easily got wrong."""

    name: Name = "x"
    amount: Amount | None = None
    count: Count | None = None
    parts: list[Name] = Field(default=[], max_length=3)


class Made(msgspec.Struct):
    """What the test operations answer."""

    id: UUID
    attempts: int = 1


class Unspeakable:
    """Something that has no wire format."""


class Routes:
    """Operations that misbehave in one way each."""

    def __init__(self) -> None:
        self.routes = routes = router("Test")
        self.attempts = 0
        self.both_hold_one = asyncio.Barrier(2)

        def group(ctx: Context, name: str) -> UUID:
            now = ctx.now()
            row = CustomerGroup(
                id=new_id(), name=name, name_folded=name.lower(), description=None, created_at=now, updated_at=now
            )
            ctx.add(row)
            ctx.emit(TOLD, [row.id])
            ctx.log("test", row.id, "made")
            return row.id

        @post(routes, "/test/groups", permission="customer:write", summary="Make a group")
        async def make_group(ctx: Context, data: Wish) -> Made:
            return Made(group(ctx, data.name))

        @post(routes, "/test/refuse", permission="customer:write", summary="Write, then refuse")
        async def refuse_group(ctx: Context, data: Wish) -> Made:
            group(ctx, data.name)
            await ctx.flush()
            raise InvalidState("done", ["open"])

        @post(routes, "/test/unspeakable", permission="customer:write", summary="Answer what cannot be written")
        async def unspeakable(ctx: Context, data: Wish) -> Any:
            group(ctx, data.name)
            return Unspeakable()

        @post(routes, "/test/broken", permission="customer:write", summary="Fail")
        async def broken(ctx: Context, data: Wish) -> Made:
            group(ctx, data.name)
            await ctx.flush()
            raise RuntimeError("secret detail")

        @put(routes, "/test/groups/{first}/{second}", permission="customer:write", summary="Lock two rows")
        async def cross(ctx: Context, first: UUID, second: UUID) -> Made:
            self.attempts += 1
            sql = "update customer_group set description = coalesce(description, '') || 'x' where id = %s"
            await ctx.connection.execute(sql, (first,))
            if self.attempts <= 2:
                await self.both_hold_one.wait()
            await ctx.connection.execute(sql, (second,))
            return Made(first, self.attempts)

        @put(routes, "/test/always-deadlocked", permission="customer:write", summary="Deadlock for ever")
        async def deadlocked(ctx: Context) -> Made:
            self.attempts += 1
            await ctx.connection.execute("do $$ begin raise exception using errcode = '40P01'; end $$")
            raise AssertionError("unreachable")

        @delete(routes, "/test/groups", permission="customer:write", summary="Delete all groups")
        async def delete_groups(ctx: Context) -> None:
            await ctx.connection.execute("delete from customer_group")

        @get(routes, "/test/public", permission="public", summary="A public page")
        async def public(ctx: Context) -> dict[str, Any]:
            return {"tenant": str(ctx.tenant_id), "actor": ctx.actor.name}


@asynccontextmanager
async def client_of(world: World, routes: Routes) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application with the test operations; without a token."""
    app: Any = build(world.edge, [*ROUTERS, routes.routes])
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def routes() -> Routes:
    return Routes()


@pytest.fixture
async def client(world: World, routes: Routes) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(world, routes) as client:
        client.headers["Authorization"] = f"Bearer {world.token}"
        yield client


@pytest.fixture
async def other(database: Database) -> AsyncIterator[World]:
    async with a_world(database, f"Other {uuid4()}") as other:
        yield other


async def written(world: World) -> tuple[int, int, int, list[str]]:
    """Rows that a test operation may have written."""
    counts = await world.rows(
        "select (select count(*) from customer_group), (select count(*) from customer),"
        " (select count(*) from activity where resource_type in ('test', 'customer'))"
    )
    return (*counts[0], await world.outbox())


NOTHING: tuple[int, int, int, list[str]] = (0, 0, 0, [])


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """Check a refusal's form; its members."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, f"/errors/{code}")
    assert body["detail"] == body["message"] != ""
    assert body["requestId"] == answer.headers["x-request-id"]
    return body


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Bearer api_unknown", "Basic YTpi", "bearer \x7f", "Bearer é"]
)
async def test_without_a_known_token_nothing_is_answered(
    world: World, client: httpx2.AsyncClient, authorization: str | None
) -> None:
    del client.headers["Authorization"]
    headers = [] if authorization is None else [(b"authorization", authorization.encode("latin-1"))]
    refused = await client.post("/test/groups", json={}, headers=headers)
    problem(refused, 401, "unauthorized")
    assert refused.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert await written(world) == NOTHING


async def test_an_expired_token_is_refused_and_not_a_moment_earlier(world: World, client: httpx2.AsyncClient) -> None:
    headers = await world.token_with("customer:write", expires_at=world.clock.instant + timedelta(hours=1))
    assert (await client.post("/test/groups", json={"name": "a"}, headers=headers)).status_code == 201
    world.clock.instant += timedelta(hours=1)
    refused = await client.post("/test/groups", json={"name": "b"}, headers=headers)
    problem(refused, 401, "unauthorized")
    assert refused.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert (await written(world))[0] == 1


async def test_a_revoked_token_is_refused_at_once(world: World, client: httpx2.AsyncClient) -> None:
    headers = await world.token_with("customer:write")
    secret = headers["Authorization"].removeprefix("Bearer ")
    async with world.work() as ctx:
        await ctx.connection.execute("delete from credential where hash = %s", (token_hash(secret),))
    problem(await client.post("/test/groups", json={}, headers=headers), 401, "unauthorized")
    assert await written(world) == NOTHING


async def test_a_missing_permission_is_named(world: World, client: httpx2.AsyncClient) -> None:
    headers = await world.token_with("customer:read")
    body = problem(await client.post("/test/groups", json={}, headers=headers), 403, "forbidden")
    assert body["requiredPermissions"] == ["customer:write"]
    assert await written(world) == NOTHING


async def test_permission_is_judged_before_the_body(world: World, client: httpx2.AsyncClient) -> None:
    headers = await world.token_with("customer:read")
    problem(await client.post("/test/groups", json={"nothing": 1}, headers=headers), 403, "forbidden")


async def test_one_of_several_permissions_is_enough(world: World) -> None:
    id = (await world.client.post("/customers", json={"email": "a@b.de"})).json()["id"]
    found = await world.client.get(f"/customers/{id}", headers=await world.token_with("customer:read"))
    assert found.status_code == 200


async def test_a_token_limited_to_addresses_works_from_nowhere_else(world: World, client: httpx2.AsyncClient) -> None:
    inside = await world.token_with("customer:write", allowed_ips=["127.0.0.0/8"])
    outside = await world.token_with("customer:write", allowed_ips=["192.0.2.0/24", "2001:db8::/32"])
    problem(await client.post("/test/groups", json={"name": "a"}, headers=outside), 403, "ip_not_allowed")
    assert await written(world) == NOTHING
    assert (await client.post("/test/groups", json={"name": "a"}, headers=inside)).status_code == 201


async def test_a_suspended_tenant_is_refused(world: World, client: httpx2.AsyncClient) -> None:
    async with world.database.connection() as connection:
        await connection.execute("update tenant set status = 'suspended' where id = %s", (world.tenant_id,))
        await connection.commit()
    problem(await client.post("/test/groups", json={}), 403, "tenant_suspended")
    assert await written(world) == NOTHING


async def test_a_named_tenant_must_be_the_tokens(world: World, other: World, client: httpx2.AsyncClient) -> None:
    right = await client.post("/test/groups", json={"name": "a"}, headers={"X-Tenant-Id": str(world.tenant_id)})
    assert right.status_code == 201
    for name in (str(other.tenant_id), "nobody"):
        problem(await client.post("/test/groups", json={}, headers={"X-Tenant-Id": name}), 401, "unauthorized")


async def test_an_object_of_another_tenant_is_as_unknown_as_one_that_never_was(world: World, other: World) -> None:
    foreign = (await other.client.post("/customers", json={"email": "a@b.de", "externalId": "x-1"})).json()["id"]
    answers = []
    for key in (foreign, str(uuid4()), "x-1", "no-such-id", foreign.upper()):
        refused = await world.client.get(f"/customers/{key}", headers={"X-Request-Id": "same"})
        problem(refused, 404, "not_found")
        answers.append((refused.content, {k: v for k, v in refused.headers.items() if not k.startswith("ratelimit")}))
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("id", ["1", "%00", "%ff", "x" * 400, "..%2f", "{id}", "01890000-0000-7000-8000-00000000000g"])
async def test_a_malformed_id_is_unknown(client: httpx2.AsyncClient, id: str) -> None:
    problem(await client.put(f"/test/groups/{id}/{id}"), 404, "not_found")


async def test_unknown_paths_and_methods_are_problems_too(client: httpx2.AsyncClient) -> None:
    problem(await client.get("/nothing/here"), 404, "not_found")
    refused = await client.patch("/test/groups", json={})
    problem(refused, 405, "method_not_allowed")
    assert set(refused.headers["allow"].replace(" ", "").split(",")) >= {"POST", "DELETE"}


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("content", "status", "code", "path", "violation"),
    [
        (b"{", 400, "invalid_input", "", "invalid_json"),
        (b"\xff\xfe", 400, "invalid_input", "", "invalid_json"),
        (b'{"name": "\xff"}', 400, "invalid_input", "", "invalid_json"),
        (b"[]", 400, "invalid_input", "", "invalid_type"),
        (b"null", 400, "invalid_input", "", "invalid_type"),
        (b'"x"', 400, "invalid_input", "", "invalid_type"),
        (b"[" * 100_000, 400, "invalid_input", "", "invalid_json"),
        (b'{"name": ' + b'{"a":' * 500 + b"1" + b"}" * 501, 400, "invalid_input", "", "invalid_json"),
        (b'{"name": 5}', 400, "invalid_input", "name", "invalid_type"),
        (b'{"name": null}', 422, "validation_failed", "name", "not_null"),
        (b'{"name": ""}', 422, "validation_failed", "name", "too_short"),
        (b'{"name": "%s"}' % (b"x" * 256), 422, "validation_failed", "name", "too_long"),
        (b'{"name": "a\\u0000b"}', 422, "validation_failed", "name", "invalid_characters"),
        (b'{"nothing": 1}', 422, "validation_failed", "nothing", "unknown_property"),
        (b'{"amount": 1E+999999}', 422, "validation_failed", "amount", "invalid_decimal"),
        (b'{"amount": "1E+9"}', 422, "validation_failed", "amount", "invalid_decimal"),
        (b'{"amount": "1,50"}', 422, "validation_failed", "amount", "invalid_decimal"),
        (b'{"amount": 0.0000000000001}', 422, "validation_failed", "amount", "invalid_decimal"),
        (b'{"amount": true}', 400, "invalid_input", "amount", "invalid_type"),
        (b'{"count": 1.5}', 400, "invalid_input", "count", "invalid_type"),
        (b'{"count": 1E+999999}', 400, "invalid_input", "count", "invalid_type"),
        (b'{"parts": ["a", "b", "c", "d"]}', 422, "validation_failed", "parts", "too_long"),
        (b'{"parts": ["a", ""]}', 422, "validation_failed", "parts[1]", "too_short"),
        (b'{"parts": "a"}', 400, "invalid_input", "parts", "invalid_type"),
    ],
)
async def test_a_body_that_breaks_a_rule_is_refused_with_its_place(
    world: World, client: httpx2.AsyncClient, content: bytes, status: int, code: str, path: str, violation: str
) -> None:
    refused = await client.post("/test/groups", content=content, headers=JSON)
    body = problem(refused, status, code)
    assert [(v["propertyPath"], v["code"]) for v in body["violations"]] == [(path, violation)]
    assert await written(world) == NOTHING


async def test_all_violations_come_together(world: World, client: httpx2.AsyncClient) -> None:
    refused = await client.post("/test/groups", json={"name": "", "amount": "x", "other": 1, "parts": ["", "a"]})
    body = problem(refused, 422, "validation_failed")
    assert sorted(v["propertyPath"] for v in body["violations"]) == ["amount", "name", "other", "parts[0]"]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_above_a_mebibyte_is_too_large(world: World, client: httpx2.AsyncClient, chunked: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(32):
            yield b" " * 65536

    content: Any = chunks() if chunked else b" " * (2 * 1024 * 1024)
    refused = await client.post("/test/groups", content=content, headers=JSON)
    problem(refused, 413, "payload_too_large")
    assert await written(world) == NOTHING


async def test_a_body_of_exactly_a_mebibyte_is_read(client: httpx2.AsyncClient) -> None:
    content = b'{"name":"a"}'.ljust(1024 * 1024)
    assert (await client.post("/test/groups", content=content, headers=JSON)).status_code == 201


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", ""])
async def test_another_content_type_is_refused(world: World, client: httpx2.AsyncClient, kind: str) -> None:
    refused = await client.post("/test/groups", content=b"{}", headers={"Content-Type": kind})
    problem(refused, 415, "unsupported_media_type")
    assert await written(world) == NOTHING


async def test_a_lenient_caller_has_unknown_properties_ignored(world: World, client: httpx2.AsyncClient) -> None:
    given = {"name": "a", "nothing": 1}
    made = await client.post("/test/groups", json=given, headers={"Prefer": "handling=lenient"})
    assert made.status_code == 201
    assert await world.rows("select name from customer_group") == [("a",)]


async def test_the_callers_request_id_comes_back_and_an_unfit_one_is_replaced(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/customers", headers={"X-Request-Id": "abc-1"})).headers["x-request-id"] == "abc-1"
    for unfit in ("a b", "x" * 129, "<script>", ""):
        given = (await client.get("/customers", headers={"X-Request-Id": unfit})).headers["x-request-id"]
        assert given not in ("", unfit)


async def test_messages_follow_the_callers_language(client: httpx2.AsyncClient) -> None:
    german = await client.post("/test/groups", json={"name": ""}, headers={"Accept-Language": "de-AT, en;q=0.5"})
    english = await client.post("/test/groups", json={"name": ""}, headers={"Accept-Language": "fr"})
    assert german.json()["title"] == "Prüfung fehlgeschlagen"
    assert english.json()["title"] == "Validation failed"


async def test_answers_are_not_to_be_kept_or_guessed(client: httpx2.AsyncClient) -> None:
    headers = (await client.get("/customers")).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


async def test_the_sixty_first_request_in_a_moment_is_one_too_many(world: World, client: httpx2.AsyncClient) -> None:
    async with world.work() as ctx:
        _, secret = await create_api_token(ctx, "usual", ["customer:write"])
        _, second = await create_api_token(ctx, "second", ["customer:write"])
    headers = {"Authorization": f"Bearer {secret}"}
    # Bursts of 60; 300 a minute, so one comes back every fifth of a second.
    for number in range(60):
        made = await client.post("/test/groups", json={"name": f"g{number}"}, headers=headers)
        assert made.status_code == 201
        assert made.headers["ratelimit-limit"] == "300"
        assert int(made.headers["ratelimit-remaining"]) == 59 - number
    refused = await client.post("/test/groups", json={"name": "late"}, headers=headers)
    problem(refused, 429, "rate_limited")
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit-remaining"] == "0"
    assert refused.headers["ratelimit-reset"] == "12"
    assert (await written(world))[0] == 60
    other = {"Authorization": f"Bearer {second}"}
    assert (await client.post("/test/groups", json={"name": "other"}, headers=other)).status_code == 201
    world.clock.instant += timedelta(seconds=1)
    assert (await client.post("/test/groups", json={"name": "later"}, headers=headers)).status_code == 201


async def test_two_crossing_transactions_both_succeed_because_the_loser_tries_again(
    world: World, client: httpx2.AsyncClient, routes: Routes
) -> None:
    a, b = [(await client.post("/test/groups", json={"name": name})).json()["id"] for name in "ab"]
    # Each has locked its first row before either asks for its second: a deadlock, ended by the server after 1 s.
    first, second = await asyncio.gather(client.put(f"/test/groups/{a}/{b}"), client.put(f"/test/groups/{b}/{a}"))
    assert (first.status_code, second.status_code) == (200, 200), (first.text, second.text)
    assert routes.attempts == 3
    assert await world.rows("select name, description from customer_group order by name") == [("a", "xx"), ("b", "xx")]


async def test_a_deadlock_that_does_not_go_away_is_answered_as_unavailable(
    client: httpx2.AsyncClient, routes: Routes
) -> None:
    problem(await client.put("/test/always-deadlocked"), 503, "unavailable")
    assert routes.attempts == 3


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k"}])
async def test_a_refusal_after_a_write_leaves_nothing(
    world: World, client: httpx2.AsyncClient, key: dict[str, str]
) -> None:
    body = problem(await client.post("/test/refuse", json={}, headers=key), 409, "invalid_state")
    assert (body["currentState"], body["allowedStates"]) == ("done", ["open"])
    assert await written(world) == NOTHING


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k"}])
@pytest.mark.parametrize("path", ["/test/broken", "/test/unspeakable"])
async def test_our_own_fault_leaves_nothing_and_tells_nothing(
    world: World, client: httpx2.AsyncClient, path: str, key: dict[str, str]
) -> None:
    failed = await client.post(path, json={}, headers=key)
    problem(failed, 500, "internal_error")
    assert "secret" not in failed.text
    assert "Unspeakable" not in failed.text
    assert await written(world) == NOTHING
    assert await world.rows("select count(*) from idempotency_record") == [(0,)]


@asynccontextmanager
async def refusing_commits(database: Database) -> AsyncIterator[None]:
    """Let every commit that wrote a group named `late` fail."""
    async with database.connection() as connection:
        await connection.execute(
            "create function fail_late() returns trigger language plpgsql as"
            " $$ begin raise exception 'refused at commit'; end $$"
        )
        await connection.execute(
            "create constraint trigger fail_late after insert on customer_group deferrable initially deferred"
            " for each row when (new.name = 'late') execute function fail_late()"
        )
        await connection.commit()
    try:
        yield
    finally:
        async with database.connection() as connection:
            await connection.execute("drop function fail_late cascade")
            await connection.commit()


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k"}])
async def test_a_commit_that_fails_is_no_success(world: World, client: httpx2.AsyncClient, key: dict[str, str]) -> None:
    async with refusing_commits(world.database):
        failed = await client.post("/test/groups", json={"name": "late"}, headers=key)
        problem(failed, 500, "internal_error")
        assert await written(world) == NOTHING
        assert (await client.post("/test/groups", json={"name": "fine"})).status_code == 201


async def test_the_connection_of_a_failed_request_serves_the_next(world: World, client: httpx2.AsyncClient) -> None:
    for _ in range(11):
        assert (await client.post("/test/broken", json={})).status_code == 500
    assert (await client.post("/test/groups", json={"name": "a"})).status_code == 201


async def test_an_if_match_of_an_old_version_is_refused(world: World) -> None:
    made = (await world.client.post("/customers", json={"email": "a@b.de", "lastName": "Adler"})).json()
    path = f"/customers/{made['id']}"
    tag = (await world.client.get(path)).headers["etag"]
    assert (await world.client.get(path, headers={"If-None-Match": tag})).status_code == 304
    patch = {"Content-Type": "application/merge-patch+json", "If-Match": tag}
    assert (await world.client.patch(path, content=b'{"lastName": "Bach"}', headers=patch)).status_code == 200
    told = await world.outbox()
    refused = await world.client.patch(path, content=b'{"lastName": "Cranach"}', headers=patch)
    problem(refused, 412, "precondition_failed")
    assert (await world.client.get(path)).json()["lastName"] == "Bach"
    assert await world.outbox() == told


async def test_a_public_operation_finds_its_tenant_by_host_or_header(
    world: World, other: World, client: httpx2.AsyncClient
) -> None:
    del client.headers["Authorization"]
    slug = (await other.rows("select slug from tenant"))[0][0]
    for headers in ({"X-Tenant-Id": str(other.tenant_id)}, {"X-Tenant-Id": slug}, {"Host": f"{slug}.example.com"}):
        found = await client.get("/test/public", headers=headers)
        assert found.json() == {"tenant": str(other.tenant_id), "actor": "anonymous"}
    for headers in ({"X-Tenant-Id": "nobody"}, {"X-Tenant-Id": str(uuid4())}, {"Host": "nobody.example.com"}):
        problem(await client.get("/test/public", headers=headers), 404, "not_found")
