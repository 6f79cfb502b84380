"""Create, change, archive and delete products."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import delete, exists, select

from turnus.catalogue import rules
from turnus.catalogue.commands import ProductFields
from turnus.catalogue.events import PRODUCT_ARCHIVED, PRODUCT_CREATED, PRODUCT_DELETED, PRODUCT_UPDATED
from turnus.catalogue.model import Measurement, PricePlan, Product
from turnus.catalogue.ops.seed_catalogue import QUANTITY
from turnus.catalogue.uses import uses_of
from turnus.catalogue.views.locales import default_locale
from turnus.catalogue.views.products import product as product_view
from turnus.kernel.errors import InUse, InvalidState, ValidationFailed, Violation
from turnus.kernel.ids import new_id
from turnus.kernel.wire import encode
from turnus.platform.context import Context
from turnus.platform.db import terms
from turnus.platform.db.constraints import flush_unique, flush_unused
from turnus.platform.db.locks import LockOrder, lock
from turnus.platform.db.terms import sort_key
from turnus.platform.work import change
from turnus.settings.custom_fields import stored, violations, with_defaults
from turnus.settings.model import TaxGroup
from turnus.settings.ops.load_custom_fields import load_custom_fields


async def create_product(ctx: Context, command: ProductFields) -> Product:
    """A new product that may be sold as soon as it has an active price.

    Raises:
        ValidationFailed: a reference does not exist or is archived, the external id is taken, a custom field is wrong.
    """
    values = await _checked(ctx, command, None)
    product = ctx.add(Product(id=new_id(), is_archived=False, metadata_={}, created_at=ctx.now(), **values))
    await flush_unique(ctx, "externalId")
    await _index(ctx, product, new=True)
    ctx.emit(PRODUCT_CREATED, [product.id])
    ctx.log("product", product.id, "created")
    return product


async def change_product(ctx: Context, product_id: UUID, command: ProductFields) -> Product:
    """Replace a product's properties. Issued invoices and running items keep their texts.

    Raises:
        ValidationFailed: as on creation.
        InUse: type or measurement of a product that is sold would change.
    """
    product = await lock(ctx, Product, LockOrder.CONFIGURATION, product_id)
    values = await _checked(ctx, command, product)
    if values["type"] != product.type or values["measurement_id"] != product.measurement_id:
        uses = await uses_of(ctx, "product", product_id)
        if uses:
            raise InUse(uses)
    changes = [
        change(name, getattr(product, name), new) for name, new in values.items() if _differs(product, name, new)
    ]
    previous = {entry.property: _plain(entry.old) for entry in changes}
    for name, value in values.items():
        setattr(product, name, value)
    await flush_unique(ctx, "externalId")
    await _index(ctx, product)
    ctx.emit(PRODUCT_UPDATED, [product.id], {product.id: {"previous": previous}})
    ctx.log("product", product.id, "updated", [change(c.property, _plain(c.old), _plain(c.new)) for c in changes])
    return product


async def archive_product(ctx: Context, product_id: UUID) -> Product:
    """Take a product off sale; running items go on.

    Raises:
        InvalidState: it is archived already.
    """
    return await _archive(ctx, product_id, archived=True)


async def unarchive_product(ctx: Context, product_id: UUID) -> Product:
    """Put an archived product on sale again.

    Raises:
        InvalidState: it is not archived.
    """
    return await _archive(ctx, product_id, archived=False)


async def _archive(ctx: Context, product_id: UUID, *, archived: bool) -> Product:
    product = await lock(ctx, Product, LockOrder.CONFIGURATION, product_id)
    if product.is_archived == archived:
        states = ("archived", "active") if archived else ("active", "archived")
        raise InvalidState(states[0], [states[1]])
    product.is_archived, product.updated_at = archived, ctx.now()
    ctx.emit(PRODUCT_ARCHIVED if archived else PRODUCT_UPDATED, [product.id])
    ctx.log(
        "product", product.id, "archived" if archived else "unarchived", [change("isArchived", not archived, archived)]
    )
    return product


async def delete_product(ctx: Context, product_id: UUID) -> None:
    """Delete a product that was never sold, with its prices.

    Raises:
        InUse: a subscription item or a document refers to it.
    """
    product = await lock(ctx, Product, LockOrder.CONFIGURATION, product_id)
    uses = await uses_of(ctx, "product", product_id)
    if uses:
        raise InUse(uses)
    last = {"data": msgspec.Raw(encode(await product_view(ctx, product_id)))}
    await ctx.session.execute(
        delete(PricePlan).where(PricePlan.tenant_id == ctx.tenant_id, PricePlan.product_id == product_id)
    )
    await ctx.session.delete(product)
    await flush_unused(ctx)
    await terms.remove(ctx, product_id)
    ctx.emit(PRODUCT_DELETED, [product_id], {product_id: last})
    ctx.log("product", product_id, "deleted")


async def _checked(ctx: Context, command: ProductFields, product: Product | None) -> dict[str, Any]:
    """The values to store; raises ValidationFailed with everything that is wrong."""
    wrong = []
    measurement_id = await _measurement(ctx, command.measurement)
    if measurement_id is None:
        wrong.append(Violation("measurement", "not_found"))
    group = await ctx.session.scalar(
        select(TaxGroup).where(TaxGroup.tenant_id == ctx.tenant_id, TaxGroup.id == command.tax_group)
    )
    if group is None:
        wrong.append(Violation("taxGroup", "not_found"))
    elif group.archived and (product is None or product.tax_group_id != group.id):
        wrong.append(Violation("taxGroup", "archived"))
    wrong += [Violation(f"productFamilies[{index}]", "not_found") for index in range(len(command.product_families))]
    if command.cost_centre is not None:
        wrong.append(Violation("costCentre", "not_found"))
    if command.external_id is not None:
        other = exists().where(Product.tenant_id == ctx.tenant_id, Product.external_id == command.external_id)
        if product is not None:
            other = other.where(Product.id != product.id)
        if await ctx.session.scalar(select(other)):
            wrong.append(Violation("externalId", "not_unique"))
    definitions = await load_custom_fields(ctx, "product")
    custom_fields = with_defaults(definitions, command.custom_fields) if product is None else command.custom_fields
    wrong += violations(definitions, custom_fields, "customFields")
    if wrong:
        raise ValidationFailed(wrong)
    translations = rules.stored_translations(command.translations)
    return {
        "translations": translations,
        "name_key": sort_key(rules.resolved(translations, "name", default_locale(ctx))) or "",
        "internal_name": command.internal_name,
        "number": command.number,
        "type": command.type,
        "measurement_id": measurement_id,
        "tax_group_id": command.tax_group,
        "invoice_visibility": command.invoice_visibility,
        "revenue_account": command.revenue_account,
        "external_id": command.external_id,
        "custom_fields": stored({key: value for key, value in custom_fields.items() if value is not None}),
        "updated_at": ctx.now(),
    }


async def _measurement(ctx: Context, id: UUID | None) -> UUID | None:
    wanted = Measurement.code == QUANTITY if id is None else Measurement.id == id
    return await ctx.session.scalar(select(Measurement.id).where(Measurement.tenant_id == ctx.tenant_id, wanted))


async def _index(ctx: Context, product: Product, *, new: bool = False) -> None:
    fields = rules.search_fields(
        product.translations,
        product.custom_fields,
        internalName=product.internal_name,
        number=product.number,
        externalId=product.external_id,
    )
    await ctx.flush()
    await terms.replace(ctx, "product", product.id, fields, new=new)


def _differs(product: Product, name: str, new: Any) -> bool:
    return name not in ("name_key", "updated_at") and getattr(product, name) != new


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
