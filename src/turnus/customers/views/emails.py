"""E-mail addresses as they are read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam

from turnus.customers.model import CustomerEmail
from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import Shape, convert, from_, read, shape
from turnus.platform.listing import ListOf, Order


class EmailSummary(msgspec.Struct, frozen=True, rename="camel"):
    """An e-mail address as lists of customers show it."""

    id: UUID
    email: str
    receiver_name: str | None
    type: str
    default: bool


class EmailView(msgspec.Struct, frozen=True, rename="camel"):
    """An e-mail address and the mails that go there."""

    id: UUID
    email: str
    receiver_name: str | None
    type: str
    default: bool
    is_invoice_email: bool
    is_dunning_email: bool
    status: str
    verified_at: str | None
    created_at: str
    updated_at: str


def optional_instant(value: Any) -> str | None:
    """An instant on the wire, or null."""
    return None if value is None else instant(value)


def email_type(is_invoice: bool, is_default: bool) -> str:
    """The older `type` of an e-mail address, derived from its flags (01 §3.1)."""
    return "TYPE_INVOICE" if is_invoice and not is_default else "TYPE_COMPANY"


def email_summary(e: Any) -> Shape[EmailSummary]:
    """The short form of an (outer joined) e-mail address."""
    return shape(
        EmailSummary,
        present=e.id,
        id=e.id,
        email=e.email,
        receiver_name=e.receiver_name,
        type=convert(email_type, e.is_invoice_email, e.is_default),
        default=e.is_default,
    )


def email_shape(e: Any) -> Shape[EmailView]:
    """An e-mail address in full."""
    return shape(
        EmailView,
        id=e.id,
        email=e.email,
        receiver_name=e.receiver_name,
        type=convert(email_type, e.is_invoice_email, e.is_default),
        default=e.is_default,
        is_invoice_email=e.is_invoice_email,
        is_dunning_email=e.is_dunning_email,
        status=e.status,
        verified_at=convert(optional_instant, e.verified_at),
        created_at=convert(instant, e.created_at),
        updated_at=convert(instant, e.updated_at),
    )


_shape = email_shape(CustomerEmail)
_email = read(from_(CustomerEmail).where(CustomerEmail.id == bindparam("id", type_=Uuid)), _shape)

email_list = ListOf(
    "customer_email_address",
    _shape,
    from_(CustomerEmail).where(CustomerEmail.customer_id == bindparam("customer_id", type_=Uuid)),
    id=CustomerEmail.id,
    orders=[Order("createdAt", CustomerEmail.created_at)],
)


async def email_address(ctx: Context, id: UUID) -> EmailView:
    """An e-mail address; raises NotFound."""
    return await _email.one(ctx, id=id)
