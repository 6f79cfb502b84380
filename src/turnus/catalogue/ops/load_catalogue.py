"""The part of the catalogue that a chunk of contracts needs, in one round trip."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from turnus.catalogue import model
from turnus.catalogue.prices import PriceRow, rating_price
from turnus.platform.context import Context
from turnus.platform.db.reads import read_rows, together
from turnus.rating.contract import Aggregation, Measurement, Price, Visibility


class PricedPlan(msgspec.Struct, frozen=True):
    """A price plan as billing needs it."""

    id: UUID
    product_id: UUID
    price: Price
    type: str
    trial_period: str | None
    show_price_per_interval: str | None


class SoldUnit(msgspec.Struct, frozen=True):
    """The unit printed at a quantity: code of UN/ECE Recommendation 20 and name per language."""

    id: UUID
    code: str
    names: dict[str, str]


class SoldProduct(msgspec.Struct, frozen=True):
    """A product as billing needs it: texts per language, tax, account, what is counted."""

    id: UUID
    type: str
    number: str | None
    names: dict[str, str]
    descriptions: dict[str, str]
    unit: SoldUnit
    tax_group_id: UUID
    revenue_account: str | None
    invoice_visibility: Visibility
    measurement: Measurement
    measurement_code: str


class Catalogue(msgspec.Struct, frozen=True):
    """Price plans and products by id."""

    plans: dict[UUID, PricedPlan]
    products: dict[UUID, SoldProduct]


_ids = bindparam("ids", type_=ARRAY(Uuid))
_p, _m, _u, _q = model.Product, model.Measurement, model.Unit, model.PricePlan
_plans = read_rows(
    select(
        _q.product_id,
        _q.type,
        _q.trial_period,
        _q.show_price_per_interval,
        *(getattr(_q, field.name) for field in msgspec.structs.fields(PriceRow)),
    ).where(_q.id == func.any(_ids))
)
_products = read_rows(
    select(
        _p.id,
        _p.type,
        _p.number,
        _p.translations,
        _p.tax_group_id,
        _p.revenue_account,
        _p.invoice_visibility,
        _m.code,
        _m.fair_billing,
        _m.type,
        _m.aggregation_type,
        _m.rounding_mode,
        _m.rounding_precision,
        _u.id,
        _u.code,
        _u.translations,
    )
    .join(_m, (_m.tenant_id == _p.tenant_id) & (_m.id == _p.measurement_id))
    .join(_u, (_u.tenant_id == _m.tenant_id) & (_u.id == _m.unit_id))
    .where(_p.id == func.any(_ids))
)


async def load_catalogue(ctx: Context, price_plan_ids: Collection[UUID], product_ids: Collection[UUID]) -> Catalogue:
    """Price plans and products by id, archived ones included (running items go on billing with them)."""
    plans, products = await together(
        ctx, (_plans, {"ids": list(price_plan_ids)}), (_products, {"ids": list(product_ids)})
    )
    priced = {}
    for product_id, type, trial_period, show, *columns in plans:
        row = PriceRow(*columns)
        priced[row.id] = PricedPlan(row.id, product_id, rating_price(row), type, trial_period, show)
    return Catalogue(priced, {row[0]: _product(*row) for row in products})


def texts(translations: dict[str, Any], field: str) -> dict[str, str]:
    """One translated field per language, languages without it left out."""
    return {locale: inner[field] for locale, inner in translations.items() if inner.get(field)}


def _product(
    id: UUID,
    type: str,
    number: str | None,
    translations: dict[str, Any],
    tax_group_id: UUID,
    revenue_account: str | None,
    visibility: str,
    code: str,
    fair_billing: bool,
    measurement_type: str,
    aggregation: str,
    rounding_mode: str,
    rounding_precision: int,
    unit_id: UUID,
    unit_code: str,
    unit_translations: dict[str, Any],
) -> SoldProduct:
    measurement = Measurement(
        fair_billing=fair_billing,
        metered=measurement_type == "metered",
        aggregation=cast(Aggregation, aggregation),
        rounding_mode=cast(Any, rounding_mode),
        rounding_precision=rounding_precision,
    )
    return SoldProduct(
        id=id,
        type=type,
        number=number,
        names=texts(translations, "name"),
        descriptions=texts(translations, "description"),
        unit=SoldUnit(unit_id, unit_code, texts(unit_translations, "name")),
        tax_group_id=tax_group_id,
        revenue_account=revenue_account,
        invoice_visibility=cast(Visibility, visibility),
        measurement=measurement,
        measurement_code=code,
    )


__all__ = ["Catalogue", "PricedPlan", "SoldProduct", "SoldUnit", "load_catalogue", "texts"]
