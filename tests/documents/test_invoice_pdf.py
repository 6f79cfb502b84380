"""The PDF: what it prints, that it is PDF/A-3 with the e-invoice inside, and that it is the same every time."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import msgspec
import pikepdf
import pypdfium2  # type: ignore[import-untyped]
import pytest
from lxml import etree  # type: ignore[import-untyped]
from PIL import Image

from kit.document_goldens import matches
from kit.invoice_samples import BUYER, SAMPLES, SELLER, document, position
from turnus.documents import einvoice, pdf
from turnus.documents.einvoice import Profile
from turnus.documents.model import InvoiceDocument
from turnus.documents.pdf import RenderingFailed, Style
from turnus.documents.pdf.formats import Formats
from turnus.documents.pdf.xmp import NAMESPACE

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 30"><rect width="90" height="30" fill="#0a7"/></svg>'


def hybrid(made: InvoiceDocument, style: Style | None = None) -> bytes:
    return pdf.render(made, xml=einvoice.zugferd_xml(made), style=style)


def pages(data: bytes) -> list[str]:
    """Text of every page, hard spaces as spaces."""
    opened = pypdfium2.PdfDocument(data)
    texts = [opened[index].get_textpage().get_text_bounded() for index in range(len(opened))]
    opened.close()
    return [text.replace("\r\n", "\n").replace("\u00a0", " ").replace("\ufffe", "-") for text in texts]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_text_is_the_golden_one(name: str) -> None:
    assert matches(f"{name}.txt", "\n\f\n".join(pages(hybrid(SAMPLES[name]()))) + "\n")


@pytest.mark.parametrize("name", SAMPLES)
def test_the_printed_sums_are_those_of_document_and_xml(name: str) -> None:
    made = SAMPLES[name]()
    xml = einvoice.zugferd_xml(made)
    text = "\n".join(pages(pdf.render(made, xml=xml)))
    formats = Formats(made.language, made.currency)
    tree = etree.fromstring(xml)
    for tag in ("GrandTotalAmount", "TaxBasisTotalAmount", "DuePayableAmount", "BasisAmount"):
        for node in tree.iter("{*}" + tag):
            minor = int(Decimal(node.text).scaleb(formats.digits))
            assert formats.amount(minor).replace("\u00a0", " ") in text
    for line in made.positions:
        if line.carries_amount:
            assert formats.amount(line.base_minor).replace("\u00a0", " ") in text


@pytest.mark.parametrize("name", ["one_position", "two_rates", "credit_note", "english"])
@pytest.mark.parametrize("profile", Profile)
def test_it_is_pdf_a_3b_with_the_e_invoice_inside(name: str, profile: Profile) -> None:
    made = SAMPLES[name]()
    xml = einvoice.xrechnung_xml(made) if profile == Profile.XRECHNUNG else einvoice.zugferd_xml(made)
    file_name, level = {
        Profile.EN16931: ("factur-x.xml", "EN 16931"),
        Profile.XRECHNUNG: ("xrechnung.xml", "XRECHNUNG"),
    }[profile]
    with pikepdf.open(io.BytesIO(pdf.render(made, xml=xml, profile=profile))) as opened:
        assert list(opened.attachments) == [file_name]
        specification = opened.attachments[file_name].obj
        assert specification.AFRelationship == "/Alternative"
        assert specification.EF.F.Subtype == "/text/xml"
        assert bytes(specification.EF.F.read_bytes()) == xml
        assert list(opened.Root.AF) == [specification]
        assert opened.Root.OutputIntents[0].S == "/GTS_PDFA1"
        assert not opened.is_encrypted
        for font in (thing for thing in opened.objects if _is_descendant_font(thing)):
            assert "/FontFile2" in font.FontDescriptor or "/FontFile3" in font.FontDescriptor
        metadata = etree.fromstring(bytes(opened.Root.Metadata.read_bytes()))
        assert opened.check_pdf_syntax() == []
    assert _xmp(metadata, "http://www.aiim.org/pdfa/ns/id/") == {"part": "3", "conformance": "B"}
    assert _xmp(metadata, NAMESPACE) == {
        "DocumentType": "INVOICE",
        "DocumentFileName": file_name,
        "Version": "1.0",
        "ConformanceLevel": level,
    }
    schema = "{http://www.aiim.org/pdfa/ns/schema#}namespaceURI"
    assert NAMESPACE in [node.text for node in metadata.iter(schema)]


def _is_descendant_font(thing: object) -> bool:
    return isinstance(thing, pikepdf.Dictionary) and "/FontDescriptor" in thing


def _xmp(metadata: etree._Element, namespace: str) -> dict[str, str]:
    return {etree.QName(node).localname: node.text for node in metadata.iter(f"{{{namespace}}}*")}


def test_the_cross_reference_table_still_points_at_every_object() -> None:
    data = hybrid(SAMPLES["two_rates"]())
    start = int(data[data.rindex(b"startxref") :].split()[1])
    assert data[start : start + 4] == b"xref"
    entries = re.findall(rb"(\d{10}) \d{5} n", data[start:])
    for number, offset in enumerate(entries, start=1):
        assert data[int(offset) :].startswith(b"%d 0 obj" % number)


def test_the_facturx_package_finds_the_xml_and_its_level() -> None:
    import facturx  # type: ignore[import-untyped]

    xml = einvoice.zugferd_xml(SAMPLES["one_position"]())
    name, found = facturx.get_xml_from_pdf(pdf.render(SAMPLES["one_position"](), xml=xml), check_xsd=True)
    assert (name, found) == ("factur-x.xml", xml)
    assert facturx.get_level(etree.fromstring(xml)) == "en16931"


def test_without_xml_it_has_no_attachment() -> None:
    with pikepdf.open(io.BytesIO(pdf.render(SAMPLES["one_position"]()))) as opened:
        assert len(opened.attachments) == 0


def test_same_document_same_bytes_also_in_another_process() -> None:
    name = "two_rates"
    first = hybrid(SAMPLES[name](), style=Style(logo=SVG))
    hybrid(SAMPLES["many_positions"]())
    assert hybrid(SAMPLES[name](), style=Style(logo=SVG)) == first
    program = (
        "import sys, hashlib; sys.path[:0] = sys.argv[1:3]\n"
        "from test_invoice_pdf import *\n"
        f"print(hashlib.sha256(hybrid(SAMPLES['{name}'](), style=Style(logo=SVG))).hexdigest())"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parent), str(Path(__file__).parents[1])]
    other = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert other == hashlib.sha256(first).hexdigest()


def test_large_invoices_one_after_the_other_leave_no_memory_behind() -> None:
    """Six of 500 positions: 175 MB when typst forgets in between, 530 MB and growing when it does not."""
    program = (
        "import sys, resource; sys.path[:0] = sys.argv[1:3]\n"
        "from test_invoice_pdf import *\n"
        "for number in range(6):\n"
        "    hybrid(document([position(str(i), f'{number} {i}', '1.00') for i in range(500)]))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parent), str(Path(__file__).parents[1])]
    peak = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert peak < 420


def test_threads_render_side_by_side() -> None:
    names = ["one_position", "two_rates", "english", "many_positions"] * 3
    alone = {name: hybrid(SAMPLES[name]()) for name in set(names)}
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda name: hybrid(SAMPLES[name]()), names))
    assert made == [alone[name] for name in names]


def test_another_document_has_another_file_id() -> None:
    ids = set()
    for name in ("one_position", "skonto"):
        with pikepdf.open(io.BytesIO(hybrid(SAMPLES[name]()))) as opened:
            ids.add(bytes(opened.trailer.ID[1]))
    assert len(ids) == 2


def test_the_sum_is_carried_over_every_page_break_and_pages_are_counted() -> None:
    made = SAMPLES["many_positions"]()
    texts = pages(hybrid(made))
    formats = Formats("de", "EUR")
    last_number = re.compile(r"^(\d+)(?: |\n)(?:Grundgebühr|Übertragene|Wartungspauschale)", re.MULTILINE)
    with_positions = [text for text in texts if last_number.search(text)]
    assert len(with_positions) >= 3
    carried = ""
    for index, text in enumerate(with_positions):
        sums = re.findall(r"^Übertrag ([\d.,]+ €)$", text, re.MULTILINE)
        expected = 0 if index == 0 else 1
        last = index == len(with_positions) - 1
        assert len(sums) == expected + (0 if last else 1)
        if carried:
            assert sums[0] == carried
        if last:
            break
        printed = max(int(number) for number in last_number.findall(text))
        so_far = sum(line.net_minor for line in made.positions[:printed])
        carried = formats.amount(so_far).replace("\u00a0", " ")
        assert sums[-1] == carried
    for number, text in enumerate(texts, start=1):
        assert f"Seite {number} / {len(texts)}" in text
    assert "Rechnung RE-0000000044 · 01.12.2026" in texts[1]


def test_a_heading_stays_with_its_first_position() -> None:
    for text in pages(hybrid(SAMPLES["many_positions"]())):
        for heading in re.finditer(r"Messstelle \d+ \(S-\d+\)\n(.*)", text):
            assert heading.group(1).startswith(tuple("0123456789"))


def test_a_description_longer_than_a_page_is_printed_in_full() -> None:
    words = [f"Wort{number}" for number in range(2500)]
    texts = pages(hybrid(document([position("1", "Bericht", "1.00", description=" ".join(words))])))
    assert len(texts) > 2
    assert re.findall(r"Wort\d+", " ".join(texts)) == words


def test_characters_without_glyph_are_replaced_in_print_and_kept_in_the_xml() -> None:
    buyer = msgspec.structs.replace(BUYER, name="株式会社 Łódź Αθήνα Москва ﬁn 😀")
    made = document([position("1", "Tab\tund\x07Glocke", "1.00")], buyer=buyer)
    xml = einvoice.zugferd_xml(made)
    text = pages(pdf.render(made, xml=xml))[0]
    assert "???? Łódź Αθήνα Москва" in text
    assert "株式会社" in xml.decode()


def test_the_address_stands_in_the_window() -> None:
    """DIN 5008 form B: 85 × 45 mm, 20 mm from the left and 45 mm from the top; text from 25 mm."""
    opened = pypdfium2.PdfDocument(hybrid(SAMPLES["english"]()))
    textpage = opened[0].get_textpage()
    millimetre = 72 / 25.4
    window = (20 * millimetre, (297 - 90) * millimetre, 105 * millimetre, (297 - 45) * millimetre)
    inside = textpage.get_text_bounded(*window).replace("\r\n", "\n").splitlines()
    assert inside == [
        "Kommunalwerk Software GmbH · Speicherstraße 12 · 24103 Kiel",
        "Brightwater Analytics Ltd",
        "Accounts Payable",
        "4 Harbour Lane",
        "D02 XY45 Dublin",
        "IRELAND",
    ]
    # The text of the letter begins below both fields.
    assert textpage.get_text_bounded(0, (297 - 98) * millimetre, 595, (297 - 91) * millimetre).strip() == ""
    opened.close()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "SVG"])
def test_a_logo_replaces_the_name_on_top(kind: str) -> None:
    made = SAMPLES["one_position"]()
    logo = SVG
    if kind != "SVG":
        buffer = io.BytesIO()
        Image.new("RGB", (600, 200), (200, 30, 30)).save(buffer, kind)
        logo = buffer.getvalue()
    plain, pictured = pages(hybrid(made))[0], pages(hybrid(made, style=Style(logo=logo)))[0]
    # Return line, footer and payee name the company as well.
    assert pictured.count(SELLER.name) == plain.count(SELLER.name) - 1


def test_an_unusable_logo_is_refused() -> None:
    made = SAMPLES["one_position"]()
    for logo in (b"GIF89a", b"<svg this is not", b"\x89PNG\r\n\x1a\nbroken"):
        with pytest.raises(RenderingFailed):
            hybrid(made, style=Style(logo=logo))
    assert hybrid(made).startswith(b"%PDF-1.7")


def test_sandbox_draft_and_copy_are_marked() -> None:
    made = SAMPLES["one_position"]()
    assert "MUSTER" in pages(hybrid(SAMPLES["sandbox"]()))[0]
    assert "KOPIE" in pages(hybrid(made, style=Style(mark="copy")))[0]
    draft = msgspec.structs.replace(made, number="", issue_date=None)
    assert "Rechnung Entwurf" in (text := pages(pdf.render(draft, style=Style(mark="draft")))[0])
    assert "ENTWURF" in text


def test_the_trace_is_printed_on_request_only() -> None:
    made = SAMPLES["package_with_children"]()
    assert "31 von 31 Tagen" not in pages(hybrid(made))[0]
    assert "31 von 31 Tagen" in pages(hybrid(made, style=Style(show_trace=True)))[0]


def test_a_credit_note_never_says_gutschrift() -> None:
    """§ 14 (4) no. 10 UStG: the word is reserved for self-billing."""
    assert "Gutschrift" not in pages(hybrid(SAMPLES["credit_note"]()))[0]
    assert "Gutschrift GU-0000000004" in pages(hybrid(SAMPLES["self_billed"]()))[0]


def test_an_exemption_is_always_explained() -> None:
    made = msgspec.structs.replace(SAMPLES["small_business"](), notes=())
    assert "Steuerfrei nach § 19 UStG (Kleinunternehmer)" in pages(hybrid(made))[0]
