"""Tables of the ledger."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped

from turnus.platform.db.schema import TenantRow, mark, one_of

ACCOUNT_KINDS = ("asset", "liability", "revenue", "expense", "tax")


class LedgerAccount(TenantRow):
    """An account of the tenant's chart. `key` is its role in postings (`receivables`, `revenueGermany:19` …)."""

    __tablename__ = "ledger_account"
    __table_args__ = (
        one_of("kind", ACCOUNT_KINDS),
        Index("uq_ledger_account_number", "tenant_id", "number", unique=True),
        Index("uq_ledger_account_key", "tenant_id", "key", unique=True),
    )

    number: Mapped[str]
    key: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    created_at: Mapped[datetime]


class LedgerEntry(TenantRow):
    """One line of a booking: `amount_minor` is positive for debit, negative for credit.

    All lines of a booking share `booking_id` and are written by one statement; a trigger refuses bookings that do not
    balance per currency. Entries are never changed.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        CheckConstraint("amount_minor <> 0", name="amount"),
        Index("ix_ledger_entry_booking", "tenant_id", "booking_id"),
        Index("ix_ledger_entry_account", "tenant_id", "account", "booked_on"),
        Index("ix_ledger_entry_document", "tenant_id", "document_id"),
    )

    booking_id: Mapped[UUID]
    document_id: Mapped[UUID]
    customer_id: Mapped[UUID | None]
    booked_on: Mapped[date]
    account: Mapped[str]
    amount_minor: Mapped[int]
    currency_code: Mapped[str]
    kind: Mapped[str]


mark(LedgerEntry.__table__, privileges="select, insert")  # type: ignore[arg-type]
