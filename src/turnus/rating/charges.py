"""What `bill` writes: charges, and the rows of earlier charges that it reads back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import msgspec

from turnus.rating.contract import ONE, Id

Kind = Literal["period", "usage", "one_time", "change", "credit"]


class Discount(msgspec.Struct, frozen=True):
    """What one coupon took off a charge, in minor units, with the coupon's terms frozen at the first billing.

    `value` is the percentage or the fixed amount in major units. `counted` tells whether it used one of the coupon's
    billing periods. Discounts of 0 are kept: they too freeze the coupon for the period.
    """

    coupon: Id
    type: Literal["percentage", "fixed_amount"]
    value: Decimal
    basis: Literal["unit", "position", "invoice"]
    amount: int
    counted: bool = False


class Billed(msgspec.Struct, frozen=True, kw_only=True):
    """A charge of an earlier call, as far as later calls need it. Amounts in minor units.

    `credited` is the net that was credited on it by hand: a later credit by days is limited to the rest.
    """

    item: Id
    kind: Kind
    period_start: date
    sequence: int
    service_from: date
    service_to: date
    base: int
    discounts: tuple[Discount, ...] = ()
    quantity: Decimal = ONE
    regular_from: date | None = None
    regular_to: date | None = None
    price_version: Id = None
    billed_on: date | None = None
    credited: int = 0

    @property
    def net(self) -> int:
        """Base less discounts."""
        return self.base - sum(discount.amount for discount in self.discounts)


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One position to be invoiced, in the price's currency (gross when `tax_included`). Amounts in minor units.

    Unique by (item, period_start, kind, sequence). The service period is half-open, of a one-time charge its day twice.
    `regular_from`/`regular_to` is the full interval that contains the period. `printed` is False for a charge that only
    marks its period as billed. `trace` explains the amount as plain JSON data.
    """

    subscription: Id
    item: Id
    kind: Kind
    period_start: date
    sequence: int
    service_from: date
    service_to: date
    quantity: Decimal
    base: int
    discounts: tuple[Discount, ...]
    discount: int
    net: int
    currency: str
    tax_included: bool
    regular_from: date
    regular_to: date
    billing_date: date
    billed_on: date
    price_version: Id
    printed: bool
    trace: dict[str, Any]


def as_billed(charge: Charge) -> Billed:
    """The row that a later call of `bill` has to get back."""
    return Billed(
        item=charge.item,
        kind=charge.kind,
        period_start=charge.period_start,
        sequence=charge.sequence,
        service_from=charge.service_from,
        service_to=charge.service_to,
        base=charge.base,
        discounts=charge.discounts,
        quantity=charge.quantity,
        regular_from=charge.regular_from,
        regular_to=charge.regular_to,
        price_version=charge.price_version,
        billed_on=charge.billed_on,
    )


class ItemState(msgspec.Struct, frozen=True, kw_only=True):
    """Where an item stands after a call: what the caller stores to pass less history next time.

    `next_billing_date` is the next day on which something falls due without a new fact, None when nothing ever does.
    `anchor`/`anchor_day` are the present rhythm, `coupon_periods` the counters of its coupons.
    """

    item: Id
    last_billed_from: date | None
    last_billed_to: date | None
    billed_until: date | None
    next_billing_date: date | None
    anchor: date | None
    anchor_day: int | None
    coupon_periods: Mapping[Id, int]


class BillResult(msgspec.Struct, frozen=True):
    """Charges in the order of the items, and the state of every item."""

    charges: tuple[Charge, ...]
    items: tuple[ItemState, ...]

    @property
    def next_billing_date(self) -> date | None:
        """The earliest day on which any item falls due again."""
        return min((state.next_billing_date for state in self.items if state.next_billing_date), default=None)
