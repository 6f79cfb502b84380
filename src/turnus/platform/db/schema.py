"""Declarative base, column kinds and the DDL of tenancy.

Every tenant table has the primary key `(tenant_id, id)`, foreign keys that carry `tenant_id`, and forced row-level
security, so that a row of another tenant can neither be seen nor referenced.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKeyConstraint,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

APP_ROLE = "turnus_app"
SYSTEM_ROLE = "turnus_system"

Folded = Text(collation="C")
"""Text folded in Python (case, accents): compared byte by byte, so that equality and prefix ranges use an index."""


class Base(DeclarativeBase):
    """Base of all mapped rows."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_1_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        UUID: Uuid,
        datetime: DateTime(timezone=True),
        date: Date,
        str: Text,
        int: BigInteger,
        bool: Boolean,
        bytes: LargeBinary,
        Decimal: Numeric(30, 12),
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB(none_as_null=True),
    }


class TenantRow(Base):
    """Base of rows that belong to a tenant. `platform.context.Context.add` fills both parts of the key."""

    __abstract__ = True

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)


def references(column: str, table: str, *, optional: bool = False, cascade: bool = False) -> ForeignKeyConstraint:
    """A foreign key inside the tenant. Optional ones are blanked when the target goes; `cascade` deletes with it."""
    ondelete = "CASCADE" if cascade else f"SET NULL ({column})" if optional else None
    return ForeignKeyConstraint(
        ["tenant_id", column], [f"{table}.tenant_id", f"{table}.id"], ondelete=ondelete, name=f"fk_{column}"
    )


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """A text column limited to some words (enum types are no use under row-level security)."""
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} in ({words})", name=column)


def mark(table: Table, **info: Any) -> None:
    """Note facts about a table that the migrations and the tenancy test read: `insert_only`, `global_`."""
    table.info.update(info)


def is_tenant_table(table: Table) -> bool:
    """Whether the table belongs to tenants (and so needs the tenancy DDL)."""
    return "tenant_id" in table.primary_key.columns


def tenancy_ddl(table: str, *, privileges: str = "select, insert, update, delete") -> list[str]:
    """Forced row-level security and grants of a tenant table.

    The unset value of `app.tenant_id` is an empty string in a used session, hence `nullif`. The system policy names
    the role that is current: policies `to` a role also apply to its members, which the login role is.
    """
    tenant = "nullif(current_setting('app.tenant_id', true), '')::uuid"
    return [
        f"alter table {table} enable row level security",
        f"alter table {table} force row level security",
        f"create policy tenant on {table} to {APP_ROLE} using (tenant_id = {tenant}) with check (tenant_id = {tenant})",
        f"create policy system on {table} to {SYSTEM_ROLE} using (current_user = '{SYSTEM_ROLE}')"
        f" with check (current_user = '{SYSTEM_ROLE}')",
        f"grant {privileges} on {table} to {APP_ROLE}",
        f"grant select, insert, update, delete on {table} to {SYSTEM_ROLE}",
    ]
