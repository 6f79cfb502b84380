"""Units as they are shown."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam

from turnus.catalogue.model import Unit
from turnus.catalogue.views.locales import LocaleParameter, locales, translated
from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import Shape, convert, from_, read, shape
from turnus.platform.listing import Code, InstantFilter, ListOf, Order, Reference


class UnitView(msgspec.Struct, frozen=True, rename="camel"):
    """A unit of measure; `name` in the language asked for, `code` of UN/ECE Recommendation 20."""

    id: UUID
    name: str | None
    translations: dict[str, Any]
    code: str
    created_at: str
    updated_at: str


class UnitSummary(msgspec.Struct, frozen=True, rename="camel"):
    """A unit inside another object."""

    id: UUID
    name: str | None
    code: str


def unit_summary(unit: Any) -> Shape[UnitSummary]:
    """The short form of a joined unit."""
    return shape(UnitSummary, id=unit.id, name=translated("name", unit.translations), code=unit.code)


_shape = shape(
    UnitView,
    id=Unit.id,
    name=translated("name", Unit.translations),
    translations=Unit.translations,
    code=Unit.code,
    created_at=convert(instant, Unit.created_at),
    updated_at=convert(instant, Unit.updated_at),
)
unit_list = ListOf(
    "unit",
    _shape,
    from_(Unit),
    id=Unit.id,
    filters=[
        Reference("id", Unit.id, nullable=False),
        Code("code", Unit.code, nullable=False),
        InstantFilter("createdAt", Unit.created_at, nullable=False),
        LocaleParameter(),
    ],
    orders=[Order("createdAt", Unit.created_at)],
)
_one = read(from_(Unit).where(Unit.id == bindparam("id", type_=Uuid)), _shape)


async def unit(ctx: Context, id: UUID, locale: str | None = None) -> UnitView:
    """A unit; raises NotFound."""
    return await _one.one(ctx, id=id, **locales(ctx, locale))
