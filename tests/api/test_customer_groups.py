"""Customer groups over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from kit.customers import TABLES, created, shown, violations
from kit.facts import activities, facts, nothing_written
from kit.queries import count_queries
from kit.world import World


async def group(world: World, name: str, **body: Any) -> dict[str, Any]:
    answer = await world.client.post("/customer-groups", json={"name": name, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_group_is_created_read_changed_and_deleted(world: World) -> None:
    made = await group(world, "Gold", description="The best")
    path = f"/customer-groups/{made['id']}"
    assert {key: made[key] for key in ("name", "description")} == {"name": "Gold", "description": "The best"}
    assert (await world.client.get(path)).json() == made
    async with nothing_written(world, *TABLES):
        assert (await world.client.put(path, json=made)).json() == made
    changed = (await world.client.put(path, json={"name": "GOLD"})).json()
    assert (changed["name"], changed["description"]) == ("GOLD", None)
    assert (await world.client.delete(path)).status_code == 204
    assert (await world.client.get(path)).status_code == 404
    assert (await world.client.delete(path)).status_code == 404
    assert [action for action, _ in await activities(world, made["id"])] == ["created", "updated", "deleted"]
    assert await world.rows("select count(*) from term") == [(0,)]
    # Groups have no events.
    assert await world.outbox() == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ("name", "not_null")),
        ({"name": "  "}, ("name", "not_blank")),
        ({"name": "x" * 256}, ("name", "too_long")),
        ({"name": "ÖKO"}, ("name", "not_unique")),
        ({"name": "New", "colour": "red"}, ("colour", "unknown_property")),
    ],
)
async def test_refused_groups_write_nothing(world: World, body: dict[str, Any], expected: tuple[str, str]) -> None:
    await group(world, "Öko")
    other = await group(world, "Other")
    async with nothing_written(world, *TABLES):
        for method, path in (("POST", "/customer-groups"), ("PUT", f"/customer-groups/{other['id']}")):
            refused = await world.client.request(method, path, json=body)
            assert (refused.status_code, violations(refused)) == (422, {expected})
        assert (await world.client.put(f"/customer-groups/{uuid4()}", json={"name": "New"})).status_code == 404


async def test_groups_are_found_and_sorted(world: World) -> None:
    names = ["Zoo", "Ämter", "Anwälte", "Bäckereien"]
    for name in names:
        await group(world, name, description=f"Alle {name} im Land")

    async def listed(**parameters: Any) -> list[str]:
        answer = await world.client.get("/customer-groups", params=parameters)
        assert answer.status_code == 200, answer.text
        return [row["name"] for row in answer.json()["data"]]

    assert await listed() == names[::-1]
    assert await listed(**{"order[name]": "asc"}) == ["Ämter", "Anwälte", "Bäckereien", "Zoo"]
    assert await listed(**{"order[name]": "desc"}, limit=2) == ["Zoo", "Bäckereien"]
    assert await listed(search="aemt") == await listed(name="amt") == ["Ämter"]
    assert await listed(search="land ANWAELTE") == ["Anwälte"]
    assert await listed(name="land") == []
    with count_queries(world) as queries:
        await listed()
    assert len(queries) == 3, queries.statements


async def test_group_with_members_stays_unless_they_have_somewhere_to_go(world: World) -> None:
    old, new = await group(world, "Old"), await group(world, "New")
    members = [await created(world, customerGroup=old["id"]) for _ in range(2)]
    path = f"/customer-groups/{old['id']}"
    async with nothing_written(world, *TABLES):
        refused = await world.client.delete(path)
        assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
        assert refused.json()["references"] == [{"type": "customer", "count": 2}]
        for target, status in ((old["id"], 422), (str(uuid4()), 422), ("nonsense", 400)):
            assert (await world.client.delete(path, params={"moveTo": target})).status_code == status
    assert (await world.client.delete(path, params={"moveTo": new["id"]})).status_code == 204
    for member in members:
        assert (await shown(world, member))["customerGroup"]["name"] == "New"
    told = (await facts(world))[-1]
    assert (told.event, set(told.subjects)) == ("customer.updated", {UUID(member["id"]) for member in members})
    assert told.of(members[0]["id"])["previous"]["customerGroup"]["name"] == "Old"
    listed = await world.client.get("/customers", params={"customerGroup.name": "new"})
    assert len(listed.json()["data"]) == 2
    assert len((await world.client.get("/customers", params={"customerGroup.id": new["id"]})).json()["data"]) == 2


async def test_permissions(world: World) -> None:
    made = await group(world, "Gold")
    reader = await world.token_with("customer-group:read")
    assert (await world.client.get("/customer-groups", headers=reader)).status_code == 200
    async with nothing_written(world, *TABLES):
        for method, path in (("POST", "/customer-groups"), ("PUT", f"/customer-groups/{made['id']}"),
                             ("DELETE", f"/customer-groups/{made['id']}")):  # fmt: skip
            refused = await world.client.request(method, path, json={"name": "x"}, headers=reader)
            assert refused.json()["requiredPermissions"] == ["customer-group:write"]
