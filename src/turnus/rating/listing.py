"""The periods of an item that fall due for the first time, and the day on which the next one will."""

from __future__ import annotations

from datetime import date, timedelta

from turnus.rating.charges import Kind
from turnus.rating.discounts import grant
from turnus.rating.history import (
    Draft,
    History,
    carried_coupons,
    due_in_arrears,
    facts_in,
    price_at,
    rate_to,
    rate_usage_to,
    usage_until,
)
from turnus.rating.periods import Span, first_day, spans_from
from turnus.rating.proration import Basis, Fact, rate_period


def list_due(history: History) -> None:
    """Add a draft for every period that is billable by now and was never billed; note when the next one falls due."""
    if history.item.price.interval is None:
        _list_one_time(history)
        return
    lead = timedelta(days=history.contract.days_in_advance)
    billed = {group.span.start for group in history.groups}
    instant, advance = history.settles_at_once, history.in_advance
    for span in spans_from(history.course, _cursor(history)):
        if history.starts_after_end(span.start):
            return
        if span.start in billed:
            continue
        cut = history.cut_of(span)
        if instant:
            if not _list_instant(history, span, cut):
                return
            continue
        billing_date = span.start - lead if advance else due_in_arrears(history, cut)
        if billing_date > history.until:
            history.upcoming = billing_date
            return
        _add(history, span, cut, billing_date)


def _cursor(history: History) -> date:
    """The first day that is not billed: where listing begins."""
    cursor = history.item.billed_until or history.course[0].begin
    for group in history.groups:
        if group.span.start <= cursor < group.span.cut:
            cursor = group.span.cut
    return cursor


def _add(history: History, span: Span, cut: date, billing_date: date) -> None:
    item = history.item
    basis = Basis(item, price_at(history, span.start) if item.versions else item.price, history.meter)
    if item.measurement.metered:
        usage = None if history.in_advance else usage_until(history, span, cut)
        rated = rate_usage_to(history, basis, span, cut, usage)
    else:
        facts = facts_in(history, span) if history.quantities or history.versions else ()
        rated = rate_to(history, basis, span, facts, cut)
    kind: Kind = "usage" if item.measurement.metered and not history.in_advance else "period"
    coupons = history.contract.coupons
    terms = grant(coupons, item, history.until, history.used, carried_coupons(history, span)) if coupons else ()
    history.drafts.append(Draft(kind, span, cut, billing_date, basis.price, rated, terms))


def _list_instant(history: History, span: Span, cut: date) -> bool:
    """Usage of an interval as far as it is known; False when neither usage nor the interval's end is there yet."""
    closing = due_in_arrears(history, cut)
    usage = usage_until(history, span, cut)
    if closing > history.until:
        history.awaited.append(closing)
        if span.start > history.until or usage is None:
            return False
    price = price_at(history, span.start)
    rated = rate_usage_to(history, Basis(history.item, price, history.meter), span, cut, usage)
    terms = grant(history.contract.coupons, history.item, history.until, history.used, carried_coupons(history, span))
    history.drafts.append(Draft("usage", span, cut, min(history.until, cut), price, rated, terms))
    return True


def _list_one_time(history: History) -> None:
    item = history.item
    day = first_day(history.contract, item)
    if history.groups or item.billed_until is not None or history.starts_after_end(day):
        return
    if day > history.until:
        history.upcoming = day
        return
    span = Span(day, day + timedelta(days=1), day, day + timedelta(days=1))
    price = price_at(history, day)
    facts = [Fact(history.meter.point(day), day, 0, fact.quantity) for fact in facts_in(history, span)[-1:]]
    rated = rate_period(Basis(item, price, history.meter), span, span.cut, facts)
    terms = grant(history.contract.coupons, item, history.until, history.used)
    history.drafts.append(Draft("one_time", span, day, day, price, rated, terms))
