"""Routes of invoices."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.billing import views
from turnus.billing.commands import FinaliseInvoice
from turnus.billing.ops.finalise_invoice import finalise_invoice
from turnus.billing.ops.read_document import StoredDocument, read_document
from turnus.billing.views import InvoiceView, invoice_list
from turnus.platform.api import Answer, get, post, router
from turnus.platform.context import Context

routes = router("Invoices")


@get(routes, "/invoices", permission="invoice:read", summary="List invoices", listing=invoice_list)
async def list_invoices(ctx: Context) -> dict[str, Any]:
    """All documents of all types; drafts are left out by `status`."""
    return {}


@get(routes, "/invoices/{invoice_id}", permission="invoice:read", summary="Read an invoice")
async def read_invoice(ctx: Context, invoice_id: UUID) -> InvoiceView:
    """With positions, each with the trace that explains its amount, and taxes."""
    return await views.invoice(ctx, invoice_id)


@post(
    routes,
    "/invoices/{invoice_id}/finalize",
    permission=("invoice:write", "invoice:finalize"),
    summary="Finalise a draft",
    statuses=(409,),
)
async def finalize_invoice(ctx: Context, invoice_id: UUID, data: FinaliseInvoice) -> InvoiceView:
    """The draft gets its number, is frozen and booked. Files follow; the status is STATUS_FINALIZING until then."""
    await finalise_invoice(ctx, invoice_id, data)
    return await views.invoice(ctx, invoice_id)


@get(
    routes,
    "/invoices/{invoice_id}/pdf",
    permission="invoice:read",
    summary="Download the PDF",
    produces="application/pdf",
    statuses=(409,),
)
async def read_invoice_pdf(ctx: Context, invoice_id: UUID) -> Answer:
    """The archived PDF/A-3 with the structured invoice inside; 409 while it is a draft or still being rendered."""
    return _download(await read_document(ctx, invoice_id, "pdf"))


@get(
    routes,
    "/invoices/{invoice_id}/xml",
    permission="invoice:read",
    summary="Download the structured e-invoice",
    produces="application/xml",
    statuses=(409,),
)
async def read_invoice_xml(ctx: Context, invoice_id: UUID) -> Answer:
    """ZUGFeRD (Factur-X) or, for public buyers, XRechnung, in CII syntax."""
    return _download(await read_document(ctx, invoice_id, "xml"))


def _download(document: StoredDocument) -> Answer:
    plain = document.file_name.encode("ascii", "replace").decode().replace('"', "")
    return Answer(
        document.content, document.mime_type, headers={"Content-Disposition": f'attachment; filename="{plain}"'}
    )
