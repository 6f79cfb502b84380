"""The Factur-X block of the XMP metadata, without which a PDF with an XML inside is no ZUGFeRD invoice.

typst writes the PDF/A-3 itself, attachment included, with its metadata as plain text shortly before the end of the file.
The block and the description of its schema (which PDF/A demands) are put in there, and the offsets behind it are moved:
microseconds, where reading and writing the whole file with a PDF library takes milliseconds.
"""

from __future__ import annotations

import re

from turnus.documents.einvoice.profiles import Format
from turnus.documents.einvoice.xml import escape

NAMESPACE = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"

_METADATA = re.compile(rb"<</Length (\d+)/Type/Metadata/Subtype/XML>>\s*stream\r?\n")
_XREF = re.compile(rb"xref\r?\n0 (\d+)\r?\n")
_BAG = b"<pdfaExtension:schemas><rdf:Bag>"
_DESCRIPTION_END = b"</rdf:Description>"

_PROPERTIES = (
    ("DocumentFileName", "name of the embedded XML invoice file"),
    ("DocumentType", "INVOICE"),
    ("Version", "version of the Factur-X standard the embedded XML follows"),
    ("ConformanceLevel", "conformance level of the embedded XML"),
)


class UnexpectedPdf(Exception):
    """The file does not have the form the renderer writes; its version was changed without this module."""


def with_facturx(pdf: bytes, form: Format) -> bytes:
    """The PDF with the Factur-X properties in its metadata.

    Raises:
        UnexpectedPdf: metadata or cross-reference table are not where and how typst puts them.
    """
    head = _METADATA.search(pdf)
    if head is None:
        raise UnexpectedPdf("no plain metadata stream")
    start, length = head.end(), int(head.group(1))
    packet = _extended(pdf[start : start + length], form)
    dictionary = head.group(0).replace(head.group(1), str(len(packet)).encode(), 1)
    body_end = pdf.rindex(b"xref\n", 0, pdf.rindex(b"startxref"))
    body = pdf[: head.start()] + dictionary + packet + pdf[start + length : body_end]
    return body + _moved(pdf[body_end:], after=head.start(), by=len(body) - body_end, at=len(body))


def _extended(packet: bytes, form: Format) -> bytes:
    if packet.count(_BAG) != 1 or packet.count(_DESCRIPTION_END) != 1:
        raise UnexpectedPdf("metadata without schema list")
    packet = packet.replace(_BAG, _BAG + _schema())
    return packet.replace(_DESCRIPTION_END, _DESCRIPTION_END + _values(form))


def _schema() -> bytes:
    properties = "".join(
        f'<rdf:li rdf:parseType="Resource"><pdfaProperty:name>{name}</pdfaProperty:name>'
        "<pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{description}</pdfaProperty:description></rdf:li>"
        for name, description in _PROPERTIES
    )
    return (
        '<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>'
        f"<pdfaSchema:namespaceURI>{NAMESPACE}</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property></rdf:li>"
    ).encode()


def _values(form: Format) -> bytes:
    return (
        f'<rdf:Description rdf:about="" xmlns:fx="{NAMESPACE}"><fx:DocumentType>INVOICE</fx:DocumentType>'
        f"<fx:DocumentFileName>{escape(form.file_name)}</fx:DocumentFileName><fx:Version>1.0</fx:Version>"
        f"<fx:ConformanceLevel>{escape(form.conformance_level)}</fx:ConformanceLevel></rdf:Description>"
    ).encode()


def _moved(tail: bytes, *, after: int, by: int, at: int) -> bytes:
    """Cross-reference table and trailer with every offset behind the metadata object moved."""
    head = _XREF.match(tail)
    if head is None:
        raise UnexpectedPdf("no cross-reference table")
    count, start = int(head.group(1)), head.end()
    entries = []
    for index in range(count):
        entry = tail[start + 20 * index : start + 20 * index + 20]
        offset = int(entry[:10])
        if entry[17:18] == b"n" and offset > after:
            entry = b"%010d" % (offset + by) + entry[10:]
        entries.append(entry)
    trailer = tail[start + 20 * count : tail.rindex(b"startxref")]
    return head.group(0) + b"".join(entries) + trailer + b"startxref\n%d\n%%%%EOF" % at
