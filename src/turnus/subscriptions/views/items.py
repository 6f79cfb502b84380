"""Subscription items as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam, func
from sqlalchemy.dialects.postgresql import ARRAY

from turnus.catalogue.model import Measurement, PricePlan, Product, Unit
from turnus.catalogue.prices import shown_price
from turnus.catalogue.views.locales import locales, translated
from turnus.catalogue.views.measurements import MeasurementSummary, measurement_summary
from turnus.catalogue.views.price_plans import price_of
from turnus.kernel.errors import NotFound
from turnus.kernel.time import start_of_day
from turnus.kernel.wire import instant, number
from turnus.platform.context import Context
from turnus.platform.db.reads import Shape, convert, from_, read, shape
from turnus.platform.listing import Choice, InstantFilter, ListOf, Order, Reference
from turnus.subscriptions.model import ITEM_STATUSES, Subscription, SubscriptionItem
from turnus.subscriptions.views.groups import IdOnly


class OwnerView(msgspec.Struct, frozen=True, rename="camel"):
    """The subscription of an item."""

    id: UUID
    number: str


class SoldProductView(msgspec.Struct, frozen=True, rename="camel"):
    """The product of an item."""

    id: UUID
    name: str | None
    internal_name: str | None
    number: str | None
    type: str
    measurement: MeasurementSummary


class ItemPriceView(msgspec.Struct, frozen=True, rename="camel"):
    """The price of an item, as the catalogue has it."""

    id: UUID
    internal_name: str | None
    status: str
    type: str
    calculation_type: str
    currency_code: str
    billing_interval: str | None
    pay_in_advance: bool
    pro_rata: bool
    apply_trial: bool
    tax_included: bool
    price: dict[str, Any]


class BillingView(msgspec.Struct, frozen=True, rename="camel"):
    """How far an item was billed, and when it falls due next. `lastBilledTo` is exclusive."""

    last_billed_at: str | None
    last_billed_from: str | None
    last_billed_to: str | None
    next_billing_at: str | None
    billing_interval: str | None


class ItemView(msgspec.Struct, frozen=True, rename="camel"):
    """One billed line of a subscription: product, price, quantity, rhythm. `endDate` is exclusive."""

    id: UUID
    subscription: OwnerView
    parent: IdOnly | None
    plan: None
    product: SoldProductView
    price_plan: ItemPriceView
    name: str
    description: str | None
    further_information: str | None
    status: str
    type: str
    quantity: int | msgspec.Raw
    billing: BillingView
    measurement_values: list[Any]
    periods: list[Any]
    start_date: str
    end_date: str | None
    trial_ends_on: str | None
    custom_price: dict[str, Any] | None
    coupons: list[Any]
    activated_at: str | None
    created_at: str
    updated_at: str


def optional_instant(value: Any) -> str | None:
    """An instant on the wire, or null."""
    return None if value is None else instant(value)


def day_instant(day: date, zone: str) -> str:
    """The instant at which a local day begins."""
    return instant(start_of_day(day, zone))


def optional_day(day: date | None, zone: str) -> str | None:
    """The instant at which a local day begins, or null."""
    return None if day is None else day_instant(day, zone)


def earlier_day(one: date | None, other: date | None, zone: str) -> str | None:
    """The earlier of two ends."""
    return optional_day(min((day for day in (one, other) if day is not None), default=None), zone)


def _custom(stored: dict[str, Any] | None, currency: str) -> dict[str, Any] | None:
    return None if stored is None else shown_price(stored, currency)


_i, _s, _q, _p = SubscriptionItem, Subscription, PricePlan, Product
_zone = _s.time_zone


def _quantity(value: Decimal) -> int | msgspec.Raw:
    return number(value)


def _plain(owner: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(owner, name) for name in names}


_shape: Shape[ItemView] = shape(
    ItemView,
    **_plain(_i, "id", "name", "description", "further_information", "status", "type", "periods"),
    subscription=shape(OwnerView, id=_s.id, number=_s.number),
    parent=shape(IdOnly, present=_i.parent_id, id=_i.parent_id),
    plan=None,
    product=shape(
        SoldProductView,
        **_plain(_p, "id", "internal_name", "number", "type"),
        name=translated("name", _p.translations),
        measurement=measurement_summary(Measurement, Unit),
    ),
    price_plan=shape(
        ItemPriceView,
        **_plain(
            _q, "id", "internal_name", "status", "type", "calculation_type", "currency_code", "billing_interval",
            "pay_in_advance", "pro_rata", "apply_trial", "tax_included",
        ),
        price=price_of(_q),
    ),
    quantity=convert(_quantity, _i.quantity),
    billing=shape(
        BillingView,
        last_billed_at=convert(optional_instant, _i.last_billed_at),
        last_billed_from=convert(optional_day, _i.billed_from, _zone),
        last_billed_to=convert(optional_day, _i.billed_until, _zone),
        next_billing_at=convert(optional_day, _i.next_billing_on, _zone),
        billing_interval=_q.billing_interval,
    ),
    measurement_values=[],
    start_date=convert(day_instant, _i.start_date, _zone),
    end_date=convert(earlier_day, _i.end_date, _s.contract_end, _zone),
    trial_ends_on=convert(optional_day, _i.trial_ends_on, _zone),
    custom_price=convert(_custom, _i.custom_price, _q.currency_code),
    coupons=[],
    activated_at=convert(optional_instant, _i.activated_at),
    created_at=convert(instant, _i.created_at),
    updated_at=convert(instant, _i.updated_at),
)  # fmt: skip
_source = (
    from_(_i)
    .join(_s, (_s.tenant_id == _i.tenant_id) & (_s.id == _i.subscription_id))
    .join(_q, (_q.tenant_id == _i.tenant_id) & (_q.id == _i.price_plan_id))
    .join(_p, (_p.tenant_id == _i.tenant_id) & (_p.id == _i.product_id))
    .join(Measurement, (Measurement.tenant_id == _p.tenant_id) & (Measurement.id == _p.measurement_id))
    .join(Unit, (Unit.tenant_id == Measurement.tenant_id) & (Unit.id == Measurement.unit_id))
)
item_list = ListOf(
    "subscription_item",
    _shape,
    _source,
    count_source=from_(_i),
    id=_i.id,
    filters=[
        Reference("id", _i.id, nullable=False),
        Reference("subscription", _i.subscription_id, nullable=False),
        Reference("product.id", _i.product_id, nullable=False),
        Reference("pricePlan.id", _i.price_plan_id, nullable=False),
        Choice("status", _i.status, ITEM_STATUSES),
        InstantFilter("createdAt", _i.created_at, nullable=False),
    ],
    orders=[Order("createdAt", _i.created_at)],
)
_ids = bindparam("ids", type_=ARRAY(Uuid))
_by_ids = read(_source.where(_i.id == func.any(_ids)), _shape)
by_subscriptions = read(
    _source.where(_i.subscription_id == func.any(_ids)).order_by(_i.subscription_id, _i.position), _shape
)


async def subscription_items(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, ItemView]:
    """Items by id."""
    return {view.id: view for view in await _by_ids.all(ctx, ids=list(ids), **locales(ctx))}


async def subscription_item(ctx: Context, id: UUID) -> ItemView:
    """An item; raises NotFound."""
    found = await subscription_items(ctx, [id])
    if id not in found:
        raise NotFound()
    return found[id]
