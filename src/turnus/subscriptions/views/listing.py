"""The list of subscriptions."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Text, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.orm import aliased

from turnus.customers.model import Customer, CustomerEmail
from turnus.kernel.wire import instant, number
from turnus.platform.db.reads import convert, from_, shape
from turnus.platform.listing import Choice, Code, Flag, InstantFilter, KeyValue, ListOf, Order, Reference
from turnus.platform.listing.filters import Bound, Related
from turnus.subscriptions.model import SUBSCRIPTION_STATUSES, BillingGroup, Subscription, SubscriptionItem
from turnus.subscriptions.views.detail import (
    BuyerView,
    PartnerView,
    buyer_shape,
    is_pending,
    joined,
    partner_shape,
)
from turnus.subscriptions.views.groups import GroupSummary, IdOnly, group_summary
from turnus.subscriptions.views.items import day_instant, optional_day, optional_instant


class ItemSummary(msgspec.Struct, frozen=True, rename="camel"):
    """An item as lists of subscriptions show it."""

    id: UUID
    name: str
    quantity: int | msgspec.Raw
    status: str
    type: str
    product: IdOnly
    price_plan: IdOnly


class DatesView(msgspec.Struct, frozen=True, rename="camel"):
    """Start and (exclusive) end of a contract."""

    contract_start: str
    billing_start: str
    contract_end: str | None
    time_zone: str


class SubscriptionListItem(msgspec.Struct, frozen=True, rename="camel"):
    """A subscription in a list."""

    id: UUID
    number: str
    external_id: str | None
    name: str | None
    status: str
    customer: BuyerView
    partner: PartnerView | None
    plan: None
    items: list[ItemSummary]
    billing_group: GroupSummary | None
    po_number: str | None
    contract_details: DatesView
    trial_ends_on: str | None
    activated_at: str | None
    cancelled_at: str | None
    cancellation_date: str | None
    is_cancellation_pending: bool
    last_billing_at: str | None
    next_billing_date: str | None
    parked_at: str | None
    custom_fields: dict[str, Any]
    created_at: str
    updated_at: str


_s = Subscription
_c = aliased(Customer, name="c")
_pa = aliased(Customer, name="pa")
_pe = aliased(CustomerEmail, name="pe")
_g = aliased(BillingGroup, name="g")
_i = aliased(SubscriptionItem, name="i")
_items = (
    select(
        func.jsonb_agg(
            aggregate_order_by(
                func.jsonb_build_array(
                    _i.id, _i.name, cast(_i.quantity, Text), _i.status, _i.type, _i.product_id, _i.price_plan_id
                ),
                _i.position,
            ),
            type_=JSONB,
        )
    )
    .where(_i.tenant_id == _s.tenant_id, _i.subscription_id == _s.id)
    .correlate(_s)
    .scalar_subquery()
)


def _summaries(rows: list[list[Any]] | None) -> list[ItemSummary]:
    return [
        ItemSummary(
            UUID(id), name, number(Decimal(quantity)), status, type, IdOnly(UUID(product)), IdOnly(UUID(price_plan))
        )
        for id, name, quantity, status, type, product, price_plan in rows or ()
    ]


def _day(day: date | None, zone: str) -> str | None:
    return optional_day(day, zone)


_zone = _s.time_zone
_shape = shape(
    SubscriptionListItem,
    id=_s.id,
    number=_s.number,
    external_id=_s.external_id,
    name=_s.name,
    status=_s.status,
    customer=buyer_shape(_c),
    partner=partner_shape(_pa, _pe),
    plan=None,
    items=convert(_summaries, _items),
    billing_group=group_summary(_g),
    po_number=_s.po_number,
    contract_details=shape(
        DatesView,
        contract_start=convert(day_instant, _s.contract_start, _zone),
        billing_start=convert(day_instant, _s.billing_start, _zone),
        contract_end=convert(_day, _s.contract_end, _zone),
        time_zone=_zone,
    ),
    trial_ends_on=convert(_day, _s.trial_ends_on, _zone),
    activated_at=convert(optional_instant, _s.activated_at),
    cancelled_at=convert(optional_instant, _s.cancelled_at),
    cancellation_date=convert(_day, _s.cancellation_date, _zone),
    is_cancellation_pending=convert(is_pending, _s.status, _s.cancellation_date),
    last_billing_at=convert(optional_instant, _s.last_billing_at),
    next_billing_date=convert(optional_instant, _s.next_billing_at),
    parked_at=convert(optional_instant, _s.parked_at),
    custom_fields=_s.custom_fields,
    created_at=convert(instant, _s.created_at),
    updated_at=convert(instant, _s.updated_at),
)
# A bound below all dates says "not null" in the words of an index condition.
_cancelled = _s.cancellation_date > literal_column("date '0001-01-01'")
_pending = _cancelled & ((_s.status == "active") | (_s.status == "paused"))
_not_pending = _s.cancellation_date.is_(None) | ((_s.status != "active") & (_s.status != "paused"))


class PendingFilter(Flag):
    """Contracts that will end by a cancellation; few, so that a partial index holds them."""

    def condition(self, operator: str, values: list[Any], index: int) -> Bound:
        wanted = values[-1]
        return Bound(f"{self.name}:{wanted}", _pending if wanted else _not_pending, {})


subscription_list = ListOf(
    "subscription",
    _shape,
    joined(from_(_s), _s, _c, _pa, _pe).outerjoin(_g, (_g.tenant_id == _s.tenant_id) & (_g.id == _s.billing_group_id)),
    count_source=from_(_s),
    id=_s.id,
    search=True,
    filters=[
        Reference("id", _s.id, nullable=False),
        Code("number", _s.number_folded, folded=True, nullable=False),
        Code("externalId", _s.external_id),
        Code("poNumber", _s.po_number),
        Choice("status", _s.status, SUBSCRIPTION_STATUSES),
        Reference("customer", _s.customer_id, nullable=False),
        Reference("billingGroup", _s.billing_group_id),
        Related(
            Reference("partner", Customer.partner_id),
            Customer,
            Customer.tenant_id == _s.tenant_id,
            Customer.id == _s.customer_id,
        ),
        Related(
            Reference("items.product.id", SubscriptionItem.product_id, nullable=False),
            SubscriptionItem,
            SubscriptionItem.tenant_id == _s.tenant_id,
            SubscriptionItem.subscription_id == _s.id,
        ),
        PendingFilter("isCancellationPending", _s.cancellation_date, nullable=False),
        InstantFilter("createdAt", _s.created_at, nullable=False),
        InstantFilter("activatedAt", _s.activated_at),
        KeyValue("customFields", resource="subscription", id_column=_s.id),
    ],
    orders=[
        Order("createdAt", _s.created_at),
        Order("number", _s.number_folded),
        Order("status", _s.status),
        Order("activatedAt", _s.activated_at, nullable=True),
        Order("contractDetails.contractEnd", _s.contract_end, nullable=True),
        Order("trialEndsOn", _s.trial_ends_on, nullable=True),
    ],
)
