"""Customers over HTTP."""

from kit.world import World


async def test_created_customer_is_listed_with_its_default_address(world: World) -> None:
    created = await world.client.post("/customers", json={"email": "a@b.de", "companyName": "Müller GmbH", "city": "Köln"})
    assert created.status_code == 201, created.text
    listed = (await world.client.get("/customers", params={"search": "muell"})).json()
    assert [row["id"] for row in listed["data"]] == [created.json()["id"]]
    assert listed["data"][0]["defaultAddress"]["city"] == "Köln"
    assert listed["meta"]["pagination"] == {
        "totalItems": 1, "itemsPerPage": 30, "currentPage": 1, "lastPage": 1, "pageTotalItems": 1,
    }  # fmt: skip
    assert await world.outbox() == ["customer.created"]


async def test_second_customer_with_the_same_login_is_refused_and_nothing_is_written(world: World) -> None:
    await world.client.post("/customers", json={"email": "a@b.de"})
    refused = await world.client.post("/customers", json={"email": " A@B.de "})
    assert refused.status_code == 422
    assert [(v["propertyPath"], v["code"]) for v in refused.json()["violations"]] == [("email", "not_unique")]
    assert await world.rows("select count(*) from customer") == [(1,)]
    assert await world.outbox() == ["customer.created"]
