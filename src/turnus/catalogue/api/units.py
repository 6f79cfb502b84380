"""Routes of units."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.catalogue import views
from turnus.catalogue.commands import UnitFields
from turnus.catalogue.ops import unit as ops
from turnus.catalogue.views.locales import LOCALE_QUERY, chosen, locales
from turnus.catalogue.views.units import UnitView
from turnus.platform.api import delete, get, post, put, router
from turnus.platform.context import Context

routes = router("Units")


@get(routes, "/units", permission="unit:read", summary="List units", listing=views.unit_list)
async def list_units(ctx: Context) -> dict[str, Any]:
    """Names are in the language of `locale`."""
    return locales(ctx)


@get(routes, "/units/{unit_id}", permission="unit:read", summary="Read a unit", query=LOCALE_QUERY)
async def read_unit(ctx: Context, unit_id: UUID, query: dict[str, str] | None = None) -> UnitView:
    return await views.unit(ctx, unit_id, chosen(query))


@post(routes, "/units", permission="unit:write", summary="Create a unit")
async def create_unit(ctx: Context, data: UnitFields) -> UnitView:
    unit = await ops.create_unit(ctx, data)
    return await views.unit(ctx, unit.id)


@put(routes, "/units/{unit_id}", permission="unit:write", summary="Replace a unit")
async def replace_unit(ctx: Context, unit_id: UUID, data: UnitFields) -> UnitView:
    await ops.change_unit(ctx, unit_id, data)
    return await views.unit(ctx, unit_id)


@delete(routes, "/units/{unit_id}", permission="unit:write", summary="Delete a unit", statuses=(409,))
async def delete_unit(ctx: Context, unit_id: UUID) -> None:
    """Refused while a measurement or a position of a document uses it."""
    await ops.delete_unit(ctx, unit_id)
