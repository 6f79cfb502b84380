"""E-invoices: every kind is accepted by the official rules, says what the document says, and looks as it did before."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from lxml import etree  # type: ignore[import-untyped]

from kit.document_goldens import indented, matches
from kit.invoice_samples import BUYER, CITY, SAMPLES, document, position
from turnus.documents import einvoice
from turnus.documents.einvoice import NoElectronicForm, Profile, format_on, type_code
from turnus.documents.einvoice.amounts import Amounts
from turnus.documents.einvoice.leitweg import check_digits, is_leitweg_id
from turnus.documents.einvoice.validation import Report, Validator, validate
from turnus.documents.model import DocumentKind, InvoiceDocument, Payment, Skonto

WRITERS = {Profile.EN16931: einvoice.zugferd_xml, Profile.XRECHNUNG: einvoice.xrechnung_xml}
NAMESPACES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
}


def read(xml: bytes, path: str) -> list[str]:
    """Texts at a path of `ram` elements (`A/B`), anywhere in the document."""
    steps = "/".join(f"ram:{step}" for step in path.split("/"))
    return [str(node.text) for node in etree.fromstring(xml).xpath(f"//{steps}", namespaces=NAMESPACES)]


def rules(report: Report) -> list[str]:
    return sorted({finding.rule for finding in report.errors})


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("profile", Profile)
def test_the_official_rules_accept_every_kind_of_document(name: str, profile: Profile) -> None:
    report = validate(WRITERS[profile](SAMPLES[name]()), profile)
    assert report.errors == ()
    assert report.warnings == ()
    assert report.valid


@pytest.mark.parametrize("name", SAMPLES)
def test_zugferd_xml_is_the_golden_one(name: str) -> None:
    assert matches(f"{name}.zugferd.xml", indented(einvoice.zugferd_xml(SAMPLES[name]())))


@pytest.mark.parametrize("name", ["public_buyer", "cancellation", "one_position", "skonto", "sepa_debit"])
def test_xrechnung_xml_is_the_golden_one(name: str) -> None:
    assert matches(f"{name}.xrechnung.xml", indented(einvoice.xrechnung_xml(SAMPLES[name]())))


@pytest.mark.parametrize("name", SAMPLES)
def test_the_sums_in_the_xml_are_those_of_the_document(name: str) -> None:
    made = SAMPLES[name]()
    xml, amounts, totals = einvoice.zugferd_xml(made), Amounts(made.currency), made.totals
    summation = "SpecifiedTradeSettlementHeaderMonetarySummation"
    assert read(xml, f"{summation}/TaxBasisTotalAmount") == [amounts(totals.net_minor)]
    assert read(xml, f"{summation}/TaxTotalAmount")[0] == amounts(totals.tax_minor)
    assert read(xml, f"{summation}/GrandTotalAmount") == [amounts(totals.gross_minor)]
    assert read(xml, f"{summation}/DuePayableAmount") == [amounts(totals.payable_minor)]
    lines = [line for line in made.positions if line.carries_amount]
    assert read(xml, "LineTotalAmount")[: len(lines)] == [amounts(line.net_minor) for line in lines]
    assert read(xml, "ApplicableHeaderTradeSettlement/ApplicableTradeTax/BasisAmount") == [
        amounts(bucket.taxable_minor) for bucket in made.taxes
    ]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("one_position", "380"),
        ("credit_note", "381"),
        ("cancellation_positive", "381"),
        ("cancellation", "384"),
        ("correction", "384"),
        ("self_billed", "389"),
    ],
)
def test_type_code(name: str, code: str) -> None:
    made = SAMPLES[name]()
    assert type_code(made) == code
    assert read(einvoice.zugferd_xml(made), "TypeCode")[0] == code


def test_partial_invoice_is_326() -> None:
    assert type_code(msgspec.structs.replace(SAMPLES["one_position"](), kind=DocumentKind.PARTIAL)) == "326"


def test_a_credit_note_is_positive_and_names_the_invoice_it_corrects() -> None:
    xml = einvoice.zugferd_xml(SAMPLES["credit_note"]())
    assert read(xml, "GrandTotalAmount") == ["535.50"]  # (0.5 · 1000 − 50) · 1.19
    assert read(xml, "InvoiceReferencedDocument/IssuerAssignedID") == ["RE-0000000042"]
    reference = etree.fromstring(xml).find(".//qdt:DateTimeString", NAMESPACES)
    assert reference.text == "20261201"


def test_a_negative_line_has_a_negative_quantity_and_a_positive_price() -> None:
    made = document([position("1", "Tarif neu", "90.00"), position("2", "Tarif alt", "-30.00", "0.5")])
    xml = einvoice.zugferd_xml(made)
    assert read(xml, "BilledQuantity") == ["1", "-0.5"]
    assert read(xml, "NetPriceProductTradePrice/ChargeAmount") == ["90", "30"]
    assert read(xml, "LineTotalAmount")[:2] == ["90.00", "-15.00"]
    assert validate(xml, Profile.EN16931).valid


def test_a_base_in_tiers_is_the_price_of_the_whole_quantity() -> None:
    xml = einvoice.zugferd_xml(SAMPLES["tiered"]())
    assert read(xml, "BilledQuantity") == ["1500"]
    assert read(xml, "NetPriceProductTradePrice/ChargeAmount") == ["140"]
    assert read(xml, "NetPriceProductTradePrice/BasisQuantity") == ["1500"]


def test_discounts_one_after_the_other_state_base_percentage_and_reason() -> None:
    xml = einvoice.zugferd_xml(SAMPLES["two_rates"]())
    line = "SpecifiedLineTradeSettlement/SpecifiedTradeAllowanceCharge"
    assert read(xml, f"{line}/Reason")[:3] == ["Treuerabatt", "Staffel ab 25 Plätzen", "Gutschein HERBST"]
    assert read(xml, f"{line}/BasisAmount")[:2] == ["298.80", "447.00"]
    assert read(xml, f"{line}/ActualAmount")[:3] == ["29.88", "22.35", "20.00"]
    assert read(xml, f"{line}/CalculationPercent")[:2] == ["10", "5"]


def test_service_periods_and_the_one_around_them() -> None:
    xml = einvoice.zugferd_xml(SAMPLES["two_rates"]())
    header = etree.fromstring(xml).xpath(
        "//ram:ApplicableHeaderTradeSettlement/ram:BillingSpecifiedPeriod//udt:DateTimeString/text()",
        namespaces=NAMESPACES,
    )
    assert header == ["20261101", "20261231"]


def test_a_single_service_date_is_the_delivery_date() -> None:
    made = document([position("1", "Schulung", "95.00", period=(date(2026, 11, 23), date(2026, 11, 23)))])
    tree = etree.fromstring(einvoice.zugferd_xml(made))
    assert tree.xpath("//ram:OccurrenceDateTime/udt:DateTimeString/text()", namespaces=NAMESPACES) == ["20261123"]
    assert not tree.xpath("//ram:ApplicableHeaderTradeSettlement/ram:BillingSpecifiedPeriod", namespaces=NAMESPACES)


@pytest.mark.parametrize(
    ("payment", "code"),
    [
        (Payment(means="transfer"), "58"),
        (Payment(means="sepa_debit", mandate_reference="M-1", debtor_iban="DE02100100100006820101"), "59"),
        (Payment(means="card", card_last_digits="4242"), "48"),
        (Payment(means="card"), "68"),
        (Payment(means="online", label="PayPal"), "68"),
        (Payment(means="standing_agreement"), "57"),
        (Payment(means="settlement"), "97"),
        (Payment(means="none"), "1"),
    ],
)
def test_payment_means(payment: Payment, code: str) -> None:
    xml = einvoice.xrechnung_xml(msgspec.structs.replace(SAMPLES["one_position"](), payment=payment))
    assert read(xml, "SpecifiedTradeSettlementPaymentMeans/TypeCode") == [code]
    assert validate(xml, Profile.XRECHNUNG).valid


def test_a_transfer_in_another_currency_is_no_sepa_transfer() -> None:
    xml = einvoice.zugferd_xml(SAMPLES["foreign_currency"]())
    assert read(xml, "SpecifiedTradeSettlementPaymentMeans/TypeCode") == ["30"]
    assert read(xml, "TaxCurrencyCode") == ["EUR"]
    assert read(xml, "TaxTotalAmount") == ["45.60", "48.46"]


def test_skonto_lines_follow_the_free_text_and_each_ends_with_a_line_feed() -> None:
    xml = einvoice.xrechnung_xml(SAMPLES["skonto"]())
    [terms] = read(xml, "SpecifiedTradePaymentTerms/Description")
    assert terms.splitlines(keepends=True) == [
        "Zahlbar innerhalb von 30 Tagen ohne Abzug.\n",
        "#SKONTO#TAGE=7#PROZENT=3.00#\n",
        "#SKONTO#TAGE=14#PROZENT=2.00#BASISBETRAG=2963.10#\n",
    ]


def test_a_public_buyer_is_addressed_by_leitweg_id() -> None:
    xml = einvoice.xrechnung_xml(SAMPLES["public_buyer"]())
    assert read(xml, "BuyerReference") == ["04011000-1234512345-06"]
    address = etree.fromstring(xml).xpath("//ram:BuyerTradeParty//ram:URIID[@schemeID]", namespaces=NAMESPACES)[0]
    assert (address.get("schemeID"), address.text) == ("0204", "04011000-1234512345-06")


def test_category_o_hides_vat_ids_and_tells_them_in_a_note() -> None:
    made = SAMPLES["outside_scope"]()
    xml = einvoice.zugferd_xml(made)
    schemes = etree.fromstring(xml).xpath("//ram:SpecifiedTaxRegistration/ram:ID/@schemeID", namespaces=NAMESPACES)
    assert schemes == ["FC"]
    assert f"USt-IdNr.: {made.seller.vat_id}" in read(xml, "IncludedNote/Content")
    assert read(xml, "SpecifiedLineTradeSettlement/ApplicableTradeTax/RateApplicablePercent") == []
    assert read(xml, "ApplicableHeaderTradeSettlement/ApplicableTradeTax/RateApplicablePercent") == ["0"]


def test_a_parent_without_amount_is_no_line_and_its_children_name_it() -> None:
    xml = einvoice.zugferd_xml(SAMPLES["package_with_children"]())
    assert read(xml, "LineID") == ["1.1", "1.2", "2"]
    assert read(xml, "AssociatedDocumentLineDocument/IncludedNote/Content") == ["1 Paket Rathaus"] * 2


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"kind": DocumentKind.PROFORMA}, id="proforma"),
        pytest.param({"number": ""}, id="draft"),
        pytest.param({"issue_date": None}, id="undated"),
    ],
)
def test_what_has_no_e_invoice(broken: dict[str, object]) -> None:
    made = msgspec.structs.replace(SAMPLES["one_position"](), **broken)
    with pytest.raises(NoElectronicForm):
        einvoice.zugferd_xml(made)


def test_markup_and_forbidden_characters_in_texts_stay_text() -> None:
    name = 'A & B <script> "x"\x00\x0b ]]>'
    xml = einvoice.zugferd_xml(document([position("1", name, "1.00")]))
    assert read(xml, "SpecifiedTradeProduct/Name") == ['A & B <script> "x" ]]>']
    assert validate(xml, Profile.EN16931).valid


def _with_totals(**changes: int) -> InvoiceDocument:
    made = SAMPLES["one_position"]()
    return msgspec.structs.replace(made, totals=msgspec.structs.replace(made.totals, **changes))


def _with_buyer(**changes: object) -> InvoiceDocument:
    made = SAMPLES["public_buyer"]()
    return msgspec.structs.replace(made, buyer=msgspec.structs.replace(CITY, **changes))


@pytest.mark.parametrize(
    ("made", "profile", "broken_rules"),
    [
        pytest.param(_with_totals(gross_minor=119001), Profile.EN16931, ["BR-CO-15", "BR-CO-16"], id="gross"),
        pytest.param(_with_totals(tax_minor=18999), Profile.EN16931, ["BR-CO-14", "BR-CO-15"], id="tax"),
        pytest.param(_with_totals(net_minor=99999), Profile.XRECHNUNG, ["BR-CO-13", "BR-CO-15"], id="net"),
        pytest.param(_with_buyer(leitweg_id=""), Profile.XRECHNUNG, ["BR-DE-15"], id="no Leitweg-ID"),
        pytest.param(
            _with_buyer(leitweg_id="", buyer_reference="X", email=""),
            Profile.XRECHNUNG,
            ["PEPPOL-EN16931-R010"],
            id="no electronic address",
        ),
        pytest.param(
            _with_buyer(address=msgspec.structs.replace(CITY.address, city="")),
            Profile.XRECHNUNG,
            ["BR-DE-8"],
            id="no city",
        ),
    ],
)
def test_broken_documents_are_reported(made: InvoiceDocument, profile: Profile, broken_rules: list[str]) -> None:
    report = validate(WRITERS[profile](made), profile)
    assert not report.valid
    assert rules(report) == broken_rules


def test_a_free_text_that_looks_like_skonto_is_reported() -> None:
    payment = Payment(means="transfer", skonto=(Skonto(days=7, percent=Decimal(3)),), terms="#SKONTO#TAGE=7#")
    xml = einvoice.xrechnung_xml(msgspec.structs.replace(SAMPLES["one_position"](), payment=payment))
    assert rules(validate(xml, Profile.XRECHNUNG)) == ["BR-DE-18"]


def test_a_wrong_iban_and_a_bad_phone_are_warnings_only() -> None:
    xml = einvoice.xrechnung_xml(SAMPLES["one_position"]())
    xml = xml.replace(b"DE02120300000000202051", b"DE02120300000000202052").replace(b"+49 431 123456-0", b"-")
    report = validate(xml, Profile.XRECHNUNG)
    assert report.valid
    assert [finding.rule for finding in report.warnings] == ["BR-DE-27", "BR-DE-19"]


@pytest.mark.parametrize(
    ("xml", "rule"),
    [
        (b"no xml at all", "XML"),
        (b"<Invoice/>", "XSD"),
        (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><x>&e;</x>', "XML"),
    ],
)
def test_what_is_no_invoice_is_reported_as_such(xml: bytes, rule: str) -> None:
    report = validate(xml, Profile.EN16931)
    assert not report.valid
    assert {finding.rule for finding in report.errors} == {rule}


def test_a_dead_validation_process_is_replaced() -> None:
    validator = Validator()
    xml = einvoice.zugferd_xml(SAMPLES["one_position"]())
    try:
        assert validator.validate(xml, Profile.EN16931).valid
        process = validator._process
        assert process is not None
        process.kill()
        process.wait()
        assert validator.validate(xml, Profile.EN16931).valid
    finally:
        validator.close()
    assert validator._process is None


def test_the_snapshot_survives_json() -> None:
    for make in SAMPLES.values():
        made = make()
        assert msgspec.json.decode(msgspec.json.encode(made), type=InvoiceDocument) == made


@pytest.mark.parametrize("text", ["04011000-1234512345-06", "992-90009-96", "991-03730-19"])
def test_leitweg_ids_with_right_check_digits(text: str) -> None:
    assert is_leitweg_id(text)
    address, _, digits = text.rpartition("-")
    assert check_digits(address) == digits


@pytest.mark.parametrize(
    "text", ["04011000-1234512345-07", "992-90009", "9-90009-96", "992_90009_96", "", "99-" + "A" * 31 + "-00"]
)
def test_wrong_leitweg_ids(text: str) -> None:
    assert not is_leitweg_id(text)


def test_a_swapped_pair_of_digits_is_noticed() -> None:
    text = "992-90009-96"
    for left, right in pairwise(range(len(text))):
        if "-" in (text[left], text[right]) or text[left] == text[right]:
            continue
        swapped = text[:left] + text[right] + text[left] + text[right + 1 :]
        assert not is_leitweg_id(swapped)


def test_identifiers_by_date() -> None:
    form = format_on(Profile.XRECHNUNG, date(2026, 11, 22))
    assert form.guideline.endswith("xrechnung_3.0")
    assert format_on(Profile.EN16931, date(1999, 1, 1)).guideline == "urn:cen.eu:en16931:2017"
    assert BUYER.leitweg_id == ""
