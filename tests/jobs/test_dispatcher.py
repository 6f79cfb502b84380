"""The dispatcher: from the outbox to the event log, without loss, doubles or gaps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from kit.world import World
from turnus.customers.events import CUSTOMER_CREATED, CUSTOMER_UPDATED
from turnus.kernel.ids import from_ulid, new_id, new_ids, ulid
from turnus.platform.db.pool import Connection
from turnus.platform.events import dispatch
from turnus.platform.events.dispatch import Batch, dispatch_once
from turnus.platform.work import system_work


async def dispatch_all(world: World) -> int:
    """Dispatch until nothing waits; the number of rows."""
    total = 0
    while done := await dispatch_once(world.database, clock=world.clock):
        total += done
    return total


async def logged(world: World) -> list[tuple[int, str, UUID]]:
    """Position, event and object of every event of the tenant."""
    return await world.rows("select position, event, subject from event_log order by position")  # type: ignore[return-value]


async def tell(world: World, ids: Sequence[UUID], details: dict[UUID, dict[str, Any]] | None = None) -> None:
    """One fact about some objects."""
    async with world.work() as ctx:
        ctx.emit(CUSTOMER_UPDATED if details else CUSTOMER_CREATED, ids, details)


async def test_facts_become_events_in_the_order_they_were_written(world: World) -> None:
    first, second, third = new_ids(3)
    await tell(world, [first, second])
    await tell(world, [third], {third: {"previous": {"name": "A"}}})
    assert await dispatch_all(world) >= 2
    assert await logged(world) == [
        (1, "customer.created", first),
        (2, "customer.created", second),
        (3, "customer.updated", third),
    ]
    assert await world.outbox() == []
    assert await world.rows("select details from event_log where subject = %s", third) == [
        ({"previous": {"name": "A"}},)
    ]
    await tell(world, [first])
    await dispatch_all(world)
    assert [row[0] for row in await logged(world)] == [1, 2, 3, 4]


async def test_details_go_to_their_own_object_only(world: World) -> None:
    ids = new_ids(50)
    await tell(world, ids, {id: {"previous": {"n": number}} for number, id in enumerate(ids) if number % 2})
    await dispatch_all(world)
    rows = await world.rows("select subject, details from event_log order by position")
    expected = [(id, {"previous": {"n": number}} if number % 2 else {}) for number, id in enumerate(ids)]
    assert rows == expected


async def test_a_dispatcher_that_dies_leaves_everything_for_the_next(world: World) -> None:
    ids = new_ids(3)
    await tell(world, ids)

    async def dies(_: Connection, batch: Batch) -> None:
        if world.tenant_id in batch.spans:
            raise ConnectionResetError("killed")

    dispatch.follow(dies)
    try:
        with pytest.raises(ConnectionResetError):
            await dispatch_all(world)
    finally:
        dispatch._followers.remove(dies)
    assert await logged(world) == []
    assert await world.outbox() == ["customer.created"]
    await dispatch_all(world)
    assert [(row[0], row[2]) for row in await logged(world)] == [(1, ids[0]), (2, ids[1]), (3, ids[2])]


async def test_racing_dispatchers_lose_and_double_nothing_and_leave_no_gap(world: World) -> None:
    told = []
    for _ in range(60):
        ids = new_ids(7)
        told += ids
        await tell(world, ids)

    async def one() -> None:
        while await dispatch_once(world.database, 5, clock=world.clock):
            await asyncio.sleep(0)

    writing = new_ids(7)
    await asyncio.gather(one(), one(), one(), tell(world, writing))
    await dispatch_all(world)
    rows = await logged(world)
    assert [row[0] for row in rows] == list(range(1, len(told) + 8))
    assert sorted(row[2] for row in rows) == sorted(told + writing)


async def test_events_of_two_tenants_have_positions_of_their_own(world: World, another: World) -> None:
    mine, theirs = new_ids(2), new_ids(3)
    await tell(world, mine)
    await tell(another, theirs)
    await dispatch_all(world)
    assert [(row[0], row[2]) for row in await logged(world)] == [(1, mine[0]), (2, mine[1])]
    assert [row[2] for row in await logged(another)] == theirs


async def test_a_hundred_thousand_objects_are_dispatched_in_seconds(world: World) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(99):
        await tell(world, new_ids(1000))
    changed = new_ids(1000)
    await tell(world, changed, {id: {"previous": {"companyName": "Before GmbH"}} for id in changed})
    began = loop.time()
    await dispatch_all(world)
    took = loop.time() - began
    assert await world.rows("select count(*), count(distinct position), max(position) from event_log") == [
        (100_000, 100_000, 100_000)
    ]
    # 3 s on a quiet machine of two cores; far from what a statement for each event would take.
    assert took < 30, took


def test_an_id_and_its_ulid_stand_for_each_other() -> None:
    ids = [*new_ids(20), UUID(int=0), UUID(int=(1 << 128) - 1), uuid4()]
    assert [from_ulid(ulid(id).lower()) for id in ids] == ids
    assert sorted(map(ulid, ids)) == [ulid(id) for id in sorted(ids)]
    for wrong in ("", "8" + "0" * 25, ulid(new_id())[:-1], ulid(new_id())[:-1] + "U"):
        with pytest.raises(ValueError):
            from_ulid(wrong)


async def test_the_oldest_waiting_fact_is_known(world: World) -> None:
    await dispatch_all(world)
    assert await dispatch.oldest_waiting(world.database) is None
    await tell(world, new_ids(1))
    oldest = await dispatch.oldest_waiting(world.database)
    async with system_work(world.database) as connection:
        row = await (await connection.execute("select abs(extract(epoch from now() - %s))", (oldest,))).fetchone()
    assert row is not None and row[0] < 60
    await dispatch_all(world)
