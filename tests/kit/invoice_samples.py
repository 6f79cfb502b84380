"""Documents of every kind, as golden samples: `SAMPLES[name]()` builds one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from turnus.documents.model import (
    AccountingTax,
    Address,
    BankAccount,
    Buyer,
    Delivery,
    Discount,
    DocumentAllowance,
    DocumentKind,
    InvoiceDocument,
    Payment,
    Position,
    Preceding,
    Seller,
    Skonto,
    TaxBucket,
    TaxCategory,
    Totals,
)
from turnus.kernel.rounding import round_half_away

ISSUED = date(2026, 12, 1)
DUE = date(2026, 12, 15)

SELLER = Seller(
    name="Kommunalwerk Software GmbH",
    address=Address(street="Speicherstraße 12", postcode="24103", city="Kiel", country="DE"),
    tax_number="20/290/12345",
    vat_id="DE136695976",
    register_court="Amtsgericht Kiel",
    register_number="HRB 24680",
    managing_directors=("Dr. Insa Petersen", "Jörn Möller"),
    contact_name="Team Abrechnung",
    phone="+49 431 123456-0",
    email="rechnung@kommunalwerk.example",
    website="kommunalwerk.example",
    bank_account=BankAccount(
        holder="Kommunalwerk Software GmbH",
        iban="DE02120300000000202051",
        bic="BYLADEM1001",
        bank_name="Deutsche Kreditbank Berlin",
    ),
    creditor_id="DE98ZZZ09999999999",
)
BUYER = Buyer(
    name="Hansen & Söhne Maschinenbau GmbH",
    name_lines=("Frau Merle Hansen",),
    address=Address(street="Gewerbering 7", postcode="25335", city="Elmshorn", country="DE"),
    customer_number="K-10042",
    email="einkauf@hansen-maschinenbau.example",
)
CITY = Buyer(
    name="Landeshauptstadt Kiel",
    name_lines=("Amt für Digitalisierung",),
    address=Address(street="Fleethörn 9", postcode="24103", city="Kiel", country="DE"),
    customer_number="K-00001",
    leitweg_id="04011000-1234512345-06",
    email="rechnungseingang@kiel.example",
    is_public=True,
)
DANE = Buyer(
    name="Nordvest Data ApS",
    address=Address(street="Havnegade 21", postcode="8000", city="Aarhus C", country="DK"),
    customer_number="K-10077",
    vat_id="DK13585628",
    email="faktura@nordvest.example",
)

_EXEMPTIONS: dict[TaxCategory, tuple[str, str]] = {
    "AE": ("Steuerschuldnerschaft des Leistungsempfängers (Reverse Charge)", "VATEX-EU-AE"),
    "E": ("Steuerfrei nach § 19 UStG (Kleinunternehmer)", ""),
    "K": ("Steuerfreie innergemeinschaftliche Lieferung, § 4 Nr. 1 Buchst. b, § 6a UStG", "VATEX-EU-IC"),
    "G": ("Steuerfreie Ausfuhrlieferung, § 4 Nr. 1 Buchst. a, § 6 UStG", "VATEX-EU-G"),
    "O": ("Nicht im Inland steuerbare Leistung, § 3a UStG", "VATEX-EU-O"),
}

_EXEMPTIONS_EN: dict[TaxCategory, tuple[str, str]] = {"AE": ("Reverse charge", "VATEX-EU-AE")}

MONTH = (date(2026, 12, 1), date(2026, 12, 31))


def position(
    number: str,
    name: str,
    price: str,
    quantity: str = "1",
    *,
    rate: str | None = "19",
    period: tuple[date, date] | None = MONTH,
    discounts: Sequence[tuple[str, str | int]] = (),
    **more: Any,
) -> Position:
    """A line; a discount is `(name, "10 %")` or `(name, minor units)`, taken one after the other."""
    category: TaxCategory = more.pop("category", "S")
    base = int(round_half_away(Decimal(quantity) * Decimal(price) * 100))
    rest, made = base, []
    for label, value in discounts:
        if isinstance(value, int):
            made.append(Discount(name=label, amount_minor=value))
        else:
            percent = Decimal(value.removesuffix(" %"))
            amount = int(round_half_away(rest * percent / 100))
            made.append(Discount(name=label, amount_minor=amount, percent=percent, base_minor=rest))
        rest -= made[-1].amount_minor
    defaults = {"unit_name": "Monat", "unit_code": "MON"} | more
    return Position(
        number=number,
        name=name,
        quantity=Decimal(quantity),
        unit_price=Decimal(price),
        base_minor=base,
        net_minor=rest,
        discounts=tuple(made),
        tax_category=category,
        tax_rate=None if category == "O" else Decimal(rate or "0"),
        service_from=period[0] if period else None,
        service_to=period[1] if period else None,
        **defaults,
    )


def document(positions: Sequence[Position], *, paid: int = 0, **more: Any) -> InvoiceDocument:
    """A document whose buckets and totals follow from its positions."""
    sums: dict[tuple[TaxCategory, Decimal | None], int] = {}
    for entry in positions:
        if entry.carries_amount:
            key = entry.tax_category, entry.tax_rate
            sums[key] = sums.get(key, 0) + entry.net_minor
    for reduction in more.get("allowances", ()):
        sums[reduction.tax_category, reduction.tax_rate] -= reduction.amount_minor
    reasons = _EXEMPTIONS_EN if more.get("language") == "en" else _EXEMPTIONS
    taxes = tuple(
        TaxBucket(
            category=category,
            rate=rate,
            taxable_minor=taxable,
            tax_minor=int(round_half_away(taxable * (rate or Decimal(0)) / 100)),
            exemption_reason=reasons.get(category, ("", ""))[0],
            exemption_code=reasons.get(category, ("", ""))[1],
        )
        for (category, rate), taxable in sums.items()
    )
    net = sum(bucket.taxable_minor for bucket in taxes)
    tax = sum(bucket.tax_minor for bucket in taxes)
    totals = Totals(
        net_minor=net, tax_minor=tax, gross_minor=net + tax, paid_minor=paid, payable_minor=net + tax - paid
    )
    defaults: dict[str, Any] = {
        "kind": DocumentKind.INVOICE,
        "number": "RE-0000000042",
        "currency": "EUR",
        "language": "de",
        "issue_date": ISSUED,
        "due_date": DUE,
        "seller": SELLER,
        "buyer": BUYER,
        "payment": Payment(means="transfer", terms="Zahlbar innerhalb von 14 Tagen ohne Abzug."),
    }
    return InvoiceDocument(positions=tuple(positions), taxes=taxes, totals=totals, **(defaults | more))


def one_position() -> InvoiceDocument:
    return document([position("1", "Fachverfahren Meldewesen, Grundgebühr", "1000.00")])


def two_rates() -> InvoiceDocument:
    basic, pro = "Abo Standort Elmshorn (S-00000123)", "Abo Standort Pinneberg (S-00000124)"
    return document(
        [
            position("1", "Arbeitsplatz Plus", "24.90", "12", group=basic, unit_name="Platz", unit_code="C62",
                     description="Fachverfahren, Datensicherung und Aktualisierungen", discounts=[("Treuerabatt", "10 %")],
                     product_number="AP-PLUS"),
            position("2", "Speicher, je Gigabyte", "0.0475", "1250.5", group=basic, unit_name="GB", unit_code="E34",
                     period=(date(2026, 11, 1), date(2026, 11, 30))),
            position("3", "Handbuch, gedruckt", "39.00", "2", rate="7", group=basic, unit_name="Stück",
                     unit_code="C62", period=(date(2026, 11, 20), date(2026, 11, 20))),
            position("4", "Einrichtung", "450.00", group=basic, unit_name="pauschal", unit_code="LS",
                     period=(date(2026, 11, 18), date(2026, 11, 18))),
            position("5", "Arbeitsplatz Basis", "14.90", "30", group=pro, unit_name="Platz", unit_code="C62",
                     discounts=[("Staffel ab 25 Plätzen", "5 %"), ("Gutschein HERBST", 2000)]),
            position("6", "Anteil nach Tarifwechsel", "49.90", "0.5", group=pro,
                     period=(date(2026, 11, 16), date(2026, 11, 30))),
            position("7", "Gutschrift des alten Tarifs", "29.90", "-0.5", group=pro,
                     period=(date(2026, 11, 16), date(2026, 11, 30)), discounts=[("Treuerabatt", "10 %")]),
            position("8", "Schulung, remote", "95.00", "3.5", group=pro, unit_name="Stunden", unit_code="HUR",
                     period=(date(2026, 11, 23), date(2026, 11, 23)),
                     description="Zwei Gruppen zu je sieben Personen, mit Unterlagen"),
        ],
        introduction="Guten Tag Frau Hansen,\nwir berechnen Ihnen die Leistungen Ihrer beiden Verträge.",
        closing="Vielen Dank für die gute Zusammenarbeit.",
        purchase_order_number="PO-2026-0815",
        number="RE-0000000043",
    )  # fmt: skip


def many_positions() -> InvoiceDocument:
    lines = []
    for site in range(1, 21):
        group = f"Messstelle {site:02d} (S-{site:08d})"
        lines += [
            position(f"{3 * site - 2}", "Grundgebühr Datenlogger", "12.50", group=group),
            position(f"{3 * site - 1}", "Übertragene Messwerte", "0.0125", str(700 + 37 * site), group=group,
                     unit_name="Werte", unit_code="C62", period=(date(2026, 11, 1), date(2026, 11, 30)),
                     description="Abrechnung nach tatsächlicher Nutzung" if site % 3 == 0 else ""),
            position(f"{3 * site}", "Wartungspauschale", "8.90", group=group,
                     discounts=[("Rahmenvertrag", "7.5 %")] if site % 2 else ()),
        ]  # fmt: skip
    return document(lines, number="RE-0000000044", service_from=date(2026, 11, 1), service_to=date(2026, 12, 31))


def english() -> InvoiceDocument:
    buyer = Buyer(
        name="Brightwater Analytics Ltd",
        name_lines=("Accounts Payable",),
        address=Address(street="4 Harbour Lane", postcode="D02 XY45", city="Dublin", country="IE"),
        customer_number="K-10099",
        vat_id="IE6388047V",
        email="ap@brightwater.example",
    )
    return document(
        [
            position("1", "Team plan, 25 seats", "29.00", "25", category="AE", rate="0", unit_name="seats",
                     unit_code="C62", description="Includes priority support"),
            position("2", "Onboarding workshop", "1450.00", category="AE", rate="0", unit_name="flat", unit_code="LS",
                     period=(date(2026, 11, 19), date(2026, 11, 19)), discounts=[("Welcome discount", "15 %")]),
        ],
        language="en",
        buyer=buyer,
        number="RE-0000000045",
        payment=Payment(means="transfer", terms="Payable within 14 days."),
        notes=("Reverse charge: VAT is to be accounted for by the recipient (Article 196 of Directive 2006/112/EC).",),
    )  # fmt: skip


def credit_note() -> InvoiceDocument:
    return document(
        [position("1", "Fachverfahren Meldewesen, Grundgebühr", "1000.00", "0.5", discounts=[("Kulanz", 5000)])],
        kind=DocumentKind.CREDIT_NOTE,
        number="GS-0000000007",
        due_date=None,
        preceding=(Preceding(number="RE-0000000042", issue_date=ISSUED),),
        issue_date=date(2026, 12, 9),
        payment=Payment(means="settlement", terms="Der Betrag wird mit offenen Rechnungen verrechnet."),
        introduction="Wir korrigieren unsere Rechnung RE-0000000042 vom 01.12.2026.",
    )


def cancellation() -> InvoiceDocument:
    return document(
        [position("1", "Fachverfahren Meldewesen, Grundgebühr", "1000.00", "-1")],
        kind=DocumentKind.CANCELLATION,
        number="ST-0000000003",
        due_date=None,
        buyer=CITY,
        issue_date=date(2026, 12, 3),
        preceding=(Preceding(number="RE-0000000042", issue_date=ISSUED),),
        payment=Payment(means="settlement"),
    )


def cancellation_positive() -> InvoiceDocument:
    original = one_position()
    return msgspec.structs.replace(
        original,
        kind=DocumentKind.CANCELLATION,
        number="ST-0000000004",
        due_date=None,
        preceding=(Preceding(number=original.number, issue_date=original.issue_date),),
        payment=Payment(means="settlement"),
    )


def correction() -> InvoiceDocument:
    original = one_position()
    return msgspec.structs.replace(
        original,
        kind=DocumentKind.CORRECTION,
        number="RE-0000000048",
        issue_date=date(2026, 12, 4),
        preceding=(Preceding(number=original.number, issue_date=original.issue_date),),
        notes=("Ersetzt die Rechnung RE-0000000042 vom 01.12.2026.",),
        purchase_order_number="PO-2026-0816",
    )


def reverse_charge() -> InvoiceDocument:
    return document(
        [
            position("1", "Datenplattform, Tarif Nord", "349.00", category="AE", rate="0"),
            position("2", "Zusätzliche Umgebung", "59.00", "2", category="AE", rate="0"),
        ],
        buyer=DANE,
        number="RE-0000000046",
        notes=("Steuerschuldnerschaft des Leistungsempfängers (Reverse Charge).",),
    )


def small_business() -> InvoiceDocument:
    seller = Seller(
        name="Lena Brandt Webdesign",
        address=Address(street="Lindenallee 3", postcode="04109", city="Leipzig", country="DE"),
        tax_number="231/208/04711",
        contact_name="Lena Brandt",
        phone="+49 341 998877",
        email="lena@brandt-webdesign.example",
        bank_account=BankAccount(holder="Lena Brandt", iban="DE02500105170137075030", bic="INGDDEFFXXX"),
        seller_id="LBW-1",
    )
    return document(
        [position("1", "Pflege der Website", "79.00", category="E", rate="0")],
        seller=seller,
        notes=("Steuerfrei nach § 19 UStG (Kleinunternehmer).",),
        number="2026-117",
    )


def outside_scope() -> InvoiceDocument:
    buyer = Buyer(
        name="Alpenblick Hotels AG",
        address=Address(street="Bahnhofstrasse 88", postcode="8001", city="Zürich", country="CH"),
        customer_number="K-10101",
        email="kreditoren@alpenblick.example",
    )
    return document(
        [position("1", "Lizenz Buchungssystem", "240.00", category="O")],
        buyer=buyer,
        number="RE-0000000047",
        notes=("Nicht im Inland steuerbare Leistung, § 3a UStG.",),
    )


def intra_eu_supply() -> InvoiceDocument:
    return document(
        [position("1", "Datenlogger DL-4", "189.00", "10", category="K", rate="0", unit_name="Stück", unit_code="C62",
                  period=(date(2026, 11, 27), date(2026, 11, 27)))],
        buyer=DANE,
        number="RE-0000000050",
        delivery=Delivery(
            name="Nordvest Data ApS, Lager",
            address=Address(street="Industrivej 5", postcode="8260", city="Viby J", country="DK"),
            delivery_date=date(2026, 11, 27),
        ),
        notes=("Steuerfreie innergemeinschaftliche Lieferung, § 4 Nr. 1 Buchst. b, § 6a UStG.",),
    )  # fmt: skip


def export() -> InvoiceDocument:
    buyer = Buyer(
        name="Fjellheim Teknikk AS",
        address=Address(street="Storgata 14", postcode="0155", city="Oslo", country="NO"),
        customer_number="K-10110",
        email="faktura@fjellheim.example",
    )
    return document(
        [position("1", "Datenlogger DL-4", "189.00", "4", category="G", rate="0", unit_name="Stück", unit_code="C62",
                  period=(date(2026, 11, 26), date(2026, 11, 26)))],
        buyer=buyer,
        number="RE-0000000051",
        notes=("Steuerfreie Ausfuhrlieferung, § 4 Nr. 1 Buchst. a, § 6 UStG.",),
    )  # fmt: skip


def zero_total() -> InvoiceDocument:
    return document(
        [position("1", "Testphase Fachverfahren", "49.90", discounts=[("Kostenlose Testphase", "100 %")])],
        number="RE-0000000052",
        payment=Payment(means="none"),
        due_date=None,
    )


def sepa_debit() -> InvoiceDocument:
    return document(
        [position("1", "Arbeitsplatz Plus", "24.90", "3", unit_name="Platz", unit_code="C62")],
        number="RE-0000000053",
        payment=Payment(
            means="sepa_debit",
            terms="Der Betrag wird am 15.12.2026 eingezogen.",
            mandate_reference="M-0000000042",
            debtor_iban="DE02100100100006820101",
            debit_date=DUE,
        ),
    )


def skonto() -> InvoiceDocument:
    return document(
        [position("1", "Wärmepumpe Heizwerk Mitte, Fernwartung", "2490.00")],
        number="RE-0000000054",
        payment=Payment(
            means="transfer",
            terms="Zahlbar innerhalb von 30 Tagen ohne Abzug.",
            skonto=(
                Skonto(days=7, percent=Decimal(3), until=date(2026, 12, 8), discount_minor=8889),
                Skonto(days=14, percent=Decimal(2), until=DUE, base_minor=296310),
            ),
        ),
        due_date=date(2026, 12, 31),
    )


def allowances() -> InvoiceDocument:
    return document(
        [
            position("1", "Lizenzpaket Verwaltung", "800.00"),
            position("2", "Fachliteratur", "50.00", "4", rate="7", unit_name="Stück", unit_code="C62"),
        ],
        number="RE-0000000055",
        allowances=(
            DocumentAllowance(name="Jahresbonus", amount_minor=4000, tax_category="S", tax_rate=Decimal(19),
                              percent=Decimal(5), base_minor=80000),
            DocumentAllowance(name="Mengenbonus", amount_minor=1000, tax_category="S", tax_rate=Decimal(7)),
        ),
    )  # fmt: skip


def public_buyer() -> InvoiceDocument:
    return document(
        [
            position("1", "Fachverfahren Meldewesen, Grundgebühr", "490.00", group="Vertrag S-00000001"),
            position("2", "Betrieb je 1.000 Einwohner", "3.20", "247.943", group="Vertrag S-00000001",
                     unit_name="Tsd. Einwohner", unit_code="C62"),
        ],
        buyer=CITY,
        number="RE-0000000056",
        subscription_number="S-00000001",
        purchase_order_number="4500012345",
        paid=20000,
    )  # fmt: skip


def foreign_currency() -> InvoiceDocument:
    made = document(
        [position("1", "Lizenz Buchungssystem", "240.00")],
        currency="CHF",
        number="RE-0000000057",
        language="en",
    )
    return msgspec.structs.replace(
        made,
        accounting_tax=AccountingTax(
            currency="EUR", tax_minor=4846, rate=Decimal("0.9410"), rate_date=ISSUED - timedelta(days=1)
        ),
    )


def package_with_children() -> InvoiceDocument:
    return document(
        [
            position("1", "Paket Rathaus", "0.00", carries_amount=False, period=None),
            position("1.1", "Meldewesen", "300.00", parent="1", trace=("31 von 31 Tagen", "Staffel 2: 300,00 €")),
            position("1.2", "Standesamt", "180.00", parent="1"),
            position("2", "Grundpreis in Stufen", "0.00", "1500", unit_name="Vorgänge", unit_code="C62"),
        ],
        number="RE-0000000058",
    )


def tiered() -> InvoiceDocument:
    """A line whose base is no single multiplication: 1,000 at 0.10 and 500 at 0.08 = 140.00."""
    line = msgspec.structs.replace(
        position("1", "Vorgänge in Stufen", "0.10", "1500", unit_name="Vorgänge", unit_code="C62"),
        base_minor=14000,
        net_minor=14000,
    )
    return document([line], number="RE-0000000059")


def self_billed() -> InvoiceDocument:
    partner = Seller(
        name="Vertriebskontor Nord e.K.",
        address=Address(street="Hafenkante 2", postcode="18055", city="Rostock", country="DE"),
        tax_number="079/123/45678",
        vat_id="DE811569869",
        contact_name="Britta Voss",
        phone="+49 381 445566",
        email="voss@vertriebskontor.example",
        seller_id="P-0007",
        bank_account=BankAccount(holder="Vertriebskontor Nord", iban="DE02300209000106531065", bic="CMCIDEDD"),
    )
    tenant = Buyer(name=SELLER.name, address=SELLER.address, vat_id=SELLER.vat_id, email=SELLER.email)
    return document(
        [position("1", "Provision November 2026", "1840.50", unit_name="pauschal", unit_code="LS",
                  period=(date(2026, 11, 1), date(2026, 11, 30)))],
        kind=DocumentKind.SELF_BILLED,
        number="GU-0000000004",
        seller=partner,
        buyer=tenant,
        issuer=SELLER,
    )  # fmt: skip


def sandbox() -> InvoiceDocument:
    return msgspec.structs.replace(one_position(), is_test=True, number="TEST-0000000001")


SAMPLES: dict[str, Callable[[], InvoiceDocument]] = {
    maker.__name__: maker
    for maker in (
        one_position, two_rates, many_positions, english, credit_note, cancellation, cancellation_positive, correction,
        reverse_charge, small_business, outside_scope, intra_eu_supply, export, zero_total, sepa_debit, skonto,
        allowances, public_buyer, foreign_currency, package_with_children, tiered, self_billed, sandbox,
    )
}  # fmt: skip
