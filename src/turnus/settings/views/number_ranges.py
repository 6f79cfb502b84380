"""Number ranges as the API shows them."""

from __future__ import annotations

from uuid import UUID

import msgspec
from sqlalchemy import Date, Text, bindparam

from turnus.kernel.errors import NotFound
from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import convert, from_, read, shape
from turnus.platform.listing import Choice, ListOf, Order
from turnus.settings import number_ranges
from turnus.settings.model import NUMBER_RANGE_TYPES, NumberRange


class NumberRangeView(msgspec.Struct, frozen=True, rename="camel"):
    """How numbers of one kind are made. `next_preview` is the next one, unless that is taken already."""

    id: UUID
    type: str
    method: str
    format: str
    current_number: int
    min_digits: int
    random_length: int
    reset: str
    next_preview: str
    created_at: str
    updated_at: str


class NumberExamples(msgspec.Struct, frozen=True):
    """The next numbers of a range."""

    examples: list[str]


_r = NumberRange
_shape = shape(
    NumberRangeView,
    id=_r.id,
    type=_r.type,
    method=_r.method,
    format=_r.format,
    current_number=_r.current_number,
    min_digits=_r.min_digits,
    random_length=_r.random_length,
    reset=_r.reset,
    next_preview=convert(
        number_ranges.preview, _r.type, _r.method, _r.format, _r.min_digits, _r.random_length, _r.current_number,
        _r.reset, _r.reset_period, bindparam("today", type_=Date),
    ),
    created_at=convert(instant, _r.created_at),
    updated_at=convert(instant, _r.updated_at),
)  # fmt: skip
number_range_list = ListOf(
    "number_range",
    _shape,
    from_(_r),
    id=_r.id,
    filters=[Choice("type", _r.type, NUMBER_RANGE_TYPES)],
    orders=[Order("type", _r.type)],
    default_order=("type", "asc"),
)
_one = read(from_(_r).where(_r.type == bindparam("type", type_=Text)), _shape)


async def number_range(ctx: Context, type: str) -> NumberRangeView:
    """The range of a type; raises NotFound."""
    if type not in NUMBER_RANGE_TYPES:
        raise NotFound()
    return await _one.one(ctx, type=type, today=ctx.today())
