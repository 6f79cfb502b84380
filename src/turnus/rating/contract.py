"""What `bill` reads: the contract and its facts, as immutable values.

Ids are opaque hashables (UUIDs in production). Dates are local calendar dates in the contract's time zone; the second
date of a range is exclusive. Amounts, prices and quantities are `Decimal` in major units.

A *fact* (quantity step, price version, end, pause, anchor) carries the day from which it counts and, optionally, the
local day on which it was recorded: `bill(…, until)` does not know facts recorded after `until`. None means always
known.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from turnus.kernel.time import Interval

Id: TypeAlias = Hashable
CalculationType = Literal["flat_fee", "per_unit", "tiered", "volume", "stair_step", "percentage", "package"]
Aggregation = Literal[
    "count", "count_unique", "sum", "max", "min", "last_value", "average", "weighted_average"
]  # the wire's alias `avg` is read by `measurement_aggregation`
CreditType = Literal["pro_rata", "full", "none", "last_invoiced"]
GroupType = Literal["start_of_month", "end_of_month", "start_of_year", "end_of_year", "custom"]
ProrationMode = Literal["day", "second", "none"]
Visibility = Literal["always", "only_if_charged"]

ZERO = Decimal(0)
ONE = Decimal(1)


class Tier(msgspec.Struct, frozen=True):
    """One step of a tiered, volume or stair-step price; covers (previous `up_to`, `up_to`], None = without end."""

    up_to: Decimal | None
    unit_amount: Decimal = ZERO
    flat_amount: Decimal = ZERO


class Price(msgspec.Struct, frozen=True):
    """One version of a price plan, custom prices included.

    `interval` None makes a one-time price. `minimum_amount` and `maximum_amount` are floor and cap per interval, after
    tiers and before discounts. `percent`, `fixed_per_value` and the clamps of a single value belong to `percentage`,
    `package_size` to `package`. With `tax_included` every amount of the price and of its charges is gross.
    """

    calculation_type: CalculationType
    amount: Decimal = ZERO
    interval: Interval | None = Interval(1, "M")
    currency: str = "EUR"
    pay_in_advance: bool = True
    pro_rata: bool = True
    apply_trial: bool = True
    free_units: Decimal = ZERO
    tiers: tuple[Tier, ...] = ()
    percent: Decimal = ZERO
    fixed_per_value: Decimal = ZERO
    value_minimum: Decimal | None = None
    value_maximum: Decimal | None = None
    package_size: Decimal = ONE
    minimum_amount: Decimal | None = None
    maximum_amount: Decimal | None = None
    tax_included: bool = False
    id: Id = None


class Measurement(msgspec.Struct, frozen=True):
    """How counted values become the billable quantity of an interval.

    `metered` restarts at 0 with every interval and is billed as usage; a recurring quantity persists
    (`steps_from_values` turns its values into quantity steps). `fair_billing` decides about changes and ends inside
    an interval.
    """

    fair_billing: bool = True
    metered: bool = False
    aggregation: Aggregation = "last_value"
    rounding_mode: Literal["none", "up", "down", "half_up"] = "none"
    rounding_precision: int = 0


QUANTITY = Measurement()


class QuantityStep(msgspec.Struct, frozen=True):
    """From the day `from_` on (with proration by seconds: from the instant `at`) the quantity is `value`.

    Of several steps of one day the last in the list counts. A difference on a billed period comes with the next
    period or the end, with `invoice_immediately` on the day of the change.
    """

    from_: date
    value: Decimal
    recorded_on: date | None = None
    invoice_immediately: bool = False
    at: datetime | None = None


class PriceVersion(msgspec.Struct, frozen=True):
    """From the day `from_` on the item costs `price`: same interval, same currency, same payInAdvance."""

    from_: date
    price: Price
    recorded_on: date | None = None
    invoice_immediately: bool = False


class End(msgspec.Struct, frozen=True):
    """The first day that no longer belongs to the contract or item (with proration by seconds: the instant `at`).

    `credit_type` None follows the switches proRata and fairBilling, an explicit one fixes what the running prepaid
    period costs. Prepaid time is credited when the day is reached, not before.
    """

    on: date
    credit_type: CreditType | None = None
    recorded_on: date | None = None
    at: datetime | None = None


class Pause(msgspec.Struct, frozen=True):
    """Billing stops on the day `on` and goes on with the day `resumed_on` (None: still paused).

    Without `next_billing_date` everything missed is billed then, in the old rhythm. With it, what lies before that
    date is skipped and the rhythm starts anew there.
    """

    on: date
    resumed_on: date | None = None
    next_billing_date: date | None = None
    recorded_on: date | None = None


class BillingGroup(msgspec.Struct, frozen=True):
    """A common billing date; `custom_day` (1–31) and `custom_month` (set = yearly) for `custom` only."""

    type: GroupType
    custom_day: int | None = None
    custom_month: int | None = None


class Anchor(msgspec.Struct, frozen=True):
    """Where the rhythm of an item counts from: a boundary `on` and its nominal day 1–31 (None: the day of `on`).

    `from_` None: from the first billed day on. Else the former rhythm ends at `from_`, a billed boundary, and this one
    begins there, with a stub when `from_` is no boundary of it (joining, changing or leaving a billing group).
    """

    on: date
    day: int | None = None
    from_: date | None = None


class UsageValue(msgspec.Struct, frozen=True):
    """One measured value. `at` is an aware instant, `id` distinguishes values for `count_unique`.

    A late value that counts for the open period is passed with the instant at which it counts (`counted_from`).
    """

    at: datetime
    value: Decimal
    id: Id = None


class UsageTotal(msgspec.Struct, frozen=True):
    """Usage of [from_, to) already aggregated by the database: the quantity and the number of values in it.

    Totals that lie inside one period are combined, so they may be daily ones (not for count_unique and
    weighted_average, which need one total per period).
    """

    from_: date
    to: date
    quantity: Decimal
    count: int = 0


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One billed line of a subscription.

    `start` is the first billed day asked for (a trial moves it); `quantity` counts before the first of `steps`.
    `replaces` names the item it follows after an upgrade or downgrade: same interval, same rhythm, unless
    `reset_anchor`. `anchors` override where the rhythm counts from, oldest first. `billed_until` and `coupon_periods`
    (coupon id → number of its billing periods that this item has used) come from the last `ItemState`.
    """

    id: Id
    price: Price
    start: date
    quantity: Decimal = ONE
    measurement: Measurement = QUANTITY
    steps: tuple[QuantityStep, ...] = ()
    versions: tuple[PriceVersion, ...] = ()
    end: End | None = None
    parent: Id = None
    replaces: Id = None
    reset_anchor: bool = False
    anchors: tuple[Anchor, ...] = ()
    trial_ends_on: date | None = None
    product: Id = None
    visibility: Visibility = "always"
    values: tuple[UsageValue, ...] = ()
    totals: tuple[UsageTotal, ...] = ()
    correct_late_usage: bool = False
    recorded_on: date | None = None
    billed_until: date | None = None
    coupon_periods: Mapping[Id, int] | None = None


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """A discount granted to the subscription, listed in order of attachment.

    `percentage` 0–100 or `amount` with its `currency` (None: that of the price). `items`, `products` empty: all;
    `excluded_products` wins. `billing_periods` goes with frequency `limited`.
    """

    id: Id
    type: Literal["percentage", "fixed_amount"]
    percentage: Decimal = ZERO
    amount: Decimal = ZERO
    currency: str | None = None
    basis: Literal["unit", "position", "invoice"] = "unit"
    frequency: Literal["once", "limited", "lifetime"] = "lifetime"
    billing_periods: int | None = None
    items: tuple[Id, ...] = ()
    products: tuple[Id, ...] = ()
    excluded_products: tuple[Id, ...] = ()
    attached_on: date | None = None
    removed_on: date | None = None

    @property
    def limit(self) -> int | None:
        """Number of billing periods per item for which it counts; None = for ever."""
        if self.frequency == "once":
            return 1
        return self.billing_periods if self.frequency == "limited" else None


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription as `bill` sees it.

    `end` ends all items that do not end earlier. `trial_ends_on` is the local day on which the trial is over.
    `days_in_advance` bills advance periods that many days before they start; `metering_grace_hours` holds usage in
    arrears back after the end of its period.
    """

    subscription: Id
    items: tuple[Item, ...]
    time_zone: str = "Europe/Berlin"
    billing_group: BillingGroup | None = None
    coupons: tuple[Coupon, ...] = ()
    trial_ends_on: date | None = None
    pauses: tuple[Pause, ...] = ()
    end: End | None = None
    proration_mode: ProrationMode = "day"
    prorate_free_units: bool = False
    days_in_advance: int = 0
    metering_grace_hours: int = 0
