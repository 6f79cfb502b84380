"""From stored rows to the rating engine's contract, and from its result to what is stored. Pure.

The hot path of billing: `contract_of` builds a contract of one item in a few microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias, cast
from uuid import UUID

import msgspec

from turnus.catalogue.ops.load_catalogue import Catalogue, PricedPlan, SoldProduct
from turnus.catalogue.prices import customised
from turnus.kernel.time import local_date, start_of_day
from turnus.rating.bill import bill
from turnus.rating.charges import Billed, BillResult, ItemState
from turnus.rating.contract import Anchor, BillingGroup, Contract, CreditType, End, GroupType, Item, ProrationMode
from turnus.subscriptions import model

_DAY = timedelta(days=1)
ENDED_STATUSES = frozenset({"cancelled", "terminated"})


class GroupRow(msgspec.Struct, frozen=True):
    """A billing group."""

    id: UUID
    type: str
    custom_day: int | None
    custom_month: int | None


class SubscriptionRow(msgspec.Struct, frozen=True):
    """The columns of a subscription that billing reads."""

    id: UUID
    number: str
    name: str | None
    status: str
    customer_id: UUID
    invoice_address_id: UUID | None
    billing_group_id: UUID | None
    po_number: str | None
    contract_start: date
    billing_start: date
    contract_end: date | None
    time_zone: str
    cancelled_at: datetime | None
    cancellation_date: date | None
    cancellation_credit_type: str | None
    next_billing_at: datetime | None


class ItemRow(msgspec.Struct, frozen=True):
    """The columns of a subscription item that billing reads."""

    id: UUID
    subscription_id: UUID
    parent_id: UUID | None
    product_id: UUID
    price_plan_id: UUID
    position: int
    name: str
    description: str | None
    further_information: str | None
    status: str
    type: str
    quantity: Decimal
    start_date: date
    end_date: date | None
    trial_ends_on: date | None
    custom_price: dict[str, Any] | None
    anchor: date | None
    anchor_day: int | None
    billed_from: date | None
    billed_until: date | None
    rerate_from: date | None
    next_billing_on: date | None
    coupon_periods: dict[str, int] | None


class DueContract(msgspec.Struct, frozen=True):
    """A subscription with its running items in their order, and its billing group."""

    subscription: SubscriptionRow
    items: list[ItemRow]
    group: GroupRow | None


class BillingTerms(msgspec.Struct, frozen=True):
    """The tenant's settings that decide when and how periods are billed."""

    proration_mode: ProrationMode = "day"
    prorate_free_units: bool = False
    days_in_advance: int = 0
    metering_grace_hours: int = 0


AnySubscription: TypeAlias = SubscriptionRow | model.Subscription
AnyItem: TypeAlias = ItemRow | model.SubscriptionItem
AnyGroup: TypeAlias = GroupRow | model.BillingGroup
DEFAULT_TERMS = BillingTerms()


def contract_of(
    subscription: AnySubscription,
    items: Sequence[AnyItem],
    catalogue: Catalogue,
    group: AnyGroup | None,
    terms: BillingTerms = DEFAULT_TERMS,
) -> Contract:
    """The contract as `rating.bill` reads it. `items` are those that still run (or still have to be settled).

    A fixed end or a cancellation ends the contract; an item's own end counts when it lies elsewhere. The items carry
    what was billed last (`billed_until`, rhythm, coupon counters); rows of billed periods are the caller's to load for
    items with `rerate_from`.
    """
    plans, products = catalogue.plans, catalogue.products
    end_on = subscription.contract_end
    return Contract(
        subscription=subscription.id,
        items=tuple([_item(row, plans, products, end_on) for row in items]),
        time_zone=subscription.time_zone,
        billing_group=None if group is None else group_terms(group),
        end=None if end_on is None else _end(subscription, end_on),
        proration_mode=terms.proration_mode,
        prorate_free_units=terms.prorate_free_units,
        days_in_advance=terms.days_in_advance,
        metering_grace_hours=terms.metering_grace_hours,
    )


def group_terms(group: AnyGroup) -> BillingGroup:
    """A billing group as the engine reads it."""
    return BillingGroup(cast(GroupType, group.type), group.custom_day, group.custom_month)


def _item(
    row: AnyItem, plans: Mapping[UUID, PricedPlan], products: Mapping[UUID, SoldProduct], end_on: date | None
) -> Item:
    price = plans[row.price_plan_id].price
    if row.custom_price:
        price = customised(price, row.custom_price)
    product = products[row.product_id]
    counted = row.coupon_periods
    return Item(
        id=row.id,
        price=price,
        start=row.start_date,
        quantity=row.quantity,
        measurement=product.measurement,
        end=End(row.end_date) if row.end_date is not None and row.end_date != end_on else None,
        parent=row.parent_id,
        anchors=(Anchor(row.anchor, row.anchor_day),) if row.anchor is not None else (),
        trial_ends_on=row.trial_ends_on,
        product=row.product_id,
        visibility=product.invoice_visibility,
        billed_until=row.billed_until,
        coupon_periods={UUID(key): value for key, value in counted.items()} if counted else None,
    )


def _end(subscription: AnySubscription, on: date) -> End:
    declared_at = subscription.cancelled_at
    if declared_at is None or subscription.cancellation_date != on:
        return End(on)
    recorded_on = local_date(declared_at, subscription.time_zone)
    return End(on, cast(CreditType | None, subscription.cancellation_credit_type), min(recorded_on, on))


def next_due(contract: Contract, known_on: date, billed: Sequence[Billed] = ()) -> date | None:
    """The earliest day on which something falls due by the facts known on `known_on`, in the past when overdue."""
    dates = due_dates(contract, known_on, billed)
    return min((day for day in dates.values() if day is not None), default=None)


def due_dates(contract: Contract, known_on: date, billed: Sequence[Billed] = ()) -> dict[Any, date | None]:
    """Per item the day on which it falls due next."""
    result = bill(contract, billed, until=known_on)
    dates: dict[Any, date | None] = {state.item: state.next_billing_date for state in result.items}
    for charge in result.charges:
        known = dates.get(charge.item)
        dates[charge.item] = charge.billing_date if known is None else min(known, charge.billing_date)
    return dates


def first_due_dates(contract: Contract) -> dict[Any, date | None]:
    """Per item the first day on which it falls due when nothing was billed yet, overdue or not.

    Asked as of the day before everything, so that no missed period has to be rated to be found.
    """
    if not contract.items:
        return {}
    before = min(item.start for item in contract.items) - timedelta(days=contract.days_in_advance) - _DAY
    return due_dates(contract, before)


class ItemSettlement(msgspec.Struct, frozen=True):
    """What a billing leaves behind in an item."""

    id: UUID
    status: str
    billed_from: date | None
    billed_until: date | None
    anchor: date | None
    anchor_day: int | None
    next_billing_on: date | None
    coupon_periods: dict[str, int] | None
    rerate_from: date | None
    billed: bool
    terminated: bool


class Settlement(msgspec.Struct, frozen=True):
    """What a billing leaves behind in a subscription: its next date, whether it ended, its items."""

    subscription_id: UUID
    number: str
    next_billing_at: datetime | None
    billed: bool
    ended_on: date | None
    items: list[ItemSettlement]

    @property
    def ended(self) -> bool:
        """Whether nothing of the subscription runs any more."""
        return self.ended_on is not None


def settlement_of(due: DueContract, contract: Contract, result: BillResult, until: date) -> Settlement:
    """What to store after `result = bill(contract, …, until=until)`; also without charges, which may end a contract.

    The subscription comes back on the day on which one of its items falls due or ends. An item is over when its end
    has been reached and nothing of it remains to be billed; without running items the subscription is over.
    """
    charged = {charge.item for charge in result.charges}
    states = {state.item: state for state in result.items}
    settled = [
        _settle_item(row, item, states.get(row.id), contract.end, until, row.id in charged)
        for row, item in zip(due.items, contract.items, strict=True)
    ]
    ends = [_earlier(item.end, contract.end) for item in contract.items]
    ended_on, dates = None, []
    if all(item.terminated for item in settled):
        ended_on = max((end.on for end in ends if end is not None), default=until)
    else:
        for item, end in zip(settled, ends, strict=True):
            if item.next_billing_on is not None:
                dates.append(item.next_billing_on)
            if end is not None and end.on > until:
                dates.append(end.on)
    return Settlement(
        subscription_id=due.subscription.id,
        number=due.subscription.number,
        next_billing_at=start_of_day(min(dates), contract.time_zone) if dates else None,
        billed=bool(charged),
        ended_on=ended_on,
        items=settled,
    )


def _settle_item(
    row: ItemRow, item: Item, state: ItemState | None, contract_end: End | None, until: date, billed: bool
) -> ItemSettlement:
    end = _earlier(item.end, contract_end)
    reached = end is not None and end.on <= until
    if state is None:
        # A fact recorded after `until`: nothing is known of the item yet.
        return ItemSettlement(
            row.id, row.status, row.billed_from, row.billed_until, row.anchor, row.anchor_day, row.next_billing_on,
            row.coupon_periods, row.rerate_from, False, False,
        )  # fmt: skip
    terminated = reached and state.next_billing_date is None
    status = row.status
    if terminated:
        status = "terminated"
    elif status == "pending" and row.start_date <= until:
        status = "active"
    return ItemSettlement(
        id=row.id,
        status=status,
        billed_from=state.last_billed_from or row.billed_from,
        billed_until=state.billed_until,
        anchor=state.anchor,
        anchor_day=state.anchor_day,
        next_billing_on=state.next_billing_date,
        coupon_periods={str(key): value for key, value in state.coupon_periods.items()} or None,
        # The credit of an end comes on its day: until then its period has to be loaded again.
        rerate_from=row.rerate_from if end is not None and not reached else None,
        billed=billed,
        terminated=terminated,
    )


def _earlier(one: End | None, other: End | None) -> End | None:
    if one is None or other is None:
        return one or other
    return one if one.on <= other.on else other
