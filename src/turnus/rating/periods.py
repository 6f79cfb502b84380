"""Billing periods by arithmetic from an anchor: rhythms, billing groups, stubs, pauses (§§ 187, 188 BGB).

A boundary is always computed from the anchor, never from the previous boundary, so 31 January → 28 February → 31 March.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import msgspec

from turnus.kernel.time import Interval, add_interval, add_months
from turnus.rating.contract import BillingGroup, Contract, End, Id, Item, Pause

_DAY = timedelta(days=1)
_FIXED_GROUPS = {
    "start_of_month": (1, None),
    "end_of_month": (31, None),
    "start_of_year": (1, 1),
    "end_of_year": (31, 12),
}


class Span(msgspec.Struct, frozen=True):
    """A period: billed from `start` to `cut`, inside the regular period [regular_from, regular_to).

    `cut` is where the rhythm itself stops it (a pause); the end of the item is not part of it.
    """

    start: date
    cut: date
    regular_from: date
    regular_to: date


class Rhythm(msgspec.Struct, frozen=True):
    """Boundaries anchor + k · interval on the nominal `day`, valid for [begin, end)."""

    begin: date
    anchor: date
    day: int
    interval: Interval
    end: date | None = None

    def boundary(self, k: int) -> date:
        """The k-th boundary; k may be negative."""
        return add_interval(self.anchor, self.interval, k, self.day)

    def span_at(self, day: date) -> Span:
        """The period that contains `day`, cut to this rhythm."""
        lower, upper = regular_period(self.anchor, self.day, self.interval, day)
        start = lower if lower > self.begin else self.begin
        cut = upper if self.end is None or upper < self.end else self.end
        return Span(start, cut, lower, upper)


def regular_period(anchor: date, nominal_day: int, interval: Interval, day: date) -> tuple[date, date]:
    """The boundaries around `day`: lower <= day < upper."""
    length = interval.days
    if length is not None:
        lower = day - timedelta(days=(day - anchor).days % length)
        return lower, lower + timedelta(days=length)
    months = interval.months or 1
    k = ((day.year - anchor.year) * 12 + day.month - anchor.month) // months
    lower = add_months(anchor, months * k, nominal_day)
    if lower > day:
        return add_months(anchor, months * (k - 1), nominal_day), lower
    upper = add_months(anchor, months * (k + 1), nominal_day)
    return lower, upper


def period_starts(
    anchor: date, interval: Interval, first: int, count: int, nominal_day: int | None = None
) -> list[date]:
    """`count` boundaries from the index `first` on (negative indices lie before the anchor)."""
    rhythm = Rhythm(anchor, anchor, nominal_day or anchor.day, interval)
    return [rhythm.boundary(k) for k in range(first, first + count)]


def same_interval(one: Interval | None, other: Interval | None) -> bool:
    """Whether two intervals are equal in length: 12M = 1Y, 7D = 1W."""
    if one is None or other is None:
        return one is other
    return one.months == other.months and one.days == other.days


def group_date(group: BillingGroup, interval: Interval, begin: date) -> tuple[date, int] | None:
    """The group's first date on or after `begin` and its nominal day; None for D and W intervals, which keep their own.

    Groups with a month constrain only intervals that are multiples of a year; others follow the day alone.
    """
    months = interval.months
    if months is None:
        return None
    day, month = _FIXED_GROUPS.get(group.type) or (group.custom_day or 1, group.custom_month)
    step = 1 if month is None or months % 12 else 12
    first = begin if step == 1 else date(begin.year, month or 1, 1)
    found = add_months(first, 0, day)
    if found < begin:
        found = add_months(first, step, day)
    return found, day


def first_day(contract: Contract, item: Item) -> date:
    """The first day that is billed: the start asked for, or the end of the trial when the price takes part in it."""
    ends_on = item.trial_ends_on or contract.trial_ends_on
    if ends_on is not None and ends_on > item.start and item.price.apply_trial:
        return ends_on
    return item.start


def known(recorded_on: date | None, until: date) -> bool:
    """Whether a fact exists for a call with `until`."""
    return recorded_on is None or recorded_on <= until


def effective_end(contract: Contract, item: Item, until: date, items: Mapping[Id, Item]) -> End | None:
    """The earliest known end among the item's own, its parent's and the contract's; the item's own wins a tie."""
    found = item.end if item.end is not None and known(item.end.recorded_on, until) else None
    parent = items.get(item.parent) if item.parent is not None else None
    outer = effective_end(contract, parent, until, items) if parent is not None else contract.end
    if outer is not None and known(outer.recorded_on, until) and (found is None or outer.on < found.on):
        found = outer
    return found


def is_paused(contract: Contract, until: date) -> bool:
    """Whether the day `until` lies in a pause: the day of the pause does, the day of the resumption does not."""
    return any(
        known(pause.recorded_on, until) and pause.on <= until and (pause.resumed_on is None or until < pause.resumed_on)
        for pause in contract.pauses
    )


def rhythms(contract: Contract, item: Item, until: date, items: Mapping[Id, Item]) -> tuple[Rhythm, ...]:
    """The rhythms of a recurring item, oldest first, with gaps where a pause skips time."""
    interval = item.price.interval
    if interval is None:
        raise ValueError("a one-time price has no periods")
    begin = first_day(contract, item)
    if not (contract.pauses or contract.billing_group or item.anchors or item.replaces is not None):
        return (Rhythm(begin, begin, begin.day, interval),)
    found = [_first_rhythm(contract, item, begin, interval, until, items)]
    changes: list[tuple[date, Pause | Rhythm]] = [
        (anchor.from_, Rhythm(anchor.from_, anchor.on, anchor.day or anchor.on.day, interval))
        for anchor in item.anchors
        if anchor.from_ is not None and anchor.from_ > begin
    ]
    end = effective_end(contract, item, until, items) if contract.pauses else None
    changes += [(pause.on, pause) for pause in _effective_pauses(contract, end, until)]
    for _, change in sorted(changes, key=lambda entry: entry[0]):
        if isinstance(change, Rhythm):
            _switch(found, change.begin, change)
        else:
            _skip(contract, item, change, found)
    return tuple(found)


def _first_rhythm(
    contract: Contract, item: Item, begin: date, interval: Interval, until: date, items: Mapping[Id, Item]
) -> Rhythm:
    for anchor in reversed(item.anchors):
        if anchor.from_ is None or anchor.from_ <= begin:
            return Rhythm(begin, anchor.on, anchor.day or anchor.on.day, interval)
    replaced = items.get(item.replaces) if item.replaces is not None else None
    if replaced is not None and not item.reset_anchor and same_interval(replaced.price.interval, interval):
        for former in reversed(rhythms(contract, replaced, until, items)):
            if former.begin <= begin:
                return Rhythm(begin, former.anchor, former.day, interval)
    return _own_rhythm(contract, begin, interval)


def _own_rhythm(contract: Contract, begin: date, interval: Interval) -> Rhythm:
    grouped = group_date(contract.billing_group, interval, begin) if contract.billing_group else None
    anchor, day = grouped or (begin, begin.day)
    return Rhythm(begin, anchor, day, interval)


def _effective_pauses(contract: Contract, end: End | None, until: date) -> Iterator[Pause]:
    """Pauses that skip time: those resumed with a date, and one in which the item ended (= resumed with its end)."""
    for pause in contract.pauses:
        if not known(pause.recorded_on, until) or pause.on > until:
            continue
        resumed_on = pause.resumed_on if pause.resumed_on is not None and pause.resumed_on <= until else None
        if end is not None and pause.on < end.on <= until and (resumed_on is None or resumed_on > end.on):
            yield Pause(pause.on, end.on, end.on)
        elif resumed_on is not None and pause.next_billing_date is not None:
            yield pause


def _skip(contract: Contract, item: Item, pause: Pause, found: list[Rhythm]) -> None:
    """End the running rhythm by a pause and begin a new one at its next billing date, never inside prepaid time."""
    running, again = found[-1], pause.next_billing_date or pause.on
    advance = item.price.pay_in_advance
    last = pause.on - _DAY + timedelta(days=contract.days_in_advance if advance else 0)
    if last < running.begin:
        stop = running.begin
    else:
        stop = running.span_at(last).cut if advance else pause.on
    begin = max(again, stop)
    _switch(found, stop, _own_rhythm(contract, begin, running.interval))


def _switch(found: list[Rhythm], stop: date, following: Rhythm) -> None:
    running = found.pop()
    if running.begin < stop:
        end = stop if running.end is None else min(stop, running.end)
        found.append(Rhythm(running.begin, running.anchor, running.day, running.interval, end))
    found.append(following)


def spans_from(course: tuple[Rhythm, ...], cursor: date) -> Iterator[Span]:
    """Periods in order from the day `cursor` on, without end; time that no rhythm covers is left out."""
    for rhythm in course:
        if rhythm.end is not None and rhythm.end <= cursor:
            continue
        cursor = max(cursor, rhythm.begin)
        while rhythm.end is None or cursor < rhythm.end:
            span = rhythm.span_at(cursor)
            yield span if span.start == cursor else Span(cursor, span.cut, span.regular_from, span.regular_to)
            cursor = span.cut


def span_of(course: tuple[Rhythm, ...], start: date, regular: tuple[date, date] | None) -> Span:
    """The period that was billed with its first day `start`, with the regular period it had then when that is known."""
    rhythm = next((r for r in reversed(course) if r.begin <= start), course[0])
    lower, upper = regular or regular_period(rhythm.anchor, rhythm.day, rhythm.interval, start)
    cut = upper if rhythm.end is None or rhythm.end <= start else min(upper, rhythm.end)
    later = next((r.begin for r in course if r.begin > start), None)
    return Span(start, cut if later is None else min(cut, later), lower, upper)
