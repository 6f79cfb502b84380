"""Total contract value and monthly recurring revenue, from the same billing function and price functions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction

import msgspec

from turnus.kernel.money import exponent
from turnus.kernel.rounding import round_minor
from turnus.kernel.time import Interval
from turnus.rating.bill import bill
from turnus.rating.contract import Contract, Coupon, End, Id, Item, Price
from turnus.rating.discounts import fits
from turnus.rating.periods import effective_end, first_day, is_paused, known
from turnus.rating.pricing import NOTHING, billable_units, coupon_units, fraction, full_price

_DAYS_PER_MONTH = Fraction(365, 12)
_FOR_EVER = date.max


def total_contract_value(contract: Contract, term_end: date) -> dict[str, int]:
    """Net per currency in minor units, over a term that ends on `term_end` (exclusive): recurring revenue of the term
    plus one-time charges less discounts.

    It is what `bill` would charge if the contract ended there, so changes within the term count; usage that nobody has
    measured yet counts as 0.
    """
    end = contract.end if contract.end is not None and contract.end.on <= term_end else End(term_end)
    items = tuple(msgspec.structs.replace(item, billed_until=None, coupon_periods=None) for item in contract.items)
    whole = msgspec.structs.replace(contract, items=items, end=end, pauses=(), metering_grace_hours=0)
    values: dict[str, int] = {}
    for charge in bill(whole, (), until=term_end).charges:
        values[charge.currency] = values.get(charge.currency, 0) + charge.net
    return values


def monthly_recurring_revenue(contract: Contract, on: date) -> dict[Id, int]:
    """Net per recurring item on a day, in minor units of its price's currency, normalised to a month.

    Years and months by their number, weeks and days with 365/12 days a month. Running `limited` and `lifetime` coupons
    count, `once` does not. One-time and metered items, trials, pauses and ended items are 0.
    """
    items = {item.id: item for item in contract.items}
    paused = is_paused(contract, on)
    full = {item.id: NOTHING if paused else _full_price_on(contract, item, on, items) for item in contract.items}
    left = dict(full)
    for coupon in sorted(contract.coupons, key=_rank):
        eligible = [item for item in contract.items if left[item.id] and _runs(coupon, item, on)]
        total = sum((left[item.id] for item in eligible), NOTHING)
        for item in eligible:
            left[item.id] -= min(left[item.id], _reduction(coupon, item, on, left[item.id], total))
    return {
        item.id: round_minor(_per_month(left[item.id], item.price.interval), exponent(item.price.currency))
        for item in contract.items
        if item.price.interval is not None and not item.measurement.metered
    }


def _full_price_on(contract: Contract, item: Item, on: date, items: Mapping[Id, Item]) -> Fraction:
    end = effective_end(contract, item, on, items)
    active = first_day(contract, item) <= on and (end is None or on < end.on) and known(item.recorded_on, on)
    if not active or item.price.interval is None or item.measurement.metered:
        return NOTHING
    price, quantity = _state_on(item, on)
    return full_price(price, quantity)


def _state_on(item: Item, on: date) -> tuple[Price, Decimal]:
    quantity, price = item.quantity, item.price
    for step in sorted(item.steps, key=lambda step: step.from_):
        if step.from_ <= on and known(step.recorded_on, on):
            quantity = step.value
    for version in sorted(item.versions, key=lambda version: version.from_):
        if version.from_ <= on and known(version.recorded_on, on):
            price = version.price
    return price, quantity


def _runs(coupon: Coupon, item: Item, on: date) -> bool:
    if coupon.frequency == "once" or not fits(coupon, item):
        return False
    if not (coupon.attached_on or date.min) <= on < (coupon.removed_on or _FOR_EVER):
        return False
    used = (item.coupon_periods or {}).get(coupon.id, 0)
    return coupon.limit is None or used < coupon.limit


def _reduction(coupon: Coupon, item: Item, on: date, left: Fraction, total: Fraction) -> Fraction:
    if coupon.type == "percentage":
        return left * fraction(coupon.percentage) / 100
    if coupon.basis == "invoice":
        return fraction(coupon.amount) * left / total
    if coupon.basis == "position":
        return fraction(coupon.amount)
    price, quantity = _state_on(item, on)
    return fraction(coupon.amount) * coupon_units(price, billable_units(quantity, price.free_units))


def _per_month(amount: Fraction, interval: Interval | None) -> Fraction:
    if interval is None:
        return NOTHING
    if interval.months is not None:
        return amount / interval.months
    return amount * _DAYS_PER_MONTH / (interval.days or 1)


def _rank(coupon: Coupon) -> int:
    if coupon.type == "percentage":
        return 2
    return 1 if coupon.basis == "invoice" else 0
