"""Coupons: who gets one for a period, and what it takes off.

Fixed amounts first (per unit and position, then per invoice), then percentages, each group in order of attachment.
Every step is taken from what is left of the rounded base, rounded at once, and never goes below 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction

from turnus.kernel.money import exponent
from turnus.kernel.rounding import allocate, divide_minor, round_minor
from turnus.rating.charges import Discount
from turnus.rating.contract import Coupon, Id, Item
from turnus.rating.pricing import fraction
from turnus.rating.proration import Rated

_NO_SHARES: Mapping[Id, int] = {}


def fits(coupon: Coupon, item: Item) -> bool:
    """Whether a coupon is valid for an item: its products and currency."""
    if coupon.items and item.id not in coupon.items:
        return False
    if coupon.products and item.product not in coupon.products:
        return False
    if item.product is not None and item.product in coupon.excluded_products:
        return False
    return coupon.type == "percentage" or coupon.currency is None or coupon.currency == item.price.currency


def grant(
    coupons: Iterable[Coupon], item: Item, until: date, used: dict[Id, int], carried: Collection[Id] = ()
) -> tuple[Discount, ...]:
    """The coupons that count for a period billed for the first time, as terms with amount 0.

    `used` is the item's counter per coupon and rises here. `carried` are coupons of the running period that an item
    change goes on with: they are kept and not counted again.
    """
    granted: list[Discount] = []
    for coupon in coupons:
        if not fits(coupon, item):
            continue
        if coupon.id in carried:
            granted.append(_terms(coupon, counted=False))
            continue
        attached = coupon.attached_on is None or coupon.attached_on <= until
        removed = coupon.removed_on is not None and coupon.removed_on <= until
        limit = coupon.limit
        if not attached or removed or (limit is not None and used.get(coupon.id, 0) >= limit):
            continue
        used[coupon.id] = used.get(coupon.id, 0) + 1
        granted.append(_terms(coupon, counted=True))
    return in_order(granted)


def in_order(terms: Iterable[Discount]) -> tuple[Discount, ...]:
    """Terms in the order of application: unit and position, invoice, percentages; each group as attached."""
    return tuple(sorted(terms, key=_rank))


def take_off(
    base: int, terms: Sequence[Discount], rated: Rated, currency: str, shares: Mapping[Id, int] = _NO_SHARES
) -> tuple[Discount, ...]:
    """The discounts of one position, in minor units. `shares` is what a coupon per invoice takes off this position."""
    if not terms:
        return ()
    left, taken = base, []
    for term in terms:
        amount = _amount(left, term, rated, currency, shares)
        left -= amount
        taken.append(_with_amount(term, amount))
    return tuple(taken)


def left_before_shares(base: int, terms: Sequence[Discount], rated: Rated, currency: str) -> int:
    """What is left of a base after the fixed discounts per unit and position."""
    fixed = [term for term in terms if _rank(term) == 0]
    return base - sum(discount.amount for discount in take_off(base, fixed, rated, currency))


def share_out(amount: int, lefts: Sequence[int]) -> list[int]:
    """A fixed amount per invoice, spread over what is left of its positions so that the parts add up exactly."""
    total = min(amount, sum(lefts))
    return allocate(total, lefts) if lefts else []


def percentage_of(left: int, percentage: Fraction) -> int:
    """A percentage of what is left of a position, rounded."""
    return divide_minor(left * percentage.numerator, 100 * percentage.denominator)


def shrunk_shares(terms: Sequence[Discount], base: int, old_base: int) -> dict[Id, int]:
    """Shares of coupons per invoice for a re-rated period: they shrink with its base and never grow."""
    shares = {}
    for term in terms:
        if term.basis == "invoice" and term.type == "fixed_amount":
            shares[term.coupon] = divide_minor(term.amount * base, old_base) if 0 < base < old_base else term.amount
    return shares


def minus(now: Sequence[Discount], before: Mapping[Id, int]) -> tuple[Discount, ...]:
    """The difference to what was taken off before, coupon by coupon; nothing of it counts as a billing period."""
    return tuple(
        Discount(d.coupon, d.type, d.value, d.basis, d.amount - before.get(d.coupon, 0), counted=False) for d in now
    )


def totals(discounts: Iterable[Discount]) -> dict[Id, int]:
    """Amounts per coupon."""
    found: dict[Id, int] = {}
    for discount in discounts:
        found[discount.coupon] = found.get(discount.coupon, 0) + discount.amount
    return found


def _terms(coupon: Coupon, *, counted: bool) -> Discount:
    value = coupon.percentage if coupon.type == "percentage" else coupon.amount
    return Discount(coupon.id, coupon.type, value, coupon.basis, 0, counted)


def _with_amount(term: Discount, amount: int) -> Discount:
    return Discount(term.coupon, term.type, term.value, term.basis, amount, term.counted)


def _rank(term: Discount) -> int:
    if term.type == "percentage":
        return 2
    return 1 if term.basis == "invoice" else 0


def _amount(left: int, term: Discount, rated: Rated, currency: str, shares: Mapping[Id, int]) -> int:
    if term.type == "percentage":
        return percentage_of(left, fraction(term.value))
    if term.basis == "invoice":
        return min(left, shares.get(term.coupon, 0))
    weight = rated.unit_weight if term.basis == "unit" else rated.factor
    return min(left, round_minor(fraction(term.value) * weight, exponent(currency)))
