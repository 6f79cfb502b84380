"""Routes of custom fields."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.platform.api import delete, get, patch, post, put, router
from turnus.platform.context import Context
from turnus.settings.commands import CreateCustomField, FieldSettings, OrderCustomFields, PatchCustomField
from turnus.settings.ops import custom_field as ops
from turnus.settings.views import custom_fields as views
from turnus.settings.views.custom_fields import CustomFieldsInOrder, CustomFieldView, custom_field_list

routes = router("Custom fields")
# Whoever may read an object may know its fields (10 §F.3).
READ = (
    "custom-field:read", "customer:read", "product:read", "subscription:read", "invoice:read", "offer:read",
    "price-plan:read",
)  # fmt: skip


@get(routes, "/custom-fields", permission=READ, summary="List custom fields", listing=custom_field_list)
async def list_custom_fields(ctx: Context) -> dict[str, Any]:
    """Deleted fields are left out unless `status=deleted` asks for them."""
    return {}


@post(routes, "/custom-fields", permission="custom-field:write", summary="Define a custom field")
async def create_custom_field(ctx: Context, data: CreateCustomField) -> CustomFieldView:
    """The key of a deleted field with the same type brings that field and its stored values back."""
    field = await ops.create_custom_field(ctx, data)
    return await views.custom_field(ctx, field.id)


@put(routes, "/custom-fields/order", permission="custom-field:write", summary="Put custom fields in order")
async def order_custom_fields(ctx: Context, data: OrderCustomFields) -> CustomFieldsInOrder:
    """Fields that are not named follow in their old order."""
    await ops.order_custom_fields(ctx, data)
    return await views.custom_fields_of(ctx, data.entity_type)


@get(routes, "/custom-fields/{field_id}", permission=READ, summary="Read a custom field")
async def read_custom_field(ctx: Context, field_id: UUID) -> CustomFieldView:
    return await views.custom_field(ctx, field_id)


@put(routes, "/custom-fields/{field_id}", permission="custom-field:write", summary="Replace a custom field")
async def replace_custom_field(ctx: Context, field_id: UUID, data: FieldSettings) -> CustomFieldView:
    """What is left out becomes its default. Entity, key and type cannot be changed."""
    await ops.change_custom_field(ctx, field_id, data, replace=True)
    return await views.custom_field(ctx, field_id)


@patch(routes, "/custom-fields/{field_id}", permission="custom-field:write", summary="Change a custom field")
async def change_custom_field(ctx: Context, field_id: UUID, data: PatchCustomField) -> CustomFieldView:
    """Only what is sent changes. Entity, key and type cannot be changed."""
    await ops.change_custom_field(ctx, field_id, data, replace=False)
    return await views.custom_field(ctx, field_id)


@delete(routes, "/custom-fields/{field_id}", permission="custom-field:write", summary="Delete a custom field")
async def delete_custom_field(ctx: Context, field_id: UUID) -> None:
    """Stored values are kept, but neither shown nor editable; defining the field again brings them back."""
    await ops.delete_custom_field(ctx, field_id)
