"""Number, freeze and book drafts: one statement per table, however many. A single invoice is a batch of one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from turnus.billing.drafts import Draft
from turnus.billing.events import INVOICE_CREATED
from turnus.billing.issuer import issuer_of
from turnus.billing.ops.store_drafts import insert_positions, invoice_row, write_invoices
from turnus.billing.payers import address_violations
from turnus.billing.snapshot import content_hash, document_of, encoded
from turnus.kernel.errors import ValidationFailed
from turnus.ledger.ops.post_entries import Booking, chart, post_bookings
from turnus.ledger.rules import Taxed, invoice_booking
from turnus.platform.context import Context
from turnus.platform.db.bulk import insert_rows
from turnus.settings.ops.draw_numbers import draw_numbers

RANGES = {"TYPE_INVOICE": "invoice", "TYPE_CREDIT_NOTE": "credit_note", "TYPE_CANCELLATION": "cancellation"}
_SNAPSHOT = [("tenant_id", "uuid"), ("id", "uuid"), ("document", "bytea"), ("salt", "bytea")]


async def finalise_drafts(ctx: Context, drafts: Sequence[Draft]) -> None:
    """Give drafts their numbers, freeze what they print, and book them. Their status is then FINALIZING.

    The number range is locked last: everything that needs no number is written before, so that parallel runs of one
    tenant wait for each other only from there to the commit.

    Raises:
        ValidationFailed: issuer or buyer data are missing (§ 14 UStG).
    """
    if not drafts:
        return
    seller = issuer_of(ctx)
    missing = [violation for draft in drafts for violation in address_violations(draft.payer)]
    if missing:
        raise ValidationFailed(missing)
    issue_date = ctx.today()
    due_days = int(ctx.setting("invoice.dueDays", 14))
    due = {draft.id: draft.due_date or issue_date + timedelta(days=due_days) for draft in drafts}
    documents = [
        encoded(
            document_of(
                draft,
                seller,
                issue_date=issue_date,
                due_date=due[draft.id],
                due_days=(due[draft.id] - issue_date).days,
                is_test=ctx.tenant.sandbox,
            )
        )
        for draft in drafts
    ]
    salts = os.urandom(16 * len(drafts))
    contents = [(salts[16 * i : 16 * i + 16], document) for i, document in enumerate(documents)]
    hashes = {d.id: content_hash(document, salt) for d, (salt, document) in zip(drafts, contents, strict=True)}
    bookings = _bookings(drafts, await chart(ctx), issue_date)

    await insert_positions(ctx, [draft for draft in drafts if not draft.stored])
    rows = [(ctx.tenant_id, d.id, document, salt) for d, (salt, document) in zip(drafts, contents, strict=True)]
    await insert_rows(ctx.connection, "invoice_snapshot", _SNAPSHOT, rows)
    await post_bookings(ctx, bookings)

    numbers = await _numbers(ctx, drafts, hashes, issue_date)
    invoices = [
        invoice_row(ctx, draft, number=numbers[draft.id], issue_date=issue_date, due_date=due[draft.id])
        for draft in drafts
    ]
    await write_invoices(ctx, drafts, invoices)
    ctx.emit(INVOICE_CREATED, [draft.id for draft in drafts if not draft.stored])


def _bookings(drafts: Sequence[Draft], accounts: dict[str, str], booked_on: date) -> list[Booking]:
    made = []
    for draft in drafts:
        buckets = [
            Taxed(bucket.decision.revenue_key, bucket.decision.rate, bucket.taxable_minor, bucket.tax_minor)
            for bucket in draft.buckets
        ]
        lines = invoice_booking(accounts, draft.gross_minor, buckets)
        made.append(Booking(draft.id, draft.payer.id, booked_on, draft.currency, "invoice", lines))
    return made


async def _numbers(ctx: Context, drafts: Sequence[Draft], hashes: dict[UUID, bytes], day: date) -> dict[UUID, str]:
    by_type: dict[str, list[Draft]] = {}
    for draft in drafts:
        by_type.setdefault(RANGES[draft.type], []).append(draft)
    numbers: dict[UUID, str] = {}
    # In a fixed order of the ranges: two runs that need both never wait for each other crosswise.
    for type in sorted(by_type):
        chosen = by_type[type]
        drawn = await draw_numbers(
            ctx,
            type,
            [draft.id for draft in chosen],
            day=day,
            customer_numbers=[draft.payer.number for draft in chosen],
            contents=[hashes[draft.id] for draft in chosen],
        )
        numbers |= {draft.id: number for draft, number in zip(chosen, drawn, strict=True)}
    return numbers
