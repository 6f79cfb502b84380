"""Tax groups as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, and_, bindparam, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import aggregate_order_by as in_order

from turnus.kernel.errors import NotFound
from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import convert, from_, read, shape
from turnus.platform.listing import Choice, Flag, InstantFilter, ListOf, Order
from turnus.settings.model import Tax, TaxGroup


class TaxView(msgspec.Struct, frozen=True, rename="camel"):
    """A rate in per cent. `valid_to` is the last day before the country's next rate, null without one."""

    id: UUID
    description: str
    code: str
    rate: Any
    valid_from: str
    valid_to: str | None
    country_code: str


class TaxGroupView(msgspec.Struct, frozen=True, rename="camel"):
    """A tax group with all its rates, by country and day."""

    id: UUID
    internal_description: str
    reverse_charge_type: str
    type: str
    supply_kind: str | None
    exemption: dict[str, Any] | None
    domestic_reverse_charge: bool
    archived: bool
    taxes: list[TaxView]
    created_at: str
    updated_at: str


class ResolvedTax(msgspec.Struct, frozen=True, rename="camel"):
    """The rate in per cent of a group in a country on a day.

    `source` is `group` (a row of the group) or `eu_table` (the standard rate of the member state); `category` is the
    one of EN 16931 at that rate; `warning` says what wants a second look.
    """

    tax_group: UUID
    country_code: str
    date: str
    rate: Any
    category: str
    source: str
    tax_id: UUID | None
    tax_country_code: str
    code: str
    description: str
    note: str | None
    warning: str | None


_g, _t = TaxGroup, Tax
_rows = (
    select(
        func.coalesce(
            func.jsonb_agg(
                in_order(
                    func.jsonb_build_array(
                        _t.id, _t.description, _t.code, func.trim_scale(_t.rate), _t.valid_from, _t.country_code
                    ),
                    _t.country_code,
                    _t.valid_from,
                )
            ),
            func.jsonb_build_array(),
            type_=JSONB,
        )
    )
    .where(and_(_t.tenant_id == _g.tenant_id, _t.tax_group_id == _g.id))
    .correlate(_g)
    .scalar_subquery()
)


def _taxes(rows: Sequence[Sequence[Any]]) -> list[TaxView]:
    """The rates from rows in the order of country and day."""
    views = []
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        id, description, code, rate, since, country = row
        next_day = following[4] if following is not None and following[5] == country else None
        until = None if next_day is None else (date.fromisoformat(next_day) - timedelta(days=1)).isoformat()
        views.append(TaxView(UUID(id), description, code, rate, since, until, country))
    return views


_shape = shape(
    TaxGroupView,
    id=_g.id,
    internal_description=_g.internal_description,
    reverse_charge_type=_g.reverse_charge_type,
    type=_g.type,
    supply_kind=_g.supply_kind,
    exemption=_g.exemption,
    domestic_reverse_charge=_g.domestic_reverse_charge,
    archived=_g.archived,
    taxes=convert(_taxes, _rows),
    created_at=convert(instant, _g.created_at),
    updated_at=convert(instant, _g.updated_at),
)
tax_group_list = ListOf(
    "tax_group",
    _shape,
    from_(_g),
    id=_g.id,
    filters=[
        Choice("type", _g.type, ("standard", "reduced")),
        Flag("archived", _g.archived),
        InstantFilter("createdAt", _g.created_at, nullable=False),
    ],
    orders=[Order("createdAt", _g.created_at)],
    # Most groups are in use: this is no condition to look rows up by.
    defaults={"archived": _g.archived.is_not(True)},
)
_one = read(from_(_g).where(_g.id == bindparam("id", type_=Uuid)), _shape)


async def tax_group(ctx: Context, id: UUID) -> TaxGroupView:
    """A tax group; raises NotFound."""
    return await _one.one(ctx, id=id)


async def tax(ctx: Context, group_id: UUID, tax_id: UUID) -> TaxView:
    """A rate of a group; raises NotFound."""
    found = await tax_group(ctx, group_id)
    for view in found.taxes:
        if view.id == tax_id:
            return view
    raise NotFound()
