"""Finalise one stored draft."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from turnus.billing.commands import FinaliseInvoice
from turnus.billing.drafts import Draft, DraftDiscount, DraftLine, tax_draft
from turnus.billing.events import INVOICE_UPDATED
from turnus.billing.ops.finalise_drafts import finalise_drafts
from turnus.billing.payers import load_payers
from turnus.billing.taxes import load_tax_context
from turnus.kernel.errors import InvalidState, NotFound, ValidationFailed
from turnus.kernel.time import local_date
from turnus.platform.context import Context
from turnus.platform.db.locks import LockOrder, take

# Racing callers: the same finalisation twice, and whoever edits or deletes the draft.
_LOCK = """
select status, type, source, customer_id, invoice_address_id, currency_code, purchase_order_number, run_id, due_date
  from invoice where id = %s for no key update
"""
_LINES = """
select p.id, p.name, p.description, p.quantity, p.unit_price, p.base_minor, p.discount_minor, p.tax_group_id, p.unit_id,
       u.code, u.translations, p.type, p.service_from, p.service_to, p.subscription_id, p.item_id, p.product_id,
       p.charge_kind, p.period_start, p.sequence, p.charge, pp.tax_included, s.number, s.name, pr.number
  from invoice_position p
  left join unit u on u.tenant_id = p.tenant_id and u.id = p.unit_id
  left join subscription_item si on si.tenant_id = p.tenant_id and si.id = p.item_id
  left join price_plan pp on pp.tenant_id = si.tenant_id and pp.id = si.price_plan_id
  left join subscription s on s.tenant_id = p.tenant_id and s.id = p.subscription_id
  left join product pr on pr.tenant_id = p.tenant_id and pr.id = p.product_id
 where p.invoice_id = %s order by p.position
"""
_RETAXED = """
update invoice_position p
   set net_minor = n.net, tax_minor = n.tax, gross_minor = n.net + n.tax, tax_category = n.category, tax_rate = n.rate
  from unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::text[], %s::numeric[]) as n (id, net, tax, category, rate)
 where p.id = n.id
"""


async def finalise_invoice(ctx: Context, id: UUID, command: FinaliseInvoice) -> None:
    """Number, freeze and book a draft; tax is decided anew by the data of today.

    Raises:
        InvalidState: it is no draft (any more).
        ValidationFailed: data of issuer or buyer are missing, or the due date lies before today.
    """
    take(ctx, LockOrder.INVOICE)
    row = await (await ctx.connection.execute(_LOCK, (id,), prepare=True)).fetchone()
    if row is None:
        raise NotFound()
    if row[0] != "STATUS_DRAFT":
        raise InvalidState(row[0], ["STATUS_DRAFT"])
    draft = await _load(ctx, id, row)
    due = command.due_date
    if due is not None:
        draft.due_date = (
            local_date(due, ctx.setting("localization.timeZone", "Europe/Berlin")) if isinstance(due, datetime) else due
        )
        if draft.due_date < ctx.today():
            raise ValidationFailed.at("dueDate", "out_of_range", bounds=f"≥ {ctx.today()}")
    if not draft.lines:
        raise ValidationFailed.at("positions", "too_short", minimum=1)
    tax_draft(draft, await load_tax_context(ctx), ctx.today())
    lines = draft.lines
    await ctx.connection.execute(
        _RETAXED,
        (
            [line.id for line in lines],
            [line.net_minor for line in lines],
            [line.tax_minor for line in lines],
            [line.decision.category for line in lines if line.decision],
            [line.decision.rate for line in lines if line.decision],
        ),
        prepare=True,
    )
    await finalise_drafts(ctx, [draft])
    ctx.emit(INVOICE_UPDATED, [id])
    ctx.log("invoice", id, "finalised")


async def _load(ctx: Context, id: UUID, row: tuple[Any, ...]) -> Draft:
    _, type, source, customer, address, currency, order, run, due_date = row
    payers = await load_payers(ctx, [customer], [address] if address else [])
    payer = payers.payer(customer, address)
    cursor = await ctx.connection.execute(_LINES, (id,), prepare=True)
    rows = await cursor.fetchall()
    lines = [_line(found, payer.language) for found in rows]
    numbers = {found[22] for found in rows if found[22]}
    if len(numbers) == 1:
        for line in lines:
            line.group = ""
    return Draft(
        id,
        payer,
        currency,
        lines,
        type=type,
        purchase_order_number=order,
        run=run,
        source=source,
        subscription_number=numbers.pop() if len(numbers) == 1 else "",
        stored=True,
        due_date=due_date,
    )


def _line(row: tuple[Any, ...], language: str) -> DraftLine:
    names = row[10] or {}
    chosen: dict[str, Any] = names.get(language) or names.get("de") or next(iter(names.values()), {})
    charge = row[20]
    discounts = tuple(
        DraftDiscount("Rabatt" if language == "de" else "Discount", discount["amount"])
        for discount in (charge or {}).get("discounts", ())
        if discount["amount"]
    )
    return DraftLine(
        id=row[0],
        name=row[1],
        description=row[2],
        quantity=row[3],
        unit_price=row[4],
        base_minor=row[5],
        discount_minor=row[6],
        tax_included=bool(row[21]),
        tax_group=row[7],
        unit=row[8],
        unit_code=row[9] or "C62",
        unit_name=chosen.get("name", ""),
        type=row[11],
        discounts=discounts,
        service_from=row[12],
        service_to=row[13],
        subscription=row[14],
        item=row[15],
        product=row[16],
        product_number=row[24] or "",
        group=f"{row[23]} · {row[22]}" if row[23] else row[22] or "",
        charge_kind=row[17],
        period_start=row[18],
        sequence=row[19],
        charge=charge,
    )
