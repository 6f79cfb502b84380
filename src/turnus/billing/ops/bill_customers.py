"""Bill a chunk of customers: a handful of statements, whatever its size."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Date, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from turnus.billing.assemble import Assembled, Rated, assemble, restored_charge
from turnus.billing.drafts import tax_draft
from turnus.billing.events import SUBSCRIPTION_BILLED
from turnus.billing.model import BillingRunChunk, InvoicePosition
from turnus.billing.ops.finalise_drafts import finalise_drafts
from turnus.billing.ops.store_drafts import store_drafts, store_suppressed
from turnus.billing.payers import load_payers
from turnus.billing.taxes import load_tax_context
from turnus.catalogue.ops.load_catalogue import load_catalogue
from turnus.kernel.time import local_date
from turnus.platform.context import Context
from turnus.platform.db.locks import LockOrder, take
from turnus.platform.db.reads import read_rows
from turnus.rating.bill import bill
from turnus.rating.charges import Billed
from turnus.subscriptions.contracts import DueContract, Settlement, contract_of, settlement_of
from turnus.subscriptions.ops.load_due import billing_terms, load_contracts
from turnus.subscriptions.ops.settle_billed import settle_billed

# Racing callers: another worker of the same run (skips), and whoever changes a contract of the customer (waits).
_CLAIM = "select id from customer where id = any(%s) order by id for no key update skip locked"
_CLAIM_WAITING = "select id from customer where id = any(%s) order by id for no key update"

# Every statement of a chunk looks a thousand keys up. Planned by statistics that lag behind a growing table, some would
# walk over all rows of the tenant instead: cost per invoice must not depend on how many there are.
_PLANS = (
    "select set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),"
    " set_config('enable_material', 'off', true), set_config('enable_seqscan', 'off', true)"
)

_p = InvoicePosition
_items = bindparam("items", type_=ARRAY(Uuid))
_since = bindparam("since", type_=ARRAY(Date))
_wanted = select(func.unnest(_items).label("item"), func.unnest(_since).label("since")).subquery("wanted")
_billed = read_rows(
    select(
        _p.item_id,
        _p.charge_kind,
        _p.period_start,
        _p.sequence,
        _p.service_from,
        _p.service_to,
        _p.base_minor,
        _p.charge,
    )
    .join(_wanted, (_p.item_id == _wanted.c.item) & (_p.period_start >= _wanted.c.since))
    .where(_p.charge_kind.is_not(None))
    .order_by(_p.item_id, _p.period_start, _p.id)
)


class ChunkResult(msgspec.Struct):
    """What a chunk did; `gross` in minor units per currency."""

    customers: int = 0
    invoices: int = 0
    positions: int = 0
    suppressed: int = 0
    gross: dict[str, int] = {}


class Computed(msgspec.Struct):
    """What billing some customers would yield: documents, and where every item would stand afterwards."""

    assembled: Assembled
    settled: list[Settlement]
    rated: list[Rated]


async def bill_customers(
    ctx: Context, customers: Sequence[UUID], until: datetime, *, run: UUID | None, wait: bool = False
) -> ChunkResult:
    """Bill everything that is due for some customers by `until`: number, freeze, book, advance the contracts.

    Customers whom another transaction holds are passed over unless `wait`. Running it again bills nothing twice: what
    is due is read after the lock, and (item, period, kind, sequence) is unique.
    """
    take(ctx, LockOrder.CUSTOMER)
    await ctx.connection.execute(_PLANS, prepare=True)
    claim = _CLAIM_WAITING if wait else _CLAIM
    claimed = [row[0] for row in await (await ctx.connection.execute(claim, (list(customers),))).fetchall()]
    if not claimed:
        return ChunkResult()
    computed = await compute(ctx, claimed, until, run=run)
    drafts, suppressed = computed.assembled.drafts, computed.assembled.suppressed
    await settle_billed(ctx, computed.settled)
    await store_suppressed(ctx, suppressed)
    if ctx.setting("billing.manualApproval", False):
        await store_drafts(ctx, drafts)
    else:
        await finalise_drafts(ctx, drafts)
    invoice_of = {line.subscription: draft.id for draft in drafts for line in draft.lines if line.subscription}
    if invoice_of:
        extra = {id: {"invoice": str(invoice), "billingRun": str(run)} for id, invoice in invoice_of.items()}
        ctx.emit(SUBSCRIPTION_BILLED, list(invoice_of), extra)
    result = ChunkResult(len(claimed), len(drafts), sum(len(d.lines) for d in drafts), len(suppressed))
    for draft in drafts:
        result.gross[draft.currency] = result.gross.get(draft.currency, 0) + draft.gross_minor
    if run is not None and (drafts or suppressed):
        _note(ctx, run, result)
    return result


def _note(ctx: Context, run: UUID, result: ChunkResult) -> None:
    ctx.add(
        BillingRunChunk(
            run_id=run,
            invoices=result.invoices,
            positions=result.positions,
            suppressed=result.suppressed,
            gross=dict(result.gross),
            created_at=ctx.wall(),
        )
    )


async def compute(ctx: Context, customers: Sequence[UUID], until: datetime, *, run: UUID | None) -> Computed:
    """What is due for some customers by `until`; writes nothing. Preview, dry run and run are this one function."""
    contracts = await load_contracts(ctx, customers, until)
    items = [item for contract in contracts for item in contract.items]
    catalogue = await load_catalogue(ctx, {i.price_plan_id for i in items}, {i.product_id for i in items})
    subscriptions = [contract.subscription for contract in contracts]
    addresses = [s.invoice_address_id for s in subscriptions if s.invoice_address_id is not None]
    payers = await load_payers(ctx, list({s.customer_id for s in subscriptions}), addresses)
    billed = await _billed_charges(ctx, contracts)
    terms = billing_terms(ctx)
    today: dict[str, date] = {}
    rated: list[Rated] = []
    settled: list[Settlement] = []
    for due in contracts:
        subscription = due.subscription
        zone = subscription.time_zone
        day = today.get(zone) or today.setdefault(zone, local_date(until, zone))
        contract = contract_of(subscription, due.items, catalogue, due.group, terms)
        result = bill(contract, billed.get(subscription.id, ()), until=day)
        settled.append(settlement_of(due, contract, result, day))
        if result.charges:
            prices = {row.id: item.price for row, item in zip(due.items, contract.items, strict=True)}
            rated.append(Rated(subscription, due.items, result.charges, prices))
    taxes = await load_tax_context(ctx)
    assembled = assemble(
        rated,
        catalogue,
        payers,
        taxes,
        run=run,
        consolidate=ctx.setting("billing.consolidate", "none") != "none",
        zero_documents=bool(ctx.setting("billing.generateZeroDocuments", False)),
    )
    for draft in assembled.drafts:
        tax_draft(draft, taxes, ctx.today())
    return Computed(assembled, settled, rated)


async def _billed_charges(ctx: Context, contracts: Sequence[DueContract]) -> dict[UUID, list[Billed]]:
    """Charges of periods that may be re-rated: only of items that changed since they were billed."""
    changed = [
        (c.subscription.id, i.id, i.rerate_from) for c in contracts for i in c.items if i.rerate_from is not None
    ]
    if not changed:
        return {}
    subscription_of = {item: subscription for subscription, item, _ in changed}
    rows: list[tuple[Any, ...]] = await _billed.all(
        ctx, items=[item for _, item, _ in changed], since=[since for _, _, since in changed]
    )
    found: dict[UUID, list[Billed]] = {}
    for item, kind, start, sequence, service_from, service_to, base, stored in rows:
        charge = restored_charge(item, kind, start, sequence, (service_from, service_to), base, stored)
        found.setdefault(subscription_of[item], []).append(charge)
    return found


__all__ = ["ChunkResult", "Computed", "bill_customers", "compute"]
