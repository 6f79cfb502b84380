"""The event log over HTTP: for clients that poll."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from kit.queries import count_queries
from kit.world import World, a_world
from turnus.customers.events import CUSTOMER_DELETED, CUSTOMER_UPDATED
from turnus.kernel.ids import new_ids
from turnus.platform.db.pool import Database
from turnus.platform.events.dispatch import dispatch_once


async def dispatched(world: World) -> None:
    while await dispatch_once(world.database, clock=world.clock):
        pass


async def told(world: World, count: int) -> list[UUID]:
    ids = new_ids(count)
    async with world.work() as ctx:
        ctx.emit(CUSTOMER_DELETED, ids, {id: {"data": {"id": str(id)}} for id in ids})
    await dispatched(world)
    return ids


async def customer(world: World) -> dict[str, Any]:
    answer = await world.client.post("/customers", json={"email": "a@b.de", "companyName": "Müller GmbH"})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_an_event_shows_the_object_and_what_changed(world: World) -> None:
    made = await customer(world)
    async with world.work() as ctx:
        id = UUID(made["id"])
        ctx.emit(CUSTOMER_UPDATED, [id], {id: {"previous": {"companyName": "Vorher", "share": "0.10"}}})
    await dispatched(world)
    page = (await world.client.get("/events")).json()
    assert [event["type"] for event in page["data"]] == ["customer.updated", "customer.created"]
    updated, created = page["data"]
    assert created == {
        "id": created["id"],
        "position": 1,
        "type": "customer.created",
        "version": "1.0.0",
        "resource": "customer",
        "resourceId": made["id"],
        "createdAt": "2026-01-01T08:00:00+00:00",
        "data": made,
        "previous": None,
    }
    assert created["id"].startswith("webhk_") and len(created["id"]) == 32
    assert updated["previous"] == {"companyName": "Vorher", "share": "0.10"}
    one = await world.client.get(f"/events/{updated['id']}")
    assert one.json() == updated


async def test_the_payload_is_kept_as_it_was_first_read(world: World) -> None:
    made = await customer(world)
    await dispatched(world)
    await world.client.get("/events")
    async with world.work() as ctx:
        await ctx.connection.execute("update customer set company_name = 'Später'")
    (event,) = (await world.client.get("/events")).json()["data"]
    assert event["data"]["companyName"] == made["companyName"]


async def test_polling_by_position_sees_every_event_once_and_in_order(world: World) -> None:
    seen: list[str] = []
    position = 0
    expected: list[str] = []
    for count in (3, 0, 25, 1):
        expected += [str(id) for id in await told(world, count)] if count else []
        while True:
            query = {"position[gt]": str(position), "order[position]": "asc", "limit": "10"}
            page = (await world.client.get("/events", params=query)).json()["data"]
            if not page:
                break
            seen += [event["resourceId"] for event in page]
            position = page[-1]["position"]
    assert seen == expected and position == 29


async def test_events_are_filtered(world: World) -> None:
    made = await customer(world)
    await dispatched(world)
    ids = await told(world, 2)

    async def found(**query: str) -> list[str]:
        answer = await world.client.get("/events", params=query)
        assert answer.status_code == 200, answer.text
        return [event["resourceId"] for event in answer.json()["data"]]

    assert await found(type="customer.created") == [made["id"]]
    assert await found(resource="customer", type="customer.deleted") == [str(ids[1]), str(ids[0])]
    assert await found(resource="invoice") == []
    assert await found(resourceId=str(ids[0])) == [str(ids[0])]
    assert len(await found(**{"createdAt[on]": "2026-01-01"})) == 3
    assert await found(**{"createdAt[after]": "2026-01-02"}) == []


@pytest.mark.parametrize(
    "query", [{"colour": "red"}, {"position[gt]": "x"}, {"resourceId": "x"}, {"createdAt[on]": "x"}, {"limit": "101"}]
)
async def test_wrong_parameters_are_refused(world: World, query: dict[str, str]) -> None:
    assert (await world.client.get("/events", params=query)).status_code == 400


@pytest.mark.parametrize(
    "key",
    ["x", "webhk_", "webhk_01J9", "01890000-0000-7000-8000-000000000000", "webhk_" + "Z" * 26, "webhk_" + "0" * 26],
)
async def test_unknown_events_are_not_found(world: World, key: str) -> None:
    assert (await world.client.get(f"/events/{key}")).status_code == 404


async def test_the_log_needs_its_permission_and_ends_at_the_tenant(world: World, database: Database) -> None:
    await told(world, 1)
    (event,) = (await world.client.get("/events")).json()["data"]
    stranger = await world.token_with("customer:read")
    assert (await world.client.get("/events", headers=stranger)).status_code == 403
    async with a_world(database, f"Other {uuid4()}") as other:
        assert (await other.client.get("/events")).json()["data"] == []
        assert (await other.client.get(f"/events/{event['id']}")).status_code == 404


async def test_a_page_takes_the_same_number_of_statements_whatever_its_size(world: World) -> None:
    await told(world, 3)
    await world.client.get("/events")
    with count_queries(world) as few:
        await world.client.get("/events")
    await told(world, 60)
    await world.client.get("/events", params={"limit": "100"})
    with count_queries(world) as many:
        await world.client.get("/events", params={"limit": "100"})
    assert many.count == few.count <= 6
