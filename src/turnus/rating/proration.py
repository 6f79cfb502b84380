"""What a period costs: segments of constant quantity, fair billing and the proration switches.

The factor is billed time / time of the regular period that contains it (actual/actual), in days or, on request, in
seconds. All segments of a period share that denominator and nothing inside a period is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction

import msgspec

from turnus.kernel.money import exponent
from turnus.kernel.rounding import divide_minor, round_minor
from turnus.kernel.time import start_of_day, zone
from turnus.rating.contract import Item, Price, ProrationMode
from turnus.rating.periods import Span
from turnus.rating.pricing import (
    Parts,
    billable_units,
    clamp,
    coupon_units,
    fraction,
    full_price,
    parts,
    round_quantity,
    simple_ratio,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fact(msgspec.Struct, frozen=True):
    """A change of quantity or price at a point of time (see `Meter.point`); `index` is its place in the list."""

    point: int
    day: date
    index: int
    quantity: Decimal | None = None
    price: Price | None = None
    recorded_on: date | None = None
    immediate: bool = False


class Meter(msgspec.Struct, frozen=True):
    """Measures time in a zone: whole days, or seconds (a day of a clock change has 23 or 25 hours)."""

    mode: ProrationMode
    zone: str
    prorate_free_units: bool = False

    def point(self, day: date, at: datetime | None = None) -> int:
        """A local midnight, or an instant with proration by seconds, as a whole number."""
        if self.mode != "second":
            return day.toordinal()
        instant = at if at is not None else start_of_day(day, self.zone)
        return int((instant - _EPOCH).total_seconds())


class Basis(msgspec.Struct, frozen=True):
    """What rating a period needs of its item: quantity and price that count before all facts, and the switches."""

    item: Item
    price: Price
    meter: Meter

    @property
    def by_time(self) -> bool:
        """Whether the price plan prorates at all."""
        return self.price.pro_rata and self.meter.mode != "none"

    @property
    def fair(self) -> bool:
        """Whether changes and ends inside a period count by time."""
        return self.by_time and self.item.measurement.fair_billing


class Segment(msgspec.Struct, frozen=True):
    """Time of constant quantity and price, measured in the meter's units."""

    start: date
    end: date
    length: int
    quantity: Decimal
    price: Price


class Rated(msgspec.Struct, frozen=True):
    """The due of a period before discounts, and how it came about.

    `base` in minor units; `numerator`/`denominator` is the factor of the whole period; `reduced` the further factor
    of an explicit credit by days; `values` the number of values of a metered period.
    """

    base: int
    quantity: Decimal
    segments: tuple[Segment, ...]
    numerator: int
    denominator: int
    fair: bool
    free_units: Decimal | Fraction
    reduced: tuple[int, int] | None = None
    usage: Parts | None = None
    values: int = 0

    @property
    def factor(self) -> Fraction:
        """Factor of the period for fixed discounts per position: 1 for metered periods."""
        if self.usage is not None:
            return Fraction(1)
        share = Fraction(self.numerator, self.denominator)
        return share * Fraction(*self.reduced) if self.reduced else share

    @property
    def unit_weight(self) -> Fraction:
        """Σ Qi · di / D: how often a fixed discount per unit is taken off."""
        if self.usage is not None:
            return coupon_units(self.segments[0].price, billable_units(self.quantity, self.free_units))
        if not self.fair:
            best = self.segments[0]
            return coupon_units(best.price, billable_units(self.quantity, self.free_units)) * self.factor
        weights = (coupon_units(s.price, billable_units(s.quantity, self.free_units)) * s.length for s in self.segments)
        return sum(weights, Fraction(0)) / self.denominator


def rate_period(
    basis: Basis,
    span: Span,
    cut: date,
    facts: Sequence[Fact] = (),
    *,
    cut_at: datetime | None = None,
    by_days: bool = False,
) -> Rated:
    """The due of a period of a recurring quantity, billed from `span.start` to `cut`.

    `facts` must be sorted by point and hold what counts at the start of the period. `by_days` prorates an early end
    whatever the switches say.
    """
    point = basis.meter.point
    start, upper = point(span.start), point(span.regular_to)
    stop = point(cut, cut_at)
    regular = upper - point(span.regular_from)
    free = _free_units(basis, basis.price, start, upper, regular)
    segments = _segments(basis, span.start, start, cut, stop, facts)
    if not segments:
        empty = Segment(span.start, span.start, 0, Decimal(0), basis.price)
        return Rated(0, Decimal(0), (empty,), 0, regular, basis.fair, free)
    digits = exponent(basis.price.currency)
    if basis.fair:
        base = _weighted(segments, regular, free, digits)
        return Rated(base, segments[-1].quantity, tuple(segments), stop - start, regular, True, free)
    top = max((segment.quantity for segment in segments), default=Decimal(0))
    numerator, denominator = (upper - start, regular) if basis.by_time else (1, 1)
    reduced = (stop - start, upper - start) if by_days and stop < upper else None
    exact = full_price(basis.price, top, free) * Fraction(numerator, denominator)
    if reduced:
        exact *= Fraction(*reduced)
    return Rated(round_minor(exact, digits), top, tuple(segments), numerator, denominator, False, free, reduced=reduced)


def rate_usage(basis: Basis, span: Span, cut: date, quantity: Decimal, values: Sequence[Decimal] | int) -> Rated:
    """The due of a metered period: unit amounts in full, fixed parts, floor and cap by the days billed.

    Amount = V + F · f, raised to minimumAmount · f, cut at maximumAmount · f; f is 1 unless the price prorates and
    bills fairly.
    """
    point = basis.meter.point
    start, regular = point(span.start), point(span.regular_to) - point(span.regular_from)
    numerator, denominator = (max(0, point(cut) - start), regular) if basis.fair else (1, 1)
    free = _free_units(basis, basis.price, start, point(span.regular_to), regular)
    split = parts(basis.price, billable_units(quantity, free), values)
    base = metered_amount(basis.price, split, Fraction(numerator, denominator))
    segment = Segment(span.start, cut, point(cut) - start, quantity, basis.price)
    count = values if isinstance(values, int) else len(values)
    return Rated(
        round_minor(base, exponent(basis.price.currency)),
        quantity,
        (segment,),
        numerator,
        denominator,
        basis.fair,
        free,
        usage=split,
        values=count,
    )


def metered_amount(price: Price, split: Parts, factor: Fraction) -> Fraction:
    """V + F · f within minimumAmount · f and maximumAmount · f."""
    return clamp(price, split.variable + split.fixed * factor, factor)


def used_seconds(used_from: datetime, used_to: datetime, period: tuple[date, date], zone_name: str) -> tuple[int, int]:
    """Elapsed seconds between two local times, and of the period between two local midnights."""
    local = zone(zone_name)
    first = used_from if used_from.tzinfo else used_from.replace(tzinfo=local)
    last = used_to if used_to.tzinfo else used_to.replace(tzinfo=local)
    whole = start_of_day(period[1], zone_name) - start_of_day(period[0], zone_name)
    return int((last.astimezone(UTC) - first.astimezone(UTC)).total_seconds()), int(whole.total_seconds())


def end_of_service(moment: datetime) -> date:
    """The day on which a contract ends at a local moment: 23:59 or later means the following midnight."""
    return moment.date() if moment.time() < time(23, 59) else date.fromordinal(moment.toordinal() + 1)


def _free_units(basis: Basis, price: Price, start: int, upper: int, regular: int) -> Decimal | Fraction:
    if not basis.meter.prorate_free_units or not price.free_units:
        return price.free_units
    return fraction(price.free_units) * Fraction(upper - start, regular)


def _segments(basis: Basis, first: date, start: int, cut: date, stop: int, facts: Sequence[Fact]) -> list[Segment]:
    if stop <= start:
        return []
    quantity, price = round_quantity(basis.item.measurement, basis.item.quantity), basis.price
    if not facts:
        return [Segment(first, cut, stop - start, quantity, price)]
    found: list[Segment] = []
    day, since = first, start
    for fact in facts:
        if fact.point >= stop:
            break
        if fact.point > since:
            found.append(Segment(day, fact.day, fact.point - since, quantity, price))
            day, since = fact.day, fact.point
        if fact.quantity is not None:
            quantity = fact.quantity
        if fact.price is not None and basis.fair:
            price = fact.price
    found.append(Segment(day, cut, stop - since, quantity, price))
    return found


def _weighted(segments: Sequence[Segment], regular: int, free: Decimal | Fraction, digits: int) -> int:
    if len(segments) == 1:
        only = segments[0]
        ratio = simple_ratio(only.price, only.quantity)
        if ratio is not None:
            return divide_minor(ratio[0] * 10**digits * only.length, ratio[1] * regular)
    total = sum((full_price(s.price, s.quantity, free) * s.length for s in segments), Fraction(0))
    return round_minor(total / regular, digits)
