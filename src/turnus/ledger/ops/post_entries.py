"""Write bookings and read the chart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy import select

from turnus.kernel.ids import new_ids
from turnus.ledger.accounts import SKR03
from turnus.ledger.model import LedgerAccount
from turnus.ledger.rules import Line
from turnus.platform.context import Context
from turnus.platform.db.bulk import insert_rows
from turnus.platform.db.reads import read_rows

_chart = read_rows(select(LedgerAccount.key, LedgerAccount.number))
_COLUMNS = [
    ("tenant_id", "uuid"),
    ("id", "uuid"),
    ("booking_id", "uuid"),
    ("document_id", "uuid"),
    ("customer_id", "uuid"),
    ("booked_on", "date"),
    ("account", "text"),
    ("amount_minor", "bigint"),
    ("currency_code", "text"),
    ("kind", "text"),
]


class Booking(msgspec.Struct, frozen=True):
    """A balanced set of lines about one document."""

    document_id: UUID
    customer_id: UUID | None
    booked_on: date
    currency: str
    kind: str
    lines: Sequence[Line]


async def chart(ctx: Context) -> dict[str, str]:
    """Account numbers by role."""
    return dict(await _chart.all(ctx))


async def post_bookings(ctx: Context, bookings: Sequence[Booking]) -> None:
    """Write bookings in one statement; the database refuses any that does not balance."""
    lines = [(booking, line) for booking in bookings for line in booking.lines]
    ids = iter(new_ids(len(lines) + len(bookings)))
    booking_ids = {id(booking): next(ids) for booking in bookings}
    rows = [
        (
            ctx.tenant_id,
            next(ids),
            booking_ids[id(booking)],
            booking.document_id,
            booking.customer_id,
            booking.booked_on,
            line.account,
            line.amount_minor,
            booking.currency,
            booking.kind,
        )
        for booking, line in lines
    ]
    await insert_rows(ctx.connection, "ledger_entry", _COLUMNS, rows)


async def seed_ledger(ctx: Context) -> None:
    """The chart of a new tenant."""
    for account in SKR03:
        ctx.add(
            LedgerAccount(
                number=account.number, key=account.key, name=account.name, kind=account.kind, created_at=ctx.now()
            )
        )
