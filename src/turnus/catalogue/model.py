"""Tables of the catalogue."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from turnus.platform.db.schema import Folded, TenantRow, one_of, references

AGGREGATIONS = ("count", "count_unique", "sum", "max", "min", "last_value", "average", "weighted_average")
CALCULATION_TYPES = ("flat_fee", "per_unit", "tiered", "volume", "stair_step", "percentage", "package")
PRODUCT_TYPES = ("product", "charge", "plan")


class Unit(TenantRow):
    """A unit of measure; `code` is UN/ECE Recommendation 20, as e-invoices want it."""

    __tablename__ = "unit"
    __table_args__ = (
        Index("ix_unit_created_at", "tenant_id", "created_at", "id"),
        Index("ix_unit_code", "tenant_id", "code"),
    )

    translations: Mapped[dict[str, Any]]
    code: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Measurement(TenantRow):
    """What is counted, and how the values become the billable quantity of an interval."""

    __tablename__ = "measurement"
    __table_args__ = (
        references("unit_id", "unit"),
        one_of("aggregation_type", AGGREGATIONS),
        one_of("type", ("recurring", "metered")),
        one_of("rounding_mode", ("none", "up", "down", "half_up")),
        Index("uq_measurement_code", "tenant_id", "code", unique=True),
        Index("ix_measurement_created_at", "tenant_id", "created_at", "id"),
    )

    unit_id: Mapped[UUID]
    code: Mapped[str]
    name: Mapped[str | None]
    description: Mapped[str | None]
    aggregation_type: Mapped[str]
    type: Mapped[str]
    fair_billing: Mapped[bool]
    rounding_mode: Mapped[str]
    rounding_precision: Mapped[int]
    event_name: Mapped[str | None]
    value_property: Mapped[str | None]
    filters: Mapped[list[Any]]
    group_by: Mapped[list[Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Product(TenantRow):
    """A sellable thing; what is printed on the invoice."""

    __tablename__ = "product"
    __table_args__ = (
        references("measurement_id", "measurement"),
        references("tax_group_id", "tax_group"),
        one_of("type", PRODUCT_TYPES),
        one_of("invoice_visibility", ("always", "only_if_charged")),
        Index("ix_product_created_at", "tenant_id", "created_at", "id"),
        Index("ix_product_name", "tenant_id", "name_key", "id"),
        Index("ix_product_number", "tenant_id", "number", "id"),
        Index("ix_product_number_desc", "tenant_id", text("number desc nulls last"), text("id desc")),
        Index("ix_product_type", "tenant_id", "type"),
        Index("uq_product_external_id", "tenant_id", "external_id", unique=True),
    )

    translations: Mapped[dict[str, Any]]
    name_key: Mapped[str] = mapped_column(Folded)
    internal_name: Mapped[str | None]
    number: Mapped[str | None]
    type: Mapped[str]
    measurement_id: Mapped[UUID]
    tax_group_id: Mapped[UUID]
    invoice_visibility: Mapped[str]
    revenue_account: Mapped[str | None]
    is_archived: Mapped[bool]
    external_id: Mapped[str | None]
    custom_fields: Mapped[dict[str, Any]]
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PricePlan(TenantRow):
    """One price of one product. `price` holds the model's amounts as exact strings in major units."""

    __tablename__ = "price_plan"
    __table_args__ = (
        references("product_id", "product"),
        references("customer_id", "customer", optional=True),
        references("previous_version_id", "price_plan", optional=True),
        one_of("status", ("draft", "active", "archived")),
        one_of("type", ("recurring", "one_time")),
        one_of("calculation_type", CALCULATION_TYPES),
        CheckConstraint("(type = 'one_time') = (billing_interval is null)", name="billing_interval"),
        Index("ix_price_plan_created_at", "tenant_id", "created_at", "id"),
        Index("ix_price_plan_product", "tenant_id", "product_id"),
        Index("ix_price_plan_customer", "tenant_id", "customer_id"),
        Index("ix_price_plan_status", "tenant_id", "status"),
        Index("ix_price_plan_currency", "tenant_id", "currency_code"),
        Index("ix_price_plan_interval", "tenant_id", "billing_interval"),
        Index("ix_price_plan_custom", "tenant_id", "custom"),
    )

    product_id: Mapped[UUID]
    internal_name: Mapped[str | None]
    status: Mapped[str]
    version: Mapped[int]
    previous_version_id: Mapped[UUID | None]
    type: Mapped[str]
    calculation_type: Mapped[str]
    apply_trial: Mapped[bool]
    trial_period: Mapped[str | None]
    pay_in_advance: Mapped[bool]
    pro_rata: Mapped[bool]
    free_units: Mapped[Decimal | None]
    billing_interval: Mapped[str | None]
    show_price_per_interval: Mapped[str | None]
    currency_code: Mapped[str]
    price: Mapped[dict[str, Any]]
    minimum_amount: Mapped[Decimal | None]
    maximum_amount: Mapped[Decimal | None]
    tax_included: Mapped[bool]
    sales_channel: Mapped[str | None]
    custom: Mapped[bool]
    customer_id: Mapped[UUID | None]
    archived_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
