"""Products as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam, func
from sqlalchemy.dialects.postgresql import ARRAY

from turnus.catalogue.model import PRODUCT_TYPES, Measurement, Product, Unit
from turnus.catalogue.views.locales import LocaleParameter, locales, translated
from turnus.catalogue.views.measurements import MeasurementSummary, measurement_summary
from turnus.catalogue.views.price_plans import PricePlanView, ShowArchived, by_products
from turnus.kernel.errors import NotFound
from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import convert, from_, read, shape, together
from turnus.platform.listing import Choice, Code, InstantFilter, KeyValue, ListOf, Order, Reference
from turnus.platform.listing.filters import Related
from turnus.settings.model import TaxGroup


class TaxGroupSummary(msgspec.Struct, frozen=True, rename="camel"):
    """The tax group of a product."""

    id: UUID
    internal_description: str
    reverse_charge_type: str
    type: str


class ProductListItem(msgspec.Struct, frozen=True, rename="camel"):
    """A product in a list; name and description in the language asked for."""

    id: UUID
    name: str | None
    description: str | None
    internal_name: str | None
    number: str | None
    type: str
    measurement: MeasurementSummary
    tax_group: TaxGroupSummary
    invoice_visibility: str
    product_families: list[Any]
    cost_centre: None
    revenue_account: str | None
    is_archived: bool
    external_id: str | None
    custom_fields: dict[str, Any]
    created_at: str
    updated_at: str


class ProductView(msgspec.Struct, frozen=True, rename="camel"):
    """A product with its texts in all languages and its prices."""

    id: UUID
    name: str | None
    description: str | None
    translations: dict[str, Any]
    internal_name: str | None
    number: str | None
    type: str
    measurement: MeasurementSummary
    tax_group: TaxGroupSummary
    invoice_visibility: str
    price_plans: list[PricePlanView]
    product_families: list[Any]
    cost_centre: None
    revenue_account: str | None
    is_archived: bool
    external_id: str | None
    custom_fields: dict[str, Any]
    created_at: str
    updated_at: str


_p = Product


def _fields() -> dict[str, Any]:
    same = ("id", "internal_name", "number", "type", "invoice_visibility", "revenue_account", "is_archived")
    return {name: getattr(_p, name) for name in (*same, "external_id", "custom_fields")} | {
        "name": translated("name", _p.translations),
        "description": translated("description", _p.translations),
        "measurement": measurement_summary(Measurement, Unit),
        "tax_group": shape(
            TaxGroupSummary,
            id=TaxGroup.id,
            internal_description=TaxGroup.internal_description,
            reverse_charge_type=TaxGroup.reverse_charge_type,
            type=TaxGroup.type,
        ),
        "product_families": [],
        "cost_centre": None,
        "created_at": convert(instant, _p.created_at),
        "updated_at": convert(instant, _p.updated_at),
    }


_source = (
    from_(_p)
    .join(Measurement, (Measurement.tenant_id == _p.tenant_id) & (Measurement.id == _p.measurement_id))
    .join(Unit, (Unit.tenant_id == Measurement.tenant_id) & (Unit.id == Measurement.unit_id))
    .join(TaxGroup, (TaxGroup.tenant_id == _p.tenant_id) & (TaxGroup.id == _p.tax_group_id))
)
_current = _p.is_archived.is_(False)
product_list = ListOf(
    "product",
    shape(ProductListItem, **_fields()),
    _source,
    count_source=from_(_p),
    id=_p.id,
    search=True,
    filters=[
        Reference("id", _p.id, nullable=False),
        Choice("type", _p.type, PRODUCT_TYPES),
        Code("number", _p.number),
        Code("externalId", _p.external_id),
        Related(
            Code("measurement.code", Measurement.code),
            Measurement,
            Measurement.tenant_id == _p.tenant_id,
            Measurement.id == _p.measurement_id,
        ),
        InstantFilter("createdAt", _p.created_at, nullable=False),
        KeyValue("customFields", resource="product", id_column=_p.id),
        ShowArchived(_current),
        LocaleParameter(),
    ],
    orders=[
        Order("createdAt", _p.created_at),
        Order("name", _p.name_key),
        Order("number", _p.number, nullable=True),
    ],
    defaults={"showArchived": _current, "type": _p.type != "plan"},
)
_by_ids = read(
    _source.where(_p.id == func.any(bindparam("ids", type_=ARRAY(Uuid)))),
    shape(ProductView, **_fields(), translations=_p.translations, price_plans=[]),
)


async def products(ctx: Context, ids: Sequence[UUID], locale: str | None = None) -> dict[UUID, ProductView]:
    """Products with their prices, by id: two statements in one round trip."""
    wanted = {"ids": list(ids), **locales(ctx, locale)}
    found, plans = await together(ctx, (_by_ids, wanted), (by_products, wanted))
    owned: dict[UUID, list[PricePlanView]] = {}
    for plan in plans:
        owned.setdefault(plan.product.id, []).append(plan)
    return {product.id: msgspec.structs.replace(product, price_plans=owned.get(product.id, [])) for product in found}


async def product(ctx: Context, id: UUID, locale: str | None = None) -> ProductView:
    """A product; raises NotFound."""
    found = await products(ctx, [id], locale)
    if id not in found:
        raise NotFound()
    return found[id]
