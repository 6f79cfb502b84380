"""Routes of price plans."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.catalogue import views
from turnus.catalogue.commands import PricePlanFields
from turnus.catalogue.ops import price_plan as ops
from turnus.catalogue.views.locales import LOCALE_QUERY, chosen, locales
from turnus.catalogue.views.price_plans import PricePlanView
from turnus.platform.api import delete, get, post, put, router
from turnus.platform.context import Context

routes = router("Price plans")
_ONE = "/price-plans/{price_plan_id}"


@get(routes, "/price-plans", permission="price-plan:read", summary="List price plans", listing=views.price_plan_list)
async def list_price_plans(ctx: Context) -> dict[str, Any]:
    """Archived prices are left out unless `showArchived=true` or `status` asks for them."""
    return locales(ctx)


@get(routes, _ONE, permission="price-plan:read", summary="Read a price plan", query=LOCALE_QUERY)
async def read_price_plan(ctx: Context, price_plan_id: UUID, query: dict[str, str] | None = None) -> PricePlanView:
    return await views.price_plan(ctx, price_plan_id, chosen(query))


@post(routes, "/price-plans", permission="price-plan:write", summary="Create a price plan")
async def create_price_plan(ctx: Context, data: PricePlanFields) -> PricePlanView:
    """Amounts are decimals in major units; they are answered in minor units with the exact decimal beside them."""
    plan = await ops.create_price_plan(ctx, data)
    return await views.price_plan(ctx, plan.id)


@put(routes, _ONE, permission="price-plan:write", summary="Replace a price plan", statuses=(409,))
async def replace_price_plan(ctx: Context, price_plan_id: UUID, data: PricePlanFields) -> PricePlanView:
    """What a price in use costs, and when, is frozen."""
    await ops.change_price_plan(ctx, price_plan_id, data)
    return await views.price_plan(ctx, price_plan_id)


@put(routes, _ONE + "/activate", permission="price-plan:write", summary="Activate a price plan", statuses=(409,))
async def activate_price_plan(ctx: Context, price_plan_id: UUID) -> PricePlanView:
    await ops.activate_price_plan(ctx, price_plan_id)
    return await views.price_plan(ctx, price_plan_id)


@put(routes, _ONE + "/archive", permission="price-plan:write", summary="Archive a price plan", statuses=(409,))
async def archive_price_plan(ctx: Context, price_plan_id: UUID) -> PricePlanView:
    """No new sales; running items keep billing with it."""
    await ops.archive_price_plan(ctx, price_plan_id)
    return await views.price_plan(ctx, price_plan_id)


@put(
    routes,
    _ONE + "/unarchive",
    permission="price-plan:write",
    summary="Put a price plan on sale again",
    statuses=(409,),
)
async def unarchive_price_plan(ctx: Context, price_plan_id: UUID) -> PricePlanView:
    await ops.unarchive_price_plan(ctx, price_plan_id)
    return await views.price_plan(ctx, price_plan_id)


@delete(routes, _ONE, permission="price-plan:write", summary="Delete a draft price plan", statuses=(409,))
async def delete_price_plan(ctx: Context, price_plan_id: UUID) -> None:
    await ops.delete_price_plan(ctx, price_plan_id)
