"""What the template prints: every string ready-made, in the document's language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from babel import Locale

from turnus.documents.einvoice.cii import service_period
from turnus.documents.model import Address, DocumentKind, InvoiceDocument, Seller, TaxBucket
from turnus.documents.pdf.colour import readable
from turnus.documents.pdf.formats import Formats
from turnus.documents.pdf.payment import payment_view
from turnus.documents.pdf.rows import position_rows
from turnus.documents.pdf.style import Style
from turnus.documents.texts import labels

View = dict[str, Any]

_COLUMN_WORDS = ("position", "description", "quantity", "unit_price", "tax_rate", "net", "carried_forward")


def view(document: InvoiceDocument, style: Style) -> View:
    """The whole document as JSON-able data for the template, apart from logo and attachment."""
    words = labels(document.language)
    formats = Formats(document.language, document.currency)
    issuer = document.issuer or document.seller
    heading = heading_of(document, words)
    return {
        "language": document.language,
        "heading": heading,
        "running": " · ".join(part for part in (heading, _day(document, formats)) if part),
        "company": issuer.name,
        "date": _date_parts(document),
        "accent": readable(style.accent),
        "logo_position": style.logo_position,
        "page": words["page"],
        "watermark": _watermark(document, style, words),
        "return_line": " · ".join(part for part in (issuer.name, issuer.address.street, _town(issuer.address)) if part),
        "recipient": _recipient(document),
        "information": _information(document, formats, words),
        "introduction": document.introduction,
        "closing": document.closing,
        "notes": _notes(document, words),
        "labels": {key: words[key] for key in _COLUMN_WORDS},
        "show_rate": len(document.taxes) > 1,
        "rows": position_rows(document, formats, style),
        "totals": _totals(document, formats, words),
        "taxes": _tax_table(document.taxes, formats, words),
        "accounting_tax": _accounting_tax(document, formats, words),
        "payment": payment_view(document, formats, words, show_giro_code=style.show_giro_code),
        "footer": _footer(issuer, words),
    }


def heading_of(document: InvoiceDocument, words: dict[str, str]) -> str:
    """`Rechnung RE-0000000042`; the tenant's own title replaces the word."""
    title = document.title or words[f"title_{document.kind.value}"]
    return f"{title} {document.number or words['draft']}"


def _watermark(document: InvoiceDocument, style: Style, words: dict[str, str]) -> str:
    mark = style.mark or ("test" if document.is_test else "")
    return words[f"{mark}_mark"] if mark else ""


def _day(document: InvoiceDocument, formats: Formats) -> str:
    return formats.day(document.issue_date) if document.issue_date else ""


def _date_parts(document: InvoiceDocument) -> list[int] | None:
    issued = document.issue_date
    return [issued.year, issued.month, issued.day] if issued else None


def _recipient(document: InvoiceDocument) -> list[str]:
    """Address lines for the window; the country is named, in capitals, when it is not the sender's."""
    sender = document.issuer or document.seller
    lines: tuple[str, ...] = ()
    if _to_the_seller(document):
        name, address = document.seller.name, document.seller.address
    else:
        name, lines, address = document.buyer.name, document.buyer.name_lines, document.buyer.address
    country = address.country if address.country != sender.address.country else ""
    return [
        line
        for line in (name, *lines, address.addition, address.street, _town(address), _country(country, document))
        if line
    ]


def _to_the_seller(document: InvoiceDocument) -> bool:
    """True for self-billing: the buyer writes the letter, the seller receives it."""
    return document.kind == DocumentKind.SELF_BILLED and document.issuer is not None


def _town(address: Address) -> str:
    return f"{address.postcode} {address.city}".strip()


def _country(code: str, document: InvoiceDocument) -> str:
    """The country's name in the language of the document, in capitals as the post wants it; nothing for no code."""
    if not code:
        return ""
    return (Locale(document.language).territories.get(code) or code).upper()


def _information(document: InvoiceDocument, formats: Formats, words: dict[str, str]) -> list[tuple[str, str]]:
    buyer, sender, seller = document.buyer, document.issuer or document.seller, document.seller
    to_seller = _to_the_seller(document)
    start, end = service_period(document)
    number_word = "number_TYPE_INVOICE" if document.kind == DocumentKind.INVOICE else "number_other"
    rows = [
        (words[number_word], document.number),
        (words["issue_date"], _day(document, formats)),
        (words["partner_number"], seller.seller_id) if to_seller else (words["customer_number"], buyer.customer_number),
        (words["preceding"], _preceding(document, formats, words)),
        (words["service_date" if start == end else "service_period"], formats.period(start, end)),
        (words["purchase_order_number"], document.purchase_order_number),
        (words["leitweg_id"], buyer.leitweg_id),
        (words["buyer_reference"], buyer.buyer_reference),
        (words["cost_reference"], buyer.cost_reference),
        (words["subscription_number"], document.subscription_number),
        (words["buyer_vat_id"], seller.vat_id if to_seller else buyer.vat_id),
        (words["buyer_tax_number"], seller.tax_number if to_seller else ""),
        *document.information,
        (words["contact"], sender.contact_name),
        (words["phone"], sender.phone if sender.contact_name else ""),
        (words["email"], sender.email if sender.contact_name else ""),
    ]
    return [(label, value) for label, value in rows if value]


def _preceding(document: InvoiceDocument, formats: Formats, words: dict[str, str]) -> str:
    return ", ".join(
        words["preceding_dated"].format(number=entry.number, date=formats.day(entry.issue_date))
        if entry.issue_date
        else entry.number
        for entry in document.preceding
    )


def _totals(document: InvoiceDocument, formats: Formats, words: dict[str, str]) -> list[View]:
    totals, rows = document.totals, []

    def add(label: str, minor: int, kind: str = "normal") -> None:
        rows.append({"label": label, "amount": formats.amount(minor), "kind": kind})

    if document.allowances:
        lines = sum(position.net_minor for position in document.positions if position.carries_amount)
        add(words["line_total"], lines)
        for entry in document.allowances:
            percent = f" {formats.percent(entry.percent)}" if entry.percent is not None else ""
            add(f"{entry.name}{percent}", -entry.amount_minor)
    add(words["net_total"], totals.net_minor)
    add(_tax_label(document.taxes, formats, words), totals.tax_minor)
    add(words["gross_total"], totals.gross_minor, "gross")
    if totals.paid_minor:
        add(words["paid"], -totals.paid_minor)
    if totals.rounding_minor:
        add(words["rounding"], totals.rounding_minor)
    if totals.payable_minor != totals.gross_minor:
        add(words["payable"], totals.payable_minor, "payable")
    return rows


def _tax_label(taxes: Sequence[TaxBucket], formats: Formats, words: dict[str, str]) -> str:
    """`19 % USt. auf 100,00 €` or `USt. (Reverse Charge)` for a single bucket; several stand in the tax table."""
    if len(taxes) != 1:
        return words["tax_total"]
    bucket = taxes[0]
    if bucket.category != "S":
        return words["untaxed_line"].format(category=words[f"category_{bucket.category}"])
    rate = formats.percent(bucket.rate) if bucket.rate is not None else ""
    return words["tax_line"].format(rate=rate, base=formats.amount(bucket.taxable_minor))


def _tax_table(taxes: Sequence[TaxBucket], formats: Formats, words: dict[str, str]) -> list[list[str]]:
    """Net, tax and gross per bucket (§ 14 (4) no. 7 and 8 UStG); a single one stands in the totals already."""
    if len(taxes) < 2:
        return []
    head = [words["tax_category"], words["taxable"], words["tax"], words["gross"]]
    return [head] + [
        [
            formats.percent(bucket.rate)
            if bucket.category == "S" and bucket.rate is not None
            else words[f"category_{bucket.category}"],
            formats.amount(bucket.taxable_minor),
            formats.amount(bucket.tax_minor),
            formats.amount(bucket.taxable_minor + bucket.tax_minor),
        ]
        for bucket in taxes
    ]


def _accounting_tax(document: InvoiceDocument, formats: Formats, words: dict[str, str]) -> str:
    entry = document.accounting_tax
    if entry is None:
        return ""
    amount = Formats(document.language, entry.currency).amount(entry.tax_minor)
    if entry.rate is None or entry.rate_date is None:
        return words["accounting_tax"].format(currency=entry.currency, amount=amount)
    return words["accounting_tax_rate"].format(
        currency=entry.currency,
        amount=amount,
        rate=formats.number(entry.rate),
        foreign=document.currency,
        date=formats.day(entry.rate_date),
    )


def _notes(document: InvoiceDocument, words: dict[str, str]) -> list[str]:
    """The legal notes; an exemption whose reason no note tells is told from its bucket (§ 14 (4) no. 8 UStG)."""
    told = " ".join(document.notes)
    reasons = [bucket.exemption_reason for bucket in document.taxes if bucket.exemption_reason]
    untold = [reason for reason in dict.fromkeys(reasons) if reason.rstrip(".") not in told]
    test = [words["test_note"]] if document.is_test else []
    return [*document.notes, *untold, *test]


def _footer(seller: Seller, words: dict[str, str]) -> list[list[str]]:
    """Company data in columns: address, contact, bank, law (§ 35a GmbHG, § 14 (4) no. 2 UStG)."""
    account = seller.bank_account
    bank = [account.bank_name or account.holder, f"IBAN {_spaced(account.iban)}"] if account else []
    if account and account.bic:
        bank.append(f"BIC {account.bic}")
    register = " ".join(part for part in (seller.register_court, seller.register_number) if part)
    directors = ", ".join(seller.managing_directors)
    columns = [
        [seller.name, seller.address.street, _town(seller.address)],
        [seller.phone, seller.email, seller.website],
        bank,
        [
            register,
            f"{words['managing_directors']}: {directors}" if directors else "",
            f"{words['vat_id']} {seller.vat_id}" if seller.vat_id else "",
            f"{words['tax_number']} {seller.tax_number}" if seller.tax_number else "",
            f"{words['ex_number']} {seller.ex_number}" if seller.ex_number else "",
        ],
    ]
    return [kept for column in columns if (kept := [line for line in column if line])]


def _spaced(text: str) -> str:
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))
