"""Price plans as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam, exists, func, true
from sqlalchemy.dialects.postgresql import ARRAY

from turnus.catalogue.model import PricePlan, Product
from turnus.catalogue.prices import shown_price
from turnus.catalogue.uses import subscription_item
from turnus.catalogue.views.locales import LocaleParameter, locales, translated
from turnus.customers.model import Customer
from turnus.kernel.errors import NotFound
from turnus.kernel.money import exponent
from turnus.kernel.rounding import round_minor
from turnus.kernel.wire import instant, number
from turnus.platform.context import Context
from turnus.platform.db.reads import Converted, Shape, convert, from_, read, shape
from turnus.platform.listing import Choice, Code, Flag, InstantFilter, ListOf, Order, Reference
from turnus.platform.listing.description import Query
from turnus.platform.listing.filters import Bound

STATUSES = ("draft", "active", "archived")


class MoneyView(msgspec.Struct, frozen=True, rename="camel"):
    """A money object: `amount` in minor units, `decimal` exact in major units."""

    amount: int
    currency_code: str
    precision: int
    decimal: str


class OwnerSummary(msgspec.Struct, frozen=True, rename="camel"):
    """The product that a price belongs to."""

    id: UUID
    name: str | None
    internal_name: str | None
    number: str | None
    type: str
    is_archived: bool


class BuyerSummary(msgspec.Struct, frozen=True, rename="camel"):
    """The customer that a price is reserved for."""

    id: UUID
    customer_number: str
    company_name: str | None
    first_name: str | None
    last_name: str | None


class PricePlanView(msgspec.Struct, frozen=True, rename="camel"):
    """A price of a product. Amounts inside `price` are numbers in minor units with exact decimals beside them."""

    id: UUID
    internal_name: str | None
    status: str
    version: int
    previous_version: UUID | None
    sales_channel: str | None
    type: str
    calculation_type: str
    apply_trial: bool
    trial_period: str | None
    pay_in_advance: bool
    pro_rata: bool
    free_units: msgspec.Raw | int | None
    billing_interval: str | None
    show_price_per_interval: str | None
    currency_code: str
    price: dict[str, Any]
    custom: bool
    customer: BuyerSummary | None
    product: OwnerSummary
    minimum_amount: MoneyView | None
    maximum_amount: MoneyView | None
    tax_included: bool
    in_use: bool
    checkout_link_ids: list[UUID]
    created_at: str
    updated_at: str
    archived_at: str | None


def money(amount: Decimal, currency: str) -> MoneyView:
    """An amount in major units as a money object."""
    digits = exponent(currency)
    minor = round_minor(amount, digits)
    return MoneyView(minor, currency, digits, f"{Decimal(minor).scaleb(-digits):.{digits}f}")


def _optional_money(amount: Decimal | None, currency: str) -> MoneyView | None:
    return None if amount is None else money(amount, currency)


def _optional_number(value: Decimal | None) -> msgspec.Raw | int | None:
    return None if value is None else number(value)


def _optional_instant(value: Any) -> str | None:
    return None if value is None else instant(value)


def _price(stored: dict[str, Any], currency: str, created_at: Any, updated_at: Any) -> dict[str, Any]:
    return shown_price(stored, currency) | {"createdAt": instant(created_at), "updatedAt": instant(updated_at)}


def price_of(p: Any) -> Converted:
    """The price object of a joined price plan."""
    return convert(_price, p.price, p.currency_code, p.created_at, p.updated_at)


_p = PricePlan
_in_use = exists().where(subscription_item.c.tenant_id == _p.tenant_id, subscription_item.c.price_plan_id == _p.id)


def _plain(*names: str) -> dict[str, Any]:
    return {name: getattr(_p, name) for name in names}


_shape: Shape[PricePlanView] = shape(
    PricePlanView,
    **_plain(
        "id", "internal_name", "status", "version", "sales_channel", "type", "calculation_type", "apply_trial",
        "trial_period", "pay_in_advance", "pro_rata", "billing_interval", "show_price_per_interval", "currency_code",
        "custom", "tax_included",
    ),
    previous_version=_p.previous_version_id,
    free_units=convert(_optional_number, _p.free_units),
    price=price_of(_p),
    customer=shape(
        BuyerSummary,
        present=Customer.id,
        id=Customer.id,
        customer_number=Customer.number,
        company_name=Customer.company_name,
        first_name=Customer.first_name,
        last_name=Customer.last_name,
    ),
    product=shape(
        OwnerSummary,
        id=Product.id,
        name=translated("name", Product.translations),
        internal_name=Product.internal_name,
        number=Product.number,
        type=Product.type,
        is_archived=Product.is_archived,
    ),
    minimum_amount=convert(_optional_money, _p.minimum_amount, _p.currency_code),
    maximum_amount=convert(_optional_money, _p.maximum_amount, _p.currency_code),
    in_use=_in_use,
    checkout_link_ids=[],
    created_at=convert(instant, _p.created_at),
    updated_at=convert(instant, _p.updated_at),
    archived_at=convert(_optional_instant, _p.archived_at),
)  # fmt: skip
_source = (
    from_(_p)
    .join(Product, (Product.tenant_id == _p.tenant_id) & (Product.id == _p.product_id))
    .outerjoin(Customer, (Customer.tenant_id == _p.tenant_id) & (Customer.id == _p.customer_id))
)


class ShowArchived(Flag):
    """`showArchived=true` lifts the rule that archived objects are left out."""

    indexed = ()

    def __init__(self, hidden: Any) -> None:
        super().__init__("showArchived", hidden, nullable=False)
        self.hidden = hidden

    def condition(self, operator: str, values: list[Any], index: int) -> Bound:
        shown = bool(values[-1])
        return Bound(f"showArchived:{shown}", true() if shown else self.hidden, {})


class PricePlanList(ListOf[PricePlanView]):
    """Asking for a status decides about archived ones too."""

    def parse(self, query_string: str, zone: str, *, lenient: bool = False) -> Query:
        query = super().parse(query_string, zone, lenient=lenient)
        if "status" in query.filtered:
            query.filtered.add("showArchived")
        return query


_active = _p.status != "archived"
price_plan_list = PricePlanList(
    "price_plan",
    _shape,
    _source,
    count_source=from_(_p),
    id=_p.id,
    filters=[
        Reference("id", _p.id, nullable=False),
        Reference("product.id", _p.product_id, nullable=False),
        Reference("customer", _p.customer_id),
        Code("currencyCode", _p.currency_code, nullable=False),
        Choice("status", _p.status, STATUSES),
        Flag("custom", _p.custom, nullable=False),
        Code("billingInterval", _p.billing_interval),
        InstantFilter("createdAt", _p.created_at, nullable=False),
        ShowArchived(_active),
        LocaleParameter(),
    ],
    orders=[Order("createdAt", _p.created_at)],
    defaults={"showArchived": _active},
)
_by_ids = read(_source.where(_p.id == func.any(bindparam("ids", type_=ARRAY(Uuid)))), _shape)
by_products = read(
    _source.where(_p.product_id == func.any(bindparam("ids", type_=ARRAY(Uuid)))).order_by(_p.created_at, _p.id),
    _shape,
)


async def price_plans(ctx: Context, ids: Sequence[UUID], locale: str | None = None) -> dict[UUID, PricePlanView]:
    """Price plans by id."""
    return {view.id: view for view in await _by_ids.all(ctx, ids=list(ids), **locales(ctx, locale))}


async def price_plan(ctx: Context, id: UUID, locale: str | None = None) -> PricePlanView:
    """A price plan; raises NotFound."""
    found = await price_plans(ctx, [id], locale)
    if id not in found:
        raise NotFound()
    return found[id]
