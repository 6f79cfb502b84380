"""Metered quantities: aggregation, totals of the database, late values, instant billing, floors and percentages."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from turnus.rating.aggregation import (
    aggregate,
    carried_quantity,
    counted_from,
    measurement_aggregation,
    steps_from_values,
)
from turnus.rating.bill import bill
from turnus.rating.charges import as_billed
from turnus.rating.contract import BillingGroup, End, Item, Measurement, Price, UsageTotal, UsageValue
from turnus.rating.instant import instant_charges
from turnus.rating.pricing import calculate, full_price, round_quantity
from unit.rating.builders import charges, contract, day, flat, per_unit, run

JUNE, JULY, AUGUST = day("2025-06-01"), day("2025-07-01"), day("2025-08-01")
BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def value(text: str, quantity: str, id: str | None = None) -> UsageValue:
    return UsageValue(at(text), Decimal(quantity), id)


def metered(price: Price, aggregation: Any = "sum", **more: Any) -> Item:
    measurement = Measurement(metered=True, aggregation=aggregation, fair_billing=more.pop("fair", True))
    return Item(id="A", price=price, start=more.pop("start", JUNE), measurement=measurement, **more)


ARREARS = per_unit("1.00", pay_in_advance=False)


def test_a_value_belongs_to_the_local_day_of_the_contract() -> None:
    """22:30 UTC on 30 June is 00:30 on 1 July in Berlin."""
    values = (value("2025-05-31T22:00", "1"), value("2025-06-30T21:59", "2"), value("2025-06-30T22:30", "4"))

    assert aggregate("sum", values, JUNE, JULY, BERLIN) == 3
    assert aggregate("sum", values, JUNE, JULY, "UTC") == 6


def test_the_last_value_is_the_latest_measured_and_of_equals_the_later_sent() -> None:
    values = (value("2025-06-20T10:00", "5"), value("2025-06-10T10:00", "9"), value("2025-06-20T10:00", "6"))

    assert aggregate("last_value", values, JUNE, JULY, BERLIN) == 6


def test_minimum_and_time_weighted_mean() -> None:
    """10 from 1 June local midnight for 15 days, then 40: (10·15 + 40·15)/30."""
    values = (value("2025-05-31T22:00", "10"), value("2025-06-15T22:00", "40"))

    assert aggregate("min", values, JUNE, JULY, BERLIN) == 10
    assert aggregate("weighted_average", values, JUNE, JULY, BERLIN) == 25
    assert aggregate("weighted_average", values[1:], JUNE, JULY, BERLIN) == 20
    assert aggregate("average", (*values, value("2025-06-20T10:00", "50")), JUNE, JULY, BERLIN) == Decimal(
        "33.333333333333"
    )


def test_the_alias_of_average() -> None:
    assert measurement_aggregation("avg") == "average"
    assert measurement_aggregation("sum") == "sum"


def test_a_total_below_zero_is_read_as_zero() -> None:
    values = (value("2025-06-02T10:00", "3"), value("2025-06-03T10:00", "-5"))

    assert aggregate("sum", values, JUNE, JULY, BERLIN) == 0
    assert carried_quantity("sum", values, JULY, BERLIN) == 0
    assert [step.value for step in steps_from_values("sum", values, BERLIN)] == [3, 0]


@pytest.mark.parametrize("call", [carried_quantity, lambda a, v, e, z: steps_from_values(a, v, z)])
def test_what_restarts_does_not_persist(call: Any) -> None:
    with pytest.raises(ValueError, match="does not persist"):
        call("max", (value("2025-06-02T10:00", "3"),), JULY, BERLIN)


def test_recurring_values_become_steps_and_the_state_before_is_the_starting_quantity() -> None:
    values = (value("2025-05-20T10:00", "100"), value("2025-06-15T22:00", "40"), value("2025-06-16T08:00", "50"))
    steps = steps_from_values("last_value", values, BERLIN)
    price = per_unit("0.10", pay_in_advance=False)
    item = Item(id="A", price=price, start=JUNE, quantity=Decimal(0), steps=steps)

    (charge,) = charges(contract(item), [JULY])

    assert charge.net == 750  # 10.00·15/30 + 5.00·15/30: the last value of 16 June counts for the whole day


def test_totals_of_the_database_are_combined() -> None:
    def total(*parts: UsageTotal, aggregation: Any) -> int:
        item = metered(ARREARS, aggregation, totals=parts)
        (charge,) = charges(contract(item), [JULY])
        return charge.net

    one = UsageTotal(JUNE, day("2025-06-02"), Decimal(4), 2)
    two = UsageTotal(day("2025-06-29"), JULY, Decimal(10), 1)
    july = UsageTotal(JULY, day("2025-07-02"), Decimal(999), 1)

    assert total(one, two, july, aggregation="sum") == 1400
    assert total(one, two, aggregation="count") == 1400
    assert total(one, two, aggregation="max") == 1000
    assert total(one, two, aggregation="min") == 400
    assert total(one, two, aggregation="last_value") == 1000
    assert total(one, two, aggregation="average") == 600
    assert total(one, aggregation="count_unique") == 400
    with pytest.raises(ValueError, match="cannot be combined"):
        total(one, two, aggregation="count_unique")


def test_quantities_are_rounded_before_they_are_priced() -> None:
    def rounding(mode: Any) -> Measurement:
        return Measurement(rounding_mode=mode)

    assert round_quantity(rounding("up"), Decimal("10.01")) == 11
    assert round_quantity(rounding("down"), Decimal("10.99")) == 10
    assert round_quantity(rounding("half_up"), Decimal("10.5")) == 11
    assert round_quantity(rounding("none"), Decimal("10.5")) == Decimal("10.5")
    item = msgspec.structs.replace(
        metered(ARREARS, totals=(UsageTotal(JUNE, JULY, Decimal("10.01"), 1),)),
        measurement=Measurement(metered=True, aggregation="sum", rounding_mode="up", rounding_precision=1),
    )
    assert charges(contract(item), [JULY])[0].net == 1010


def test_an_interval_without_usage_counts_as_billed() -> None:
    item = metered(ARREARS, visibility="only_if_charged")

    (charge,) = charges(contract(item), [JULY, day("2025-07-15")])

    assert (charge.kind, charge.net, charge.printed) == ("usage", 0, False)


def test_usage_in_arrears_waits_for_the_grace_and_fixed_prices_do_not() -> None:
    made = contract(
        metered(ARREARS),
        Item(id="F", price=flat(pay_in_advance=False), start=JUNE),
        metering_grace_hours=30,
    )

    found = run(made, [JULY, day("2025-07-02")])

    assert [(on, charge.item) for on, charge in found] == [(JULY, "F"), (day("2025-07-02"), "A")]
    assert bill(made, (), until=JULY).items[0].next_billing_date == day("2025-07-02")


def test_late_usage_counts_for_the_open_period() -> None:
    """Measured in June, arrived after June was billed: counts from the first instant of July."""
    assert counted_from(at("2025-06-20T10:00"), JULY, BERLIN) == at("2025-06-30T22:00")
    assert counted_from(at("2025-07-20T10:00"), JULY, BERLIN) == at("2025-07-20T10:00")
    assert counted_from(at("2025-06-20T10:00"), None, BERLIN) == at("2025-06-20T10:00")


def test_late_usage_of_a_billed_period_is_corrected_where_that_is_wanted() -> None:
    early, late = value("2025-06-10T10:00", "5"), value("2025-06-20T10:00", "3")
    first = metered(ARREARS, values=(early,))
    rows = [as_billed(charge) for charge in bill(contract(first), (), until=JULY).charges]
    again = metered(ARREARS, values=(early, late, value("2025-07-05T10:00", "1")), correct_late_usage=True)

    found = charges(contract(again), [day("2025-07-10"), AUGUST], rows)

    assert [(c.kind, c.period_start, c.net) for c in found] == [("change", JUNE, 300), ("usage", JULY, 100)]
    kept = msgspec.structs.replace(again, correct_late_usage=False)
    assert [c.net for c in charges(contract(kept), [AUGUST], rows)] == [100]


def test_a_closed_period_is_left_alone_when_its_usage_is_not_passed() -> None:
    first = metered(ARREARS, values=(value("2025-06-10T10:00", "5"),))
    rows = [as_billed(charge) for charge in bill(contract(first), (), until=JULY).charges]
    later = metered(ARREARS, values=(value("2025-07-10T10:00", "2"),), correct_late_usage=True)

    assert [c.net for c in charges(contract(later), [AUGUST], rows)] == [200]


def test_instant_usage_is_billed_per_call_and_corrected_by_negative_values() -> None:
    values = (value("2025-06-02T10:00", "8"), value("2025-06-03T10:00", "5"), value("2025-06-05T10:00", "-5"))
    item = metered(per_unit("1.00"), values=values)

    found = run(contract(item), [JUNE, day("2025-06-02"), day("2025-06-04"), day("2025-06-05"), JULY])

    assert [(on, c.net, c.quantity, c.sequence) for on, c in found] == [
        (day("2025-06-02"), 800, Decimal(8), 0),
        (day("2025-06-04"), 500, Decimal(5), 1),
        (day("2025-06-05"), -500, Decimal(-5), 2),
    ]
    assert {(c.service_from, c.service_to) for _, c in found} == {(JUNE, JULY)}
    assert bill(contract(item), (), until=day("2025-06-02")).next_billing_date == JULY


def test_instant_usage_keeps_the_cap_over_the_interval_and_tops_up_an_empty_one() -> None:
    capped = metered(
        per_unit("1.00", maximum_amount=Decimal(10), minimum_amount=Decimal(4)),
        values=(
            value("2025-06-02T10:00", "8"),
            value("2025-06-03T10:00", "5"),
        ),
    )

    found = run(contract(capped), [day("2025-06-02"), day("2025-06-03"), JULY, AUGUST])

    assert [(on, c.net) for on, c in found] == [
        *((day("2025-06-02"), 800), (day("2025-06-03"), 200), (AUGUST, 400)),
    ]


def test_averages_cannot_be_instant_and_are_settled_at_the_end() -> None:
    values = (value("2025-06-02T10:00", "10"), value("2025-06-03T10:00", "20"))
    item = metered(per_unit("1.00"), "average", values=values)

    assert [(on, c.net) for on, c in run(contract(item), [day("2025-06-05"), JULY])] == [(JULY, 1500)]
    with pytest.raises(ValueError, match="end of the interval"):
        instant_charges(per_unit("1.00"), "average", values, JUNE, JULY, BERLIN)


def test_an_end_closes_the_usage_of_the_running_interval() -> None:
    values = (value("2025-06-02T10:00", "8"), value("2025-06-12T10:00", "5"))
    end = End(day("2025-06-11"), recorded_on=day("2025-06-11"))

    found = charges(contract(metered(ARREARS, values=values, end=end)), [day("2025-06-11"), JULY])

    assert [(c.net, c.service_to) for c in found] == [(800, day("2025-06-11"))]


def test_usage_before_the_first_billed_day_is_free() -> None:
    values = (value("2025-06-02T10:00", "8"), value("2025-06-20T10:00", "5"))
    made = contract(metered(ARREARS, values=values), trial_ends_on=day("2025-06-15"))

    (charge,) = charges(made, [day("2025-07-15")])

    assert charge.net == 500


def test_a_percentage_clamps_every_value_and_adds_its_fee() -> None:
    """1 % + 0.25 per payment, at least 0.50 and at most 3.00 each: 10 → 0.50, 100 → 1.25, 1000 → 3.00."""
    price = Price(
        "percentage",
        percent=Decimal(1),
        fixed_per_value=Decimal("0.25"),
        value_minimum=Decimal("0.50"),
        value_maximum=Decimal("3.00"),
        pay_in_advance=False,
    )
    values = tuple(value(f"2025-06-0{n}T10:00", text) for n, text in enumerate(["10", "100", "1000"], 1))

    (charge,) = charges(contract(metered(price, values=values)), [JULY])
    (free,) = charges(contract(metered(msgspec.structs.replace(price, free_units=Decimal(110)), values=values)), [JULY])

    assert charge.net == 475
    assert free.net == 300
    assert charge.trace["values"] == 3


def test_a_percentage_of_a_total_knows_the_number_of_values() -> None:
    price = Price("percentage", percent=Decimal("2.5"), fixed_per_value=Decimal("0.10"), pay_in_advance=False)
    item = metered(price, totals=(UsageTotal(JUNE, JULY, Decimal("1000"), 12),))

    assert charges(contract(item), [JULY])[0].net == 2620  # 25.00 + 12 · 0.10


def test_free_units_are_prorated_only_where_that_is_set() -> None:
    """20 of 30 days: 30 free units become 20."""
    price = per_unit("1.00", pay_in_advance=False, free_units=Decimal(30))
    item = metered(price, start=day("2025-06-11"), totals=(UsageTotal(day("2025-06-11"), JULY, Decimal(50), 1),))
    made = contract(item, billing_group=BillingGroup("start_of_month"))

    assert charges(made, [JULY])[0].net == 2000
    assert charges(msgspec.structs.replace(made, prorate_free_units=True), [JULY])[0].net == 3000


def test_a_metered_flat_fee_is_billed_like_any_fee() -> None:
    """It does not depend on the values: in advance at the start, in arrears at the end with its fixed part by days."""
    advance = charges(contract(metered(flat())), [JUNE])
    arrears = charges(contract(metered(flat(pay_in_advance=False), end=End(day("2025-06-21")))), [JULY])

    assert [(c.kind, c.net) for c in advance] == [("period", 3000)]
    assert [(c.kind, c.net) for c in arrears] == [("usage", 2000)]


def test_prices_beyond_the_examples() -> None:
    assert calculate(per_unit("5.00"), Decimal(-3)) == 0
    assert calculate(per_unit("5.00", minimum_amount=Decimal(7)), Decimal(1)) == 700
    assert calculate(per_unit("5.00", maximum_amount=Decimal(7)), Decimal(3)) == 700
    fee = Price("percentage", percent=Decimal(10), fixed_per_value=Decimal(1))
    assert full_price(fee, Decimal(0)) == 0
    assert full_price(fee, Decimal(20)) == 3


def test_the_date_of_a_run_is_a_local_day() -> None:
    """A value of 23:30 UTC on 2 June belongs to 3 June in Berlin and waits for its run."""
    item = metered(per_unit("1.00"), values=(value("2025-06-02T23:30", "4"),))

    assert bill(contract(item), (), until=date(2025, 6, 2)).charges == ()
    assert [c.net for c in bill(contract(item), (), until=date(2025, 6, 3)).charges] == [400]
