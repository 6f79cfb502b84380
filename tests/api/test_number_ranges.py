"""Number ranges over HTTP, and what is drawn from them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from kit.queries import count_queries
from kit.world import World
from turnus.settings.model import NUMBER_RANGE_TYPES
from turnus.settings.ops.draw_numbers import NumberRangeExhausted, claim_number, draw_numbers


def codes(answer: Any) -> list[tuple[str, str]]:
    return [(v["propertyPath"], v["code"]) for v in answer.json()["violations"]]


async def draw(world: World, type: str, count: int = 1, **options: Any) -> list[str]:
    async with world.work() as ctx:
        return await draw_numbers(ctx, type, [uuid4() for _ in range(count)], **options)


async def patch(world: World, type: str, **body: Any) -> Any:
    return await world.client.patch(f"/number-ranges/{type}", json=body)


async def test_every_type_has_a_range_with_the_default_format(world: World) -> None:
    with count_queries(world) as queries:
        listed = (await world.client.get("/number-ranges")).json()
    assert queries.count == 3  # entering the tenant, count, page
    ranges = {range["type"]: range for range in listed["data"]}
    assert set(ranges) == set(NUMBER_RANGE_TYPES)
    assert {type: range["nextPreview"] for type, range in ranges.items()} == {
        "customer": "10000", "subscription": "S-00000001", "invoice": "RE-0000000001",
        "credit_note": "GS-0000000001", "cancellation": "ST-0000000001", "dunning": "MA-0000000001",
        "payment": "ZA-0000000001", "datev_debtor": "10000", "mandate_reference": "MNDT-2026-000001",
        "offer": "AN-00000001", "proforma": "PF-0000000001", "self_billed": "GU-0000000001",
        "collection": "IN-00000001", "sepa_export": "SEPA-00000001",
    }  # fmt: skip
    assert (await world.client.get("/number-ranges/invoice")).json() == ranges["invoice"]


async def test_preview_shows_what_is_drawn_after_the_change(world: World) -> None:
    body = {"format": "{yearLong}/{month}-{number}", "minDigits": 4, "currentNumber": 41, "reset": "monthly"}
    preview = await world.client.post("/number-ranges/invoice/preview", json=body)
    assert (preview.status_code, preview.json()) == (
        200, {"examples": ["2026/01-0042", "2026/01-0043", "2026/01-0044"]},
    )  # fmt: skip
    assert (await world.client.get("/number-ranges/invoice")).json()["format"] == "RE-{number}"
    changed = (await patch(world, "invoice", **body)).json()
    assert (changed["nextPreview"], changed["currentNumber"]) == ("2026/01-0042", 41)
    assert await draw(world, "invoice", 2) == ["2026/01-0042", "2026/01-0043"]
    world.clock.instant = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)  # 1 February in Berlin
    assert await draw(world, "invoice") == ["2026/02-0001"]


async def test_counter_set_back_skips_numbers_in_use(world: World) -> None:
    assert await draw(world, "invoice", 3) == ["RE-0000000001", "RE-0000000002", "RE-0000000003"]
    assert (await patch(world, "invoice", currentNumber=0)).status_code == 200
    preview = (await world.client.post("/number-ranges/invoice/preview", json={})).json()
    assert preview["examples"] == ["RE-0000000004", "RE-0000000005", "RE-0000000006"]
    assert await draw(world, "invoice") == ["RE-0000000004"]
    log = await world.rows("select changes from activity where resource_type = 'number_range'")
    assert log == [([{"property": "currentNumber", "old": 3, "new": 0}],)]


async def test_documents_share_one_space_of_numbers(world: World) -> None:
    await patch(world, "credit_note", format="RE-{number}")
    assert await draw(world, "invoice") == ["RE-0000000001"]
    assert await draw(world, "credit_note") == ["RE-0000000002"]


async def test_number_given_by_hand_is_skipped_and_does_not_move_the_counter(world: World) -> None:
    async with world.work() as ctx:
        assert await claim_number(ctx, "customer", "10001", uuid4())
    assert await draw(world, "customer", 2) == ["10000", "10002"]


async def test_customer_number_in_a_reference_stays_with_its_customer(world: World) -> None:
    await patch(world, "mandate_reference", format="M{customerNumber}-{number}", minDigits=1)
    async with world.work() as ctx:
        assert await claim_number(ctx, "mandate_reference", "MA-1", uuid4())
    drawn = await draw(world, "mandate_reference", 2, customer_numbers=["A", "B"])
    # MA-1 is taken: A gets the next one, never B's.
    assert drawn == ["MA-2", "MB-3"]


async def test_random_numbers_have_the_length_and_no_running_value(world: World) -> None:
    changed = (await patch(world, "customer", method="random", randomLength=6, format="K-{number}")).json()
    assert changed["nextPreview"] == "K-??????"
    numbers = await draw(world, "customer", 50)
    assert len(set(numbers)) == 50 and all(len(number) == 8 for number in numbers)
    assert not set("01IO") & set("".join(numbers).replace("K-", ""))


async def test_debtors_follow_the_length_of_accounts_and_run_out(world: World) -> None:
    assert await draw(world, "datev_debtor") == ["10000"]
    await world.client.patch("/settings/datev", json={"accountLength": 5})
    assert await draw(world, "datev_debtor") == ["100000"]
    assert codes(await patch(world, "datev_debtor", currentNumber=699_999)) == [("currentNumber", "out_of_range")]
    assert (await patch(world, "datev_debtor", currentNumber=699_998)).status_code == 200
    assert await draw(world, "datev_debtor") == ["699999"]
    with pytest.raises(NumberRangeExhausted):
        await draw(world, "datev_debtor")
    assert (await world.client.get("/number-ranges/datev_debtor")).json()["currentNumber"] == 699_999


async def test_a_thousand_taken_numbers_end_the_search(world: World) -> None:
    await draw(world, "offer", 1002)
    await patch(world, "offer", currentNumber=0)
    with pytest.raises(NumberRangeExhausted):
        await draw(world, "offer")


@pytest.mark.parametrize(
    ("type", "body", "expected"),
    [
        ("invoice", {"format": "RE"}, [("format", "invalid_format")]),
        ("invoice", {"format": "{number}{nummer}"}, [("format", "invalid_format")]),
        ("invoice", {"format": "{number}-{"}, [("format", "invalid_format")]),
        ("invoice", {"format": "{number}\n"}, [("format", "invalid_characters")]),
        ("invoice", {"reset": "yearly"}, [("format", "required_with")]),
        ("invoice", {"reset": "monthly", "format": "{year}-{number}"}, [("format", "required_with")]),
        ("customer", {"format": "{customerNumber}-{number}"}, [("format", "conflicting")]),
        ("mandate_reference", {"format": "Mändat {number}"}, [("format", "invalid_format")]),
        ("mandate_reference", {"format": "x" * 30 + "{number}"}, [("format", "too_long")]),
        ("datev_debtor", {"format": "D{number}", "method": "random"}, [("format", "invalid_format"),
                                                                       ("method", "invalid_choice")]),
        ("invoice", {"minDigits": 16, "currentNumber": -1, "randomLength": 5, "method": "guess", "x": 1},
         [("currentNumber", "out_of_range"), ("method", "invalid_choice"), ("minDigits", "out_of_range"),
          ("randomLength", "out_of_range"), ("x", "unknown_property")]),
        ("invoice", {"currentNumber": 10**30}, [("currentNumber", "out_of_range")]),
    ],
)  # fmt: skip
async def test_range_that_breaks_the_rules_is_refused(
    world: World, type: str, body: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    before = (await world.client.get(f"/number-ranges/{type}")).json()
    assert sorted(codes(await patch(world, type, **body))) == expected
    preview = await world.client.post(f"/number-ranges/{type}/preview", json=body)
    assert (preview.status_code, sorted(codes(preview))) == (422, expected)
    assert (await world.client.get(f"/number-ranges/{type}")).json() == before


async def test_unknown_type_does_not_exist_and_readers_may_not_write(world: World) -> None:
    assert (await world.client.get("/number-ranges/receipt")).status_code == 404
    assert (await patch(world, "receipt", minDigits=3)).status_code == 404
    headers = await world.token_with("number-range:read")
    assert (await world.client.patch("/number-ranges/invoice", json={}, headers=headers)).status_code == 403
