"""PDF/A-3b of billing documents, with the e-invoice inside."""

from __future__ import annotations

import re
from typing import Any

from turnus.documents.einvoice.profiles import Profile, format_on
from turnus.documents.model import InvoiceDocument
from turnus.documents.pdf.fonts import printable
from turnus.documents.pdf.press import RenderingFailed, thread_press
from turnus.documents.pdf.style import Style
from turnus.documents.pdf.view import view
from turnus.documents.pdf.xmp import with_facturx

__all__ = ["RenderingFailed", "Style", "render"]

_ONE_PAGE_ROWS = 16
"""Above this many rows one page is not even tried."""

_PAGES = re.compile(rb"/Type/Pages/Count (\d+)")


def render(
    document: InvoiceDocument, *, xml: bytes = b"", profile: Profile = Profile.EN16931, style: Style | None = None
) -> bytes:
    """The document as PDF/A-3b; with `xml` it is a ZUGFeRD/Factur-X invoice of `profile`.

    The same document, XML, style and renderer version yield the same bytes: time stamps and file id derive from them.

    Raises:
        RenderingFailed: the logo is unusable.
    """
    style = style or Style()
    form = format_on(profile, document.issue_date) if xml and document.issue_date else None
    machine = thread_press()
    printed = _printable(view(document, style))
    printed["logo"] = machine.logo(style.logo)
    printed["attachment"] = {"name": form.file_name, "description": form.version} if form else None
    # One page needs neither page counting nor sums carried over, which typst could only find by laying out repeatedly.
    printed["single"] = len(printed["rows"]) <= _ONE_PAGE_ROWS
    pdf = machine.pdf(printed, xml if form else b"", document.issue_date)
    if printed["single"] and _page_count(pdf) > 1:
        printed["single"] = False
        pdf = machine.pdf(printed, xml if form else b"", document.issue_date)
    return with_facturx(pdf, form) if form else pdf


def _page_count(pdf: bytes) -> int:
    return sum(int(count) for count in _PAGES.findall(pdf))


def _printable(value: Any) -> Any:
    """Every text of the view in characters the font has."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {key: _printable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(part) for part in value]
    return value
