"""Billed periods against what is known now: changes of quantity and price, moved and reached ends, late usage.

Every new change costs its due after less what was billed before, base and discount separately, so the charges of a
period always add up to its due. Which changes a period's rows reflect already is found by rating: the charges of the
past are the due of some state of knowledge.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from turnus.rating.charges import Billed, Discount
from turnus.rating.contract import ZERO, End, Id
from turnus.rating.discounts import minus, shrunk_shares, take_off, totals
from turnus.rating.history import (
    Group,
    History,
    due_in_arrears,
    facts_in,
    frozen_price,
    rate_to,
    rate_usage_to,
    usage_until,
)
from turnus.rating.periods import Span
from turnus.rating.proration import Basis, Fact, Rated

_SEARCHED_FACTS = 16


class Sum(msgspec.Struct, frozen=True):
    """Base and discounts per coupon, in minor units."""

    base: int
    discounts: dict[Id, int]

    @property
    def discount(self) -> int:
        return sum(self.discounts.values())

    @property
    def net(self) -> int:
        return self.base - self.discount


class Change(msgspec.Struct, frozen=True):
    """A later charge for a billed period. `due` and `before` are base and discount after and before it."""

    kind: Literal["change", "credit", "usage"]
    span: Span
    service_from: date
    service_to: date
    quantity: Decimal
    base: int
    discounts: tuple[Discount, ...]
    billing_date: date
    basis: Basis
    rated: Rated | None
    due: tuple[int, int]
    before: tuple[int, int]
    reason: str


class Chain:
    """Walks a billed period from what was billed to what is due, change by change."""

    def __init__(self, history: History, group: Group) -> None:
        self.history, self.group, self.span = history, group, group.span
        self.plain = [row for row in group.rows if row.kind != "credit"]
        self.first = self.plain[0]
        self.basis = Basis(history.item, frozen_price(history, group), history.meter)
        self.reflected = max(row.service_to for row in self.plain)
        self.running = _sum(self.plain)
        self.credited = _sum([row for row in group.rows if row.kind == "credit"])
        self.changes: list[Change] = []

    def due(self, facts: Sequence[Fact], cut: date) -> tuple[Sum, tuple[Discount, ...], Rated]:
        """The due of the period with some of the facts, when it stops at `cut`."""
        return self.discounted(rate_to(self.history, self.basis, self.span, facts, cut))

    def discounted(self, rated: Rated) -> tuple[Sum, tuple[Discount, ...], Rated]:
        """A due with the coupons of the first billing."""
        terms, base = self.first.discounts, rated.base
        shares = shrunk_shares(terms, base, self.first.base)
        discounts = take_off(base, terms, rated, self.basis.price.currency, shares)
        return Sum(base, totals(discounts)), discounts, rated

    def advance(
        self,
        due: tuple[Sum, tuple[Discount, ...], Rated],
        service: tuple[date, date],
        billing_date: date,
        reason: str,
        *,
        quantity: Decimal | None = None,
        kind: Literal["change", "usage"] = "change",
    ) -> None:
        """Charge the difference to what was billed so far, unless it nets to 0."""
        now, discounts, rated = due
        before = self.running
        if now.net == before.net:
            return
        shown = rated.quantity if quantity is None else quantity
        part = minus(discounts, before.discounts)
        self.running = now
        self.changes.append(
            Change(
                kind,
                self.span,
                service[0],
                service[1],
                shown,
                now.base - before.base,
                part,
                billing_date,
                self.basis,
                rated,
                (now.base, now.discount),
                (before.base, before.discount),
                reason,
            )
        )


def rerate(history: History, group: Group, settling: date | None) -> list[Change]:
    """The charges that a billed period needs now.

    `settling` is the day on which differences fall due: the billing date of the item's next period, or its end; None
    when neither is due in this call, so that only what is billed at once counts.
    """
    item = history.item
    if item.price.interval is None:
        return []
    if item.measurement.metered:
        return _usage_changes(history, group, settling)
    plain_end = group.span.cut
    touched = history.quantities or history.versions or history.end is not None
    if not touched and len(group.rows) == 1 and group.rows[0].service_to == plain_end:
        return []
    chain = Chain(history, group)
    facts = facts_in(history, group.span, chain.first.billed_on)
    if _is_settled(chain):
        _settle_again(chain, facts)
        return chain.changes
    current = _apply_facts(chain, facts, settling)
    current = _extend(chain, facts, current, settling)
    if history.end_reached:
        _apply_end(chain, current)
    elif history.end is not None and history.in_advance and chain.reflected > history.end.on:
        history.awaited.append(history.end.on)
    return chain.changes


def _apply_facts(chain: Chain, facts: list[Fact], settling: date | None) -> list[Fact]:
    """Charge the new facts that are due, in order of their day; returns the facts that the period now reflects."""
    history, span = chain.history, chain.span
    stop = history.meter.point(chain.reflected)
    if history.end is not None and history.end_reached:
        stop = min(stop, history.meter.point(history.end.on, history.end.at))
    inside = [fact for fact in facts if fact.point < stop]
    reflected = _reflected(chain, inside)
    seen = {fact.index for fact in reflected}
    pending = [fact for fact in inside if fact.index not in seen]
    if not pending:
        if reflected and settling is not None and chain.reflected == history.cut_of(span):
            service = (span.start, chain.reflected)
            chain.advance(chain.due(inside, chain.reflected), service, settling, "correction")
        return reflected
    count = len(pending) if settling is not None else 0
    for index, fact in enumerate(pending):
        if fact.immediate and fact.day <= history.until:
            count = max(count, index + 1)
    while 0 < count < len(pending) and pending[count].point == pending[count - 1].point:
        count += 1
    before = _quantity(reflected, chain)
    for index, fact in enumerate(pending[:count]):
        reflected = _in_time([*reflected, fact])
        if index + 1 < count and pending[index + 1].point == fact.point:
            continue
        after = _quantity([f for f in reflected if f.point <= fact.point], chain)
        billing_date = settling or max(fact.day, fact.recorded_on or fact.day)
        service = (max(fact.day, span.start), chain.reflected)
        reason = "price" if fact.price is not None else "quantity"
        due = chain.due(reflected, chain.reflected)
        delta = None if fact.price is not None else after - before
        chain.advance(due, service, billing_date, reason, quantity=delta)
        before = after
    _await(history, pending[count:])
    return reflected


def _reflected(chain: Chain, facts: list[Fact]) -> list[Fact]:
    """The facts that the rows reflect: the longest beginning of the record whose due is what was billed.

    Facts recorded on the day of the last billing may or may not have been known to it, hence the search. Without a
    match the record decides.
    """
    if not facts:
        return []
    recorded = sorted(facts, key=lambda fact: (fact.recorded_on or date.min, fact.index))
    last = max((row.billed_on for row in chain.plain if row.billed_on is not None), default=date.min)
    known_then = sum(1 for fact in recorded if fact.recorded_on is None or fact.recorded_on <= last)
    cuts = [len(recorded), known_then]
    if len(recorded) <= _SEARCHED_FACTS:
        cuts += range(len(recorded) - 1, -1, -1)
    for count in cuts:
        state = _in_time(recorded[:count])
        due = chain.due(state, chain.reflected)[0]
        if due.net == chain.running.net and due.base == chain.running.base:
            return state
    state = _in_time(facts)
    if chain.due(state, chain.reflected)[0].net == chain.running.net:
        return state
    return _in_time(recorded[:known_then])


def _extend(chain: Chain, facts: list[Fact], current: list[Fact], settling: date | None) -> list[Fact]:
    """Charge time that a revoked or moved end gives back to a period that was billed shorter."""
    history, span = chain.history, chain.span
    target = history.cut_of(span)
    if target <= chain.reflected:
        return current
    if settling is None and history.until < chain.reflected:
        history.awaited.append(chain.reflected)
        return current
    mark = history.meter.point(chain.reflected)
    wider = current + [fact for fact in facts if fact.point >= mark]
    service, billing_date = (chain.reflected, target), settling or chain.reflected
    chain.advance(chain.due(wider, target), service, billing_date, "end_moved")
    chain.reflected = target
    return wider


def _apply_end(chain: Chain, facts: list[Fact]) -> None:
    """Credit prepaid time after a reached end, as its credit type says."""
    history, span, end = chain.history, chain.span, chain.history.end
    if end is None or not history.in_advance:
        return
    service = (max(end.on, span.start), chain.reflected)
    if history.starts_after_end(span.start):
        _credit(chain, Sum(0, {}), (span.start, chain.reflected), None)
    elif end.credit_type == "last_invoiced":
        last = _last_position(history, end)
        if last is not None and last.period_start == span.start:
            taken = _sum([last])
            left = {key: amount - taken.discounts.get(key, 0) for key, amount in chain.running.discounts.items()}
            service = (last.service_from, last.service_to)
            _credit(chain, Sum(chain.running.base - taken.base, left), service, None)
    elif (chain.reflected <= end.on and end.at is None) or end.credit_type == "none":
        return
    elif end.credit_type == "full":
        _credit(chain, Sum(0, {}), (span.start, chain.reflected), None)
    else:
        due, _, rated = chain.due(facts, end.on)
        _credit(chain, due, service, rated)


def _is_settled(chain: Chain) -> bool:
    """Whether an earlier call has already squared this period with the end that was reached inside or before it."""
    history, end = chain.history, chain.history.end
    if end is None or not history.end_reached or not history.in_advance or end.credit_type == "none":
        return False
    if chain.reflected <= end.on and not history.starts_after_end(chain.span.start):
        return False
    if any(row.kind == "credit" for row in chain.group.rows):
        return True
    return end.credit_type != "last_invoiced" and any((r.billed_on or date.min) >= end.on for r in chain.group.rows)


def _settle_again(chain: Chain, facts: list[Fact]) -> None:
    """Facts that date back behind a settled end: the difference to what the ended period costs, in one charge."""
    history, span, end = chain.history, chain.span, chain.history.end
    if end is None or end.credit_type == "last_invoiced":
        return
    if history.starts_after_end(span.start) or end.credit_type == "full":
        _credit(chain, Sum(0, {}), (span.start, chain.reflected), None)
        return
    last = max((row.billed_on or date.min for row in chain.group.rows), default=date.min)
    stop = history.meter.point(end.on, end.at)
    inside = [fact for fact in facts if fact.point < stop]
    new = [max(fact.day, span.start) for fact in inside if fact.recorded_on is not None and fact.recorded_on >= last]
    service = (min(new), end.on) if new else (end.on, chain.reflected)
    due, _, rated = chain.due(inside, end.on)
    _credit(chain, due, service, rated)


def _credit(chain: Chain, target: Sum, service: tuple[date, date], rated: Rated | None) -> None:
    """Charge `target` less all that was billed and credited, limited to what is still creditable."""
    history, credited = chain.history, chain.credited
    before = Sum(
        chain.running.base + credited.base,
        {
            key: chain.running.discounts.get(key, 0) + credited.discounts.get(key, 0)
            for key in {**chain.running.discounts, **credited.discounts}
        },
    )
    terms = chain.first.discounts
    part = tuple(
        Discount(t.coupon, t.type, t.value, t.basis, target.discounts.get(t.coupon, 0) - before.discounts[t.coupon])
        for t in terms
    )
    base = target.base - before.base
    net = base - sum(discount.amount for discount in part)
    creditable = before.net - sum(row.credited for row in chain.group.rows)
    if net < 0 and -net > creditable:
        base += -net - max(0, creditable)
        net = -max(0, creditable)
    if net == 0:
        return
    end = history.end
    chain.changes.append(
        Change(
            "credit" if net < 0 else "change",
            chain.span,
            service[0],
            service[1],
            rated.quantity if rated is not None and rated.quantity else chain.first.quantity,
            base,
            part,
            end.on if end is not None else history.until,
            chain.basis,
            rated,
            (target.base, target.discount),
            (before.base, before.discount),
            "end",
        )
    )


def _usage_changes(history: History, group: Group, settling: date | None) -> list[Change]:
    """Instant usage is billed as a running total; late usage of a closed period re-rates it where that is wanted."""
    instant = history.settles_at_once
    cut = history.cut_of(group.span)
    if instant and due_in_arrears(history, cut) > history.until:
        history.awaited.append(due_in_arrears(history, cut))
    usage = usage_until(history, group.span, cut)
    if usage is None or not (instant or (history.item.correct_late_usage and not history.in_advance)):
        return []
    chain = Chain(history, group)
    due = chain.discounted(rate_usage_to(history, chain.basis, group.span, cut, usage))
    if instant:
        billed = sum((row.quantity for row in chain.plain), ZERO)
        service, when = (group.span.start, cut), min(history.until, cut)
        chain.advance(due, service, when, "usage", quantity=due[2].quantity - billed, kind="usage")
    elif settling is not None:
        chain.advance(due, (group.span.start, chain.reflected), settling, "late_usage")
    elif due[0].net != chain.running.net:
        history.waiting = True
    return chain.changes


def _await(history: History, pending: Sequence[Fact]) -> None:
    if pending:
        history.waiting = True
    history.awaited += [fact.day for fact in pending if fact.immediate and fact.day > history.until]


def _last_position(history: History, end: End) -> Billed | None:
    """The item's last position, unless it was billed in the knowledge of the end and has nothing to give back."""
    rows = [row for group in history.groups for row in group.rows if row.kind != "credit"]
    last = max(rows, key=lambda row: (row.billed_on or date.min, row.period_start, row.sequence), default=None)
    if last is None or last.service_to > end.on or (last.billed_on or date.min) < (end.recorded_on or end.on):
        return last
    return None


def _quantity(facts: Sequence[Fact], chain: Chain) -> Decimal:
    quantities = [fact.quantity for fact in facts if fact.quantity is not None]
    return quantities[-1] if quantities else chain.basis.item.quantity


def _in_time(facts: Sequence[Fact]) -> list[Fact]:
    return sorted(facts, key=lambda fact: (fact.point, fact.index))


def _sum(rows: Sequence[Billed]) -> Sum:
    discounts: dict[Id, int] = {}
    for row in rows:
        for discount in row.discounts:
            discounts[discount.coupon] = discounts.get(discount.coupon, 0) + discount.amount
    return Sum(sum(row.base for row in rows), discounts)
