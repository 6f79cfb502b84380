"""Create, change, activate, archive and delete price plans."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from turnus.catalogue.commands import PricePlanFields
from turnus.catalogue.events import (
    PRICE_PLAN_ACTIVATED,
    PRICE_PLAN_ARCHIVED,
    PRICE_PLAN_CREATED,
    PRICE_PLAN_UPDATED,
)
from turnus.catalogue.model import PricePlan, Product
from turnus.catalogue.prices import parse_price
from turnus.catalogue.uses import uses_of
from turnus.customers.model import Customer
from turnus.kernel.errors import InUse, InvalidState, ValidationFailed, Violation
from turnus.kernel.ids import new_id
from turnus.kernel.money import exponent
from turnus.platform.context import Context
from turnus.platform.db.constraints import flush_unused
from turnus.platform.db.locks import LockOrder, lock
from turnus.platform.events.facts import EventType
from turnus.platform.work import change

# What a price that is in use cannot change any more (03 §6.3), and who owns it.
FROZEN = (
    "product_id", "type", "calculation_type", "price", "currency_code", "billing_interval", "pay_in_advance",
    "pro_rata", "free_units", "minimum_amount", "maximum_amount", "tax_included",
)  # fmt: skip
STATUSES = ("draft", "active", "archived")


async def create_price_plan(ctx: Context, command: PricePlanFields) -> PricePlan:
    """A new price, active unless it is asked for as a draft.

    Raises:
        ValidationFailed: the price does not fit its model, a reference is unknown or archived, the currency is off.
    """
    values = await _checked(ctx, command, None)
    status = command.status or "active"
    if status == "archived":
        raise ValidationFailed.at("status", "invalid_choice", choices=["draft", "active"])
    plan = ctx.add(
        PricePlan(id=new_id(), status=status, version=1, previous_version_id=None, created_at=ctx.now(), **values)
    )
    ctx.emit(PRICE_PLAN_CREATED, [plan.id])
    ctx.log("price_plan", plan.id, "created")
    return plan


async def change_price_plan(ctx: Context, price_plan_id: UUID, command: PricePlanFields) -> PricePlan:
    """Replace a price's properties; while it is in use, only those that do not change what running items cost.

    Raises:
        ValidationFailed: as on creation.
        InUse: a frozen property would change.
    """
    plan = await _locked(ctx, price_plan_id)
    values = await _checked(ctx, command, plan)
    if command.status is not None and command.status != plan.status:
        raise ValidationFailed.at("status", "read_only")
    differing = [name for name, value in values.items() if name != "updated_at" and getattr(plan, name) != value]
    if any(name in FROZEN for name in differing):
        uses = await uses_of(ctx, "price_plan", price_plan_id)
        if uses:
            raise InUse(uses)
    changes = [change(name, _plain(getattr(plan, name)), _plain(values[name])) for name in differing]
    for name, value in values.items():
        setattr(plan, name, value)
    previous = {entry.property: entry.old for entry in changes}
    ctx.emit(PRICE_PLAN_UPDATED, [plan.id], {plan.id: {"previous": previous}})
    ctx.log("price_plan", plan.id, "updated", changes)
    return plan


async def activate_price_plan(ctx: Context, price_plan_id: UUID) -> PricePlan:
    """Let a draft be sold.

    Raises:
        InvalidState: it is no draft.
    """
    return await _move(ctx, price_plan_id, ["draft"], "active", PRICE_PLAN_ACTIVATED, "activated")


async def archive_price_plan(ctx: Context, price_plan_id: UUID) -> PricePlan:
    """Take a price off sale; running items keep billing with it.

    Raises:
        InvalidState: it is archived already.
    """
    return await _move(ctx, price_plan_id, ["draft", "active"], "archived", PRICE_PLAN_ARCHIVED, "archived")


async def unarchive_price_plan(ctx: Context, price_plan_id: UUID) -> PricePlan:
    """Let an archived price be sold again.

    Raises:
        InvalidState: it is not archived.
    """
    return await _move(ctx, price_plan_id, ["archived"], "active", PRICE_PLAN_UPDATED, "unarchived")


async def delete_price_plan(ctx: Context, price_plan_id: UUID) -> None:
    """Delete a draft.

    Raises:
        InvalidState: it is no draft; archive it instead.
        InUse: something refers to it.
    """
    plan = await _locked(ctx, price_plan_id)
    if plan.status != "draft":
        raise InvalidState(plan.status, ["draft"])
    uses = await uses_of(ctx, "price_plan", price_plan_id)
    if uses:
        raise InUse(uses)
    await ctx.session.delete(plan)
    await flush_unused(ctx)
    ctx.log("price_plan", price_plan_id, "deleted")


async def _locked(ctx: Context, id: UUID) -> PricePlan:
    """Lock the price: a subscription that is just being made on it reads it FOR SHARE, so one waits for the other."""
    return await lock(ctx, PricePlan, LockOrder.CONFIGURATION, id)


async def _move(ctx: Context, id: UUID, allowed: list[str], status: str, event: EventType, action: str) -> PricePlan:
    plan = await _locked(ctx, id)
    if plan.status not in allowed:
        raise InvalidState(plan.status, allowed)
    entry = change("status", plan.status, status)
    plan.status, plan.updated_at = status, ctx.now()
    plan.archived_at = ctx.now() if status == "archived" else None
    ctx.emit(event, [plan.id])
    ctx.log("price_plan", plan.id, action, [entry])
    return plan


async def _checked(ctx: Context, command: PricePlanFields, plan: PricePlan | None) -> dict[str, Any]:
    """The values to store; raises ValidationFailed with everything that is wrong."""
    currency = command.currency_code or ctx.setting("localization.defaultCurrencyCode", "EUR")
    price, wrong = parse_price(command.calculation_type, command.price)
    wrong += _rhythm_violations(command) + _limit_violations(command, currency)
    wrong += await _reference_violations(ctx, command, plan)
    known = plan is not None and plan.currency_code == currency
    if not known and currency not in ctx.setting("localization.currencies", ["EUR"]):
        wrong.append(Violation("currencyCode", "currency_not_allowed"))
    if wrong:
        raise ValidationFailed(wrong)
    gross = ctx.setting("billing.priceDisplay", "net") == "gross"
    return {
        "product_id": command.product,
        "internal_name": command.internal_name,
        "sales_channel": command.sales_channel,
        "type": command.type,
        "calculation_type": command.calculation_type,
        "apply_trial": command.apply_trial,
        "trial_period": str(command.trial_period) if command.trial_period else None,
        "pay_in_advance": command.pay_in_advance,
        "pro_rata": command.pro_rata,
        "free_units": command.free_units,
        "billing_interval": str(command.billing_interval) if command.billing_interval else None,
        "show_price_per_interval": str(command.show_price_per_interval) if command.show_price_per_interval else None,
        "currency_code": currency,
        "price": price,
        "minimum_amount": command.minimum_amount,
        "maximum_amount": command.maximum_amount,
        "tax_included": gross if command.tax_included is None else command.tax_included,
        "custom": command.customer is not None if command.custom is None else command.custom,
        "customer_id": command.customer,
        "updated_at": ctx.now(),
    }


def _rhythm_violations(command: PricePlanFields) -> list[Violation]:
    if command.type == "recurring":
        return (
            []
            if command.billing_interval
            else [Violation("billingInterval", "required_with", parameters={"other": "recurring"})]
        )
    return [
        Violation(path, "conflicting", parameters={"other": "one_time"})
        for path, value in (
            ("billingInterval", command.billing_interval),
            ("showPricePerInterval", command.show_price_per_interval),
        )
        if value is not None
    ]


def _limit_violations(command: PricePlanFields, currency: str) -> list[Violation]:
    digits, low, high = exponent(currency), command.minimum_amount, command.maximum_amount
    wrong = [
        Violation(path, "invalid_decimal", parameters={"reason": f"{currency}: {digits}"})
        for path, amount in (("minimumAmount", low), ("maximumAmount", high))
        if amount is not None and amount != round(amount, digits)
    ]
    if low is not None and high is not None and low > high:
        wrong.append(Violation("minimumAmount", "out_of_range", parameters={"bounds": f"≤ {high}"}))
    return wrong


async def _reference_violations(ctx: Context, command: PricePlanFields, plan: PricePlan | None) -> list[Violation]:
    wrong = []
    product = await ctx.session.scalar(
        select(Product.is_archived).where(Product.tenant_id == ctx.tenant_id, Product.id == command.product)
    )
    if product is None:
        wrong.append(Violation("product", "not_found"))
    elif product and (plan is None or plan.product_id != command.product):
        wrong.append(Violation("product", "archived"))
    if command.customer is not None:
        status = await ctx.session.scalar(
            select(Customer.status).where(Customer.tenant_id == ctx.tenant_id, Customer.id == command.customer)
        )
        if status is None:
            wrong.append(Violation("customer", "not_found"))
        elif status == "STATUS_ARCHIVED" and (plan is None or plan.customer_id != command.customer):
            wrong.append(Violation("customer", "archived"))
    return wrong


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID | Decimal) else value
