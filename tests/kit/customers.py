"""Customers for tests of the HTTP interface."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx2

from kit.world import World

TABLES = ("customer", "customer_address", "customer_email", "customer_group")
"""What a refused change of a customer must leave alone."""


async def created(world: World, **body: Any) -> dict[str, Any]:
    """A new customer; its e-mail address is made up unless given."""
    answer = await world.client.post("/customers", json={"email": f"{uuid4()}@example.com", **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def shown(world: World, customer: dict[str, Any]) -> dict[str, Any]:
    """A customer as it is now."""
    answer = await world.client.get(f"/customers/{customer['id']}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def violations(answer: httpx2.Response) -> set[tuple[str, str]]:
    """Path and code of everything that a refusal tells."""
    return {(v["propertyPath"], v["code"]) for v in answer.json()["violations"]}
