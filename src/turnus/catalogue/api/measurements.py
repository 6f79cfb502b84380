"""Routes of measurements."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.catalogue import views
from turnus.catalogue.commands import ChangeMeasurement, CreateMeasurement
from turnus.catalogue.ops import measurement as ops
from turnus.catalogue.views.locales import LOCALE_QUERY, chosen, locales
from turnus.catalogue.views.measurements import MeasurementView
from turnus.platform.api import delete, get, post, put, router
from turnus.platform.context import Context

routes = router("Measurements")
_PATH = "/catalogue/measurements"


@get(routes, _PATH, permission="measurement:read", summary="List measurements", listing=views.measurement_list)
async def list_measurements(ctx: Context) -> dict[str, Any]:
    """The built-in measurement has the code `quantity`."""
    return locales(ctx)


@get(
    routes,
    _PATH + "/{measurement_id}",
    permission="measurement:read",
    summary="Read a measurement",
    query=LOCALE_QUERY,
)
async def read_measurement(ctx: Context, measurement_id: UUID, query: dict[str, str] | None = None) -> MeasurementView:
    return await views.measurement(ctx, measurement_id, chosen(query))


@post(routes, _PATH, permission="measurement:write", summary="Create a measurement")
async def create_measurement(ctx: Context, data: CreateMeasurement) -> MeasurementView:
    """Aggregation and type are fixed from then on."""
    measurement = await ops.create_measurement(ctx, data)
    return await views.measurement(ctx, measurement.id)


@put(routes, _PATH + "/{measurement_id}", permission="measurement:write", summary="Change a measurement")
async def change_measurement(ctx: Context, measurement_id: UUID, data: ChangeMeasurement) -> MeasurementView:
    """Only code and description change."""
    await ops.change_measurement(ctx, measurement_id, data)
    return await views.measurement(ctx, measurement_id)


@delete(
    routes,
    _PATH + "/{measurement_id}",
    permission="measurement:write",
    summary="Delete a measurement",
    statuses=(409,),
)
async def delete_measurement(ctx: Context, measurement_id: UUID) -> None:
    """Refused while a product counts by it, and for the built-in one."""
    await ops.delete_measurement(ctx, measurement_id)
