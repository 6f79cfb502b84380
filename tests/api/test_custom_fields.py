"""Custom fields over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from kit.queries import count_queries
from kit.world import World

TIER = {
    "entityType": "customer",
    "key": "tier",
    "label": {"de": "Stufe", "en": "Tier"},
    "type": "select",
    "choices": [{"value": "g", "label": "Gold"}, {"value": "s", "label": "Silver"}],
}


async def define(world: World, **changes: Any) -> dict[str, Any]:
    answer = await world.client.post("/custom-fields", json={**TIER, **changes})
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


def codes(answer: Any) -> list[tuple[str, str]]:
    return [(v["propertyPath"], v["code"]) for v in answer.json()["violations"]]


async def test_defined_field_is_listed_in_its_position(world: World) -> None:
    tier = await define(world)
    size = await define(world, key="size", type="number", choices=[], validation={"min": "0.5", "max": 10})
    assert tier["choices"] == TIER["choices"] and tier["position"] == 1 and tier["status"] == "active"
    assert size["validation"] == {"min": 0.5, "max": 10}
    listed = (await world.client.get("/custom-fields", params={"entityType": "customer"})).json()
    assert [field["key"] for field in listed["data"]] == ["tier", "size"]
    assert listed["data"][0] == tier
    assert await world.rows("select action, resource_id::text from activity where resource_type = 'custom_field'") == [
        ("created", tier["id"]), ("created", size["id"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"choices": []}, [("choices", "not_blank")]),
        ({"choices": ["a", "b", "a"]}, [("choices[2]", "not_unique")]),
        ({"type": "text"}, [("choices", "conflicting")]),
        ({"defaultValue": "platinum"}, [("defaultValue", "invalid_choice")]),
        ({"choices": [], "type": "text", "validation": {"min": 1}}, [("validation.min", "conflicting")]),
        ({"choices": [], "type": "text", "validation": {"regex": "(?=x)"}}, [("validation.regex", "invalid_format")]),
        ({"choices": [], "type": "number", "validation": {"min": 3, "max": 2}}, [("validation.min", "out_of_range")]),
        ({"choices": [], "type": "checkbox", "defaultValue": "yes"}, [("defaultValue", "invalid_type")]),
        ({"label": {}, "key": "9lives", "extra": 1}, [("key", "invalid_format"), ("label", "not_blank"),
                                                      ("extra", "unknown_property")]),
        ({"choices": [{"value": "a"}, {"value": "\x00", "label": "x"}]},
         [("choices[0]", "invalid_format"), ("choices[1]", "invalid_characters")]),
    ],
)  # fmt: skip
async def test_contradicting_definition_is_refused_with_every_violation(
    world: World, changes: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    refused = await world.client.post("/custom-fields", json={**TIER, **changes})
    assert refused.status_code == 422, refused.text
    assert sorted(codes(refused)) == sorted(expected)
    assert await world.rows("select count(*) from custom_field") == [(0,)]


async def test_second_field_with_the_same_key_is_refused_for_one_entity_and_allowed_for_another(world: World) -> None:
    await define(world)
    assert codes(await world.client.post("/custom-fields", json=TIER)) == [("key", "not_unique")]
    await define(world, entityType="product")


async def test_deleted_field_is_hidden_and_comes_back_with_the_same_type_only(world: World) -> None:
    tier = await define(world)
    path = f"/custom-fields/{tier['id']}"
    assert (await world.client.delete(path)).status_code == 204
    assert (await world.client.get(path)).status_code == 404
    assert (await world.client.patch(path, json={"required": True})).status_code == 404
    assert (await world.client.get("/custom-fields")).json()["data"] == []
    deleted = (await world.client.get("/custom-fields", params={"status": "deleted"})).json()["data"]
    assert [field["id"] for field in deleted] == [tier["id"]]
    other = await world.client.post("/custom-fields", json={**TIER, "type": "text", "choices": []})
    assert codes(other) == [("type", "conflicting")]
    assert (await define(world))["id"] == tier["id"]


async def test_patch_changes_only_what_is_sent_and_put_resets_the_rest(world: World) -> None:
    tier = await define(world, required=True, defaultValue="g")
    path = f"/custom-fields/{tier['id']}"
    patched = (await world.client.patch(path, json={"label": "Rang"})).json()
    assert patched["label"] == {"de": "Rang"} and patched["required"] and patched["defaultValue"] == "g"
    sent_back = await world.client.put(path, json=patched)
    assert {**sent_back.json(), "updatedAt": ""} == {**patched, "updatedAt": ""}
    body = {"label": "Rang", "choices": ["s"], "type": "select"}
    replaced = (await world.client.put(path, json=body)).json()
    assert (replaced["required"], replaced["defaultValue"], replaced["choices"]) == (False, None, ["s"])
    assert replaced["position"] == tier["position"]


async def test_entity_key_and_type_stay_what_they_are(world: World) -> None:
    tier = await define(world)
    body = {"entityType": "product", "key": "rank", "type": "text", "defaultValue": "x"}
    refused = await world.client.patch(f"/custom-fields/{tier['id']}", json=body)
    assert codes(refused) == [
        ("entityType", "read_only"), ("key", "read_only"), ("type", "read_only"), ("defaultValue", "invalid_choice"),
    ]  # fmt: skip
    assert (await world.client.get(f"/custom-fields/{tier['id']}")).json() == tier


async def test_order_is_set_and_unnamed_fields_follow(world: World) -> None:
    ids = [(await define(world, key=key))["id"] for key in ("a", "b", "c")]
    body = {"entityType": "customer", "ids": [ids[2], ids[1]]}
    ordered = await world.client.put("/custom-fields/order", json=body)
    assert [field["key"] for field in ordered.json()["data"]] == ["c", "b", "a"]
    wrong = {"entityType": "product", "ids": [ids[0], ids[0]]}
    assert codes(await world.client.put("/custom-fields/order", json=wrong)) == [
        ("ids[0]", "not_found"), ("ids[1]", "not_found"),
    ]  # fmt: skip


async def test_stale_version_is_refused(world: World) -> None:
    tier = await define(world)
    path = f"/custom-fields/{tier['id']}"
    version = (await world.client.get(path)).headers["etag"]
    first = await world.client.patch(path, json={"required": True}, headers={"If-Match": version})
    second = await world.client.patch(path, json={"required": False}, headers={"If-Match": version})
    assert (first.status_code, second.status_code) == (200, 412)
    assert (await world.client.get(path)).json()["required"] is True


async def test_reader_of_products_may_list_and_not_write(world: World) -> None:
    headers = await world.token_with("product:read")
    assert (await world.client.get("/custom-fields", headers=headers)).status_code == 200
    refused = await world.client.post("/custom-fields", json=TIER, headers=headers)
    assert (refused.status_code, refused.json()["requiredPermissions"]) == (403, ["custom-field:write"])


async def test_list_takes_the_same_statements_whatever_its_length(world: World) -> None:
    for number in range(3):
        await define(world, key=f"f{number}")
    with count_queries(world) as queries:
        await world.client.get("/custom-fields")
    assert queries.count == 3  # entering the tenant, count, page
