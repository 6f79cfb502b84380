"""Write invoices and their positions, as drafts or with their number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from psycopg.types.json import Jsonb

from turnus.billing.drafts import Draft, DraftLine
from turnus.billing.events import INVOICE_CREATED, INVOICE_REQUIRES_APPROVAL
from turnus.platform.context import Context
from turnus.platform.db.bulk import insert_rows
from turnus.platform.db.terms import fold

_POSITION = [
    ("tenant_id", "uuid"), ("id", "uuid"), ("invoice_id", "uuid"), ("position", "bigint"), ("type", "text"),
    ("name", "text"), ("description", "text"), ("quantity", "numeric"), ("unit_id", "uuid"),
    ("unit_price", "numeric"), ("base_minor", "bigint"), ("discount_minor", "bigint"), ("net_minor", "bigint"),
    ("tax_minor", "bigint"), ("gross_minor", "bigint"), ("tax_group_id", "uuid"), ("tax_category", "text"),
    ("tax_rate", "numeric"), ("service_from", "date"), ("service_to", "date"), ("subscription_id", "uuid"),
    ("item_id", "uuid"), ("product_id", "uuid"), ("charge_kind", "text"), ("period_start", "date"),
    ("sequence", "bigint"), ("charge", "jsonb"), ("created_at", "timestamptz"),
]  # fmt: skip
_INVOICE = [
    ("tenant_id", "uuid"), ("id", "uuid"), ("status", "text"), ("unpaid_minor", "bigint"),
    ("custom_fields", "jsonb"), ("render_after", "timestamptz"), ("render_attempts", "bigint"),
    ("updated_at", "timestamptz"), ("type", "text"), ("source", "text"), ("customer_id", "uuid"),
    ("currency_code", "text"), ("number", "text"), ("number_folded", "text"), ("language", "text"),
    ("finalization_date", "timestamptz"), ("issue_date", "date"), ("due_date", "date"), ("net_minor", "bigint"),
    ("tax_minor", "bigint"), ("gross_minor", "bigint"), ("discount_minor", "bigint"), ("service_from", "date"),
    ("service_to", "date"), ("tax_case", "text"), ("taxes", "jsonb"), ("purchase_order_number", "text"),
    ("invoice_address_id", "uuid"), ("e_invoice_format", "text"), ("run_id", "uuid"), ("xact_id", "bigint"),
    ("created_at", "timestamptz"),
]  # fmt: skip
_FINAL = [name for name, _ in _INVOICE if name not in ("tenant_id", "id", "created_at", "custom_fields", "run_id")]
_FINALISE = (
    f"update invoice i set {', '.join(f'{name} = n.{name}' for name in _FINAL)}"
    f" from unnest({', '.join(f'%s::{kind}[]' for _, kind in _INVOICE)}) as n ({', '.join(n for n, _ in _INVOICE)})"
    " where i.tenant_id = n.tenant_id and i.id = n.id"
)


async def store_drafts(ctx: Context, drafts: Sequence[Draft]) -> None:
    """Store drafts for manual approval: no number, nothing booked."""
    if not drafts:
        return
    await write_invoices(ctx, drafts, [invoice_row(ctx, draft) for draft in drafts])
    await insert_positions(ctx, drafts)
    ids = [draft.id for draft in drafts]
    ctx.emit(INVOICE_CREATED, ids)
    ctx.emit(INVOICE_REQUIRES_APPROVAL, ids)


async def store_suppressed(ctx: Context, lines: Sequence[DraftLine]) -> None:
    """Note charges whose document was suppressed because all of it is 0.00: their periods count as billed."""
    rows = [_position_row(ctx, None, 0, line) for line in lines]
    await insert_rows(ctx.connection, "invoice_position", _POSITION, rows)


async def insert_positions(ctx: Context, drafts: Sequence[Draft]) -> None:
    """Write the lines of documents. Their invoices may follow in the same transaction."""
    rows = [_position_row(ctx, draft.id, n, line) for draft in drafts for n, line in enumerate(draft.lines, 1)]
    await insert_rows(ctx.connection, "invoice_position", _POSITION, rows)


def _position_row(ctx: Context, invoice: Any, number: int, line: DraftLine) -> tuple[Any, ...]:
    decision = line.decision
    return (
        ctx.tenant_id, line.id, invoice, number, line.type, line.name, line.description, line.quantity, line.unit,
        line.unit_price, line.base_minor, line.discount_minor, line.net_minor, line.tax_minor,
        line.net_minor + line.tax_minor, line.tax_group, decision.category if decision else "S",
        decision.rate if decision else None, line.service_from, line.service_to, line.subscription, line.item,
        line.product, line.charge_kind, line.period_start, line.sequence, line.charge, ctx.now(),
    )  # fmt: skip


def invoice_row(
    ctx: Context,
    draft: Draft,
    *,
    number: str | None = None,
    issue_date: date | None = None,
    due_date: date | None = None,
) -> tuple[Any, ...]:
    """The row of a draft, or of a document that has its number now."""
    now = ctx.now()
    final = number is not None
    taxes = [
        {
            "category": bucket.decision.category,
            "rate": None if bucket.decision.rate is None else f"{bucket.decision.rate.normalize():f}",
            "taxable": bucket.taxable_minor,
            "tax": bucket.tax_minor,
            "case": bucket.decision.case,
            "note": list(bucket.decision.note),
            "code": bucket.decision.code,
            "revenue": bucket.decision.revenue_key,
        }
        for bucket in draft.buckets
    ]
    return (
        ctx.tenant_id, draft.id, "STATUS_FINALIZING" if final else "STATUS_DRAFT", draft.gross_minor if final else 0,
        {}, ctx.wall() if final else None, 0, now, draft.type, draft.source, draft.payer.id, draft.currency, number,
        fold(number) if number else None, draft.payer.language, now if final else None, issue_date,
        due_date or draft.due_date, draft.net_minor, draft.tax_minor, draft.gross_minor, draft.discount_minor,
        draft.service_from, draft.service_to, draft.tax_case, taxes, draft.purchase_order_number,
        draft.payer.address.id, "xrechnung" if draft.payer.leitweg_id else "zugferd", draft.run, None, now,
    )  # fmt: skip


async def write_invoices(ctx: Context, drafts: Sequence[Draft], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert new invoices; update those that were stored as drafts. Numbered ones note the transaction."""
    cursor = await ctx.connection.execute("select pg_current_xact_id()::text::bigint", prepare=True)
    found = await cursor.fetchone()
    assert found is not None
    position = [name for name, _ in _INVOICE].index("xact_id")
    number = [name for name, _ in _INVOICE].index("number")
    final = [(*row[:position], found[0] if row[number] is not None else None, *row[position + 1 :]) for row in rows]
    new = [row for draft, row in zip(drafts, final, strict=True) if not draft.stored]
    stored = [row for draft, row in zip(drafts, final, strict=True) if draft.stored]
    await insert_rows(ctx.connection, "invoice", _INVOICE, new)
    if stored:
        columns = [
            [Jsonb(value) for value in column] if kind == "jsonb" else list(column)
            for column, (_, kind) in zip(zip(*stored, strict=True), _INVOICE, strict=True)
        ]
        await ctx.connection.execute(_FINALISE, columns, prepare=True)
