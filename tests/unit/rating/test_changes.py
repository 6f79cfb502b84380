"""Changes of billed periods that the worked examples leave open: price versions, back-dating, moved ends, limits."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest

from turnus.rating.bill import bill
from turnus.rating.charges import Billed, Charge, as_billed
from turnus.rating.contract import BillingGroup, End, Item, Measurement, Price, PriceVersion, QuantityStep, Tier
from unit.rating.builders import charges, contract, day, flat, per_unit, run

JUNE, JULY, AUGUST = day("2025-06-01"), day("2025-07-01"), day("2025-08-01")


def seats(*steps: QuantityStep, price: Price | None = None, **more: object) -> Item:
    return Item(id="A", price=price or per_unit("5.00"), start=JUNE, quantity=Decimal(10), steps=steps, **more)


def nets(found: list[Charge]) -> list[tuple[str, int]]:
    return [(charge.kind, charge.net) for charge in found]


def test_a_price_version_inside_a_fair_period_counts_by_days() -> None:
    version = PriceVersion(day("2025-06-16"), flat("60.00", id="v2"), recorded_on=day("2025-06-10"))
    item = Item(id="A", price=flat("30.00", id="v1"), start=JUNE, versions=(version,))

    found = charges(contract(item), [JUNE, JULY])

    # 30·15/30 + 60·15/30 = 45.00 less 30.00 billed; July at the new price.
    assert nets(found) == [("period", 3000), ("change", 1500), ("period", 6000)]
    assert [charge.price_version for charge in found] == ["v1", "v1", "v2"]
    assert (found[1].service_from, found[1].service_to) == (day("2025-06-16"), JULY)


def test_a_price_version_without_fair_billing_waits_for_the_next_period() -> None:
    version = PriceVersion(day("2025-06-16"), flat("60.00"))
    for item in (
        Item(id="A", price=flat(), start=JUNE, versions=(version,), measurement=Measurement(fair_billing=False)),
        Item(id="A", price=flat(pro_rata=False), start=JUNE, versions=(version,)),
    ):
        assert nets(charges(contract(item), [JUNE, JULY])) == [("period", 3000), ("period", 6000)]


def test_a_price_version_recorded_after_the_first_billing_leaves_that_period_alone() -> None:
    """The first billing freezes the price: a version that dates back before the period counts from the next one."""
    version = PriceVersion(day("2025-05-20"), flat("60.00", id="v2"), recorded_on=day("2025-06-05"))
    item = Item(id="A", price=flat("30.00", id="v1"), start=day("2025-05-01"), versions=(version,))

    found = charges(contract(item), [day("2025-05-01"), JUNE, day("2025-06-20"), JULY])

    # May: 30·19/31 + 60·12/31 = 41.6129 → 41.61, so 11.61 with the next period; June stays, July is new.
    assert nets(found) == [("period", 3000), ("period", 3000), ("change", 1161), ("period", 6000)]


def test_a_planned_change_weighs_on_the_period_that_is_billed_in_advance() -> None:
    planned = QuantityStep(day("2025-06-16"), Decimal(15), recorded_on=day("2025-05-20"))

    (charge,) = charges(contract(seats(planned)), [JUNE])

    assert charge.net == 6250  # 50·15/30 + 75·15/30
    assert [segment["quantity"] for segment in charge.trace["segments"]] == ["10", "15"]


def test_a_planned_change_that_is_taken_back_gives_the_difference_back() -> None:
    planned = QuantityStep(day("2025-06-16"), Decimal(15), recorded_on=day("2025-05-20"))
    undone = QuantityStep(day("2025-06-16"), Decimal(10), recorded_on=day("2025-06-10"))

    found = charges(contract(seats(planned, undone)), [JUNE, JULY])

    assert nets(found) == [("period", 6250), ("change", -1250), ("period", 5000)]


def test_a_change_dated_back_over_two_billed_periods_is_charged_in_both() -> None:
    late = QuantityStep(day("2025-06-16"), Decimal(15), recorded_on=day("2025-07-10"))

    found = charges(contract(seats(late)), [JUNE, JULY, day("2025-07-10"), AUGUST])

    assert nets(found) == [("period", 5000), ("period", 5000), ("change", 1250), ("change", 2500), ("period", 7500)]
    assert [charge.period_start for charge in found if charge.kind == "change"] == [JUNE, JULY]


def test_a_change_recorded_on_the_day_of_the_billing_is_not_lost() -> None:
    """Billed on 1 June without knowing it, recorded on 1 June: found by rating, not by the date of the record."""
    before = contract(seats())
    rows = [as_billed(charge) for charge in bill(before, (), until=JUNE).charges]
    after = contract(seats(QuantityStep(day("2025-06-16"), Decimal(15), recorded_on=JUNE)))

    found = charges(after, [JUNE, JULY], rows)

    assert nets(found) == [("change", 1250), ("period", 7500)]
    assert found[0].service_from == day("2025-06-16")


def test_an_immediate_change_takes_the_waiting_one_before_it_along() -> None:
    waiting = QuantityStep(day("2025-06-11"), Decimal(13), recorded_on=day("2025-06-11"))
    at_once = QuantityStep(day("2025-06-21"), Decimal(16), recorded_on=day("2025-06-21"), invoice_immediately=True)

    found = run(contract(seats(waiting, at_once)), [JUNE, day("2025-06-11"), day("2025-06-21"), JULY])

    # 15·20/30 = 10.00 from 11 June, 15·10/30 = 5.00 from 21 June.
    assert [(on, charge.kind, charge.net, charge.quantity) for on, charge in found[1:]] == [
        (day("2025-06-21"), "change", 1000, Decimal(3)),
        (day("2025-06-21"), "change", 500, Decimal(3)),
        (JULY, "period", 8000, Decimal(16)),
    ]
    assert [charge.sequence for _, charge in found] == [0, 0, 1, 0]


def test_a_waiting_change_is_settled_with_the_end() -> None:
    step = QuantityStep(day("2025-06-16"), Decimal(15), recorded_on=day("2025-06-16"))
    item = seats(step, end=End(day("2025-06-26"), recorded_on=day("2025-06-20")))
    made = contract(item)
    rows = [as_billed(charge) for charge in bill(made, (), until=JUNE).charges]

    assert bill(made, rows, until=day("2025-06-25")).charges == ()
    assert bill(made, rows, until=day("2025-06-25")).next_billing_date == day("2025-06-26")
    found = bill(made, rows, until=day("2025-06-26")).charges

    # +12.50 for 16–30 June; kept 50·15/30 + 75·10/30 = 50.00 of 62.50.
    assert nets(list(found)) == [("change", 1250), ("credit", -1250)]


def test_a_change_by_the_second_counts_from_its_instant() -> None:
    """S13 through the billing function: 25 · 14.5/30."""
    noon = datetime(2025, 6, 16, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    step = QuantityStep(noon.date(), Decimal(15), noon.date(), invoice_immediately=True, at=noon)

    found = charges(contract(seats(step), proration_mode="second"), [JUNE, noon.date()])

    assert nets(found) == [("period", 5000), ("change", 1208)]
    assert found[1].trace["unit"] == "second"


def test_an_end_by_the_second_counts_to_its_instant() -> None:
    noon = datetime(2025, 6, 21, 12, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    item = Item(id="A", price=flat(), start=JUNE, end=End(noon.date(), recorded_on=noon.date(), at=noon))

    found = charges(contract(item, proration_mode="second"), [JUNE, noon.date()])

    assert nets(found) == [("period", 3000), ("credit", -950)]  # 30 · 9.5/30


def test_no_proration_at_all() -> None:
    item = Item(id="A", price=flat(), start=JUNE, end=End(day("2025-06-21"), recorded_on=day("2025-06-21")))

    assert nets(charges(contract(item, proration_mode="none"), [JUNE, JULY])) == [("period", 3000)]


def test_an_end_that_moves_out_gives_the_period_its_days_back() -> None:
    first = contract(Item(id="A", price=flat(), start=JUNE, end=End(day("2025-06-11"), recorded_on=JUNE)))
    rows = [as_billed(charge) for charge in bill(first, (), until=JUNE).charges]
    moved = contract(Item(id="A", price=flat(), start=JUNE, end=End(day("2025-06-21"), recorded_on=day("2025-06-05"))))

    waiting = bill(moved, rows, until=day("2025-06-05"))
    assert waiting.charges == ()
    assert waiting.next_billing_date == day("2025-06-11")
    (charge,) = bill(moved, rows, until=day("2025-06-11")).charges

    assert [row.net for row in rows] == [1000]
    assert (charge.kind, charge.net, charge.service_from, charge.service_to) == (
        *("change", 1000),
        *(day("2025-06-11"), day("2025-06-21")),
    )


def test_periods_prepaid_beyond_the_end_are_credited_in_full() -> None:
    """Billed ten days ahead; whatever the switches and the credit type say, an undelivered period costs nothing."""
    for credit_type in (None, "none", "pro_rata", "full"):
        end = End(day("2025-06-25"), credit_type, recorded_on=day("2025-06-24"))
        item = Item(id="A", price=flat(), start=JUNE, end=end, measurement=Measurement(fair_billing=False))

        found = charges(contract(item, days_in_advance=10), [JUNE, day("2025-06-21"), day("2025-06-25")])

        july = [charge for charge in found if charge.period_start == JULY]
        assert nets(july) == [("period", 3000), ("credit", -3000)]
        assert (july[1].service_from, july[1].service_to) == (JULY, AUGUST)


def test_last_invoiced_credits_the_last_position_whatever_it_was() -> None:
    step = QuantityStep(day("2025-06-16"), Decimal(15), recorded_on=day("2025-06-16"), invoice_immediately=True)
    item = seats(step, end=End(day("2025-06-21"), "last_invoiced", recorded_on=day("2025-06-21")))

    found = charges(contract(item), [JUNE, day("2025-06-16"), day("2025-06-21"), JULY])

    assert nets(found) == [("period", 5000), ("change", 1250), ("credit", -1250)]
    assert (found[2].service_from, found[2].service_to) == (day("2025-06-16"), JULY)


def test_a_full_credit_takes_the_changes_of_the_period_along() -> None:
    step = QuantityStep(day("2025-06-16"), Decimal(15), recorded_on=day("2025-06-16"), invoice_immediately=True)
    item = seats(step, end=End(day("2025-06-21"), "full", recorded_on=day("2025-06-21")))

    found = charges(contract(item), [JUNE, day("2025-06-16"), day("2025-06-21"), JULY])

    assert nets(found) == [("period", 5000), ("change", 1250), ("credit", -6250)]


def test_a_fact_that_dates_back_behind_a_settled_end_is_squared_once() -> None:
    late = QuantityStep(day("2025-06-11"), Decimal(15), recorded_on=day("2025-06-25"))
    item = seats(late, end=End(day("2025-06-21"), recorded_on=day("2025-06-21")))

    found = charges(contract(item), [JUNE, day("2025-06-21"), day("2025-06-25"), day("2025-06-26"), JULY])

    # Kept 50·20/30 = 33.33; then 50·10/30 + 75·10/30 = 41.67.
    assert nets(found) == [("period", 5000), ("credit", -1667), ("change", 834)]
    assert (found[2].service_from, found[2].service_to) == (day("2025-06-11"), day("2025-06-21"))


def test_an_explicit_credit_by_days_ignores_the_switches_also_in_a_stub() -> None:
    """A stub that cost a full period (proRata=false) is credited by its own days: 10 of 20."""
    end = End(day("2025-06-21"), "pro_rata", recorded_on=day("2025-06-21"))
    item = Item(id="A", price=flat(pro_rata=False), start=day("2025-06-11"), end=end)

    found = charges(contract(item, billing_group=BillingGroup("start_of_month")), [day("2025-06-11"), end.on])

    assert nets(found) == [("period", 3000), ("credit", -1500)]


def test_a_credit_is_limited_to_what_was_not_credited_by_hand() -> None:
    item = Item(id="A", price=flat(), start=JUNE, end=End(day("2025-06-11"), recorded_on=day("2025-06-11")))
    (row,) = [as_billed(charge) for charge in bill(contract(item), (), until=JUNE).charges]
    credited = msgspec.structs.replace(row, credited=2500)

    found = charges(contract(item), [day("2025-06-11"), JULY], [credited])

    assert nets(found) == [("credit", -500)]  # 20.00 by days, but only 5.00 are left


@pytest.mark.parametrize("kind", ["contract", "parent"])
def test_an_end_of_the_contract_or_of_the_parent_ends_the_item(kind: str) -> None:
    end = End(day("2025-06-21"), recorded_on=day("2025-06-21"))
    parent = Item(id="P", price=flat("90.00"), start=JUNE, end=end if kind == "parent" else None)
    child = Item(id="A", price=flat(), start=JUNE, parent="P")
    made = contract(child, parent, end=end if kind == "contract" else None)

    found = charges(made, [JUNE, day("2025-06-21"), JULY])

    assert [(charge.item, charge.net) for charge in found] == [("P", 9000), ("A", 3000), ("P", -3000), ("A", -1000)]


def test_a_released_period_is_billed_again() -> None:
    """Three months billed, February's draft deleted: billed_until goes back, March's row stays."""
    item = Item(id="A", price=flat(), start=day("2025-01-01"))
    rows = [as_billed(charge) for charge in bill(contract(item), (), until=day("2025-03-01")).charges]
    left: list[Billed] = [rows[0], rows[2]]
    back = msgspec.structs.replace(item, billed_until=day("2025-02-01"))

    result = bill(contract(back), left, until=day("2025-03-15"))

    assert [charge.period_start for charge in result.charges] == [day("2025-02-01")]
    assert result.items[0].billed_until == day("2025-04-01")


def test_an_item_recorded_later_does_not_exist_yet() -> None:
    later = Item(id="B", price=flat(), start=JUNE, recorded_on=day("2025-06-05"))
    made = contract(later)

    assert bill(made, (), until=JUNE).items == ()
    assert nets(charges(made, [JUNE, day("2025-06-05")])) == [("period", 3000)]


def test_gross_prices_and_foreign_currencies_stay_what_they_are() -> None:
    gross = Item(id="G", price=flat("9.99", tax_included=True), start=JUNE)
    yen = Item(id="Y", price=flat("1000", currency="JPY"), start=JUNE)
    dinar = Item(id="D", price=flat("1.2345", currency="TND"), start=JUNE)

    found = charges(contract(gross, yen, dinar), [JUNE])

    assert [(c.net, c.currency, c.tax_included) for c in found] == [
        *((999, "EUR", True), (1000, "JPY", False), (1235, "TND", False)),
    ]


def test_ten_years_of_daily_changes_are_rated_without_delay() -> None:
    """A recurring quantity with a step per day: a yearly period in arrears is one pass over its own steps."""
    start = date(2015, 1, 1)
    steps = tuple(
        QuantityStep(date.fromordinal(start.toordinal() + n), Decimal(n % 7), recorded_on=start) for n in range(3650)
    )
    item = Item(
        id="A",
        price=per_unit("3.65", "1Y", pay_in_advance=False),
        start=start,
        steps=steps,
        billed_until=date(2023, 1, 1),
    )

    (charge,) = bill(contract(item), (), until=date(2024, 1, 1)).charges

    quantity = sum(n % 7 for n in range(2922, 3287))
    assert charge.net == quantity  # 3.65/365 = 0.01 per unit and day
    assert len(charge.trace["segments"]) == 365


def test_a_migrated_period_is_left_alone_until_a_fact_touches_it() -> None:
    """June was billed at 40.00 by another system; the change in June is charged as its due less that."""
    (row,) = [as_billed(charge) for charge in bill(contract(seats()), (), until=JUNE).charges]
    migrated = msgspec.structs.replace(row, base=4000, price_version="old system")
    step = QuantityStep(day("2025-06-16"), Decimal(15), day("2025-06-16"), invoice_immediately=True)

    assert nets(charges(contract(seats()), [JULY], [migrated])) == [("period", 5000)]
    assert nets(charges(contract(seats(step)), [day("2025-06-16"), day("2025-06-17")], [migrated])) == [
        ("change", 2250)
    ]


def test_the_trace_explains_tiers_segments_floor_and_cap() -> None:
    tiers = (Tier(Decimal(10), Decimal("2.00"), Decimal("10.00")), Tier(None, Decimal("1.00"), Decimal("20.00")))
    price = Price("tiered", tiers=tiers, free_units=Decimal(1), minimum_amount=Decimal(5), maximum_amount=Decimal(60))
    item = Item(id="A", price=price, start=JUNE, quantity=Decimal(16))

    (charge,) = charges(contract(item), [JUNE])

    assert json.loads(json.dumps(charge.trace)) == {
        "calculationType": "tiered",
        "regularPeriod": ["2025-06-01", "2025-07-01"],
        "unit": "day",
        "factor": [30, 30],
        "segments": [
            {
                "from": "2025-06-01",
                "to": "2025-07-01",
                "length": 30,
                "quantity": "16",
                "tiers": [
                    {"upTo": "10", "units": "10", "unitAmount": "2.00", "flatAmount": "10.00", "amount": "30"},
                    {"upTo": None, "units": "5", "unitAmount": "1.00", "flatAmount": "20.00", "amount": "25"},
                ],
            }
        ],
        "base": "55.00",
        "freeUnits": "1",
        "minimumAmount": "5",
        "maximumAmount": "60",
    }


def test_the_trace_of_a_change_names_what_is_due_and_what_was_billed() -> None:
    step = QuantityStep(day("2025-06-16"), Decimal(15), day("2025-06-16"), invoice_immediately=True)

    charge = charges(contract(seats(step)), [JUNE, day("2025-06-16")])[1]

    assert charge.trace["change"] == {
        "reason": "quantity",
        "due": {"base": "62.50", "discount": "0.00"},
        "billedBefore": {"base": "50.00", "discount": "0.00"},
    }
    assert [segment["length"] for segment in charge.trace["segments"]] == [15, 15]
