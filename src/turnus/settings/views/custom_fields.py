"""Custom fields as the API shows them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Text, Uuid, bindparam

from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import convert, from_, read, shape
from turnus.platform.listing import Choice, InstantFilter, ListOf, Order
from turnus.settings.model import CUSTOM_FIELD_ENTITIES, CUSTOM_FIELD_TYPES, CustomField


class CustomFieldView(msgspec.Struct, frozen=True, rename="camel"):
    """The definition of a custom field."""

    id: UUID
    entity_type: str
    key: str
    label: dict[str, str]
    type: str
    choices: list[Any]
    required: bool
    default_value: Any
    visible_in_ui: bool
    editable_in_ui: bool
    visible_in_api: bool
    visible_to_customer: bool
    print_on_invoice: bool
    position: int
    validation: dict[str, Any]
    status: str
    created_at: str
    updated_at: str


class CustomFieldsInOrder(msgspec.Struct, frozen=True):
    """The custom fields of one kind of object, in their order."""

    data: list[CustomFieldView]


def _only(values: list[Any] | None) -> Any:
    return values[0] if values else None


_f = CustomField
_shape = shape(
    CustomFieldView,
    id=_f.id,
    entity_type=_f.entity_type,
    key=_f.key,
    label=_f.label,
    type=_f.type,
    choices=_f.choices,
    required=_f.required,
    default_value=convert(_only, _f.default_value),
    visible_in_ui=_f.visible_in_ui,
    editable_in_ui=_f.editable_in_ui,
    visible_in_api=_f.visible_in_api,
    visible_to_customer=_f.visible_to_customer,
    print_on_invoice=_f.print_on_invoice,
    position=_f.position,
    validation=_f.validation,
    status=_f.status,
    created_at=convert(instant, _f.created_at),
    updated_at=convert(instant, _f.updated_at),
)

custom_field_list = ListOf(
    "custom_field",
    _shape,
    from_(_f),
    id=_f.id,
    filters=[
        Choice("entityType", _f.entity_type, CUSTOM_FIELD_ENTITIES),
        Choice("type", _f.type, CUSTOM_FIELD_TYPES),
        Choice("status", _f.status, ("active", "deleted")),
        InstantFilter("createdAt", _f.created_at, nullable=False),
    ],
    orders=[Order("position", _f.position), Order("createdAt", _f.created_at)],
    default_order=("position", "asc"),
    defaults={"status": _f.status != "deleted"},
)
_in_use = _f.status == "active"
_one = read(from_(_f).where(_f.id == bindparam("id", type_=Uuid), _in_use), _shape)
_of_entity = read(
    from_(_f).where(_f.entity_type == bindparam("entity_type", type_=Text), _in_use).order_by(_f.position, _f.id),
    _shape,
)


async def custom_field(ctx: Context, id: UUID) -> CustomFieldView:
    """A custom field in use; raises NotFound, for a deleted one too."""
    return await _one.one(ctx, id=id)


async def custom_fields_of(ctx: Context, entity_type: str) -> CustomFieldsInOrder:
    """The custom fields in use of a kind of object, in their order."""
    return CustomFieldsInOrder(await _of_entity.all(ctx, entity_type=entity_type))
