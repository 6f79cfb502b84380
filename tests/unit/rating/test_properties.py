"""What must hold for every contract: random contracts, random run days, exact cents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from turnus.kernel.time import Interval, add_interval, local_date, start_of_day
from turnus.rating.bill import bill, next_billing_date
from turnus.rating.charges import Billed, Charge, as_billed
from turnus.rating.contract import (
    BillingGroup,
    Contract,
    End,
    Item,
    Measurement,
    Price,
    UsageValue,
)
from turnus.rating.conversion import convert_charge, last_correction
from turnus.rating.discounts import share_out
from turnus.rating.periods import period_starts
from turnus.rating.pricing import full_price
from unit.rating.builders import charges, contract, days, flat, net_of, per_unit
from unit.rating.strategies import (
    FIRST,
    LAST,
    TIERS,
    amounts,
    contracts,
    dates,
    prices,
    quantities,
    run_days,
    wild_contracts,
)

ZONES = ["Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Cairo"]

quick = settings(max_examples=60, derandomize=True, deadline=None)


def horizon(made: Contract) -> date:
    """A day on which everything is over and settled."""
    ends = [item.end.on for item in made.items if item.end is not None]
    return max([LAST, *ends, *(pause.resumed_on or LAST for pause in made.pauses)]) + timedelta(days=400)


def by_period(found: Iterable[Charge]) -> dict[tuple[Any, date], tuple[int, int]]:
    """Base and net per item and period, without periods that add up to nothing."""
    sums: dict[tuple[Any, date], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for charge in found:
        key = (charge.item, charge.period_start)
        sums[key] = (sums[key][0] + charge.base, sums[key][1] + charge.net)
    return {key: value for key, value in sums.items() if value[1] != 0}


@settings(quick, max_examples=120)
@given(wild_contracts(), run_days)
def test_a_second_run_bills_nothing(made: Contract, on: list[date]) -> None:
    rows: list[Billed] = []
    for until in [*on, LAST + timedelta(days=60)]:
        rows += [as_billed(charge) for charge in bill(made, rows, until=until).charges]
        assert bill(made, rows, until=until).charges == ()


@settings(quick, max_examples=150)
@given(contracts(), run_days)
def test_the_days_of_the_runs_do_not_change_what_a_period_costs(made: Contract, on: list[date]) -> None:
    end = horizon(made)

    assert {k: v[1] for k, v in by_period(charges(made, [*on, end])).items()} == {
        k: v[1] for k, v in by_period(charges(made, [end])).items()
    }


@settings(quick, max_examples=25)
@given(contracts())
def test_runs_on_the_announced_days_bill_what_daily_runs_bill(made: Contract) -> None:
    """`next_billing_date` never misses a day: jumping from one to the next makes the same charges on the same days."""
    last = date(2025, 10, 31)
    rows: list[Billed] = []
    jumped: list[Charge] = []
    facts = _days_of_new_facts(made)
    until: date | None = FIRST
    while until is not None and until <= last:
        result = bill(made, rows, until=until)
        rows += [as_billed(charge) for charge in result.charges]
        jumped += result.charges
        following = [day for day in [result.next_billing_date, *facts] if day is not None and day > until]
        until = min(following, default=None)

    daily = charges(made, days(FIRST, last))

    assert [_visible(charge) for charge in jumped] == [_visible(charge) for charge in daily]


@settings(quick, max_examples=100)
@given(contracts(), run_days)
def test_the_last_periods_and_the_states_are_all_the_past_that_a_call_needs(made: Contract, on: list[date]) -> None:
    """A caller that stores item states and passes only rows near the present bills the same as one that passes all."""
    rows: list[Billed] = []
    stored: dict[Any, Any] = {}
    found: list[Charge] = []
    for until in [*on, horizon(made)]:
        slim_items = tuple(
            msgspec.structs.replace(
                item, billed_until=stored[item.id].billed_until, coupon_periods=stored[item.id].coupon_periods
            )
            if item.id in stored
            else item
            for item in made.items
        )
        slim = [row for row in rows if _may_change(row, made, rows)]
        result = bill(msgspec.structs.replace(made, items=slim_items), slim, until=until)
        stored = {state.item: state for state in result.items}
        rows += [as_billed(charge) for charge in result.charges]
        found += result.charges

    assert [_visible(charge) for charge in found] == [
        _visible(charge) for charge in charges(made, [*on, horizon(made)])
    ]


def _may_change(row: Billed, made: Contract, rows: list[Billed]) -> bool:
    """The last billed period, the running one, and from the day of every fact that came after the last billing on."""
    item = next(item for item in made.items if item.id == row.item)
    periods = [other for other in rows if other.item == row.item and other.kind in ("period", "one_time")]
    last = max(periods, key=lambda other: other.period_start)
    billed_on = last.billed_on or FIRST
    since = [step.from_ for step in item.steps if step.recorded_on is None or step.recorded_on >= billed_on]
    since += [v.from_ for v in item.versions if v.recorded_on is None or v.recorded_on >= billed_on]
    since += [item.end.on] if item.end else []
    return row.period_start >= last.period_start or (row.regular_to or LAST) > min(since, default=LAST)


def _days_of_new_facts(made: Contract) -> list[date]:
    found = [step.recorded_on for item in made.items for step in item.steps]
    found += [version.recorded_on for item in made.items for version in item.versions]
    found += [item.end.recorded_on for item in made.items if item.end]
    found += [day for pause in made.pauses for day in (pause.recorded_on, pause.resumed_on)]
    return sorted(day for day in found if day is not None)


def _visible(charge: Charge) -> tuple[Any, ...]:
    return (
        *(charge.item, charge.kind, charge.period_start, charge.sequence, charge.service_from, charge.service_to),
        *(charge.base, charge.discount, charge.net, charge.quantity, charge.billed_on),
    )


@quick
@given(wild_contracts(), run_days)
def test_charges_are_unique_sound_and_say_why(made: Contract, on: list[date]) -> None:
    """(item, period, kind, sequence) is unique; net = base − discounts; first billings are never negative."""
    found = charges(made, on)

    keys = [(c.item, c.period_start, c.kind, c.sequence) for c in found]
    assert len(set(keys)) == len(keys)
    for charge in found:
        assert charge.net == charge.base - charge.discount == charge.base - sum(d.amount for d in charge.discounts)
        assert charge.trace
        if charge.kind == "period":
            assert charge.net >= 0
            assert charge.discount >= 0
            assert charge.regular_from <= charge.service_from < charge.service_to <= charge.regular_to
    sums: dict[Any, int] = defaultdict(int)
    for charge in found:
        sums[charge.item, charge.period_start] += charge.net
        assert sums[charge.item, charge.period_start] >= 0 or charge.kind == "credit" or made.pauses


@quick
@given(wild_contracts(), st.randoms(use_true_random=False))
def test_the_order_of_facts_and_rows_does_not_matter(made: Contract, random: Any) -> None:
    assume(all(len({step.from_ for step in item.steps}) == len(item.steps) for item in made.items))
    early, late = date(2025, 4, 1), LAST

    def shuffled(values: Iterable[Any]) -> tuple[Any, ...]:
        mixed = list(values)
        random.shuffle(mixed)
        return tuple(mixed)

    other = msgspec.structs.replace(
        made, items=tuple(msgspec.structs.replace(item, steps=shuffled(item.steps)) for item in made.items)
    )
    rows = [as_billed(charge) for charge in bill(made, (), until=early).charges]

    assert bill(made, rows, until=late).charges == bill(other, shuffled(rows), until=late).charges


@quick
@given(contracts(paused=False), dates, run_days)
def test_cancelled_and_revoked_is_as_if_never(made: Contract, cancelled_to: date, on: list[date]) -> None:
    """An end that is declared, moves and is taken back before it is reached leaves every period's sum untouched."""
    untouched = msgspec.structs.replace(
        made, items=tuple(msgspec.structs.replace(item, end=None) for item in made.items)
    )
    declared = msgspec.structs.replace(untouched, end=End(cancelled_to, recorded_on=FIRST))
    rows: list[Billed] = []
    found: list[Charge] = []
    for until in [*(day for day in on if day < cancelled_to), date(2026, 9, 1)]:
        current = declared if until < cancelled_to else untouched
        charged = bill(current, rows, until=until).charges
        rows += [as_billed(charge) for charge in charged]
        found += charged

    never = by_period(charges(untouched, [date(2026, 9, 1)]))
    assert {key: value[1] for key, value in by_period(found).items()} == {k: v[1] for k, v in never.items()}


@quick
@given(prices(), quantities, st.dates(FIRST, date(2025, 3, 31)), st.integers(0, 200))
def test_a_full_credit_leaves_nothing_of_the_running_period(
    price: Price, quantity: Decimal, start: date, after: int
) -> None:
    price = msgspec.structs.replace(price, pay_in_advance=True)
    end = start + timedelta(days=after)
    item = Item(id="A", price=price, start=start, quantity=quantity, end=End(end, "full", end))

    found = charges(contract(item), [*days(start, end, 9), end, end + timedelta(days=90)])

    running = [c for c in found if c.regular_from < end < c.regular_to]
    assert net_of(running) == 0
    assert all(c.service_to <= end for c in found if c not in running and c.kind == "period")


@quick
@given(amounts, st.dates(FIRST, LAST), st.integers(1, 27))
def test_what_is_kept_and_what_is_credited_add_up_to_what_was_billed(amount: Decimal, start: date, after: int) -> None:
    end = start + timedelta(days=after)
    item = Item(id="A", price=flat(str(amount)), start=start, end=End(end, recorded_on=end))
    arrears = msgspec.structs.replace(item, price=flat(str(amount), pay_in_advance=False))

    found = charges(contract(item), [start, end])

    assert net_of(found) == net_of(charges(contract(arrears), [end]))
    billed, *credit = found
    assert billed.net == int(amount * 100)
    assert [c.net for c in credit] in ([], [net_of(found) - billed.net])


@quick
@given(amounts, st.dates(FIRST, LAST), st.integers(1, 27))
def test_splitting_a_period_by_a_change_to_the_same_price_costs_the_same(
    amount: Decimal, start: date, after: int
) -> None:
    """Two halves, each rounded once, are the whole to half a cent each: never more than one cent apart."""
    change = start + timedelta(days=after)
    price = flat(str(amount))
    first = Item(id="A", price=price, start=start, end=End(change, "pro_rata", change))
    second = Item(id="B", price=price, start=change, replaces="A")

    found = charges(contract(first, second), [start, change])

    assert abs(net_of(found) - int(amount * 100)) <= 1


@quick
@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=2).map(sorted), prices())
def test_more_never_costs_less_with_graduated_tiers(pair: list[int], price: Price) -> None:
    tiered = msgspec.structs.replace(price, calculation_type="tiered")
    less, more = (Decimal(value) / 1000 for value in pair)

    assert full_price(tiered, less) <= full_price(tiered, more)


@quick
@given(
    st.dates(date(2015, 1, 1), date(2026, 12, 31)),
    st.sampled_from(["1M", "3M", "1Y", "2W", "5D"]).map(Interval.parse),
    st.sampled_from(ZONES),
)
def test_anchors_never_drift(anchor: date, interval: Interval, zone: str) -> None:
    """Ten years of boundaries: each on the anchor's day or its month's last, each a first instant of its local day."""
    count = 2 + (120 // interval.months if interval.months else 3653 // (interval.days or 1))
    starts = period_starts(anchor, interval, 0, count)

    assert starts[0] == anchor
    assert starts == [add_interval(anchor, interval, k) for k in range(count)]
    if interval.months:
        assert all(s.day == anchor.day or (s.day < anchor.day and (s + timedelta(days=1)).day == 1) for s in starts)
    for start in starts[::7]:
        instant = start_of_day(start, zone)
        assert local_date(instant, zone) >= start
        assert local_date(instant - timedelta(seconds=1), zone) < start


@quick
@given(st.dates(date(2015, 1, 1), date(2026, 12, 31)), st.integers(0, 3650), st.sampled_from(["1M", "2W", "1Y"]))
def test_periods_found_by_arithmetic_are_those_of_a_walk(start: date, ahead: int, text: str) -> None:
    """A call that knows only `billed_until` finds the same period as one that lists everything from the anchor."""
    item = Item(id="A", price=flat("10.00", text), start=start)
    until = start + timedelta(days=ahead)
    last = bill(contract(item), (), until=until).charges[-1]

    short = msgspec.structs.replace(item, billed_until=last.period_start)

    (only,) = bill(contract(short), (), until=until).charges
    assert only == last


@quick
@given(st.integers(0, 10**7), st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
def test_shares_of_a_coupon_per_invoice_add_up(amount: int, lefts: list[int]) -> None:
    shares = share_out(amount, lefts)

    assert sum(shares) == min(amount, sum(lefts))
    assert all(0 <= share <= left for share, left in zip(shares, lefts, strict=True))


@quick
@given(
    st.integers(-(10**7), 10**7),
    st.lists(st.integers(0, 10**5), max_size=3),
    st.decimals(Decimal("0.5"), Decimal("200"), places=4),
    st.lists(st.integers(1, 99), max_size=3),
)
def test_a_converted_charge_is_taken_back_without_rest(
    base: int, discounts: list[int], quote: Decimal, corrections: list[int]
) -> None:
    quotes = {"USD": quote, "JPY": Decimal("169.83")}
    for target in ("EUR", "JPY"):
        original = convert_charge(base, discounts, "USD", target, quotes)
        made = [
            convert_charge(-base * share // 300, [-d * share // 300 for d in discounts], "USD", target, quotes)
            for share in corrections
        ]
        made.append(last_correction(original, made))

        assert sum(c.base for c in made) == -original.base
        assert sum(c.net for c in made) == -original.net


@quick
@given(st.integers(0, 400), st.integers(0, 400), amounts)
def test_a_stub_costs_at_most_a_full_period(begin: int, length: int, amount: Decimal) -> None:
    start = FIRST + timedelta(days=begin)
    item = Item(id="A", price=per_unit(str(amount)), start=start, end=End(start + timedelta(days=length)))
    made = contract(item, billing_group=BillingGroup("custom", custom_day=31))

    for charge in charges(made, [start + timedelta(days=500)]):
        assert 0 <= charge.net <= int(amount * 100)
        days_billed = (charge.service_to - charge.service_from).days
        share = Fraction(days_billed, (charge.regular_to - charge.regular_from).days)
        assert abs(charge.net - amount * 100 * Decimal(share.numerator) / Decimal(share.denominator)) <= Decimal("0.5")


@quick
@given(st.lists(st.tuples(st.integers(0, 27), st.integers(1, 900)), min_size=1, max_size=12))
def test_instant_usage_adds_up_to_usage_billed_at_once(sent: list[tuple[int, int]]) -> None:
    """However often instant usage is billed, the interval costs what its total costs."""
    values = tuple(
        UsageValue(datetime(2025, 6, 1 + day, 12, tzinfo=UTC), Decimal(value) / 7) for day, value in sorted(sent)
    )
    price = Price("tiered", tiers=TIERS, free_units=Decimal(2), minimum_amount=Decimal("3.00"))
    usage = Measurement(metered=True, aggregation="sum")
    instant = Item(id="A", price=price, start=date(2025, 6, 1), measurement=usage, values=values)
    arrears = msgspec.structs.replace(instant, price=msgspec.structs.replace(price, pay_in_advance=False))
    end = date(2025, 7, 1)

    piecemeal = charges(contract(instant), [*days(date(2025, 6, 1), end)])
    june = [charge for charge in piecemeal if charge.period_start == date(2025, 6, 1)]

    assert net_of(june) == net_of(charges(contract(arrears), [end]))


def test_the_next_billing_date_of_a_fresh_contract_is_its_first_due_day() -> None:
    item = Item(id="A", price=flat(), start=date(2025, 3, 10))

    assert next_billing_date(contract(item), (), known_on=date(2025, 3, 1)) == date(2025, 3, 10)
    assert next_billing_date(contract(item), (), known_on=date(2025, 4, 1)) == date(2025, 3, 10)
