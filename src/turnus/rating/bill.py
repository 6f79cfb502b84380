"""`charges = bill(contract history, what was billed already, until when)`: the one billing function.

    result = bill(contract, billed, until=date(2025, 7, 1))
    result.charges             # tuple[Charge, ...]: what to invoice now, possibly empty
    result.items               # tuple[ItemState, ...]: lastBilledFrom/To, next date, rhythm, coupon counters per item
    result.next_billing_date   # the next day on which anything falls due, None when nothing ever does
    as_billed(charge)          # the row to pass to the next call
    next_billing_date(contract, billed, known_on)   # the earliest day on which something is due, overdue or in future

Pure: no clock, no I/O. A call with the charges of an earlier one among `billed` bills nothing twice; billing run,
preview, plan change, cancellation and migration are this function with other arguments. `until` is a local day of the
contract's time zone and included: what falls due on it is billed, facts recorded on it are known, later ones are not.

**What has to be passed.** Not the whole past. Per item:
- `Item.billed_until`: the `billed_until` of its last `ItemState` (None: never billed, or all rows are passed);
- the `Billed` rows of every period that can still be re-rated, always all rows of a period: the last billed period,
  and with a fact that dates back, all periods from its day on, until its difference has been billed. Periods before
  `billed_until` without rows are left alone, so late usage of a closed period is billed only when it is passed as usage
  of the open one (`aggregation.counted_from`), or with its rows and `Item.correct_late_usage`;
- the facts (steps, versions, end, pauses) that touch those periods or later ones, and the quantity before them. A
  recorded step is never taken away again but superseded by a later one of the same day;
- usage (values or totals) of the periods to be billed, and for instant metered items of the whole open interval;
- `Item.coupon_periods` from the last `ItemState` (None: counted from the rows), the row's coupons themselves are
  frozen in it;
- for an item that `replaces` another one: the other one with its rows until the new one was billed once; afterwards
  pass `Item.anchors=(Anchor(state.anchor, state.anchor_day),)` instead.
A draft that is deleted takes its rows out and sets `billed_until` back to the first day it had billed.

Charges come in the order of the contract's items (a parent before its children), in an item by the first day of
service, then credit, change, period, usage. Amounts are whole minor units of the price's currency, gross when the
price is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from turnus.kernel.money import exponent
from turnus.kernel.rounding import round_minor
from turnus.rating.charges import Billed, BillResult, Charge, ItemState, Kind
from turnus.rating.contract import Contract, Id, Item
from turnus.rating.discounts import left_before_shares, share_out, take_off
from turnus.rating.history import Draft, History, continue_counters, history_of
from turnus.rating.listing import list_due
from turnus.rating.periods import is_paused, known
from turnus.rating.pricing import fraction
from turnus.rating.proration import Meter
from turnus.rating.rerate import Change, rerate
from turnus.rating.trace import explain, explain_change, explain_discounts

_RANK = {"credit": 0, "change": 1, "period": 2, "usage": 3, "one_time": 4}


def bill(contract: Contract, billed: Sequence[Billed] = (), *, until: date) -> BillResult:
    """Everything that is due by the end of the local day `until` and was not billed yet.

    The first billing of a period always yields a charge, also one of 0; later differences yield one only when they do
    not net to 0. While the contract is paused nothing is billed, except for items that have ended.
    """
    histories = _histories(contract, billed, until)
    paused = bool(contract.pauses) and is_paused(contract, until)
    done: set[Id] = set()
    for history in histories:
        _list(history, histories, paused, done)
    changes = [[] if paused and not history.end_reached else _changes(history) for history in histories]
    if contract.coupons:
        _share_invoice_coupons(contract, histories)
    charges: list[Charge] = []
    for history, found in zip(histories, changes, strict=True):
        made = [_first_charge(history, draft) for draft in history.drafts]
        if found:
            made += _later_charges(history, found)
        if len(made) > 1:
            made.sort(key=_order)
        charges += made
    return BillResult(tuple(charges), tuple([_state(history, paused) for history in histories]))


def next_billing_date(contract: Contract, billed: Sequence[Billed] = (), *, known_on: date) -> date | None:
    """The earliest day on which something is due, by the facts known on `known_on`; a past day when it is overdue."""
    result = bill(contract, billed, until=known_on)
    if result.charges:
        return min(charge.billing_date for charge in result.charges)
    return result.next_billing_date


def _histories(contract: Contract, billed: Sequence[Billed], until: date) -> list[History]:
    meter = Meter(contract.proration_mode, contract.time_zone, contract.prorate_free_units)
    known_items = [item for item in contract.items if known(item.recorded_on, until)]
    items: dict[Id, Item] = {item.id: item for item in known_items}
    rows: dict[Id, list[Billed]] = {}
    for row in billed:
        rows.setdefault(row.item, []).append(row)
    return [
        history_of(contract, item, rows.get(item.id, ()), until, items, meter)
        for item in _parents_first(known_items, items)
    ]


def _parents_first(items: list[Item], by_id: Mapping[Id, Item]) -> list[Item]:
    if all(item.parent is None for item in items):
        return items
    ordered: dict[Id, Item] = {}

    def place(item: Item) -> None:
        parent = by_id.get(item.parent) if item.parent is not None else None
        if parent is not None and parent.id not in ordered:
            place(parent)
        ordered.setdefault(item.id, item)

    for item in items:
        place(item)
    return list(ordered.values())


def _list(history: History, histories: Iterable[History], paused: bool, done: set[Id]) -> None:
    """List what is due for an item; one that it follows goes first, since its coupons move along."""
    item = history.item
    if item.id in done:
        return
    done.add(item.id)
    former = None
    if item.replaces is not None:
        former = next((other for other in histories if other.item.id == item.replaces), None)
        if former is not None:
            _list(former, histories, paused, done)
    if history.contract.coupons or history.groups:
        continue_counters(history, former)
    if not paused or history.end_reached:
        list_due(history)


def _changes(history: History) -> list[Change]:
    if not history.groups:
        return []
    settling = None
    if history.drafts:
        settling = history.drafts[0].billing_date
    elif history.end is not None and history.end_reached:
        settling = history.end.on
    found: list[Change] = []
    for group in history.groups:
        found += rerate(history, group, settling)
    return found


def _share_invoice_coupons(contract: Contract, histories: Iterable[History]) -> None:
    """Spread fixed amounts per invoice over the charges of one billing date, coupon by coupon."""
    dated: dict[date, list[Draft]] = {}
    for history in histories:
        for draft in history.drafts:
            if any(term.basis == "invoice" and term.type == "fixed_amount" for term in draft.terms):
                dated.setdefault(draft.billing_date, []).append(draft)
    for drafts in dated.values():
        lefts = {
            id(draft): left_before_shares(draft.rated.base, draft.terms, draft.rated, draft.price.currency)
            for draft in drafts
        }
        for coupon in contract.coupons:
            if coupon.type != "fixed_amount" or coupon.basis != "invoice":
                continue
            eligible = [d for d in drafts if any(term.coupon == coupon.id for term in d.terms)]
            for currency in dict.fromkeys(draft.price.currency for draft in eligible):
                members = [draft for draft in eligible if draft.price.currency == currency]
                amount = round_minor(fraction(coupon.amount), exponent(currency))
                shares = share_out(amount, [lefts[id(draft)] for draft in members])
                for draft, share in zip(members, shares, strict=True):
                    draft.shares = {**draft.shares, coupon.id: share}
                    lefts[id(draft)] -= share


def _first_charge(history: History, draft: Draft) -> Charge:
    rated, price, span = draft.rated, draft.price, draft.span
    discounts = take_off(rated.base, draft.terms, rated, price.currency, draft.shares) if draft.terms else ()
    discount = sum([taken.amount for taken in discounts]) if discounts else 0
    trace = explain(rated, span, history.meter, price)
    if discounts:
        trace["discounts"] = explain_discounts(discounts, price)
    return Charge(
        subscription=history.contract.subscription,
        item=history.item.id,
        kind=draft.kind,
        period_start=span.start,
        sequence=0,
        service_from=span.start,
        service_to=draft.service_to,
        quantity=rated.quantity,
        base=rated.base,
        discounts=discounts,
        discount=discount,
        net=rated.base - discount,
        currency=price.currency,
        tax_included=price.tax_included,
        regular_from=span.regular_from,
        regular_to=span.regular_to,
        billing_date=draft.billing_date,
        billed_on=history.until,
        price_version=price.id,
        printed=rated.base != 0 or history.item.visibility == "always",
        trace=trace,
    )


def _later_charges(history: History, changes: Iterable[Change]) -> list[Charge]:
    sequences: dict[tuple[date, Kind], int] = {}
    for group in history.groups:
        for row in group.rows:
            key = (group.span.start, row.kind)
            sequences[key] = sequences.get(key, 0) + 1
    charges = []
    for change in changes:
        key = (change.span.start, change.kind)
        sequence = sequences.get(key, 0)
        sequences[key] = sequence + 1
        charges.append(_later_charge(history, change, sequence))
    return charges


def _later_charge(history: History, change: Change, sequence: int) -> Charge:
    price, span = change.basis.price, change.span
    discount = sum(taken.amount for taken in change.discounts)
    trace = explain(change.rated, span, history.meter, price) if change.rated is not None else {}
    trace["change"] = explain_change(change.reason, change.due, change.before, price)
    if change.discounts:
        trace["discounts"] = explain_discounts(change.discounts, price)
    return Charge(
        subscription=history.contract.subscription,
        item=history.item.id,
        kind=change.kind,
        period_start=span.start,
        sequence=sequence,
        service_from=change.service_from,
        service_to=change.service_to,
        quantity=change.quantity,
        base=change.base,
        discounts=change.discounts,
        discount=discount,
        net=change.base - discount,
        currency=price.currency,
        tax_included=price.tax_included,
        regular_from=span.regular_from,
        regular_to=span.regular_to,
        billing_date=change.billing_date,
        billed_on=history.until,
        price_version=price.id,
        printed=True,
        trace=trace,
    )


def _order(charge: Charge) -> tuple[date, int, date, int]:
    return charge.service_from, _RANK[charge.kind], charge.period_start, charge.sequence


def _state(history: History, paused: bool) -> ItemState:
    first = last = None
    if history.drafts:
        draft = history.drafts[-1]
        first, last = draft.span.start, draft.service_to
    for group in history.groups:
        row = group.rows[0]
        if last is None or row.service_to > last:
            first, last = row.service_from, row.service_to
    stored = history.item.billed_until
    until = stored if last is None or (stored is not None and stored > last) else last
    course = history.course
    rhythm = course[-1] if course else None
    if len(course) > 1:
        rhythm = next((r for r in reversed(course) if r.begin <= history.until), course[0])
    return ItemState(
        item=history.item.id,
        last_billed_from=first,
        last_billed_to=last,
        billed_until=until,
        next_billing_date=_next_date(history, paused),
        anchor=rhythm.anchor if rhythm is not None else None,
        anchor_day=rhythm.day if rhythm is not None else None,
        coupon_periods=history.used,
    )


def _next_date(history: History, paused: bool) -> date | None:
    until, end = history.until, history.end
    if paused and not history.end_reached:
        resumptions = [
            p.resumed_on for p in history.contract.pauses if p.resumed_on is not None and p.resumed_on > until
        ]
        if end is not None:
            resumptions.append(end.on)
        return min(resumptions, default=None)
    dates = list(history.awaited)
    if history.upcoming is not None:
        dates.append(history.upcoming)
    if end is not None and end.on > until and (history.waiting or _is_prepaid_beyond(history, end.on)):
        dates.append(end.on)
    return min(dates, default=None) if dates else None


def _is_prepaid_beyond(history: History, end: date) -> bool:
    return history.in_advance and any(draft.service_to > end for draft in history.drafts)
