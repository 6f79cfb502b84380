"""Tables of the subscriptions area. Dates are local days in the contract's time zone; ends are exclusive."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from turnus.platform.db.schema import Folded, TenantRow, one_of, references

SUBSCRIPTION_STATUSES = ("draft", "offer", "active", "paused", "cancelled", "terminated")
ITEM_STATUSES = ("draft", "pending", "active", "canceled", "terminated")
GROUP_TYPES = ("start_of_month", "end_of_month", "start_of_year", "end_of_year", "custom")


class BillingGroup(TenantRow):
    """A common billing date of several subscriptions of one customer."""

    __tablename__ = "billing_group"
    __table_args__ = (
        references("customer_id", "customer", cascade=True),
        one_of("type", GROUP_TYPES),
        CheckConstraint("custom_day between 1 and 31", name="custom_day"),
        CheckConstraint("custom_month between 1 and 12", name="custom_month"),
        Index("ix_billing_group_customer", "tenant_id", "customer_id"),
        Index("ix_billing_group_created_at", "tenant_id", "created_at", "id"),
    )

    customer_id: Mapped[UUID]
    name: Mapped[str]
    type: Mapped[str]
    custom_day: Mapped[int | None]
    custom_month: Mapped[int | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Subscription(TenantRow):
    """The contract of one customer: items that are billed in intervals.

    `next_billing_at` is the instant at which something falls due (None: nothing will); billing runs find their work by
    it alone. A subscription that could not be billed is parked with the reason until it changes.
    """

    __tablename__ = "subscription"
    __table_args__ = (
        references("customer_id", "customer"),
        references("invoice_address_id", "customer_address", optional=True),
        references("billing_group_id", "billing_group", optional=True),
        one_of("status", SUBSCRIPTION_STATUSES),
        Index("uq_subscription_number", "tenant_id", "number_folded", unique=True),
        Index("uq_subscription_external_id", "tenant_id", "external_id", unique=True),
        Index("ix_subscription_created_at", "tenant_id", "created_at", "id"),
        Index("ix_subscription_customer", "tenant_id", "customer_id"),
        Index("ix_subscription_status", "tenant_id", "status", "id"),
        Index("ix_subscription_activated", "tenant_id", "activated_at", "id"),
        Index("ix_subscription_activated_desc", "tenant_id", text("activated_at desc nulls last"), text("id desc")),
        Index("ix_subscription_end", "tenant_id", "contract_end", "id"),
        Index("ix_subscription_end_desc", "tenant_id", text("contract_end desc nulls last"), text("id desc")),
        Index("ix_subscription_trial", "tenant_id", "trial_ends_on", "id"),
        Index("ix_subscription_trial_desc", "tenant_id", text("trial_ends_on desc nulls last"), text("id desc")),
        Index("ix_subscription_group", "tenant_id", "billing_group_id"),
        Index(
            "ix_subscription_cancellation",
            "tenant_id",
            "cancellation_date",
            postgresql_where=text("cancellation_date is not null and status in ('active', 'paused')"),
        ),
        Index(
            "ix_subscription_invoice_address",
            "tenant_id",
            "invoice_address_id",
            postgresql_where=text("invoice_address_id is not null"),
        ),
        Index("ix_subscription_po", "tenant_id", "po_number"),
        Index(
            "ix_subscription_due",
            "tenant_id",
            "customer_id",
            "next_billing_at",
            postgresql_where=text("next_billing_at is not null and parked_at is null"),
        ),
        Index(
            "ix_subscription_next",
            "tenant_id",
            "next_billing_at",
            postgresql_where=text("next_billing_at is not null and parked_at is null"),
        ),
        Index("ix_subscription_parked", "tenant_id", "parked_at", postgresql_where=text("parked_at is not null")),
    )

    number: Mapped[str]
    number_folded: Mapped[str] = mapped_column(Folded)
    external_id: Mapped[str | None]
    name: Mapped[str | None]
    status: Mapped[str]
    customer_id: Mapped[UUID]
    invoice_address_id: Mapped[UUID | None]
    billing_group_id: Mapped[UUID | None]
    po_number: Mapped[str | None]
    contract_start: Mapped[date]
    billing_start: Mapped[date]
    contract_end: Mapped[date | None]
    """When it ends as things stand: the agreed end, or an earlier cancellation."""
    agreed_end: Mapped[date | None]
    """The fixed end of the contract itself, kept so that a cancellation can be revoked."""
    time_zone: Mapped[str]
    trial_days: Mapped[int | None]
    """Length of the trial that begins with the activation; None: as the prices say."""
    trial_ends_on: Mapped[date | None]
    activated_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    cancellation_date: Mapped[date | None]
    cancellation_reason: Mapped[str | None]
    cancellation_credit_type: Mapped[str | None]
    last_billing_at: Mapped[datetime | None]
    next_billing_at: Mapped[datetime | None]
    parked_at: Mapped[datetime | None]
    parked_reason: Mapped[str | None]
    periods: Mapped[list[Any]]
    custom_fields: Mapped[dict[str, Any]]
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class SubscriptionItem(TenantRow):
    """One billed line: product, price, quantity, rhythm.

    `billed_from`/`billed_until` are the last billed period (until is exclusive), `anchor` where the rhythm counts from.
    `rerate_from`: periods from this day on were billed and may have changed since (end, quantity); their charges are
    loaded by the next run. None: nothing to re-rate. `end_date` is an end of its own, beside the contract's.
    """

    __tablename__ = "subscription_item"
    __table_args__ = (
        references("subscription_id", "subscription", cascade=True),
        references("parent_id", "subscription_item", optional=True),
        references("product_id", "product"),
        references("price_plan_id", "price_plan"),
        one_of("status", ITEM_STATUSES),
        one_of("type", ("option", "plan", "product", "charge", "addon")),
        Index("ix_subscription_item_subscription", "tenant_id", "subscription_id", "position"),
        Index("ix_subscription_item_parent", "tenant_id", "parent_id", postgresql_where=text("parent_id is not null")),
        Index("ix_subscription_item_product", "tenant_id", "product_id"),
        Index("ix_subscription_item_price_plan", "tenant_id", "price_plan_id"),
        Index("ix_subscription_item_status", "tenant_id", "status", "id"),
        Index("ix_subscription_item_created_at", "tenant_id", "created_at", "id"),
        # Every billing moves columns without an index: room in the page lets the new version stay beside the old one.
        {"postgresql_with": {"fillfactor": 80}},
    )

    subscription_id: Mapped[UUID]
    parent_id: Mapped[UUID | None]
    product_id: Mapped[UUID]
    price_plan_id: Mapped[UUID]
    position: Mapped[int]
    name: Mapped[str]
    description: Mapped[str | None]
    further_information: Mapped[str | None]
    status: Mapped[str]
    type: Mapped[str]
    quantity: Mapped[Decimal]
    start_date: Mapped[date]
    end_date: Mapped[date | None]
    trial_ends_on: Mapped[date | None]
    """The first day after the trial, for a price that takes part in it."""
    custom_price: Mapped[dict[str, Any] | None]
    periods: Mapped[list[Any]]
    anchor: Mapped[date | None]
    anchor_day: Mapped[int | None]
    billed_from: Mapped[date | None]
    billed_until: Mapped[date | None]
    last_billed_at: Mapped[datetime | None]
    next_billing_on: Mapped[date | None]
    rerate_from: Mapped[date | None]
    coupon_periods: Mapped[dict[str, Any] | None]
    activated_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
