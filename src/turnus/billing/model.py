"""Tables of the billing area.

In `invoice` only a few columns move once there is a number; a trigger compares the rest. Snapshots and the number
journal are insert-only by privilege.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from turnus.platform.db.schema import Folded, TenantRow, mark, one_of, references

INVOICE_TYPES = (
    "TYPE_INVOICE", "TYPE_CREDIT_NOTE", "TYPE_CANCELLATION", "TYPE_CORRECTION", "TYPE_PARTIAL", "TYPE_SELF_BILLED",
    "TYPE_PROFORMA",
)  # fmt: skip
INVOICE_STATUSES = (
    "STATUS_DRAFT", "STATUS_FINALIZING", "STATUS_UNPAID", "STATUS_PAID", "STATUS_CANCELED", "STATUS_CREDITED",
    "STATUS_REFUNDED", "STATUS_CLOSED",
)  # fmt: skip
RUN_STATUSES = ("queued", "running", "completed", "completed_with_errors", "failed", "canceled")
CHARGE_KINDS = ("period", "usage", "one_time", "change", "credit")


class BillingRun(TenantRow):
    """One execution of billing. Counters are kept per chunk (`BillingRunChunk`) and added up when read."""

    __tablename__ = "billing_run"
    __table_args__ = (
        one_of("status", RUN_STATUSES),
        one_of("trigger", ("scheduler", "manual", "api")),
        Index("ix_billing_run_created_at", "tenant_id", "created_at", "id"),
        Index("ix_billing_run_status", "tenant_id", "status"),
    )

    status: Mapped[str]
    trigger: Mapped[str]
    cutoff_at: Mapped[datetime]
    filter: Mapped[dict[str, Any]]
    started_by: Mapped[str]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class BillingRunChunk(TenantRow):
    """What one chunk of a run did; totals are gross minor units per currency."""

    __tablename__ = "billing_run_chunk"
    __table_args__ = (
        references("run_id", "billing_run", cascade=True),
        Index("ix_billing_run_chunk_run", "tenant_id", "run_id"),
    )

    run_id: Mapped[UUID]
    invoices: Mapped[int]
    positions: Mapped[int]
    suppressed: Mapped[int]
    gross: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class BillingFailure(TenantRow):
    """Why a customer's subscriptions were parked by a run."""

    __tablename__ = "billing_failure"
    __table_args__ = (
        references("run_id", "billing_run", cascade=True),
        Index("ix_billing_failure_run", "tenant_id", "run_id"),
    )

    run_id: Mapped[UUID]
    customer_id: Mapped[UUID]
    code: Mapped[str]
    message: Mapped[str]
    created_at: Mapped[datetime]


class Invoice(TenantRow):
    """A billing document. Amounts are minor units; `number` is None while it is a draft."""

    __tablename__ = "invoice"
    __table_args__ = (
        references("customer_id", "customer"),
        one_of("type", INVOICE_TYPES),
        one_of("status", INVOICE_STATUSES),
        one_of("source", ("subscription", "manual", "cart", "api", "import")),
        CheckConstraint("gross_minor = net_minor + tax_minor", name="gross"),
        Index("uq_invoice_number", "tenant_id", "number_folded", unique=True),
        Index("ix_invoice_created_at", "tenant_id", "created_at", "id"),
        Index("ix_invoice_customer", "tenant_id", "customer_id"),
        Index("ix_invoice_status", "tenant_id", "status", "id"),
        Index("ix_invoice_finalization", "tenant_id", "finalization_date", "id"),
        Index("ix_invoice_due", "tenant_id", "due_date", "id"),
        Index("ix_invoice_number_desc", "tenant_id", text("number_folded desc nulls last"), text("id desc")),
        Index("ix_invoice_finalization_desc", "tenant_id", text("finalization_date desc nulls last"), text("id desc")),
        Index("ix_invoice_due_desc", "tenant_id", text("due_date desc nulls last"), text("id desc")),
        Index("ix_invoice_gross", "tenant_id", "gross_minor", "id"),
        Index("ix_invoice_run", "tenant_id", "run_id", postgresql_where=text("run_id is not null")),
        Index("ix_invoice_type", "tenant_id", "type", postgresql_where=text("type <> 'TYPE_INVOICE'")),
        Index("ix_invoice_currency", "tenant_id", "currency_code", postgresql_where=text("currency_code <> 'EUR'")),
        Index(
            "ix_invoice_to_render",
            "tenant_id",
            "render_after",
            postgresql_where=text("status = 'STATUS_FINALIZING'"),
        ),
    )

    # What moves after finalisation.
    status: Mapped[str]
    unpaid_minor: Mapped[int]
    pay_date: Mapped[datetime | None]
    last_sent_at: Mapped[datetime | None]
    internal_note: Mapped[str | None]
    custom_fields: Mapped[dict[str, Any]]
    pdf_id: Mapped[UUID | None]
    xml_id: Mapped[UUID | None]
    document_hash: Mapped[bytes | None]
    render_after: Mapped[datetime | None]
    """Wall time from which the renderer may take it; moved on after a failure and while it is being rendered."""
    render_attempts: Mapped[int]
    render_error: Mapped[str | None]
    updated_at: Mapped[datetime]
    # What is frozen with the number.
    type: Mapped[str]
    source: Mapped[str]
    customer_id: Mapped[UUID]
    currency_code: Mapped[str]
    number: Mapped[str | None]
    number_folded: Mapped[str | None] = mapped_column(Folded)
    language: Mapped[str]
    finalization_date: Mapped[datetime | None]
    issue_date: Mapped[date | None]
    due_date: Mapped[date | None]
    net_minor: Mapped[int]
    tax_minor: Mapped[int]
    gross_minor: Mapped[int]
    discount_minor: Mapped[int]
    service_from: Mapped[date | None]
    service_to: Mapped[date | None]
    tax_case: Mapped[str | None]
    taxes: Mapped[list[Any]]
    purchase_order_number: Mapped[str | None]
    invoice_address_id: Mapped[UUID | None]
    e_invoice_format: Mapped[str]
    run_id: Mapped[UUID | None]
    xact_id: Mapped[int | None]
    """The transaction that gave the number: positions may be added in that one only."""
    created_at: Mapped[datetime]


class InvoicePosition(TenantRow):
    """A line of an invoice, and the charge it came from.

    (item, period_start, charge_kind, sequence) is unique: no period is billed twice, whoever races. Lines whose
    document was suppressed (all zero) have no invoice. `service_to` is exclusive.
    """

    __tablename__ = "invoice_position"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoice.tenant_id", "invoice.id"],
            name="fk_invoice_position_invoice",
            ondelete="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
        one_of("type", ("product", "discount", "setup", "dunning_fee", "invoice")),
        one_of("charge_kind", CHARGE_KINDS),
        Index("ix_invoice_position_invoice", "tenant_id", "invoice_id", "position"),
        Index("ix_invoice_position_subscription", "tenant_id", "subscription_id", "invoice_id"),
        Index(
            "uq_invoice_position_charge",
            "tenant_id",
            "item_id",
            "period_start",
            "charge_kind",
            "sequence",
            unique=True,
            postgresql_where=text("charge_kind is not null"),
        ),
    )

    invoice_id: Mapped[UUID | None]
    position: Mapped[int]
    type: Mapped[str]
    name: Mapped[str]
    description: Mapped[str | None]
    quantity: Mapped[Decimal]
    unit_id: Mapped[UUID | None]
    unit_price: Mapped[Decimal]
    base_minor: Mapped[int]
    discount_minor: Mapped[int]
    net_minor: Mapped[int]
    tax_minor: Mapped[int]
    gross_minor: Mapped[int]
    tax_group_id: Mapped[UUID | None]
    tax_category: Mapped[str]
    tax_rate: Mapped[Decimal | None]
    service_from: Mapped[date | None]
    service_to: Mapped[date | None]
    subscription_id: Mapped[UUID | None]
    item_id: Mapped[UUID | None]
    product_id: Mapped[UUID | None]
    charge_kind: Mapped[str | None]
    period_start: Mapped[date | None]
    sequence: Mapped[int | None]
    charge: Mapped[dict[str, Any] | None]
    """The charge as rated: what the engine needs to re-rate the period, and the trace that explains the amount."""
    created_at: Mapped[datetime]


class InvoiceSnapshot(TenantRow):
    """The frozen content of a document (`InvoiceDocument` as JSON, without its number). The id is the invoice's."""

    __tablename__ = "invoice_snapshot"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "id"],
            ["invoice.tenant_id", "invoice.id"],
            name="fk_invoice_snapshot_invoice",
            deferrable=True,
            initially="DEFERRED",
        ),
    )

    document: Mapped[bytes]
    salt: Mapped[bytes]


mark(InvoiceSnapshot.__table__, privileges="select, insert")  # type: ignore[arg-type]
