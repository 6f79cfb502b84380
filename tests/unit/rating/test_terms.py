"""Contract terms beyond the worked examples, and the key figures."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import msgspec
import pytest

from turnus.kernel.time import Interval
from turnus.rating.contract import (
    BillingGroup,
    Contract,
    Coupon,
    End,
    Item,
    Measurement,
    Pause,
    Price,
    QuantityStep,
    Tier,
)
from turnus.rating.key_figures import monthly_recurring_revenue, total_contract_value
from turnus.rating.pricing import display_price
from turnus.rating.proration import end_of_service
from turnus.rating.terms import (
    BillingRhythm,
    Term,
    fixed_end,
    initial_term_end,
    next_possible_end,
    notice_of,
    running_term,
    trial_end,
)
from unit.rating.builders import contract, day, flat, per_unit

START = day("2025-01-01")
YEAR = Term(Interval(12, "M"), 1, Interval(3, "M"))
MONTHLY = Term(Interval(1, "M"), None, Interval(1, "M"))


def end(*terms: Term, received: str, start: date = START, **more: object) -> str:
    return next_possible_end(terms, start, day(received), **more).isoformat()  # type: ignore[arg-type]


def test_a_year_then_monthly() -> None:
    assert end(YEAR, MONTHLY, received="2025-09-30") == "2026-01-01"
    assert end(YEAR, MONTHLY, received="2025-10-01") == "2026-02-01"
    assert end(YEAR, MONTHLY, received="2026-01-31") == "2026-03-01"
    assert end(YEAR, MONTHLY, received="2030-06-15") == "2030-08-01"


def test_a_notice_before_the_start_ends_the_first_term() -> None:
    assert end(YEAR, MONTHLY, received="2024-12-01") == "2026-01-01"


def test_terms_of_equal_kind_are_summed_before_they_are_added() -> None:
    """31 January + 1M + 1M is 31 March, not 28 March."""
    assert end(Term(Interval(1, "M")), received="2025-03-01", start=day("2025-01-31")) == "2025-03-31"
    assert end(Term(Interval(1, "M"), 1), Term(Interval(1, "Y")), received="2025-03-01", start=day("2025-01-31")) == (
        "2026-02-28"
    )


def test_unlike_kinds_are_added_one_after_the_other() -> None:
    days_first = (Term(Interval(14, "D"), 1), Term(Interval(1, "M")))

    assert end(*days_first, received="2025-01-05", start=day("2025-01-17")) == "2025-01-31"
    assert end(*days_first, received="2025-02-01", start=day("2025-01-17")) == "2025-02-28"
    assert end(*days_first, received="2025-03-01", start=day("2025-01-17")) == "2025-03-31"


def test_a_contract_of_finite_terms_ends_by_itself() -> None:
    twice = Term(Interval(12, "M"), 2, Interval(3, "M"))

    assert fixed_end([twice], START) == day("2027-01-01")
    assert fixed_end([twice, MONTHLY], START) is None
    assert fixed_end([], START) is None
    assert end(twice, received="2025-09-30") == "2026-01-01"
    assert end(twice, received="2026-11-30") == "2027-01-01"
    assert end(twice, received="2027-05-01") == "2027-01-01"


def test_an_indefinite_term_never_ends_before_the_finite_ones() -> None:
    indefinite = Term(None, None, Interval(1, "M"), "any_day")

    assert end(Term(Interval(12, "M"), 1, Interval(1, "M")), indefinite, received="2025-12-01") == "2026-01-02"
    assert end(YEAR, indefinite, received="2025-10-15") == "2026-01-01"
    assert end(Term(None), received="2025-05-05") == "2025-05-06"


def test_ends_are_aligned_to_months_and_billing_periods() -> None:
    monthly = BillingRhythm(day("2025-01-15"), Interval(1, "M"), 15)
    to_month = Term(None, None, Interval(14, "D"), "month_end")
    to_period = Term(None, None, Interval(14, "D"), "billing_period_end")

    assert end(to_month, received="2025-05-05") == "2025-06-01"
    assert end(to_month, received="2025-05-17") == "2025-06-01"  # last day 31 May: the end is the month's already
    assert end(to_period, received="2025-05-05", rhythm=monthly) == "2025-06-15"
    assert end(to_period, received="2025-04-30", rhythm=monthly) == "2025-05-15"
    assert end(to_period, received="2025-05-05") == "2025-05-20"


def test_without_terms_what_is_invoiced_already_or_the_trial_decides() -> None:
    assert end(received="2025-06-10") == "2025-06-10"
    assert end(received="2025-06-10", billed_to=day("2025-05-01")) == "2025-06-10"
    assert end(received="2025-06-10", trial_ends_on=day("2025-06-15")) == "2025-06-15"
    assert end(received="2025-06-15", trial_ends_on=day("2025-06-15")) == "2025-06-15"


def test_the_running_term() -> None:
    terms = (YEAR, MONTHLY)

    first, later = running_term(terms, START, day("2025-06-01")), running_term(terms, START, day("2026-03-15"))

    assert first is not None
    assert later is not None
    assert (first.number, first.start, first.end, first.latest_notice) == (
        *(1, START, day("2026-01-01"), day("2025-09-30")),
    )
    assert (later.number, later.start, later.end, later.renews) == (4, day("2026-03-01"), day("2026-04-01"), True)
    last = running_term((YEAR,), START, day("2025-06-01"))
    assert last is not None
    assert last.renews is False
    assert running_term((YEAR,), START, day("2026-01-01")) is None
    assert running_term((), START, START) is None
    open_end = running_term((YEAR, Term(None)), START, day("2026-05-01"))
    assert open_end is not None
    assert (open_end.number, open_end.start, open_end.end) == (2, day("2026-01-01"), None)


def test_the_initial_term() -> None:
    assert initial_term_end((YEAR, MONTHLY), START) == day("2026-01-01")
    assert initial_term_end((Term(None),), START) is None
    assert initial_term_end((), START) is None


def test_a_daily_term_is_found_without_walking_through_its_past() -> None:
    daily = Term(Interval(1, "D"), None, None)

    assert end(daily, received="2325-01-01") == "2325-01-02"


@pytest.mark.parametrize(("text", "expected"), [("0D", None), ("P0D", None), ("3M", Interval(3, "M"))])
def test_notice_periods(text: str, expected: Interval | None) -> None:
    assert notice_of(text) == expected


def test_trials_may_be_given_in_any_unit() -> None:
    assert trial_end(day("2025-01-31"), Interval(1, "M")) == day("2025-02-28")
    assert trial_end(day("2025-01-31"), Interval(1, "Y"), extra_days=3) == day("2026-02-03")


def test_a_moment_from_23_59_on_means_the_following_midnight() -> None:
    assert end_of_service(datetime.fromisoformat("2025-06-30T23:59")) == day("2025-07-01")
    assert end_of_service(datetime.fromisoformat("2025-06-30T23:58:59")) == day("2025-06-30")
    assert end_of_service(datetime.fromisoformat("2025-07-01T00:00")) == day("2025-07-01")


def test_prices_are_shown_per_day_and_week_by_365_days() -> None:
    assert display_price(Decimal("365.00"), Interval(1, "Y"), Interval(1, "D")) == Decimal("1.00")
    assert display_price(Decimal("7.00"), Interval(1, "W"), Interval(12, "M")) == Decimal("365.00")
    assert display_price(Decimal("1000"), Interval(1, "Y"), Interval(1, "M"), "JPY") == 83


def test_the_value_of_a_term_follows_its_changes_in_every_currency() -> None:
    """A: 30.00 · 2 months, then B for 10 months at 90.00; the stub of a group at the end is prorated."""
    first = Item(id="A", price=flat(), start=START, end=End(day("2025-03-01"), "pro_rata"))
    second = Item(id="B", price=flat("90.00"), start=day("2025-03-01"), replaces="A")
    dollars = Item(id="D", price=flat("10.00", "3M", currency="USD"), start=START, end=End(day("2030-01-01")))
    usage = Item(id="U", price=per_unit(pay_in_advance=False), start=START, measurement=Measurement(metered=True))

    assert total_contract_value(contract(first, second, dollars, usage), day("2026-01-01")) == {
        "EUR": 96000,
        "USD": 4000,
    }
    stub = Item(id="A", price=flat("31.00"), start=day("2025-01-11"))
    stubbed = contract(stub, billing_group=BillingGroup("start_of_month"))
    assert total_contract_value(stubbed, day("2025-02-15")) == {"EUR": 2100 + 1550}


def test_an_earlier_end_shortens_the_value_of_the_term() -> None:
    made = contract(Item(id="A", price=flat(), start=START), end=End(day("2025-04-01")))

    assert total_contract_value(made, day("2026-01-01")) == {"EUR": 9000}


def mrr(made: Contract, on: str = "2025-03-15") -> dict[object, int]:
    return dict(monthly_recurring_revenue(made, day(on)))


def test_recurring_revenue_is_normalised_to_a_month() -> None:
    made = contract(
        Item(id="1M", price=flat("30.00"), start=START),
        Item(id="1Y", price=flat("120.00", "1Y"), start=START),
        Item(id="1W", price=flat("7.00", "1W"), start=START),
        Item(id="1D", price=flat("12.00", "1D"), start=START),
        Item(id="once", price=flat("99.00", None), start=START),
        Item(id="usage", price=per_unit(), start=START, measurement=Measurement(metered=True)),
        Item(id="later", price=flat(), start=day("2025-04-01")),
        Item(id="ended", price=flat(), start=START, end=End(day("2025-03-15"))),
    )

    assert mrr(made) == {"1M": 3000, "1Y": 1000, "1W": 3042, "1D": 36500, "later": 0, "ended": 0}


def test_recurring_revenue_knows_the_quantity_of_the_day_and_the_running_coupons() -> None:
    tiers = (Tier(Decimal(10), Decimal(10)), Tier(None, Decimal(5)))
    seats = Item(
        id="A",
        price=Price("tiered", tiers=tiers),
        start=START,
        quantity=Decimal(2),
        steps=(QuantityStep(day("2025-03-01"), Decimal(12)),),
        coupon_periods={"used": 2, "running": 1},
    )
    other = Item(id="B", price=flat("55.00"), start=START)
    coupons = (
        Coupon(id="running", type="percentage", percentage=Decimal(10), frequency="limited", billing_periods=3),
        Coupon(id="once", type="percentage", percentage=Decimal(50), frequency="once"),
        Coupon(
            id="used", type="percentage", percentage=Decimal(50), frequency="limited", billing_periods=2, items=("A",)
        ),
        Coupon(id="unit", type="fixed_amount", amount=Decimal(1), items=("A",)),
        Coupon(id="invoice", type="fixed_amount", amount=Decimal(15), basis="invoice"),
        Coupon(id="gone", type="fixed_amount", amount=Decimal(9), basis="position", removed_on=day("2025-02-01")),
    )

    # A: 110 − 12·1 = 98, less 15·98/153; B: 55 less 15·55/153; each less 10 %.
    assert mrr(contract(seats, other, coupons=coupons)) == {"A": 7955, "B": 4465}
    assert mrr(contract(seats), "2025-02-15") == {"A": 2000}


def test_trials_and_pauses_are_worth_nothing_meanwhile() -> None:
    made = contract(
        Item(id="A", price=flat(), start=START), trial_ends_on=day("2025-02-01"), pauses=(Pause(day("2025-03-01")),)
    )

    assert [mrr(made, on)["A"] for on in ("2025-01-15", "2025-02-15", "2025-03-15")] == [0, 3000, 0]
    assert mrr(msgspec.structs.replace(made, pauses=()), "2025-03-15") == {"A": 3000}
