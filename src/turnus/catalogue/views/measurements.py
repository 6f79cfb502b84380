"""Measurements as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam, func
from sqlalchemy.dialects.postgresql import ARRAY

from turnus.catalogue.model import Measurement, Unit
from turnus.catalogue.views.locales import LocaleParameter, locales
from turnus.catalogue.views.units import UnitSummary, unit_summary
from turnus.kernel.errors import NotFound
from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import Shape, convert, from_, read, shape
from turnus.platform.listing import Code, InstantFilter, ListOf, Order, Reference


class MeasurementView(msgspec.Struct, frozen=True, rename="camel"):
    """What is counted and how the values become the billable quantity."""

    id: UUID
    unit: UnitSummary
    code: str
    name: str | None
    description: str | None
    aggregation_type: str
    type: str
    fair_billing: bool
    rounding_mode: str
    rounding_precision: int
    event_name: str | None
    value_property: str | None
    filters: list[Any]
    group_by: list[Any]
    created_at: str
    updated_at: str


class MeasurementSummary(msgspec.Struct, frozen=True, rename="camel"):
    """A measurement inside another object."""

    id: UUID
    code: str
    name: str | None
    aggregation_type: str
    type: str
    fair_billing: bool
    unit: UnitSummary


def measurement_summary(m: Any, u: Any) -> Shape[MeasurementSummary]:
    """The short form of a joined measurement and its unit."""
    return shape(
        MeasurementSummary,
        id=m.id,
        code=m.code,
        name=m.name,
        aggregation_type=m.aggregation_type,
        type=m.type,
        fair_billing=m.fair_billing,
        unit=unit_summary(u),
    )


_m = Measurement
_shape = shape(
    MeasurementView,
    id=_m.id,
    unit=unit_summary(Unit),
    code=_m.code,
    name=_m.name,
    description=_m.description,
    aggregation_type=_m.aggregation_type,
    type=_m.type,
    fair_billing=_m.fair_billing,
    rounding_mode=_m.rounding_mode,
    rounding_precision=_m.rounding_precision,
    event_name=_m.event_name,
    value_property=_m.value_property,
    filters=_m.filters,
    group_by=_m.group_by,
    created_at=convert(instant, _m.created_at),
    updated_at=convert(instant, _m.updated_at),
)
_source = from_(_m).join(Unit, (Unit.tenant_id == _m.tenant_id) & (Unit.id == _m.unit_id))
measurement_list = ListOf(
    "measurement",
    _shape,
    _source,
    count_source=from_(_m),
    id=_m.id,
    filters=[
        Reference("id", _m.id, nullable=False),
        Code("code", _m.code, nullable=False),
        InstantFilter("createdAt", _m.created_at, nullable=False),
        LocaleParameter(),
    ],
    orders=[Order("createdAt", _m.created_at)],
)
_by_ids = read(_source.where(_m.id == func.any(bindparam("ids", type_=ARRAY(Uuid)))), _shape)


async def measurements(ctx: Context, ids: Sequence[UUID], locale: str | None = None) -> dict[UUID, MeasurementView]:
    """Measurements by id."""
    return {view.id: view for view in await _by_ids.all(ctx, ids=list(ids), **locales(ctx, locale))}


async def measurement(ctx: Context, id: UUID, locale: str | None = None) -> MeasurementView:
    """A measurement; raises NotFound."""
    found = await measurements(ctx, [id], locale)
    if id not in found:
        raise NotFound()
    return found[id]
