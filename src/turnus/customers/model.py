"""Tables of the customers area."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from turnus.platform.db.schema import Folded, TenantRow, one_of, references

STATUSES = ("STATUS_ACTIVE", "STATUS_ARCHIVED", "STATUS_SUSPENDED")
ADDRESS_TYPES = ("TYPE_DEFAULT", "TYPE_INVOICE")


class CustomerGroup(TenantRow):
    """A group of customers, for filters and reports."""

    __tablename__ = "customer_group"
    __table_args__ = (
        Index("uq_customer_group_name", "tenant_id", "name_folded", unique=True),
        Index("ix_customer_group_created_at", "tenant_id", "created_at", "id"),
    )

    name: Mapped[str]
    name_folded: Mapped[str] = mapped_column(Folded)
    description: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Customer(TenantRow):
    """The party that is billed: a person or a company."""

    __tablename__ = "customer"
    __table_args__ = (
        references("customer_group_id", "customer_group", optional=True),
        references("partner_id", "customer", optional=True),
        references("parent_id", "customer", optional=True),
        one_of("status", STATUSES),
        one_of("gender", ("male", "female", "diverse")),
        one_of("language", ("de", "en")),
        one_of("tax_exempt", ("auto", "exempt")),
        Index("uq_customer_number", "tenant_id", "number_folded", unique=True),
        Index("uq_customer_datev_id", "tenant_id", "datev_id", unique=True),
        Index("uq_customer_external_id", "tenant_id", "external_id", unique=True),
        Index("ix_customer_created_at", "tenant_id", "created_at", "id"),
        Index("ix_customer_updated_at", "tenant_id", "updated_at"),
        Index("ix_customer_status", "tenant_id", "status"),
        Index("ix_customer_company", "tenant_id", "company_name_key", "id"),
        Index("ix_customer_company_desc", "tenant_id", text("company_name_key desc nulls last"), text("id desc")),
        Index("ix_customer_last_name", "tenant_id", "last_name_key", "id"),
        Index("ix_customer_last_name_desc", "tenant_id", text("last_name_key desc nulls last"), text("id desc")),
        Index("ix_customer_rank", "tenant_id", "turnover_rank", "id"),
        Index("ix_customer_rank_desc", "tenant_id", text("turnover_rank desc nulls last"), text("id desc")),
        Index("ix_customer_vat_id", "tenant_id", "vat_id_folded"),
        Index("ix_customer_vat_id_valid", "tenant_id", "vat_id_valid"),
        Index("ix_customer_group", "tenant_id", "customer_group_id"),
        Index("ix_customer_partner", "tenant_id", "partner_id"),
        Index("ix_customer_parent", "tenant_id", "parent_id"),
        Index("ix_customer_country", "tenant_id", "country_code"),
        Index("ix_customer_currency", "tenant_id", "currency_code"),
        Index("ix_customer_language", "tenant_id", "language"),
        Index("ix_customer_business", "tenant_id", "business"),
        Index("ix_customer_is_partner", "tenant_id", "is_partner"),
    )

    number: Mapped[str]
    number_folded: Mapped[str] = mapped_column(Folded)
    status: Mapped[str]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    last_name_key: Mapped[str | None] = mapped_column(Folded)
    company_name: Mapped[str | None]
    company_name_key: Mapped[str | None] = mapped_column(Folded)
    business: Mapped[bool]
    currency_code: Mapped[str]
    country_code: Mapped[str]
    time_zone: Mapped[str]
    language: Mapped[str]
    vat_id: Mapped[str | None]
    vat_id_folded: Mapped[str | None] = mapped_column(Folded)
    vat_id_valid: Mapped[bool | None]
    tax_exempt: Mapped[str]
    business_proof: Mapped[str | None]
    datev_id: Mapped[str | None]
    commercial_register_name: Mapped[str | None]
    commercial_register_number: Mapped[str | None]
    gender: Mapped[str | None]
    phone: Mapped[str | None]
    turnover_rank: Mapped[int | None]
    external_id: Mapped[str | None]
    is_partner: Mapped[bool]
    partner_id: Mapped[UUID | None]
    parent_id: Mapped[UUID | None]
    customer_group_id: Mapped[UUID | None]
    buyer_reference: Mapped[str | None]
    leitweg_id: Mapped[str | None]
    peppol_id: Mapped[str | None]
    gln: Mapped[str | None]
    custom_fields: Mapped[dict[str, Any]]
    # `metadata` is taken by the mapping.
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]


class CustomerAddress(TenantRow):
    """A postal address. Exactly one default of type TYPE_DEFAULT, at most one of type TYPE_INVOICE."""

    __tablename__ = "customer_address"
    __table_args__ = (
        references("customer_id", "customer", cascade=True),
        one_of("type", ADDRESS_TYPES),
        one_of("status", ("active", "archived")),
        Index("ix_customer_address_customer", "tenant_id", "customer_id", "id"),
        Index(
            "uq_customer_address_default",
            "tenant_id",
            "customer_id",
            unique=True,
            postgresql_where=text("is_default and type = 'TYPE_DEFAULT'"),
        ),
        Index(
            "uq_customer_address_default_invoice",
            "tenant_id",
            "customer_id",
            unique=True,
            postgresql_where=text("is_default and type = 'TYPE_INVOICE'"),
        ),
    )

    customer_id: Mapped[UUID]
    type: Mapped[str]
    is_default: Mapped[bool]
    status: Mapped[str]
    company_name: Mapped[str | None]
    salutation: Mapped[str | None]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    street: Mapped[str]
    house_number: Mapped[str]
    addition: Mapped[str | None]
    zip: Mapped[str]
    city: Mapped[str]
    state: Mapped[str | None]
    country_code: Mapped[str]
    vat_id: Mapped[str | None]
    cost_centre: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class CustomerEmail(TenantRow):
    """An e-mail address; the default one is the login name and unique in the tenant."""

    __tablename__ = "customer_email"
    __table_args__ = (
        references("customer_id", "customer", cascade=True),
        one_of("status", ("active", "bouncing", "blocked")),
        Index("ix_customer_email_customer", "tenant_id", "customer_id", "id"),
        Index("ix_customer_email_email", "tenant_id", "email_folded"),
        Index(
            "uq_customer_email_login",
            "tenant_id",
            "email_folded",
            unique=True,
            postgresql_where=text("is_default"),
        ),
        Index(
            "uq_customer_email_default", "tenant_id", "customer_id", unique=True, postgresql_where=text("is_default")
        ),
        Index("ix_customer_email_invoice", "tenant_id", "customer_id", "id", postgresql_where=text("is_invoice_email")),
    )

    customer_id: Mapped[UUID]
    email: Mapped[str]
    email_folded: Mapped[str] = mapped_column(Folded)
    receiver_name: Mapped[str | None]
    is_default: Mapped[bool]
    is_invoice_email: Mapped[bool]
    is_dunning_email: Mapped[bool]
    status: Mapped[str]
    verified_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
