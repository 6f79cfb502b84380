"""Billing groups, anchors, pauses, trials and the dates on which something falls due."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from turnus.kernel.time import Interval
from turnus.rating.bill import bill
from turnus.rating.charges import Charge, as_billed
from turnus.rating.contract import (
    Anchor,
    BillingGroup,
    End,
    Item,
    Measurement,
    Pause,
    UsageTotal,
)
from turnus.rating.periods import group_date, period_starts, regular_period, same_interval
from unit.rating.builders import charges, contract, day, flat, run


def services(found: list[Charge]) -> list[tuple[str, str, int]]:
    return [(c.service_from.isoformat(), c.service_to.isoformat(), c.net) for c in found]


def test_boundaries_exist_before_the_anchor() -> None:
    assert period_starts(day("2025-03-31"), Interval(1, "M"), -2, 4) == [
        *(day("2025-01-31"), day("2025-02-28"), day("2025-03-31"), day("2025-04-30")),
    ]
    assert regular_period(day("2025-03-31"), 31, Interval(1, "M"), day("2025-02-27")) == (
        *(day("2025-01-31"), day("2025-02-28")),
    )
    assert regular_period(day("2025-03-05"), 5, Interval(2, "W"), day("2025-02-20")) == (
        *(day("2025-02-19"), day("2025-03-05")),
    )


def test_a_day_31_entered_in_february_comes_back() -> None:
    assert period_starts(day("2025-02-28"), Interval(1, "M"), 0, 3, nominal_day=31) == [
        *(day("2025-02-28"), day("2025-03-31"), day("2025-04-30")),
    ]


@pytest.mark.parametrize(
    ("group", "interval", "begin", "expected"),
    [
        (BillingGroup("start_of_month"), "1M", "2025-04-01", ("2025-04-01", 1)),
        (BillingGroup("end_of_month"), "1M", "2024-02-15", ("2024-02-29", 31)),
        (BillingGroup("custom", custom_day=15), "3M", "2025-04-16", ("2025-05-15", 15)),
        (BillingGroup("custom", custom_day=15, custom_month=7), "2Y", "2025-07-16", ("2026-07-15", 15)),
        (BillingGroup("custom", custom_day=15, custom_month=7), "6M", "2025-07-16", ("2025-08-15", 15)),
        (BillingGroup("start_of_year"), "12M", "2025-01-01", ("2025-01-01", 1)),
        (BillingGroup("end_of_year"), "1Y", "2025-12-31", ("2025-12-31", 31)),
        (BillingGroup("start_of_month"), "1W", "2025-04-11", None),
    ],
)
def test_group_dates(group: BillingGroup, interval: str, begin: str, expected: tuple[str, int] | None) -> None:
    found = group_date(group, Interval.parse(interval), day(begin))

    assert found == (expected and (day(expected[0]), expected[1]))


def test_intervals_of_equal_length_are_the_same() -> None:
    assert same_interval(Interval(12, "M"), Interval(1, "Y"))
    assert same_interval(Interval(1, "W"), Interval(7, "D"))
    assert not same_interval(Interval(1, "M"), Interval(30, "D"))


def test_joining_a_group_begins_with_a_stub_and_leaving_it_without_one() -> None:
    """Billed to 11 May; joins the first of the month from there, leaves on 1 July."""
    joined = Anchor(day("2025-06-01"), 1, from_=day("2025-05-11"))
    left = Anchor(day("2025-07-01"), 1, from_=day("2025-07-01"))
    item = Item(id="A", price=flat("31.00"), start=day("2025-04-11"), anchors=(joined, left))

    found = charges(contract(item), [day("2025-07-01")])

    assert services(found) == [
        ("2025-04-11", "2025-05-11", 3100),
        ("2025-05-11", "2025-06-01", 2100),  # 31.00 · 21/31 of [1 May, 1 June)
        ("2025-06-01", "2025-07-01", 3100),
        ("2025-07-01", "2025-08-01", 3100),
    ]


def test_an_added_product_takes_over_the_rhythm_of_an_existing_one() -> None:
    added = Item(id="B", price=flat("31.00"), start=day("2025-03-20"), anchors=(Anchor(day("2025-01-31")),))

    found = charges(contract(added), [day("2025-03-31")])

    # [28 Feb, 31 Mar) has 31 days, 11 of them are left.
    assert services(found) == [("2025-03-20", "2025-03-31", 1100), ("2025-03-31", "2025-04-30", 3100)]


def test_the_stored_rhythm_replaces_the_item_that_was_followed() -> None:
    first = Item(id="A", price=flat(), start=day("2025-01-31"), end=End(day("2025-03-10"), "pro_rata"))
    second = Item(id="B", price=flat("62.00"), start=day("2025-03-10"), replaces="A")
    result = bill(contract(first, second), (), until=day("2025-03-10"))
    state = result.items[1]

    alone = msgspec.structs.replace(
        second,
        anchors=(Anchor(state.anchor or date.min, state.anchor_day),),
        billed_until=state.billed_until,
        replaces=None,
    )

    (charge,) = bill(contract(alone), (), until=day("2025-03-31")).charges
    assert services([charge]) == [("2025-03-31", "2025-04-30", 6200)]


def test_a_reset_anchor_gives_a_new_rhythm_in_spite_of_the_same_interval() -> None:
    first = Item(id="A", price=flat(), start=day("2025-09-01"), end=End(day("2025-09-11"), "none"))
    second = Item(id="B", price=flat("90.00"), start=day("2025-09-11"), replaces="A", reset_anchor=True)

    found = charges(contract(first, second), [day("2025-09-11")])

    assert services([c for c in found if c.item == "B"]) == [("2025-09-11", "2025-10-11", 9000)]


def test_periods_are_billed_ahead_by_the_days_set() -> None:
    made = contract(Item(id="A", price=flat(), start=day("2025-06-01")), days_in_advance=10)

    found = run(made, [day("2025-05-21"), day("2025-05-22"), day("2025-06-20"), day("2025-06-21")])

    assert [on.isoformat() for on, _ in found] == ["2025-05-22", "2025-06-21"]


def test_days_ahead_do_not_touch_arrears() -> None:
    item = Item(id="A", price=flat(pay_in_advance=False), start=day("2025-06-01"))

    assert bill(contract(item, days_in_advance=10), (), until=day("2025-06-30")).charges == ()


def test_nothing_is_billed_in_a_pause_and_the_resumption_is_the_next_date() -> None:
    pause = Pause(day("2025-02-10"), resumed_on=day("2025-04-10"), recorded_on=day("2025-02-10"))
    made = contract(Item(id="A", price=flat(), start=day("2025-01-01")), pauses=(pause,))

    result = bill(made, (), until=day("2025-03-05"))

    assert result.charges == ()
    assert result.next_billing_date == day("2025-04-10")
    open_pause = msgspec.structs.replace(made, pauses=(Pause(day("2025-02-10")),))
    assert bill(open_pause, (), until=day("2025-03-05")).next_billing_date is None


def test_an_item_that_ends_in_a_pause_is_settled_as_if_resumed_with_its_end() -> None:
    """Arrears up to the pause day, nothing for the pause; the prepaid month is credited from the end on."""
    end = End(day("2025-01-21"), recorded_on=day("2025-01-21"))
    arrears = Item(id="R", price=flat("31.00", pay_in_advance=False), start=day("2025-01-01"), end=end)
    advance = Item(id="P", price=flat("31.00"), start=day("2025-01-01"), end=end)
    made = contract(arrears, advance, pauses=(Pause(day("2025-01-11"), recorded_on=day("2025-01-11")),))

    found = charges(made, [day("2025-01-01"), day("2025-01-15"), day("2025-01-21"), day("2025-02-01")])

    assert [(c.item, c.kind, c.net) for c in found] == [
        ("P", "period", 3100),
        ("R", "period", 1000),
        ("P", "credit", -1100),
    ]


def test_usage_sent_in_a_skipped_pause_is_never_billed() -> None:
    pause = Pause(day("2025-01-11"), day("2025-03-20"), day("2025-03-20"), recorded_on=day("2025-01-11"))
    item = Item(
        id="A",
        price=flat(pay_in_advance=False),
        start=day("2025-01-01"),
        measurement=Measurement(metered=True, aggregation="sum"),
        totals=(
            UsageTotal(day("2025-01-05"), day("2025-01-06"), Decimal(7), 1),
            UsageTotal(day("2025-02-05"), day("2025-02-06"), Decimal(99), 1),
            UsageTotal(day("2025-04-05"), day("2025-04-06"), Decimal(8), 1),
        ),
    )
    metered = msgspec.structs.replace(
        item, price=msgspec.structs.replace(item.price, calculation_type="per_unit", amount=Decimal("1.00"))
    )

    found = charges(contract(metered, pauses=(pause,)), [day("2025-02-15"), day("2025-03-20"), day("2025-04-20")])

    assert services(found) == [("2025-01-01", "2025-01-11", 700), ("2025-03-20", "2025-04-20", 800)]


def test_a_resumption_into_a_group_begins_with_a_stub() -> None:
    pause = Pause(day("2025-01-15"), day("2025-04-15"), day("2025-04-16"), recorded_on=day("2025-01-15"))
    made = contract(
        Item(id="A", price=flat(), start=day("2025-01-01")),
        billing_group=BillingGroup("start_of_month"),
        pauses=(pause,),
    )

    found = charges(made, [day("2025-01-01"), day("2025-04-15"), day("2025-04-16"), day("2025-05-01")])

    assert services(found)[1:] == [("2025-04-16", "2025-05-01", 1500), ("2025-05-01", "2025-06-01", 3000)]


def test_cancelled_at_the_end_of_the_trial_costs_nothing() -> None:
    ends_on = day("2025-03-15")
    recurring = Item(id="A", price=flat(), start=day("2025-03-01"))
    setup = Item(id="S", price=flat("50.00", None), start=day("2025-03-01"))
    made = contract(recurring, setup, trial_ends_on=ends_on, end=End(ends_on, recorded_on=day("2025-03-05")))

    assert charges(made, [day("2025-03-01"), ends_on, day("2025-05-01")]) == []


def test_a_setup_fee_waits_for_the_trial_unless_its_price_does_not_take_part() -> None:
    waits = Item(id="W", price=flat("50.00", None), start=day("2025-03-01"))
    at_once = Item(id="O", price=flat("20.00", None, apply_trial=False), start=day("2025-03-01"))

    found = run(contract(waits, at_once, trial_ends_on=day("2025-03-15")), [day("2025-03-01"), day("2025-03-15")])

    assert [(on.isoformat(), c.item, c.service_from == c.service_to) for on, c in found] == [
        ("2025-03-01", "O", True),
        ("2025-03-15", "W", True),
    ]


def test_an_item_ordered_in_the_trial_starts_at_the_later_of_both() -> None:
    made = contract(
        Item(id="in", price=flat(), start=day("2025-03-10")),
        Item(id="after", price=flat(), start=day("2025-03-20")),
        trial_ends_on=day("2025-03-15"),
    )

    found = charges(made, [day("2025-03-20")])

    assert [(c.item, c.service_from.isoformat()) for c in found] == [("in", "2025-03-15"), ("after", "2025-03-20")]


def test_states_tell_what_was_billed_and_what_comes_next() -> None:
    advance = Item(id="A", price=flat(), start=day("2025-01-31"))
    arrears = Item(id="R", price=flat(pay_in_advance=False), start=day("2025-01-31"))
    once = Item(id="O", price=flat("9.00", None), start=day("2025-01-31"))
    made = contract(advance, arrears, once)

    first = bill(made, (), until=day("2025-01-31"))
    second = bill(made, [as_billed(c) for c in first.charges], until=day("2025-02-28"))

    assert [(s.last_billed_from, s.last_billed_to, s.next_billing_date) for s in first.items] == [
        (day("2025-01-31"), day("2025-02-28"), day("2025-02-28")),
        (None, None, day("2025-02-28")),
        (day("2025-01-31"), day("2025-01-31"), None),
    ]
    assert [(s.last_billed_from, s.last_billed_to, s.next_billing_date) for s in second.items] == [
        (day("2025-02-28"), day("2025-03-31"), day("2025-03-31")),
        (day("2025-01-31"), day("2025-02-28"), day("2025-03-31")),
        (day("2025-01-31"), day("2025-01-31"), None),
    ]
    assert second.next_billing_date == day("2025-03-31")


def test_a_contract_of_ten_years_is_listed_without_walking_through_them() -> None:
    item = Item(id="A", price=flat("1.00", "1D"), start=day("2015-01-01"), billed_until=day("2025-05-31"))

    (charge,) = bill(contract(item), (), until=day("2025-05-31")).charges

    assert services([charge]) == [("2025-05-31", "2025-06-01", 100)]
