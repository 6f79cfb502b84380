"""Coupons beyond the worked examples: attachment, limits, validity, proration, upgrades, shares that shrink."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from turnus.rating.bill import bill
from turnus.rating.charges import Charge, as_billed
from turnus.rating.contract import BillingGroup, Contract, Coupon, End, Item, Measurement, QuantityStep, UsageTotal
from unit.rating.builders import charges, contract, day, flat, per_unit

JUNE, JULY, AUGUST, SEPTEMBER = day("2025-06-01"), day("2025-07-01"), day("2025-08-01"), day("2025-09-01")
MONTHS = [JUNE, JULY, AUGUST, SEPTEMBER]


def percent(value: str, id: str = "pct", **more: Any) -> Coupon:
    return Coupon(id=id, type="percentage", percentage=Decimal(value), **more)


def fixed(value: str, id: str = "fix", **more: Any) -> Coupon:
    return Coupon(id=id, type="fixed_amount", amount=Decimal(value), **more)


def made(*coupons: Coupon, **more: Any) -> Contract:
    return contract(Item(id="A", price=flat(**more), start=JUNE), coupons=coupons)


def taken(found: list[Charge]) -> list[int]:
    return [charge.discount for charge in found]


def test_a_coupon_counts_when_it_is_attached_at_the_first_billing() -> None:
    attached = made(percent("10", attached_on=day("2025-06-15"), removed_on=day("2025-08-15")))

    assert taken(charges(attached, MONTHS)) == [0, 300, 300, 0]


def test_attaching_or_removing_later_does_not_rate_a_period_again() -> None:
    rows = [as_billed(c) for c in bill(made(percent("10")), (), until=JUNE).charges]

    assert bill(made(), rows, until=day("2025-06-20")).charges == ()
    credit = contract(Item(id="A", price=flat(), start=JUNE, end=End(day("2025-06-11"))))
    (charge,) = bill(credit, rows, until=day("2025-06-11")).charges
    assert (charge.base, charge.discount, charge.net) == (-2000, -200, -1800)


def test_once_is_the_first_period_of_every_item() -> None:
    two = contract(
        Item(id="A", price=flat(), start=JUNE),
        Item(id="B", price=flat("50.00"), start=JULY),
        coupons=(percent("10", frequency="once"),),
    )

    assert [(c.item, c.discount) for c in charges(two, [JUNE, JULY, AUGUST])] == [
        *(("A", 300), ("A", 0), ("B", 500), ("A", 0), ("B", 0)),
    ]


def test_counters_come_from_the_stored_state() -> None:
    limited = made(percent("10", frequency="limited", billing_periods=2))
    states = []
    for until in MONTHS[:3]:
        stored = states[-1] if states else None
        (item,) = limited.items
        slim = (
            item
            if stored is None
            else msgspec.structs.replace(item, billed_until=stored.billed_until, coupon_periods=stored.coupon_periods)
        )
        result = bill(msgspec.structs.replace(limited, items=(slim,)), (), until=until)
        states.append(result.items[0])
        assert taken(list(result.charges)) == [[300], [300], [0]][len(states) - 1]
    assert [dict(state.coupon_periods) for state in states] == [{"pct": 1}, {"pct": 2}, {"pct": 2}]


def test_a_coupon_counts_as_used_also_for_a_period_discounted_to_nothing() -> None:
    both = made(fixed("99.00", frequency="once"), percent("50", frequency="limited", billing_periods=1))

    found = charges(both, [JUNE, JULY])

    assert [[d.amount for d in c.discounts] for c in found] == [[3000, 0], []]


def test_validity_by_product_and_currency() -> None:
    coupons = (
        percent("10", "only", products=("p1",)),
        percent("20", "never", excluded_products=("p1",)),
        fixed("1.00", "usd", currency="USD"),
        fixed("2.00", "eur", currency="EUR"),
    )
    items = (
        Item(id="A", price=flat(), start=JUNE, product="p1"),
        Item(id="B", price=flat(), start=JUNE, product="p2"),
        Item(id="C", price=flat(currency="USD"), start=JUNE, product="p1"),
    )

    found = charges(contract(*items, coupons=coupons), [JUNE])

    assert [[d.coupon for d in c.discounts] for c in found] == [["eur", "only"], ["eur", "never"], ["usd", "only"]]


def test_an_excluded_product_stays_excluded_when_it_is_also_listed() -> None:
    both = percent("10", products=("p1",), excluded_products=("p1",))

    (charge,) = charges(contract(Item(id="A", price=flat(), start=JUNE, product="p1"), coupons=(both,)), [JUNE])

    assert charge.discounts == ()


def test_fixed_amounts_are_prorated_like_the_price_and_per_position_once() -> None:
    """[11 June, 1 July) is 20/30: 3.00 a unit · 4 · 20/30 = 8.00; 3.00 a position · 20/30 = 2.00."""
    item = Item(id="A", price=per_unit("10.00"), start=day("2025-06-11"), quantity=Decimal(4))
    group = BillingGroup("start_of_month")

    (unit,) = charges(contract(item, billing_group=group, coupons=(fixed("3.00"),)), [item.start])
    (position,) = charges(contract(item, billing_group=group, coupons=(fixed("3.00", basis="position"),)), [item.start])

    assert (unit.base, unit.discount) == (2667, 800)
    assert position.discount == 200


def test_fixed_amounts_of_metered_quantities_are_whole() -> None:
    price = per_unit("1.00", pay_in_advance=False, free_units=Decimal(10))
    item = Item(
        id="A",
        price=price,
        start=day("2025-06-11"),
        measurement=Measurement(metered=True, aggregation="sum"),
        totals=(UsageTotal(day("2025-06-11"), JULY, Decimal(50), 1),),
    )
    group = BillingGroup("start_of_month")

    (unit,) = charges(contract(item, billing_group=group, coupons=(fixed("0.10"),)), [JULY])
    (position,) = charges(contract(item, billing_group=group, coupons=(fixed("3.00", basis="position"),)), [JULY])

    assert (unit.base, unit.discount) == (4000, 400)
    assert position.discount == 300


def test_an_unfair_quantity_takes_the_unit_amount_off_its_maximum() -> None:
    step = QuantityStep(day("2025-06-16"), Decimal(6), recorded_on=JUNE)
    item = Item(
        id="A",
        price=per_unit("10.00"),
        start=JUNE,
        quantity=Decimal(4),
        steps=(step,),
        measurement=Measurement(fair_billing=False),
    )

    (charge,) = charges(contract(item, coupons=(fixed("1.00"),)), [JUNE])

    assert (charge.base, charge.discount, charge.quantity) == (6000, 600, Decimal(6))


def test_an_upgrade_to_another_interval_uses_up_what_remains() -> None:
    """Three periods: one month used, the first yearly period is the second, the next the third."""
    coupon = percent("10", frequency="limited", billing_periods=3)
    first = Item(id="A", price=flat(), start=JUNE, end=End(day("2025-06-11"), "pro_rata", day("2025-06-11")))
    second = Item(id="B", price=flat("365.00", "1Y"), start=day("2025-06-11"), replaces="A")

    found = charges(contract(first, second, coupons=(coupon,)), [JUNE, *(date(y, 6, 11) for y in (2025, 2026, 2027))])

    assert [c.discount for c in found if c.item == "B"] == [3650, 3650, 0]


def test_a_coupon_of_the_new_product_only_is_counted_in_the_rest_of_the_period() -> None:
    coupon = percent("10", frequency="limited", billing_periods=1, items=("B",))
    first = Item(id="A", price=flat(), start=JUNE, end=End(day("2025-06-11"), "pro_rata", day("2025-06-11")))
    second = Item(id="B", price=flat("90.00"), start=day("2025-06-11"), replaces="A")

    found = charges(contract(first, second, coupons=(coupon,)), [JUNE, day("2025-06-11"), JULY])

    assert [(c.net, c.discount) for c in found if c.item == "B"] == [(5400, 600), (9000, 0)]


def test_shares_per_invoice_follow_what_the_fixed_steps_left_and_stop_at_their_sum() -> None:
    items = (Item(id="A", price=flat("10.00"), start=JUNE), Item(id="B", price=flat("30.00"), start=JUNE))
    coupons = (fixed("8.00", "unit", items=("B",)), fixed("50.00", "all", basis="invoice"))

    found = charges(contract(*items, coupons=coupons), [JUNE])

    assert [[d.amount for d in c.discounts] for c in found] == [[1000], [800, 2200]]
    assert [c.net for c in found] == [0, 0]


def test_shares_are_spread_per_billing_date_also_when_a_run_catches_up() -> None:
    item = Item(id="A", price=flat("10.00"), start=JUNE)

    found = charges(contract(item, coupons=(fixed("4.00", basis="invoice"),)), [AUGUST])

    assert taken(found) == [400, 400, 400]


def test_one_time_charges_take_part_in_a_coupon_per_invoice() -> None:
    items = (Item(id="A", price=flat("30.00"), start=JUNE), Item(id="O", price=flat("60.00", None), start=JUNE))

    found = charges(contract(*items, coupons=(fixed("9.00", basis="invoice"),)), [JUNE])

    assert taken(found) == [300, 600]


def test_a_share_shrinks_with_the_base_and_does_not_grow() -> None:
    coupon = fixed("9.00", basis="invoice")
    ended = Item(id="A", price=flat(), start=JUNE, end=End(day("2025-06-11"), recorded_on=day("2025-06-11")))
    grown = Item(
        id="A",
        price=per_unit("30.00"),
        start=JUNE,
        steps=(QuantityStep(day("2025-06-16"), Decimal(2), day("2025-06-16"), invoice_immediately=True),),
    )

    less = charges(contract(ended, coupons=(coupon,)), [JUNE, day("2025-06-11")])
    more = charges(contract(grown, coupons=(coupon,)), [JUNE, day("2025-06-16")])

    assert [(c.base, c.discount) for c in less] == [(3000, 900), (-2000, -600)]
    assert [(c.base, c.discount) for c in more] == [(3000, 900), (1500, 0)]


def test_a_change_keeps_the_percentage_of_the_first_billing() -> None:
    step = QuantityStep(day("2025-06-16"), Decimal(2), day("2025-06-16"), invoice_immediately=True)
    item = Item(id="A", price=per_unit("30.00"), start=JUNE, steps=(step,))
    coupon = percent("10", removed_on=day("2025-06-10"))

    found = charges(contract(item, coupons=(coupon,)), [JUNE, day("2025-06-16")])

    assert [(c.base, c.discount, c.net) for c in found] == [(3000, 300, 2700), (1500, 150, 1350)]
    assert [d.counted for d in found[1].discounts] == [False]


def test_discounts_are_explained() -> None:
    (charge,) = charges(made(percent("10"), fixed("1.00")), [JUNE])

    assert charge.trace["discounts"] == [
        {"coupon": "fix", "type": "fixed_amount", "value": "1.00", "basis": "unit", "amount": "1.00"},
        {"coupon": "pct", "type": "percentage", "value": "10", "basis": "unit", "amount": "2.90"},
    ]
