"""Render documents of numbered invoices, store them, and let the invoices out.

Rendering is apart from numbering and booking, so a run never waits for it. A batch is leased by moving `render_after`
on; a renderer that dies leaves its batch to the next one after the lease.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import structlog

from turnus.billing.events import INVOICE_FINALIZED
from turnus.billing.snapshot import restored
from turnus.kernel.ids import new_ids
from turnus.platform.clock import Clock
from turnus.platform.context import Context
from turnus.platform.db.bulk import insert_rows
from turnus.platform.db.pool import Database
from turnus.platform.services import Services
from turnus.platform.work import tenant_work

log = structlog.get_logger("turnus.documents")
LEASE = timedelta(minutes=5)
MAX_BACKOFF = timedelta(hours=6)
_CLAIM = """
update invoice i set render_after = %(leased)s, render_attempts = render_attempts + 1
  from (select id from invoice
         where status = 'STATUS_FINALIZING' and render_after <= %(wall)s
           and (%(only)s::uuid[] is null or id = any(%(only)s::uuid[]))
         order by render_after limit %(limit)s for no key update skip locked) due,
       invoice_snapshot s
 where i.id = due.id and s.id = due.id and s.tenant_id = i.tenant_id
returning i.id, i.number, i.type, i.e_invoice_format, i.gross_minor, i.render_attempts, s.document
"""
_DONE = """
update invoice i
   set pdf_id = n.pdf_id, xml_id = n.xml_id, document_hash = n.hash, render_after = null, render_error = null,
       status = case when i.gross_minor = 0 then 'STATUS_PAID' else 'STATUS_UNPAID' end,
       pay_date = case when i.gross_minor = 0 then i.finalization_date end, updated_at = %s
  from unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::bytea[]) as n (id, pdf_id, xml_id, hash)
 where i.id = n.id and i.status = 'STATUS_FINALIZING'
returning i.id
"""
_FAILED = "update invoice set render_after = %s, render_error = %s where id = %s and status = 'STATUS_FINALIZING'"
_MEDIA = [
    ("tenant_id", "uuid"), ("id", "uuid"), ("folder", "text"), ("is_private", "boolean"), ("mime_type", "text"),
    ("extension", "text"), ("file_name", "text"), ("storage_name", "text"), ("size", "bigint"), ("sha256", "bytea"),
    ("created_at", "timestamptz"),
]  # fmt: skip
FOLDERS = {"TYPE_CREDIT_NOTE": "credit_note", "TYPE_CANCELLATION": "cancellation"}


class Claimed(msgspec.Struct, frozen=True):
    """An invoice that waits for its documents."""

    id: UUID
    number: str
    type: str
    format: str
    gross_minor: int
    attempts: int
    document: bytes


class Rendered(msgspec.Struct, frozen=True):
    """The files of an invoice."""

    pdf: bytes
    xml: bytes


def render(claimed: Claimed, *, giro_code: bool) -> Rendered:
    """PDF/A-3 with the structured invoice inside, and the structured invoice; pure and slow, so called in threads."""
    # Loading typst takes half a second that no request and no run should wait for.
    from turnus.documents import einvoice, pdf

    document = restored(claimed.document, claimed.number)
    style = pdf.Style(show_giro_code=giro_code)
    if claimed.format == "xrechnung":
        xml = einvoice.xrechnung_xml(document)
        return Rendered(pdf.render(document, xml=xml, profile=einvoice.Profile.XRECHNUNG, style=style), xml)
    xml = einvoice.zugferd_xml(document)
    return Rendered(pdf.render(document, xml=xml, profile=einvoice.Profile.EN16931, style=style), xml)


async def render_batch(
    database: Database,
    tenant_id: UUID,
    *,
    clock: Clock,
    services: Services,
    limit: int = 50,
    threads: int = 2,
    only: Sequence[UUID] | None = None,
) -> int:
    """Render up to `limit` documents of a tenant (of `only` these invoices); returns how many were let out."""
    async with tenant_work(database, tenant_id, clock=clock) as ctx:
        wall = ctx.wall()
        giro_code = bool(ctx.setting("billing.showGiroCode", False))
        parameters = {"wall": wall, "leased": wall + LEASE, "limit": limit, "only": list(only) if only else None}
        rows = await (await ctx.connection.execute(_CLAIM, parameters)).fetchall()
    claimed = [Claimed(*row) for row in rows]
    if not claimed:
        return 0
    gate = asyncio.Semaphore(threads)

    async def one(invoice: Claimed) -> Rendered | Exception:
        async with gate:
            try:
                return await asyncio.to_thread(render, invoice, giro_code=giro_code)
            except Exception as error:
                log.exception("document could not be rendered", invoice=str(invoice.id))
                return error

    results = await asyncio.gather(*(one(invoice) for invoice in claimed))
    good = [(i, r) for i, r in zip(claimed, results, strict=True) if isinstance(r, Rendered)]
    bad = [(i, r) for i, r in zip(claimed, results, strict=True) if isinstance(r, Exception)]
    media = await _store(services, tenant_id, good)
    async with tenant_work(database, tenant_id, clock=clock, services=services) as ctx:
        return await _let_out(ctx, good, media, bad)


async def _store(
    services: Services, tenant_id: UUID, rendered: Sequence[tuple[Claimed, Rendered]]
) -> list[tuple[Any, ...]]:
    """Put the files into the store under new names; rows of the media table, two per invoice."""
    rows = []
    ids = iter(new_ids(2 * len(rendered)))
    writes = []
    for invoice, files in rendered:
        folder = FOLDERS.get(invoice.type, "invoice")
        name = "xrechnung.xml" if invoice.format == "xrechnung" else "factur-x.xml"
        for content, mime, extension, file_name in (
            (files.pdf, "application/pdf", "pdf", f"{invoice.number}.pdf"),
            (files.xml, "application/xml", "xml", f"{invoice.number}-{name}"),
        ):
            id = next(ids)
            storage = f"{tenant_id}/{folder}/{id}.{extension}"
            writes.append(services.files.put(storage, content))
            digest = hashlib.sha256(content).digest()
            rows.append((tenant_id, id, folder, True, mime, extension, file_name, storage, len(content), digest))
    await asyncio.gather(*writes)
    return rows


async def _let_out(
    ctx: Context,
    good: Sequence[tuple[Claimed, Rendered]],
    media: Sequence[tuple[Any, ...]],
    bad: Sequence[tuple[Claimed, Exception]],
) -> int:
    done: list[UUID] = []
    if good:
        pdfs, xmls = media[0::2], media[1::2]
        cursor = await ctx.connection.execute(
            _DONE,
            (
                ctx.now(),
                [invoice.id for invoice, _ in good],
                [row[1] for row in pdfs],
                [row[1] for row in xmls],
                [row[9] for row in pdfs],
            ),
        )
        done = [row[0] for row in await cursor.fetchall()]
        kept: list[tuple[Any, ...]] = []
        for (invoice, _), *files in zip(good, pdfs, xmls, strict=True):
            if invoice.id in done:
                kept += [(*row, ctx.now()) for row in files]
                continue
            # Another renderer was faster after this one's lease had run out: what it let out counts.
            for row in files:
                await ctx.services.files.delete(row[7])
        await insert_rows(ctx.connection, "media", _MEDIA, kept)
        ctx.emit(INVOICE_FINALIZED, done)
    for invoice, error in bad:
        backoff = min(timedelta(minutes=1) * 4 ** min(invoice.attempts, 6), MAX_BACKOFF)
        text = f"{type(error).__name__}: {error}"[:500].replace("\x00", "")
        await ctx.connection.execute(_FAILED, (ctx.wall() + backoff, text, invoice.id))
    return len(done)
