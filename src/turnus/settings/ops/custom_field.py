"""Create, change, delete and order the definitions of custom fields."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from turnus.kernel.errors import NotFound, ValidationFailed, Violation
from turnus.platform.context import Context
from turnus.platform.db.constraints import flush_unique
from turnus.platform.db.locks import LockOrder, lock, lock_all
from turnus.settings.changes import changed
from turnus.settings.commands import CreateCustomField, FieldSettings, FieldValidation, OrderCustomFields
from turnus.settings.custom_field_rules import definition_violations
from turnus.settings.model import CustomField

_PLAIN = (
    "label", "choices", "required", "visible_in_ui", "editable_in_ui", "visible_in_api", "visible_to_customer",
    "print_on_invoice",
)  # fmt: skip
_FIXED = (("entity_type", "entityType"), ("key", "key"), ("type", "type"))


async def create_custom_field(ctx: Context, command: CreateCustomField) -> CustomField:
    """Define a custom field; one that was deleted comes back with the values it had.

    Raises:
        ValidationFailed: the key is taken, was used with another type, or the definition contradicts itself.
    """
    validation = _validation(command.validation)
    found = definition_violations(command.type, command.choices, command.default_value, validation)
    same = select(CustomField).where(
        CustomField.tenant_id == ctx.tenant_id,
        CustomField.entity_type == command.entity_type,
        CustomField.key == command.key,
    )
    field = await ctx.session.scalar(same)
    if field is not None and field.status == "active":
        found.append(Violation("key", "not_unique"))
    elif field is not None and field.type != command.type:
        found.append(Violation("type", "conflicting", parameters={"other": f"{field.key} ({field.type})"}))
    if found:
        raise ValidationFailed(found)
    if field is None:
        field = CustomField(entity_type=command.entity_type, key=command.key, type=command.type, created_at=ctx.now())
        ctx.add(field)
    else:
        # Two creations that revive the same field: the second waits here and finds it in use.
        field = await lock(ctx, CustomField, LockOrder.CONFIGURATION, field.id)
        if field.status == "active":
            raise ValidationFailed.at("key", "not_unique")
    field.status = "active"
    _assign(field, _values(command, set(_PLAIN) | {"default_value", "validation"}))
    field.position = await _next_position(ctx, command.entity_type) if command.position is None else command.position
    field.updated_at = ctx.now()
    await flush_unique(ctx, "key")
    ctx.log("custom_field", field.id, "created")
    return field


async def change_custom_field(ctx: Context, field_id: UUID, command: FieldSettings, *, replace: bool) -> CustomField:
    """Change a custom field; `replace` sets what is left out to its default.

    Raises:
        NotFound: there is no such field, or it was deleted.
        ValidationFailed: entity, key or type differ, or the definition would contradict itself.
    """
    field = await _locked(ctx, field_id)
    found = [
        Violation(wire, "read_only")
        for name, wire in _FIXED
        if command.given(name) and getattr(command, name) != getattr(field, name)
    ]
    names = {*_PLAIN, "default_value", "validation", "position"}
    values = _values(command, names if replace else names & command.model_fields_set)
    if values.get("position", 0) is None:
        del values["position"]
    old = {name: getattr(field, name) for name in values}
    merged = {name: values.get(name, getattr(field, name)) for name in ("choices", "default_value", "validation")}
    default = merged["default_value"][0] if merged["default_value"] else None
    found += definition_violations(field.type, merged["choices"], default, merged["validation"])
    if found:
        raise ValidationFailed(found)
    changes = changed(old, values)
    if changes:
        _assign(field, values)
        field.updated_at = ctx.now()
        ctx.log("custom_field", field.id, "updated", changes)
    return field


async def delete_custom_field(ctx: Context, field_id: UUID) -> None:
    """Take a custom field out of use. Values stay stored, but are neither shown nor editable."""
    field = await _locked(ctx, field_id)
    field.status = "deleted"
    field.updated_at = ctx.now()
    ctx.log("custom_field", field.id, "deleted")


async def order_custom_fields(ctx: Context, command: OrderCustomFields) -> None:
    """Put the fields of an entity in order; those that are not named follow in their old order.

    Raises:
        ValidationFailed: an id is named twice or is no field in use of the entity.
    """
    of_entity = select(CustomField.id).where(
        CustomField.tenant_id == ctx.tenant_id,
        CustomField.entity_type == command.entity_type,
        CustomField.status == "active",
    )
    known = list((await ctx.session.scalars(of_entity.order_by(CustomField.position, CustomField.id))).all())
    found = []
    for index, id in enumerate(command.ids):
        if id not in known:
            found.append(Violation(f"ids[{index}]", "not_found"))
        elif id in command.ids[:index]:
            found.append(Violation(f"ids[{index}]", "not_unique"))
    if found:
        raise ValidationFailed(found)
    wanted = [*command.ids, *(id for id in known if id not in command.ids)]
    fields = {field.id: field for field in await lock_all(ctx, CustomField, LockOrder.CONFIGURATION, wanted)}
    for position, id in enumerate(wanted):
        if id in fields and fields[id].position != position:
            ctx.log("custom_field", id, "updated", changed({"position": fields[id].position}, {"position": position}))
            fields[id].position = position
            fields[id].updated_at = ctx.now()


async def _locked(ctx: Context, field_id: UUID) -> CustomField:
    field = await lock(ctx, CustomField, LockOrder.CONFIGURATION, field_id)
    if field.status == "deleted":
        raise NotFound()
    return field


async def _next_position(ctx: Context, entity_type: str) -> int:
    last = select(func.max(CustomField.position)).where(
        CustomField.tenant_id == ctx.tenant_id, CustomField.entity_type == entity_type
    )
    return (await ctx.session.scalar(last) or 0) + 1


def _values(command: FieldSettings, names: set[str]) -> dict[str, Any]:
    """Column values of some properties of the body."""
    values = {name: getattr(command, name) for name in names}
    if "validation" in values:
        values["validation"] = _validation(values["validation"])
    if "default_value" in values:
        default = _json_number(values["default_value"])
        values["default_value"] = None if default is None else [default]
    return values


def _validation(validation: FieldValidation) -> dict[str, Any]:
    rules = validation.model_dump(by_alias=True, exclude_none=True)
    return {name: _json_number(value) for name, value in rules.items()}


def _json_number(value: Any) -> Any:
    """Decimals as the number that JSON columns are read back as."""
    if not isinstance(value, Decimal) or value.adjusted() > 17:
        return value
    return int(value) if value == int(value) else float(value)


def _assign(field: CustomField, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(field, name, value)
