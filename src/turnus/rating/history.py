"""One item as a call of `bill` sees it: its end, rhythm, facts and billed periods, and what a period of it is due."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from turnus.kernel.time import local_date, start_of_day
from turnus.rating.aggregation import INSTANT, Usage, usage_of
from turnus.rating.charges import Billed, Discount, Kind
from turnus.rating.contract import ZERO, Contract, End, Id, Item, Price
from turnus.rating.periods import Rhythm, Span, effective_end, known, rhythms, same_interval, span_of
from turnus.rating.pricing import round_quantity
from turnus.rating.proration import Basis, Fact, Meter, Rated, rate_period, rate_usage

_DAY = timedelta(days=1)


class Group(msgspec.Struct, frozen=True):
    """All rows that were billed for one period; the first is its first billing."""

    span: Span
    rows: tuple[Billed, ...]


class Draft(msgspec.Struct):
    """A period, usage or one-time charge that is billed for the first time; discounts follow when all are known."""

    kind: Kind
    span: Span
    service_to: date
    billing_date: date
    price: Price
    rated: Rated
    terms: tuple[Discount, ...]
    shares: dict[Id, int] = {}


class History(msgspec.Struct):
    """The state of one item during a call. `upcoming` is filled while listing, `awaited` while re-rating."""

    contract: Contract
    item: Item
    until: date
    meter: Meter
    end: End | None
    course: tuple[Rhythm, ...]
    groups: list[Group]
    used: dict[Id, int]
    quantities: list[Fact]
    versions: list[Fact]
    follows: History | None = None
    drafts: list[Draft] = []
    upcoming: date | None = None
    awaited: list[date] = []
    waiting: bool = False

    @property
    def end_reached(self) -> bool:
        """Whether the item has ended by now."""
        return self.end is not None and self.end.on <= self.until

    @property
    def settles_at_once(self) -> bool:
        """Whether usage is billed as it is reported (instant metered)."""
        item = self.item
        return (
            item.measurement.metered
            and item.price.pay_in_advance
            and item.measurement.aggregation in INSTANT
            and item.price.calculation_type != "flat_fee"
        )

    @property
    def in_advance(self) -> bool:
        """Whether periods are billed at their start; usage that cannot be billed at once waits for the end."""
        item = self.item
        return item.price.pay_in_advance and (not item.measurement.metered or item.price.calculation_type == "flat_fee")

    def starts_after_end(self, start: date) -> bool:
        """Whether a period that begins on `start` lies behind the end of the item."""
        end = self.end
        if end is None or start < end.on:
            return False
        return end.at is None or self.meter.point(start) >= self.meter.point(end.on, end.at)

    def cut_of(self, span: Span) -> date:
        """Where the period stops: the rhythm's cut or the known end, whichever comes first."""
        return span.cut if self.end is None or self.end.on > span.cut else self.end.on

    def cut_instant(self, cut: date) -> datetime | None:
        """The instant of an end on `cut`, for proration by seconds."""
        return self.end.at if self.end is not None and self.end.on == cut else None


def history_of(
    contract: Contract, item: Item, rows: Sequence[Billed], until: date, items: Mapping[Id, Item], meter: Meter
) -> History:
    """Collect what is known at `until` about one item."""
    end = None
    if item.end is not None or contract.end is not None or item.parent is not None:
        end = effective_end(contract, item, until, items)
    course = rhythms(contract, item, until, items) if item.price.interval is not None else ()
    return History(
        contract,
        item,
        until,
        meter,
        end,
        course,
        _groups(course, rows) if rows else [],
        {},
        _quantity_facts(item, until, meter) if item.steps else [],
        _price_facts(item, until, meter) if item.versions else [],
        drafts=[],
        awaited=[],
    )


def continue_counters(history: History, former: History | None) -> None:
    """Start the coupon counters: as stored, else from the rows, on top of those of the item that is followed."""
    history.follows = former
    if history.item.coupon_periods is not None:
        history.used = dict(history.item.coupon_periods)
        return
    used = dict(former.used) if former is not None else {}
    for group in history.groups:
        for row in group.rows:
            for discount in row.discounts:
                if discount.counted:
                    used[discount.coupon] = used.get(discount.coupon, 0) + 1
    history.used = used


def carried_coupons(history: History, span: Span) -> set[Id]:
    """Coupons of the followed item's running period, when `span` is the rest of that period."""
    former, item = history.follows, history.item
    if former is None or item.reset_anchor or span.start == span.regular_from:
        return set()
    if span.start != item.start or not same_interval(former.item.price.interval, item.price.interval):
        return set()
    found: set[Id] = set()
    for group in former.groups:
        if group.span.regular_from == span.regular_from and group.span.start < span.start:
            found.update(discount.coupon for discount in group.rows[0].discounts)
    for draft in former.drafts:
        if draft.span.regular_from == span.regular_from and draft.span.start < span.start:
            found.update(term.coupon for term in draft.terms)
    return found


def price_at(history: History, start: date) -> Price:
    """The price version that counts on the first day of a period."""
    price = history.item.price
    for version in sorted(history.item.versions, key=lambda version: version.from_):
        if version.from_ <= start and known(version.recorded_on, history.until):
            price = version.price
    return price


def frozen_price(history: History, group: Group) -> Price:
    """The price version of a billed period: that of its first billing."""
    version = group.rows[0].price_version
    if version is not None:
        for price in (history.item.price, *(v.price for v in history.item.versions)):
            if price.id == version:
                return price
    return price_at(history, group.span.start)


def facts_in(history: History, span: Span, since: date | None = None) -> list[Fact]:
    """What counts for a period, sorted by point: its changes and the quantity before it.

    With `since`, the day of the first billing, quantities recorded later do not hide the one that was known then.
    """
    quantities = history.quantities
    if not quantities and not history.versions:
        return []
    start, stop = history.meter.point(span.start), history.meter.point(span.cut)
    low = bisect_right(quantities, start, key=_point) - 1
    while since is not None and low > 0 and not known(quantities[low].recorded_on, since - _DAY):
        low -= 1
    high = bisect_left(quantities, stop, key=_point)
    found = quantities[max(low, 0) : high]
    inside = [fact for fact in history.versions if start < fact.point < stop]
    return sorted(found + inside, key=_order) if inside else found


def rate_to(history: History, basis: Basis, span: Span, facts: Sequence[Fact], cut: date) -> Rated:
    """The due of a period that stops at `cut`, with an explicit credit type of an end at that day."""
    by_days = False
    end = history.end
    if end is not None and cut == end.on and cut < span.cut and end.credit_type is not None:
        if end.credit_type == "pro_rata":
            by_days = True
        elif history.in_advance and end.credit_type == "none":
            stop = history.meter.point(end.on, end.at)
            facts = [fact for fact in facts if fact.point < stop]
            cut = span.cut
        elif history.in_advance and end.credit_type == "full":
            cut = span.start
    at = history.cut_instant(cut) if end is not None else None
    return rate_period(basis, span, cut, facts, cut_at=at, by_days=by_days)


def rate_usage_to(history: History, basis: Basis, span: Span, cut: date, usage: Usage | None) -> Rated:
    """The due of a metered period up to `cut`; a floor counts once the period is over."""
    usage = usage or Usage(ZERO, 0)
    if cut > history.until and basis.price.minimum_amount is not None:
        open_price = msgspec.structs.replace(basis.price, minimum_amount=None)
        basis = Basis(basis.item, open_price, basis.meter)
    quantity = round_quantity(history.item.measurement, usage.quantity)
    return rate_usage(basis, span, cut, quantity, usage.values)


def usage_until(history: History, span: Span, cut: date) -> Usage | None:
    """Usage of a period as far as it is known by now."""
    stop = cut if cut <= history.until else history.until + _DAY
    return usage_of(history.item, span.start, min(stop, cut), history.contract.time_zone)


def due_in_arrears(history: History, cut: date) -> date:
    """The billing date of a period in arrears: its end, for usage after the hours of grace."""
    hours = history.contract.metering_grace_hours
    if not hours or not history.item.measurement.metered:
        return cut
    zone = history.contract.time_zone
    return local_date(start_of_day(cut, zone) + timedelta(hours=hours), zone)


def _groups(course: tuple[Rhythm, ...], rows: Iterable[Billed]) -> list[Group]:
    by_start: dict[date, list[Billed]] = {}
    for row in rows:
        by_start.setdefault(row.period_start, []).append(row)
    found = []
    for start, members in by_start.items():
        first = members[0]
        if len(members) > 1:
            members.sort(key=_first_billing_first)
            first = members[0]
        if not course:
            span = Span(start, first.service_to, start, first.service_to)
        elif first.regular_from is not None and first.regular_to is not None:
            span = span_of(course, start, (first.regular_from, first.regular_to))
        else:
            span = span_of(course, start, None)
        found.append(Group(span, tuple(members)))
    if len(found) > 1:
        found.sort(key=lambda group: group.span.start)
    return found


def _first_billing_first(row: Billed) -> tuple[bool, date, int]:
    return row.kind in ("change", "credit"), row.billed_on or date.min, row.sequence


def _quantity_facts(item: Item, until: date, meter: Meter) -> list[Fact]:
    rounding = item.measurement
    facts = [
        Fact(
            meter.point(step.from_, step.at),
            step.from_,
            index,
            quantity=round_quantity(rounding, step.value),
            recorded_on=step.recorded_on,
            immediate=step.invoice_immediately,
        )
        for index, step in enumerate(item.steps)
        if known(step.recorded_on, until)
    ]
    return sorted(facts, key=_order)


def _price_facts(item: Item, until: date, meter: Meter) -> list[Fact]:
    facts = [
        Fact(
            meter.point(version.from_),
            version.from_,
            len(item.steps) + index,
            price=version.price,
            recorded_on=version.recorded_on,
            immediate=version.invoice_immediately,
        )
        for index, version in enumerate(item.versions)
        if known(version.recorded_on, until)
    ]
    return sorted(facts, key=_order)


def _order(fact: Fact) -> tuple[int, int]:
    return fact.point, fact.index


def _point(fact: Fact) -> int:
    return fact.point
