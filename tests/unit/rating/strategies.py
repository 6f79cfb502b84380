"""Random contracts: prices, changes, ends, coupons, groups, trials and pauses in the first half of 2025."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st

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
    PriceVersion,
    QuantityStep,
    Tier,
)
from unit.rating.builders import contract

FIRST = date(2025, 1, 1)
LAST = date(2025, 8, 31)


dates = st.dates(FIRST, LAST)
amounts = st.decimals(Decimal("0.01"), Decimal("500"), places=2)
quantities = st.integers(0, 80).map(Decimal)
TIERS = (
    Tier(Decimal(10), Decimal("10.00"), Decimal("3.33")),
    Tier(Decimal(50), Decimal("8.00"), Decimal(0)),
    Tier(None, Decimal("6.01"), Decimal("1.00")),
)


@st.composite
def prices(draw: Any) -> Price:
    return Price(
        draw(st.sampled_from(["flat_fee", "per_unit", "tiered", "volume", "stair_step", "package"])),
        draw(amounts),
        Interval.parse(draw(st.sampled_from(["1M", "1M", "3M", "2W", "10D", "1Y"]))),
        pay_in_advance=draw(st.booleans()),
        pro_rata=draw(st.booleans()),
        free_units=draw(st.sampled_from([Decimal(0), Decimal(3)])),
        tiers=TIERS,
        package_size=Decimal(7),
        minimum_amount=draw(st.sampled_from([None, Decimal("5.00")])),
        maximum_amount=draw(st.sampled_from([None, Decimal("700.00")])),
    )


@st.composite
def steps(draw: Any) -> QuantityStep:
    from_ = draw(st.dates(date(2025, 1, 20), date(2025, 6, 30)))
    recorded_on = from_ + timedelta(days=draw(st.sampled_from([0, 0, 0, -20, -1, 1, 15, 40])))
    return QuantityStep(from_, draw(quantities), recorded_on, draw(st.booleans()))


@st.composite
def versions(draw: Any, price: Price) -> PriceVersion:
    """Dated back a version would depend on the runs: the first billing of a period freezes its price."""
    from_ = draw(st.dates(date(2025, 1, 20), date(2025, 6, 30)))
    changed = msgspec.structs.replace(price, amount=draw(amounts), id="v2", maximum_amount=Decimal(50))
    return PriceVersion(from_, changed, from_ - timedelta(days=draw(st.integers(0, 20))), draw(st.booleans()))


@st.composite
def items(draw: Any, name: str = "A") -> Item:
    start = draw(st.dates(FIRST, date(2025, 2, 15)))
    ends_on = start + timedelta(days=draw(st.integers(0, 230)))
    price = draw(prices())
    return Item(
        id=name,
        price=price,
        versions=tuple(draw(st.lists(versions(price), max_size=1))),
        start=start,
        quantity=draw(quantities),
        measurement=Measurement(fair_billing=draw(st.booleans())),
        steps=tuple(draw(st.lists(steps(), max_size=4))),
        end=End(
            ends_on,
            draw(st.sampled_from([None, "pro_rata", "full", "none"])),
            ends_on - timedelta(days=draw(st.integers(0, 40))),
        ),
    )


@st.composite
def coupons(draw: Any, name: str, bases: tuple[str, ...] = ("unit", "position")) -> Coupon:
    percentage = draw(st.booleans())
    return Coupon(
        id=name,
        type="percentage" if percentage else "fixed_amount",
        percentage=Decimal(draw(st.integers(1, 100))),
        amount=draw(amounts),
        basis=draw(st.sampled_from(bases)),
        frequency=draw(st.sampled_from(["once", "limited", "lifetime"])),
        billing_periods=3,
    )


@st.composite
def pauses(draw: Any) -> Pause:
    on = draw(dates)
    resumed_on = on + timedelta(days=draw(st.integers(1, 90)))
    again = draw(st.none() | st.integers(-20, 30).map(lambda n: resumed_on + timedelta(days=n)))
    return Pause(on, resumed_on, again, recorded_on=on)


@st.composite
def contracts(draw: Any, *, paused: bool = True) -> Contract:
    group = draw(st.sampled_from([None, None, "start_of_month", "end_of_month", "end_of_year", "custom"]))
    return contract(
        draw(items("A")),
        draw(items("B")),
        billing_group=BillingGroup(group, custom_day=30) if group else None,
        coupons=tuple(draw(coupons(f"c{n}")) for n in range(draw(st.integers(0, 2)))),
        trial_ends_on=draw(st.sampled_from([None, None, None, date(2025, 2, 1), date(2025, 3, 9)])),
        pauses=(draw(pauses()),) if paused and draw(st.integers(0, 3)) == 0 else (),
        days_in_advance=draw(st.sampled_from([0, 0, 5])),
        proration_mode=draw(st.sampled_from(["day", "day", "second", "none"])),
    )


@st.composite
def wild_contracts(draw: Any) -> Contract:
    """More, and what depends on the days of the runs: last_invoiced, coupons per invoice, upgrades."""
    made = draw(contracts())
    first, second = made.items
    end = first.end or End(LAST)
    kind = draw(st.sampled_from([None, "pro_rata", "full", "none", "last_invoiced"]))
    follower = msgspec.structs.replace(
        draw(items("C")), start=max(end.on, first.start), replaces="A", end=None, recorded_on=end.on
    )
    return msgspec.structs.replace(
        made,
        items=(msgspec.structs.replace(first, end=End(end.on, kind, end.recorded_on)), follower, second),
        coupons=tuple(draw(coupons(f"c{n}", ("unit", "position", "invoice"))) for n in range(draw(st.integers(0, 3)))),
    )


run_days = st.lists(st.dates(FIRST, LAST), min_size=2, max_size=14, unique=True).map(sorted)
