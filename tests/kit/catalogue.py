"""Products, prices and contracts for tests of the HTTP interface."""

from __future__ import annotations

from typing import Any

from kit.customers import created
from kit.world import World

TABLES = ("unit", "measurement", "product", "price_plan", "subscription", "subscription_item", "billing_group")
"""What a refused change of the catalogue or of a contract must leave alone."""


async def posted(world: World, path: str, **body: Any) -> dict[str, Any]:
    """The answer to a creation that works."""
    answer = await world.client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def tax_group(world: World) -> str:
    """The id of the standard tax group."""
    groups = (await world.client.get("/tax-groups")).json()["data"]
    return str(next(group["id"] for group in groups if group["internalDescription"] == "19%"))


async def product(world: World, name: str = "Basis", **body: Any) -> dict[str, Any]:
    """A new product."""
    usual = {"translations": {"de": {"name": name}}, "taxGroup": await tax_group(world)}
    return await posted(world, "/catalogue/products", **(usual | body))


async def price(world: World, amount: str = "30.00", **body: Any) -> dict[str, Any]:
    """A new monthly price of a new product (or of the one given)."""
    owner = body.pop("product", None) or (await product(world))["id"]
    usual = {"product": owner, "price": {"amount": amount}, "billingInterval": "1M"}
    return await posted(world, "/price-plans", **(usual | body))


async def payer(world: World, **body: Any) -> dict[str, Any]:
    """A new customer to whom an invoice can be made out."""
    usual = {"companyName": "Acme", "street": "Weg", "houseNumber": "1", "zip": "50667", "city": "Köln"}
    return await created(world, **(usual | body))


async def contract(world: World, **body: Any) -> dict[str, Any]:
    """A new subscription; customer and a monthly item of 30.00 are made up unless given."""
    customer = body.pop("customer", None) or (await payer(world))["id"]
    items = body.pop("items", None) or [{"pricePlan": (await price(world))["id"]}]
    return await posted(world, "/subscriptions", customer=customer, items=items, **body)
