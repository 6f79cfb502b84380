"""From rows to the engine's contract and back."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from turnus.catalogue.ops.load_catalogue import Catalogue, PricedPlan, SoldProduct, SoldUnit
from turnus.rating.bill import bill
from turnus.rating.charges import as_billed
from turnus.rating.contract import Measurement, Price
from turnus.subscriptions.contracts import (
    BillingTerms,
    DueContract,
    GroupRow,
    ItemRow,
    Settlement,
    SubscriptionRow,
    contract_of,
    first_due_dates,
    next_due,
    settlement_of,
)

PLAN, PRODUCT, ITEM, OTHER, SUBSCRIPTION = (UUID(int=n) for n in range(1, 6))
ZONE = "Europe/Berlin"


def catalogue(**price: Any) -> Catalogue:
    terms: dict[str, Any] = {"calculation_type": "flat_fee", "amount": Decimal(30), "id": PLAN} | price
    unit = SoldUnit(PRODUCT, "C62", {"de": "Stück"})
    product = SoldProduct(
        PRODUCT, "product", None, {"de": "Basis"}, {}, unit, PRODUCT, None, "always", Measurement(), "quantity"
    )
    return Catalogue({PLAN: PricedPlan(PLAN, PRODUCT, Price(**terms), "recurring", None, None)}, {PRODUCT: product})


def item(id: UUID = ITEM, **values: Any) -> ItemRow:
    usual: dict[str, Any] = dict.fromkeys(field.name for field in msgspec.structs.fields(ItemRow))
    usual |= {
        "id": id, "subscription_id": SUBSCRIPTION, "product_id": PRODUCT, "price_plan_id": PLAN, "position": 0,
        "name": "Basis", "status": "active", "type": "product", "quantity": Decimal(1), "start_date": date(2025, 6, 1),
    }  # fmt: skip
    return ItemRow(**(usual | values))


def subscription(**values: Any) -> SubscriptionRow:
    usual: dict[str, Any] = dict.fromkeys(field.name for field in msgspec.structs.fields(SubscriptionRow))
    usual |= {
        "id": SUBSCRIPTION, "number": "S-1", "status": "active", "customer_id": OTHER, "time_zone": ZONE,
        "contract_start": date(2025, 6, 1), "billing_start": date(2025, 6, 1),
    }  # fmt: skip
    return SubscriptionRow(**(usual | values))


def cancelled(on: date, **values: Any) -> SubscriptionRow:
    declared = {"cancelled_at": datetime(2025, 6, 5, 10, tzinfo=UTC), "cancellation_date": on, "contract_end": on}
    return subscription(**(declared | values))


def settle(due: DueContract, until: date, billed: Any = (), prices: Catalogue | None = None) -> Settlement:
    contract = contract_of(due.subscription, due.items, prices or catalogue(), due.group)
    return settlement_of(due, contract, bill(contract, billed, until=until), until)


def after(row: ItemRow, settled: Settlement) -> ItemRow:
    """The row as the settlement leaves it."""
    state = settled.items[0]
    names = ("billed_from", "billed_until", "anchor", "anchor_day", "next_billing_on", "rerate_from", "status")
    return msgspec.structs.replace(row, **{name: getattr(state, name) for name in names})


def test_billing_month_by_month_advances_the_item_and_bills_nothing_twice() -> None:
    row = item()
    nets = []
    for month in (6, 7, 8):
        contract = contract_of(subscription(), [row], catalogue(), None)
        result = bill(contract, until=date(2025, month, 1))
        nets += [charge.net for charge in result.charges]
        due = DueContract(subscription(), [row], None)
        row = after(row, settlement_of(due, contract, result, date(2025, month, 1)))
        again = bill(contract_of(subscription(), [row], catalogue(), None), until=date(2025, month, 1))
        assert again.charges == ()
    assert nets == [3000, 3000, 3000]
    assert (row.billed_from, row.billed_until, row.next_billing_on) == (
        date(2025, 8, 1), date(2025, 9, 1), date(2025, 9, 1),
    )  # fmt: skip
    assert (row.anchor, row.anchor_day) == (date(2025, 6, 1), 1)


def test_a_stored_anchor_keeps_the_day_31_through_february() -> None:
    row = item(start_date=date(2025, 1, 31))
    ends = []
    for day in (date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31)):
        settled = settle(DueContract(subscription(), [row], None), day)
        row = after(row, settled)
        ends.append(row.billed_until)
    assert ends == [date(2025, 2, 28), date(2025, 3, 31), date(2025, 4, 30)]  # S1


def test_the_next_billing_instant_is_local_midnight() -> None:
    settled = settle(DueContract(subscription(), [item()], None), date(2025, 6, 1))
    assert settled.next_billing_at == datetime(2025, 6, 30, 22, tzinfo=UTC)


def test_a_group_gives_a_stub_to_its_date() -> None:
    group = GroupRow(OTHER, "start_of_month", None, None)
    row = item(start_date=date(2025, 4, 11))
    contract = contract_of(subscription(), [row], catalogue(), group)
    charges = bill(contract, until=date(2025, 5, 1)).charges
    assert [charge.net for charge in charges] == [2000, 3000]  # S6


def test_the_first_due_date_of_a_long_overdue_contract_is_its_first_one() -> None:
    contract = contract_of(subscription(), [item(start_date=date(2001, 3, 31))], catalogue(), None)
    assert first_due_dates(contract) == {ITEM: date(2001, 3, 31)}
    assert next_due(contract, date(2025, 1, 1)) == date(2001, 3, 31)


def test_days_in_advance_move_the_due_date() -> None:
    contract = contract_of(subscription(), [item()], catalogue(), None, BillingTerms(days_in_advance=10))
    assert first_due_dates(contract) == {ITEM: date(2025, 5, 22)}


def test_arrears_fall_due_at_the_end_of_the_period() -> None:
    contract = contract_of(subscription(), [item()], catalogue(pay_in_advance=False), None)
    assert first_due_dates(contract) == {ITEM: date(2025, 7, 1)}


def test_a_trial_moves_the_first_due_date_and_the_rhythm() -> None:
    row = item(start_date=date(2025, 3, 1), trial_ends_on=date(2025, 3, 15))
    assert first_due_dates(contract_of(subscription(), [row], catalogue(), None)) == {ITEM: date(2025, 3, 15)}
    free = contract_of(subscription(), [row], catalogue(apply_trial=False), None)
    assert first_due_dates(free) == {ITEM: date(2025, 3, 1)}


def test_an_end_credits_prepaid_time_and_terminates_the_item() -> None:
    first = bill(contract_of(subscription(), [item()], catalogue(), None), until=date(2025, 6, 1))
    row = after(item(), settle(DueContract(subscription(), [item()], None), date(2025, 6, 1)))
    row = msgspec.structs.replace(row, rerate_from=row.billed_from, status="canceled")
    ending = cancelled(date(2025, 6, 21))
    billed = [as_billed(charge) for charge in first.charges]

    contract = contract_of(ending, [row], catalogue(), None)
    assert [charge.net for charge in bill(contract, billed, until=date(2025, 6, 21)).charges] == [-1000]  # S21
    settled = settle(DueContract(ending, [row], None), date(2025, 6, 21), billed)
    assert settled.ended_on == date(2025, 6, 21)
    assert settled.next_billing_at is None
    assert (settled.items[0].terminated, settled.items[0].status) == (True, "terminated")
    assert settled.items[0].rerate_from is None


def test_before_the_end_the_periods_to_credit_are_kept_in_mind() -> None:
    row = after(item(), settle(DueContract(subscription(), [item()], None), date(2025, 6, 1)))
    row = msgspec.structs.replace(row, rerate_from=row.billed_from, status="canceled")
    settled = settle(DueContract(cancelled(date(2025, 6, 21)), [row], None), date(2025, 6, 10))
    assert settled.ended_on is None
    assert settled.items[0].rerate_from == date(2025, 6, 1)
    assert settled.next_billing_at == datetime(2025, 6, 20, 22, tzinfo=UTC)


def test_a_contract_comes_back_on_its_end_even_when_nothing_is_due_then() -> None:
    ending = cancelled(date(2025, 7, 1))
    settled = settle(DueContract(ending, [item()], None), date(2025, 6, 6))
    assert settled.next_billing_at == datetime(2025, 6, 30, 22, tzinfo=UTC)
    over = settle(DueContract(ending, [after(item(), settled)], None), date(2025, 7, 1))
    assert (over.ended_on, over.billed) == (date(2025, 7, 1), False)


def test_an_item_with_its_own_end_ends_alone() -> None:
    rows = [item(end_date=date(2025, 7, 1)), item(OTHER, position=1)]
    due = DueContract(subscription(), rows, None)
    settled = settle(due, date(2025, 7, 1))
    assert [state.terminated for state in settled.items] == [True, False]
    assert settled.ended_on is None
    assert settled.next_billing_at == datetime(2025, 7, 31, 22, tzinfo=UTC)


def test_a_pending_item_becomes_active_when_it_starts() -> None:
    row = item(status="pending", start_date=date(2025, 7, 1))
    assert settle(DueContract(subscription(), [row], None), date(2025, 6, 1)).items[0].status == "pending"
    assert settle(DueContract(subscription(), [row], None), date(2025, 7, 1)).items[0].status == "active"


def test_custom_prices_are_billed_instead_of_the_plans() -> None:
    contract = contract_of(subscription(), [item(custom_price={"amount": "25.50"})], catalogue(), None)
    assert [charge.net for charge in bill(contract, until=date(2025, 6, 1)).charges] == [2550]


def test_coupon_counters_go_out_as_text_and_come_back_as_ids() -> None:
    coupon = UUID(int=9)
    row = item(coupon_periods={str(coupon): 2})
    assert contract_of(subscription(), [row], catalogue(), None).items[0].coupon_periods == {coupon: 2}


def test_a_contract_of_one_item_is_built_in_microseconds() -> None:
    row, prices, terms = item(billed_until=date(2025, 7, 1), anchor=date(2025, 6, 1)), catalogue(), subscription()
    best = min(_timed(terms, row, prices) for _ in range(20))
    # 3 µs on an idle core; the bound leaves room for a busy machine.
    assert best < 30e-6


def _timed(terms: SubscriptionRow, row: ItemRow, prices: Catalogue) -> float:
    started = time.perf_counter()
    for _ in range(200):
        contract_of(terms, [row], prices, None)
    return (time.perf_counter() - started) / 200
