"""Who refers to objects of the catalogue.

The areas that sell lie above the catalogue, so their tables are named here, not imported.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Uuid, column, func, literal, select, table, union_all

from turnus.platform.context import Context

LIMIT = 1000

subscription_item = table("subscription_item", *(column(name, Uuid) for name in ("tenant_id", "price_plan_id")))
"""As much of the table as tells whether a price is in use."""

USES: dict[str, list[tuple[str, str, str]]] = {
    "unit": [("measurement", "measurement", "unit_id"), ("invoice_position", "invoice_position", "unit_id")],
    "measurement": [("product", "product", "measurement_id")],
    "product": [
        ("subscription_item", "subscription_item", "product_id"),
        ("invoice_position", "invoice_position", "product_id"),
    ],
    "price_plan": [("subscription_item", "subscription_item", "price_plan_id")],
}
"""Per kind of object: what refers to it, in which table, by which column."""


async def uses_of(ctx: Context, kind: str, id: UUID) -> dict[str, int]:
    """How many objects of which kinds refer to an object, counted up to 1,000; empty when it is free."""
    counts = []
    for resource, name, owner in USES[kind]:
        source = table(name, column(owner, Uuid))
        found = select(literal(1)).select_from(source).where(source.c[owner] == id).limit(LIMIT).subquery()
        counts.append(select(literal(resource), func.count()).select_from(found))
    await ctx.flush()
    rows = (await ctx.session.execute(union_all(*counts))).all()
    return {resource: count for resource, count in rows if count}
