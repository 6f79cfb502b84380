"""Load the definitions of custom fields that values are checked against."""

from __future__ import annotations

from sqlalchemy import Text, bindparam

from turnus.platform.context import Context
from turnus.platform.db.reads import convert, from_, read, shape
from turnus.settings.custom_fields import Definition, choice_values
from turnus.settings.model import CustomField


def _first(values: list[object] | None) -> object:
    return values[0] if values else None


definitions_of = read(
    from_(CustomField)
    .where(CustomField.entity_type == bindparam("entity_type", type_=Text), CustomField.status == "active")
    .order_by(CustomField.position, CustomField.id),
    shape(
        Definition,
        key=CustomField.key,
        type=CustomField.type,
        choices=convert(choice_values, CustomField.choices),
        required=CustomField.required,
        default=convert(_first, CustomField.default_value),
        validation=CustomField.validation,
        visible_in_api=CustomField.visible_in_api,
    ),
)


async def load_custom_fields(ctx: Context, entity_type: str) -> list[Definition]:
    """The fields in use of a kind of object (`customer`, `product`, …), in their order."""
    return await definitions_of.all(ctx, entity_type=entity_type)
