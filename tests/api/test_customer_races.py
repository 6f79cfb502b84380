"""Racing requests on customers: one wins, the others are refused, nothing breaks."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx2
import pytest

from kit.customers import created, shown
from kit.world import World

RACERS = 6


async def raced(world: World, *requests: tuple[str, str, dict[str, Any]]) -> list[httpx2.Response]:
    return await asyncio.gather(*(world.client.request(method, path, json=body) for method, path, body in requests))


@pytest.mark.parametrize("property", ["email", "customerNumber", "datevId", "externalId"])
async def test_one_of_several_creations_with_the_same_value_wins(world: World, property: str) -> None:
    bodies: list[dict[str, Any]] = [{"email": f"racer{i}@example.com"} for i in range(RACERS)]
    for body in bodies:
        body[property] = "same@example.com"
    answers = await raced(world, *(("POST", "/customers", body) for body in bodies))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[201] == 1 and statuses[409] + statuses[422] == RACERS - 1, statuses
    for answer in answers:
        if answer.status_code == 422:
            assert [v["code"] for v in answer.json()["violations"]] == ["not_unique"]
        if answer.status_code == 409:
            assert (answer.json()["code"], answer.json()["propertyPath"]) == ("not_unique", property)
    assert await world.rows("select count(*) from customer") == [(1,)]
    assert await world.outbox() == ["customer.created"]


async def test_a_refusal_after_writing_is_kept_with_its_key_and_nothing_else(world: World) -> None:
    """Of racing requests with keys of their own the losers fail in the middle of their writing."""
    body = {"email": "same@example.com", "datevId": "70001"}

    async def create(key: int) -> httpx2.Response:
        return await world.client.post("/customers", json=body, headers={"Idempotency-Key": f"k{key}"})

    answers = await asyncio.gather(*(create(key) for key in range(RACERS)))
    assert Counter(answer.status_code == 201 for answer in answers) == {True: 1, False: RACERS - 1}
    assert {answer.status_code for answer in answers} <= {201, 409, 422}
    for key, answer in enumerate(answers):
        again = await create(key)
        assert (again.status_code, again.content) == (answer.status_code, answer.content)
        assert again.headers["Idempotent-Replayed"] == "true"
    assert await world.rows("select count(*) from customer") == [(1,)]
    assert await world.rows("select count(*) from number_issued where space = 'datev_debtor'") == [(1,)]
    assert await world.rows("select count(*) from activity where resource_type = 'customer'") == [(1,)]
    assert await world.outbox() == ["customer.created"]


async def test_racing_creations_get_different_numbers(world: World) -> None:
    bodies = [{"email": f"racer{i}@example.com"} for i in range(2 * RACERS)]
    answers = await raced(world, *(("POST", "/customers", body) for body in bodies))
    numbers = [answer.json()["customerNumber"] for answer in answers]
    assert sorted(numbers) == [str(number) for number in range(10000, 10000 + 2 * RACERS)]


async def test_one_of_several_groups_of_the_same_name_is_made(world: World) -> None:
    answers = await raced(world, *(("POST", "/customer-groups", {"name": "Gold"}) for _ in range(RACERS)))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[201] == 1 and statuses[409] + statuses[422] == RACERS - 1, statuses


async def test_racing_changes_of_the_default_leave_exactly_one(world: World) -> None:
    customer = await created(world)
    path = f"/customers/{customer['id']}"
    answers = await raced(
        world,
        *(("POST", f"{path}/addresses", {"city": f"Stadt {i}"}) for i in range(RACERS)),
        *(("POST", f"{path}/email-addresses", {"email": f"r{i}@b.de", "isDefault": True}) for i in range(RACERS)),
    )
    assert {answer.status_code for answer in answers} == {201}
    ids = [answer.json()["id"] for answer in answers]
    again = await raced(
        world,
        *(("POST", f"/customer-addresses/{id}/default", {}) for id in ids[:RACERS]),
        *(("POST", f"/customer-email-addresses/{id}/default", {}) for id in ids[RACERS:]),
    )
    assert {answer.status_code for answer in again} == {201}
    now = await shown(world, customer)
    assert [row["default"] for row in now["addresses"]].count(True) == 1
    assert [row["default"] for row in now["emailAddresses"]].count(True) == 1


async def test_two_customers_cannot_both_make_an_address_their_login(world: World) -> None:
    customers = [await created(world) for _ in range(RACERS)]
    answers = await raced(
        world,
        *(
            ("POST", f"/customers/{c['id']}/email-addresses", {"email": "shared@example.com", "isDefault": True})
            for c in customers
        ),
    )
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[201] == 1 and statuses[409] + statuses[422] == RACERS - 1, statuses
    logins = [(await shown(world, c))["defaultEmailAddress"]["email"] for c in customers]
    assert logins.count("shared@example.com") == 1


async def test_a_group_is_not_deleted_while_somebody_joins_it(world: World) -> None:
    for round in range(5):
        group = (await world.client.post("/customer-groups", json={"name": f"Group {round}"})).json()
        joined, deleted = await raced(
            world,
            ("POST", "/customers", {"email": f"round{round}@example.com", "customerGroup": group["id"]}),
            ("DELETE", f"/customer-groups/{group['id']}", {}),
        )
        if joined.status_code == 201:
            assert deleted.status_code == 409
            assert (await shown(world, joined.json()))["customerGroup"]["id"] == group["id"]
        else:
            assert (joined.status_code, deleted.status_code) == (422, 204)


async def test_a_customer_deleted_while_it_is_changed_is_gone_or_kept_but_never_broken(world: World) -> None:
    for _ in range(5):
        customer = await created(world)
        path = f"/customers/{customer['id']}"
        answers = await raced(
            world,
            ("DELETE", path, {}),
            ("PATCH", path, {"phone": "+49 1"}),
            ("POST", f"{path}/addresses", {}),
            ("PUT", f"{path}/archive", {}),
        )
        assert answers[0].status_code == 204
        assert {answer.status_code for answer in answers[1:]} <= {200, 201, 404}
        assert (await world.client.get(path)).status_code == 404
