"""Tables of the settings area."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from turnus.platform.db.schema import Folded, TenantRow, mark, one_of, references

NUMBER_RANGE_TYPES = (
    "customer", "subscription", "invoice", "credit_note", "cancellation", "dunning", "payment", "datev_debtor",
    "mandate_reference", "offer", "proforma", "self_billed", "collection", "sepa_export",
)  # fmt: skip
REVERSE_CHARGE_TYPES = ("REVERSE_CHARGE_DEACTIVATED", "REVERSE_CHARGE", "REVERSE_CHARGE_INTRA_EU_SUPPLY")
CUSTOM_FIELD_ENTITIES = ("customer", "product", "subscription", "invoice", "offer", "price_plan")
CUSTOM_FIELD_TYPES = ("text", "number", "date", "select", "multi_select", "list", "checkbox")


class NumberRange(TenantRow):
    """How the numbers of one kind of object are made.

    `chain_hash` is the head of the hash chain of the documents numbered here; the row lock that draws a number also
    orders the chain.
    """

    __tablename__ = "number_range"
    __table_args__ = (
        Index("uq_number_range_type", "tenant_id", "type", unique=True),
        one_of("type", NUMBER_RANGE_TYPES),
        one_of("method", ("sequential", "random")),
        one_of("reset", ("never", "yearly", "monthly", "daily")),
        CheckConstraint("current_number >= 0", name="current_number"),
    )

    type: Mapped[str]
    method: Mapped[str]
    format: Mapped[str]
    min_digits: Mapped[int]
    random_length: Mapped[int]
    current_number: Mapped[int]
    reset: Mapped[str]
    reset_period: Mapped[str]
    """The year, month or day in which `current_number` was last given (`2026`, `2026-03`, `2026-03-01`)."""
    chain_hash: Mapped[bytes]
    chain_length: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class NumberIssued(TenantRow):
    """Journal of every number that was ever given: never twice, every hole explained (06 §1.7)."""

    __tablename__ = "number_issued"
    __table_args__ = (
        Index("uq_number_issued_number", "tenant_id", "space", "number_folded", unique=True),
        Index("ix_number_issued_range", "tenant_id", "type", "value"),
    )

    type: Mapped[str]
    space: Mapped[str]
    """Kind of objects over which the number is unique; invoices, credit notes and cancellations share one."""
    number: Mapped[str]
    number_folded: Mapped[str] = mapped_column(Folded)
    value: Mapped[int | None]
    """The running value; None when the number was given by hand."""
    object_id: Mapped[UUID]
    issued_at: Mapped[datetime]
    chain_position: Mapped[int | None]
    content_hash: Mapped[bytes | None]
    chain_hash: Mapped[bytes | None]
    """Documents are chained per range: hash of the previous link, the number and the salted content."""


class TaxGroup(TenantRow):
    """What products refer to: tax rates by country and date, and how reverse charge is treated."""

    __tablename__ = "tax_group"
    __table_args__ = (
        one_of("reverse_charge_type", REVERSE_CHARGE_TYPES),
        one_of("type", ("standard", "reduced")),
        Index("ix_tax_group_created_at", "tenant_id", "created_at", "id"),
        Index("ix_tax_group_type", "tenant_id", "type"),
        Index("ix_tax_group_archived", "tenant_id", "archived"),
    )

    internal_description: Mapped[str]
    reverse_charge_type: Mapped[str]
    type: Mapped[str]
    supply_kind: Mapped[str | None]
    exemption: Mapped[dict[str, Any] | None]
    domestic_reverse_charge: Mapped[bool]
    archived: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Tax(TenantRow):
    """A rate in per cent of one group, for a country (or `*`, `EU_*`) from a day on."""

    __tablename__ = "tax"
    __table_args__ = (
        references("tax_group_id", "tax_group", cascade=True),
        Index("uq_tax_country_from", "tenant_id", "tax_group_id", "country_code", "valid_from", unique=True),
        CheckConstraint("rate >= 0 and rate <= 100", name="rate"),
    )

    tax_group_id: Mapped[UUID]
    description: Mapped[str]
    code: Mapped[str]
    rate: Mapped[Decimal]
    valid_from: Mapped[date]
    country_code: Mapped[str]


class CustomField(TenantRow):
    """Definition of an extra attribute of customers, products, subscriptions …"""

    __tablename__ = "custom_field"
    __table_args__ = (
        one_of("entity_type", CUSTOM_FIELD_ENTITIES),
        one_of("type", CUSTOM_FIELD_TYPES),
        one_of("status", ("active", "deleted")),
        Index("uq_custom_field_key", "tenant_id", "entity_type", "key", unique=True),
        Index("ix_custom_field_position", "tenant_id", "position", "id"),
        Index("ix_custom_field_created_at", "tenant_id", "created_at", "id"),
        Index("ix_custom_field_type", "tenant_id", "type"),
        Index("ix_custom_field_status", "tenant_id", "status"),
    )

    entity_type: Mapped[str]
    key: Mapped[str]
    label: Mapped[dict[str, Any]]
    type: Mapped[str]
    choices: Mapped[list[Any]]
    required: Mapped[bool]
    default_value: Mapped[list[Any] | None]
    """A list of one element, so that any JSON value can be told from none."""
    visible_in_ui: Mapped[bool]
    editable_in_ui: Mapped[bool]
    visible_in_api: Mapped[bool]
    visible_to_customer: Mapped[bool]
    print_on_invoice: Mapped[bool]
    position: Mapped[int]
    validation: Mapped[dict[str, Any]]
    status: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


mark(NumberIssued.__table__, privileges="select, insert")  # type: ignore[arg-type]
