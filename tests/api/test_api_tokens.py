"""API tokens, roles, the activity log and the test clock over HTTP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from kit.queries import count_queries
from kit.world import World
from turnus.identity.permissions import ASSIGNABLE, DEFAULT_ROLES, KEYS_AND_PEOPLE, SELF
from turnus.platform.crypto import token_hash

NOBODY = "01890000-0000-7000-8000-000000000000"


def codes(answer: Any) -> list[tuple[str, str]]:
    return [(v["propertyPath"], v["code"]) for v in answer.json()["violations"]]


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def issue(world: World, headers: dict[str, str] | None = None, **body: Any) -> dict[str, Any]:
    answer = await world.client.post("/api-tokens", json={"name": "shop", **body}, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def status(world: World, secret: str, path: str = "/languages") -> int:
    return (await world.client.get(path, headers=bearer(secret))).status_code


async def tokens(world: World) -> int:
    return (await world.rows("select count(*) from api_token"))[0][0]  # type: ignore[no-any-return]


# -- tokens --


async def test_issued_token_works_and_its_secret_is_shown_once(world: World) -> None:
    made = await issue(world, permissions=["customer:read"])
    secret = made.pop("token")
    assert secret.startswith("api_") and made["prefix"] == secret[:12]
    assert await status(world, secret, "/customers") == 200
    refused = await world.client.get("/tax-groups", headers=bearer(secret))
    assert (refused.status_code, refused.json()["requiredPermissions"]) == (403, ["tax-group:read"])
    assert (await world.client.get(f"/api-tokens/{made['id']}")).json() == made
    with count_queries(world) as queries:
        listed = await world.client.get("/api-tokens")
    assert queries.count == 3  # entering the tenant, count, page
    assert made in listed.json()["data"] and secret not in listed.text
    stored = await world.rows("select hash from credential where principal_id = %s", made["id"])
    assert stored == [(token_hash(secret),)]


async def test_token_over_the_api_has_the_standard_limit(world: World) -> None:
    made = await issue(world)
    answer = await world.client.get("/languages", headers=bearer(made["token"]))
    assert answer.headers["ratelimit-limit"] == "300"


async def test_without_permissions_a_token_gets_the_creator_s_but_no_keys_and_people(world: World) -> None:
    everything = await issue(world)
    assert set(everything["permissions"]) == ASSIGNABLE - KEYS_AND_PEOPLE
    creator = await world.token_with("api-token:write", "customer:read", "invoice:read")
    assert (await issue(world, creator))["permissions"] == ["customer:read", "invoice:read"]


async def test_token_never_gets_what_its_creator_lacks(world: World) -> None:
    creator = await world.token_with("api-token:write", "customer:read")
    before = await tokens(world)
    body = {"name": "x", "permissions": ["customer:read", "customer:write", "invoice:read"]}
    refused = await world.client.post("/api-tokens", json=body, headers=creator)
    assert (refused.status_code, refused.json()["requiredPermissions"]) == (403, ["customer:write", "invoice:read"])
    roles = (await world.client.get("/roles")).json()["data"]
    administrator = next(role["id"] for role in roles if role["name"] == "Administrator")
    refused = await world.client.post("/api-tokens", json={"name": "x", "roleId": administrator}, headers=creator)
    assert refused.status_code == 403
    assert await tokens(world) == before


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("name", "not_null")]),
        ({"name": "  "}, [("name", "not_blank")]),
        ({"name": "x" * 101}, [("name", "too_long")]),
        ({"name": "x", "permissions": ["customer:read", "*", "invoice:*", "invoice:self:read"]},
         [("permissions[1]", "invalid_choice"), ("permissions[2]", "invalid_choice"),
          ("permissions[3]", "invalid_choice")]),
        ({"name": "x", "expiresAt": "2025-12-31T00:00:00Z", "roleId": NOBODY, "permissions": []},
         [("expiresAt", "out_of_range"), ("roleId", "conflicting"), ("roleId", "not_found")]),
        ({"name": "x", "allowedIps": ["10.0.0.0/8", "10.0.0.0/33", "home"], "rateLimit": 0},
         [("allowedIps[1]", "invalid_format"), ("allowedIps[2]", "invalid_format"), ("rateLimit", "unknown_property")]),
    ],
)  # fmt: skip
async def test_wrong_token_is_refused_and_not_made(
    world: World, body: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    before = await tokens(world)
    refused = await world.client.post("/api-tokens", json=body)
    assert (refused.status_code, sorted(codes(refused))) == (422, expected)
    assert await tokens(world) == before


async def test_revoked_token_is_refused_at_once(world: World) -> None:
    made = await issue(world)
    path = f"/api-tokens/{made['id']}"
    assert (await world.client.delete(path)).status_code == 204
    assert await status(world, made["token"]) == 401
    for answer in (
        await world.client.get(path),
        await world.client.delete(path),
        await world.client.patch(path, json={"name": "y"}),
        await world.client.post(f"{path}/rotate", json={}),
    ):
        assert answer.status_code == 404
    listed = [row["id"] for row in (await world.client.get("/api-tokens")).json()["data"]]
    assert made["id"] not in listed
    revoked = (await world.client.get("/api-tokens", params={"revokedAt[empty]": "false"})).json()["data"]
    assert [row["id"] for row in revoked] == [made["id"]] and revoked[0]["revokedAt"]


async def test_token_ends_at_its_expiry(world: World) -> None:
    until = world.clock.instant + timedelta(hours=1)
    made = await issue(world, expiresAt=until.isoformat())
    assert await status(world, made["token"]) == 200
    world.clock.instant = until
    assert await status(world, made["token"]) == 401


async def test_rotated_secret_works_beside_the_old_one_for_the_overlap(world: World) -> None:
    made = await issue(world)
    rotated = (await world.client.post(f"/api-tokens/{made['id']}/rotate", json={"overlapHours": 2})).json()
    assert rotated["id"] == made["id"] and rotated["prefix"] == rotated["token"][:12] != made["prefix"]
    assert (await status(world, made["token"]), await status(world, rotated["token"])) == (200, 200)
    world.clock.instant += timedelta(hours=2)
    assert (await status(world, made["token"]), await status(world, rotated["token"])) == (401, 200)


async def test_rotation_without_overlap_ends_all_old_secrets(world: World) -> None:
    made = await issue(world)
    path = f"/api-tokens/{made['id']}/rotate"
    second = (await world.client.post(path, json={"overlapHours": 72})).json()
    third = (await world.client.post(path)).json()
    assert [await status(world, row["token"]) for row in (made, second, third)] == [401, 401, 200]
    assert codes(await world.client.post(path, json={"overlapHours": 73})) == [("overlapHours", "out_of_range")]


async def test_rotation_gives_nobody_more_than_they_hold(world: World) -> None:
    strong = await issue(world, permissions=["customer:write", "customer:read"])
    weak = await world.token_with("api-token:write", "customer:read")
    refused = await world.client.post(f"/api-tokens/{strong['id']}/rotate", json={}, headers=weak)
    assert (refused.status_code, refused.json()["requiredPermissions"]) == (403, ["customer:write"])
    assert await status(world, strong["token"]) == 200


async def test_rename_and_addresses_hold_for_every_secret(world: World) -> None:
    made = await issue(world)
    second = (await world.client.post(f"/api-tokens/{made['id']}/rotate", json={"overlapHours": 1})).json()
    body = {"name": "backend", "allowedIps": ["192.0.2.7/24", "2001:db8::1"]}
    changed = (await world.client.patch(f"/api-tokens/{made['id']}", json=body)).json()
    assert (changed["name"], changed["allowedIps"]) == ("backend", ["192.0.2.0/24", "2001:db8::1/128"])
    for secret in (made["token"], second["token"]):
        refused = await world.client.get("/languages", headers=bearer(secret))
        assert (refused.status_code, refused.json()["code"]) == (403, "ip_not_allowed")
    kept = await world.client.put(f"/api-tokens/{made['id']}", json={**changed, "allowedIps": []})
    assert kept.json()["name"] == "backend"
    assert await status(world, made["token"]) == 200


async def test_racing_rotations_leave_one_secret(world: World) -> None:
    made = await issue(world)
    answers = await asyncio.gather(*(world.client.post(f"/api-tokens/{made['id']}/rotate", json={}) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    works = [await status(world, answer.json()["token"]) for answer in answers]
    assert sorted(works) == [200, 401, 401, 401]


# -- roles and permissions --


async def role(world: World, **body: Any) -> dict[str, Any]:
    answer = await world.client.post("/roles", json={"name": "Support", "permissions": ["customer:read"], **body})
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def test_built_in_roles_hold_what_the_catalogue_says_and_stay(world: World) -> None:
    with count_queries(world) as queries:
        listed = (await world.client.get("/roles")).json()["data"]
    assert queries.count == 3  # entering the tenant, count, page
    assert {row["name"]: set(row["permissions"]) for row in listed} == {
        name: set(permissions) for name, permissions in DEFAULT_ROLES.items()
    }
    for row in listed:
        path = f"/roles/{row['id']}"
        body = {"name": "Boss", "permissions": []}
        assert (await world.client.put(path, json=body)).json()["code"] == "invalid_state"
        assert (await world.client.delete(path)).status_code == 409
    assert (await world.client.get("/roles")).json()["data"] == listed


async def test_changed_role_reaches_its_tokens_at_once(world: World) -> None:
    support = await role(world, permissions=["customer:*"])
    made = await issue(world, roleId=support["id"])
    assert made["roleId"] == support["id"] and "customer:delete" in made["permissions"]
    assert await status(world, made["token"], "/customers") == 200
    body = {"name": "Support", "permissions": ["tax-group:read"]}
    assert (await world.client.put(f"/roles/{support['id']}", json=body)).json()["permissions"] == ["tax-group:read"]
    assert await status(world, made["token"], "/customers") == 403
    assert await status(world, made["token"], "/tax-groups") == 200
    assert (await world.client.get(f"/api-tokens/{made['id']}")).json()["permissions"] == ["tax-group:read"]


async def test_role_in_use_stays_and_goes_when_its_tokens_are_revoked(world: World) -> None:
    support = await role(world)
    made = await issue(world, roleId=support["id"])
    refused = await world.client.delete(f"/roles/{support['id']}")
    assert (refused.status_code, refused.json()["references"]) == (409, [{"type": "api_token", "count": 1}])
    await world.client.delete(f"/api-tokens/{made['id']}")
    assert (await world.client.delete(f"/roles/{support['id']}")).status_code == 204
    assert (await world.client.get(f"/roles/{support['id']}")).status_code == 404


async def test_wrong_role_is_refused(world: World) -> None:
    await role(world)
    assert codes(await world.client.post("/roles", json={"name": "Support", "permissions": []})) == [
        ("name", "not_unique")
    ]
    body = {"name": "", "permissions": ["customer:fly", "nothing:*", "customer:self:read"], "x": 1}
    assert sorted(codes(await world.client.post("/roles", json=body))) == [
        ("name", "too_short"), ("x", "unknown_property"),
    ]  # fmt: skip
    del body["x"]
    assert codes(await world.client.post("/roles", json={**body, "name": "A"})) == [
        ("permissions[0]", "invalid_choice"), ("permissions[1]", "invalid_choice"),
        ("permissions[2]", "invalid_choice"),
    ]  # fmt: skip
    editor = await world.token_with("role:write", "customer:read")
    refused = await world.client.post("/roles", json={"name": "A", "permissions": ["invoice:*"]}, headers=editor)
    assert refused.status_code == 403 and "invoice:finalize" in refused.json()["requiredPermissions"]
    assert (await world.rows("select count(*) from role where not is_system")) == [(1,)]


async def test_racing_creations_of_a_role_end_in_one(world: World) -> None:
    body = {"name": "Support", "permissions": ["customer:read"]}
    answers = await asyncio.gather(*(world.client.post("/roles", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422, 422]


async def test_permissions_are_described_in_the_reader_s_language(world: World) -> None:
    answer = await world.client.get("/permissions", headers={"Accept-Language": "de"})
    permissions = {row["name"]: row for row in answer.json()["data"]}
    assert set(permissions) == ASSIGNABLE | SELF
    assert permissions["invoice:finalize"] == {
        "name": "invoice:finalize", "resource": "invoice", "action": "finalize", "group": "billing",
        "label": "Rechnungen: festschreiben", "description": "Rechnungen: Entwürfe festschreiben.", "assignable": True,
        "roles": ["Administrator", "Accounting", "User"],
    }  # fmt: skip
    assert permissions["invoice:self:read"]["assignable"] is False


# -- activity log --


async def test_activity_log_tells_who_changed_what(world: World) -> None:
    async def log(**params: str) -> list[dict[str, Any]]:
        answer = await world.client.get("/activity-log", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]  # type: ignore[no-any-return]

    made = await issue(world, permissions=["tax-group:write", "role:write"])
    support = await role(world)
    changed = {"name": "Helpers", "permissions": ["customer:read"]}
    await world.client.put(f"/roles/{support['id']}", json=changed)
    await world.client.post("/roles", json={"name": "Own", "permissions": []}, headers=bearer(made["token"]))
    with count_queries(world) as queries:
        entries = await log(resourceId=support["id"])
    assert queries.count == 3  # entering the tenant, count, page
    assert [(e["resourceType"], e["action"]) for e in entries] == [("role", "updated"), ("role", "created")]
    assert entries[0]["changes"] == [{"property": "name", "old": "Support", "new": "Helpers"}]
    assert (entries[0]["actor"]["type"], entries[0]["actor"]["name"]) == ("token", "test")
    assert entries[0]["requestId"] and entries[0]["ip"]
    by_token = await log(actor=made["id"])
    assert [(e["resourceType"], e["action"], e["actor"]["name"]) for e in by_token] == [("role", "created", "shop")]
    assert {e["action"] for e in await log(action="updated", resourceType="role")} == {"updated"}
    assert await log(**{"createdAt[after]": "2026-01-02"}) == []
    headers = await world.token_with("customer:read")
    assert (await world.client.get("/activity-log", headers=headers)).status_code == 403


async def test_no_secret_is_logged(world: World) -> None:
    made = await issue(world)
    rotated = (await world.client.post(f"/api-tokens/{made['id']}/rotate", json={})).json()
    text = (await world.client.get("/activity-log", params={"limit": "100"})).text
    assert made["token"] not in text and rotated["token"] not in text


# -- test clock --


async def test_clock_of_a_sandbox_goes_forward_only(world: World) -> None:
    before = (await world.client.get("/sandbox/clock")).json()
    assert before["isSet"] is False
    moved = await world.client.post("/sandbox/clock", json={"now": "2026-03-01T00:00:00+01:00"})
    assert (moved.status_code, moved.json()["now"], moved.json()["isSet"]) == (200, "2026-02-28T23:00:00+00:00", True)
    assert (await world.client.get("/sandbox/clock")).json()["now"] == "2026-02-28T23:00:00+00:00"
    async with world.work() as ctx:
        assert ctx.now() == datetime(2026, 2, 28, 23, tzinfo=UTC)
        assert ctx.today().isoformat() == "2026-03-01"  # midnight in Berlin
    back = await world.client.post("/sandbox/clock", json={"now": "2026-02-28T22:59:59Z"})
    assert codes(back) == [("now", "out_of_range")]
    assert (await world.client.get("/sandbox/clock")).json()["now"] == "2026-02-28T23:00:00+00:00"


async def test_token_expires_by_real_time_whatever_the_test_clock_says(world: World) -> None:
    made = await issue(world, expiresAt=(world.clock.instant + timedelta(days=1)).isoformat())
    await world.client.post("/sandbox/clock", json={"now": "2027-01-01T00:00:00Z"})
    assert await status(world, made["token"]) == 200


async def test_production_has_no_clock_to_set(world: World) -> None:
    async with world.work() as ctx:
        await ctx.connection.execute("update tenant set sandbox = false where id = %s", (world.tenant_id,))
    answers: list[httpx2.Response] = [
        await world.client.get("/sandbox/clock"),
        await world.client.post("/sandbox/clock", json={"now": "2027-01-01T00:00:00Z"}),
    ]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(409, "invalid_state")] * 2
    assert await world.rows("select clock_at from tenant where id = %s", world.tenant_id) == [(None,)]
