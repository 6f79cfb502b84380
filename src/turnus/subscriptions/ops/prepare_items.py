"""Which product, price and quantity the lines of a new subscription mean, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import or_, select

from turnus.catalogue.commands import PriceFields
from turnus.catalogue.model import PricePlan, Product
from turnus.catalogue.ops.load_catalogue import texts
from turnus.catalogue.prices import parse_price, rating_price
from turnus.catalogue.views.locales import default_locale
from turnus.customers.model import Customer
from turnus.kernel.errors import Violation
from turnus.kernel.money import exponent
from turnus.kernel.time import Interval
from turnus.platform.context import Context
from turnus.platform.db.locks import LockOrder, take
from turnus.rating.contract import Price
from turnus.rating.pricing import billable_units, parts
from turnus.subscriptions import rules
from turnus.subscriptions.commands import ItemFields

MAX_MINOR = 10**15
"""A period of one item may cost at most ten million million cents; amounts are 64-bit numbers."""


class Offered(msgspec.Struct):
    """A price with its product, as it may be sold to a customer."""

    plan: PricePlan
    product: Product


class PreparedItem(msgspec.Struct):
    """A line whose price is known. `parent` is the index of another line."""

    fields: ItemFields
    plan: PricePlan
    product: Product
    price: Price
    name: str
    start: date
    end: date | None
    custom_price: dict[str, Any] | None
    trial: Interval | None


async def load_offered(ctx: Context, items: Sequence[ItemFields]) -> list[Offered]:
    """The prices that lines name, or that their products have on sale.

    Read FOR SHARE: a change of a price that nobody uses yet waits until this subscription uses it, or is seen here.
    """
    plans = [item.price_plan for item in items if item.price_plan is not None]
    products = [item.product for item in items if item.product is not None and item.price_plan is None]
    if not plans and not products:
        return []
    take(ctx, LockOrder.CONFIGURATION)
    statement = (
        select(PricePlan, Product)
        .join(Product, (Product.tenant_id == PricePlan.tenant_id) & (Product.id == PricePlan.product_id))
        .where(
            PricePlan.tenant_id == ctx.tenant_id,
            or_(PricePlan.id.in_(plans), PricePlan.product_id.in_(products) & (PricePlan.status == "active")),
        )
        .order_by(PricePlan.id)
        .with_for_update(read=True)
    )
    return [Offered(plan, product) for plan, product in (await ctx.session.execute(statement)).all()]


def prepare_items(
    ctx: Context,
    items: Sequence[ItemFields],
    offered: Sequence[Offered],
    customer: Customer,
    start: date,
) -> tuple[list[PreparedItem], list[Violation]]:
    """The lines with their prices, and everything that is wrong with them."""
    prepared, wrong = [], []
    for index, fields in enumerate(items):
        made, found = _prepare(ctx, f"items[{index}]", index, fields, offered, customer, start)
        wrong += found
        if made is not None:
            prepared.append(made)
    return prepared, wrong


def _prepare(
    ctx: Context,
    path: str,
    index: int,
    fields: ItemFields,
    offered: Sequence[Offered],
    customer: Customer,
    subscription_start: date,
) -> tuple[PreparedItem | None, list[Violation]]:
    wrong = [Violation(f"{path}.coupons[{n}]", "not_found") for n in range(len(fields.coupons))]
    if fields.parent is not None and fields.parent >= index:
        wrong.append(Violation(f"{path}.parent", "out_of_range", parameters={"bounds": f"0…{index - 1}"}))
    chosen = _chosen(path, fields, offered, customer)
    if isinstance(chosen, Violation):
        return None, [*wrong, chosen]
    plan, product = chosen.plan, chosen.product
    wrong += _sale_violations(ctx, path, fields, plan, product, customer)
    custom_price, found = _custom(path, plan, fields.custom_price)
    wrong += found
    price = rating_price(plan, custom_price if not found else None)
    wrong += _cost_violations(path, fields, price)
    zone = customer.time_zone
    moment = fields.billing_start or fields.contract_start
    start = subscription_start if moment is None else rules.local_day(moment, zone)
    end = None if fields.contract_end is None else rules.end_day(fields.contract_end, zone)
    if end is not None and end <= start:
        wrong.append(Violation(f"{path}.contractEnd", "out_of_range", parameters={"bounds": f"> {start}"}))
    names, descriptions = texts(product.translations, "name"), texts(product.translations, "description")
    name = fields.name or rules.text_in(names, customer.language or default_locale(ctx)) or ""
    if fields.description is None and descriptions:
        text = rules.text_in(descriptions, customer.language)
        fields = fields.model_copy(update={"description": text})
    trial = Interval.parse(plan.trial_period) if plan.trial_period else None
    return PreparedItem(fields, plan, product, price, name, start, end, custom_price, trial), wrong


def _chosen(path: str, fields: ItemFields, offered: Sequence[Offered], customer: Customer) -> Offered | Violation:
    if fields.price_plan is not None:
        found = next((o for o in offered if o.plan.id == fields.price_plan), None)
        if found is None:
            return Violation(f"{path}.pricePlan", "not_found")
        if fields.product is not None and fields.product != found.product.id:
            return Violation(f"{path}.product", "conflicting", parameters={"other": "pricePlan"})
        return found
    if fields.product is None:
        return Violation(f"{path}.pricePlan", "not_null")
    on_sale = [
        o
        for o in offered
        if o.product.id == fields.product and o.plan.status == "active" and o.plan.customer_id in (None, customer.id)
    ]
    for narrowed in (on_sale, [o for o in on_sale if o.plan.currency_code == customer.currency_code]):
        if len(narrowed) == 1:
            return narrowed[0]
    if not on_sale:
        return Violation(f"{path}.product", "not_found")
    return Violation(f"{path}.pricePlan", "required_with", parameters={"other": "product"})


def _sale_violations(
    ctx: Context, path: str, fields: ItemFields, plan: PricePlan, product: Product, customer: Customer
) -> list[Violation]:
    wrong = []
    named = "pricePlan" if fields.price_plan is not None else "product"
    if product.is_archived or plan.status == "archived":
        wrong.append(Violation(f"{path}.{named}", "archived"))
    elif plan.status == "draft":
        wrong.append(Violation(f"{path}.{named}", "conflicting", parameters={"other": "draft"}))
    if plan.customer_id not in (None, customer.id):
        wrong.append(Violation(f"{path}.{named}", "conflicting", parameters={"other": "customer"}))
    if plan.currency_code not in ctx.setting("localization.currencies", ["EUR"]):
        wrong.append(Violation(f"{path}.{named}", "currency_not_allowed"))
    return wrong


def _custom(path: str, plan: PricePlan, fields: PriceFields | None) -> tuple[dict[str, Any] | None, list[Violation]]:
    if fields is None:
        return None, []
    return parse_price(plan.calculation_type, fields, f"{path}.customPrice")


def _cost_violations(path: str, fields: ItemFields, price: Price) -> list[Violation]:
    split = parts(price, billable_units(fields.quantity, price.free_units))
    if (split.variable + split.fixed) * 10 ** exponent(price.currency) <= MAX_MINOR:
        return []
    return [Violation(f"{path}.quantity", "out_of_range", parameters={"bounds": f"≤ {MAX_MINOR}"})]


def plan_ids(prepared: Sequence[PreparedItem]) -> set[UUID]:
    """The prices of some lines."""
    return {item.plan.id for item in prepared}
