"""Contract terms, notice and the date on which a contract ends; the length of a trial (§§ 187, 188 BGB)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

import msgspec

from turnus.kernel.time import Interval, add_interval
from turnus.rating.periods import regular_period

_DAY = timedelta(days=1)
Alignment = Literal["term_end", "billing_period_end", "month_end", "any_day"]


class Term(msgspec.Struct, frozen=True):
    """One entry of the contract terms.

    `length` of one term, None = indefinite; `count` terms in a row use the entry, None = all further ones; `notice`
    before the end of a term, None = none (0D). `alignment` moves an end to a billing boundary or the end of its
    month.
    """

    length: Interval | None
    count: int | None = None
    notice: Interval | None = None
    alignment: Alignment = "term_end"


class RunningTerm(msgspec.Struct, frozen=True):
    """The term that a day lies in: its number from 1, bounds (end exclusive, None = indefinite) and last day for
    notice.

    `renews` is False for the last term of a contract that ends by itself.
    """

    number: int
    start: date
    end: date | None
    latest_notice: date | None
    renews: bool


class BillingRhythm(msgspec.Struct, frozen=True):
    """Boundaries to which an end may be aligned."""

    anchor: date
    interval: Interval
    day: int


def trial_end(activation: date, length: Interval, *, extra_days: int = 0, revoked_on: date | None = None) -> date:
    """The first day after the trial, counted from the later of activation and billing start; revoked on x it is x."""
    if revoked_on is not None:
        return revoked_on
    return add_interval(activation, length) + timedelta(days=extra_days)


def notice_of(text: str) -> Interval | None:
    """A notice period such as `3M`; `0D` is none."""
    return None if text in ("0D", "P0D") else Interval.parse(text)


def next_possible_end(
    terms: Sequence[Term],
    start: date,
    received: date,
    *,
    billed_to: date | None = None,
    trial_ends_on: date | None = None,
    rhythm: BillingRhythm | None = None,
) -> date:
    """The day (exclusive) on which a contract ends when notice is received on the local day `received`.

    A notice ends term k when it arrives before E(k) less the notice of its entry, else the next one. Without terms the
    contract ends with the time already invoiced, otherwise now; during a trial without terms it ends with the trial.
    """
    if not terms:
        if trial_ends_on is not None and received < trial_ends_on:
            return trial_ends_on
        return max(received, billed_to) if billed_to is not None else received
    first = 1
    for position, term in enumerate(terms):
        if term.length is None:
            floor = _term_end(terms, start, first - 1)
            open_end = (add_interval(received, term.notice) if term.notice is not None else received) + _DAY
            return _aligned(max(open_end, floor), term.alignment, rhythm)
        last = None if term.count is None else first + term.count - 1
        number = max(first, _terms_before(terms, start, first, term.length, received))
        while last is None or number <= last:
            end = _term_end(terms, start, number)
            if received < _subtract(end, term.notice):
                return _aligned(end, term.alignment, rhythm)
            number += 1
        if position == len(terms) - 1:
            return _term_end(terms, start, last or number)
        first = (last or number) + 1
    return received


def running_term(terms: Sequence[Term], start: date, day: date) -> RunningTerm | None:
    """The term that contains `day`; None without terms, or after a contract that ended by itself."""
    first, begin = 1, start
    for position, term in enumerate(terms):
        if term.length is None:
            return RunningTerm(first, begin, None, None, renews=True)
        last = None if term.count is None else first + term.count - 1
        number = max(first, _terms_before(terms, start, first, term.length, day))
        if number > first:
            begin = _term_end(terms, start, number - 1)
        while last is None or number <= last:
            end = _term_end(terms, start, number)
            if day < end:
                renews = term.count is None or number < first + term.count - 1 or position < len(terms) - 1
                return RunningTerm(number, begin, end, _subtract(end, term.notice) - _DAY, renews)
            begin, number = end, number + 1
        first = number
    return None


def fixed_end(terms: Sequence[Term], start: date) -> date | None:
    """The end of a contract whose entries all have a finite count (no renewal); None when it goes on."""
    if not terms or any(term.count is None or term.length is None for term in terms):
        return None
    return _term_end(terms, start, sum(term.count or 0 for term in terms))


def initial_term_end(terms: Sequence[Term], start: date) -> date | None:
    """The end (exclusive) of the first term, None without one."""
    if not terms or terms[0].length is None:
        return None
    return _term_end(terms, start, 1)


def _term_end(terms: Sequence[Term], start: date, number: int) -> date:
    """E(number): lengths of equal kind are summed first and added at once, unlike kinds one after the other."""
    months = days = 0
    months_first: bool | None = None
    left = number
    for term in terms:
        if left <= 0 or term.length is None:
            break
        used = left if term.count is None else min(left, term.count)
        if months_first is None:
            months_first = term.length.months is not None
        months += used * (term.length.months or 0)
        days += used * (term.length.days or 0)
        left -= used
    by_months = Interval(1, "M")
    if months_first:
        return add_interval(start, by_months, months) + timedelta(days=days)
    return add_interval(start + timedelta(days=days), by_months, months)


def _terms_before(terms: Sequence[Term], start: date, first: int, length: Interval, day: date) -> int:
    """A term of an entry that surely ends no later than the first candidate for `day`, found without walking."""
    begin = _term_end(terms, start, first - 1)
    if day <= begin:
        return first
    if length.days is not None:
        return first + max(0, (day - begin).days // length.days - 1)
    months = (day.year - begin.year) * 12 + day.month - begin.month
    return first + max(0, months // (length.months or 1) - 1)


def _subtract(day: date, notice: Interval | None) -> date:
    return day if notice is None else add_interval(day, notice, -1)


def _aligned(end: date, alignment: Alignment, rhythm: BillingRhythm | None) -> date:
    if alignment == "month_end":
        return end if end.day == 1 else add_interval(end.replace(day=1), Interval(1, "M"))
    if alignment == "billing_period_end" and rhythm is not None:
        lower, upper = regular_period(rhythm.anchor, rhythm.day, rhythm.interval, end)
        return end if lower == end else upper
    return end
