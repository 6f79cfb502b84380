"""The payment block: what happens, by when, and the data to type off or scan."""

from __future__ import annotations

from typing import Any

from turnus.documents.model import DocumentKind, InvoiceDocument, Skonto
from turnus.documents.pdf import girocode
from turnus.documents.pdf.formats import Formats, iban, masked_iban

_CREDITS = (DocumentKind.CREDIT_NOTE, DocumentKind.CANCELLATION, DocumentKind.SELF_BILLED)
_CREDIT_SENTENCES = {"transfer": "credit_transfer", "settlement": "credit_settlement"}


def payment_view(
    document: InvoiceDocument, formats: Formats, words: dict[str, str], *, show_giro_code: bool
) -> dict[str, Any] | None:
    """Sentences, rows and code of the block."""
    code = _giro_code(document) if show_giro_code else None
    return {
        "heading": words["payment"],
        "sentences": [text for text in _sentences(document, formats, words) if text],
        "rows": [(label, value) for label, value in _rows(document, formats, words) if value],
        "code": code,
        "caption": words["giro_code"],
    }


def _owed_by_buyer(document: InvoiceDocument) -> bool:
    """True when the buyer has to pay something."""
    return document.kind not in _CREDITS and document.totals.payable_minor > 0


def _sentences(document: InvoiceDocument, formats: Formats, words: dict[str, str]) -> list[str]:
    terms = [document.payment.terms, *[_skonto(tier, document, formats, words) for tier in document.payment.skonto]]
    if _owed_by_buyer(document):
        return [_demand(document, formats, words), *terms]
    amount = abs(document.totals.payable_minor)
    if document.kind in _CREDITS or amount:
        key = _CREDIT_SENTENCES.get(document.payment.means, "credit_other") if amount else "credit_nothing"
        return [words[key].format(amount=formats.amount(amount)), *terms]
    return [words["pay_nothing"], *terms]


def _demand(document: InvoiceDocument, formats: Formats, words: dict[str, str]) -> str:
    payment = document.payment
    day = payment.debit_date if payment.means == "sepa_debit" else document.due_date
    key = f"pay_{payment.means}"
    if payment.means in ("transfer", "sepa_debit") and day is None:
        key += "_now"
    elif payment.means == "card" and payment.card_last_digits:
        key += "_digits"
    elif payment.means == "online" and not payment.label:
        key += "_plain"
    return words[key].format(
        amount=formats.amount(document.totals.payable_minor),
        date=formats.day(day) if day else "",
        digits=payment.card_last_digits,
        label=payment.label,
    )


def _skonto(tier: Skonto, document: InvoiceDocument, formats: Formats, words: dict[str, str]) -> str:
    percent = formats.percent(tier.percent)
    if tier.until is None:
        return words["skonto"].format(days=tier.days, percent=percent)
    date = formats.day(tier.until)
    if tier.discount_minor is None:
        return words["skonto_until"].format(date=date, percent=percent)
    rest = formats.amount(document.totals.payable_minor - tier.discount_minor)
    discount = formats.amount(tier.discount_minor)
    return words["skonto_amount"].format(date=date, percent=percent, discount=discount, amount=rest)


def _rows(document: InvoiceDocument, formats: Formats, words: dict[str, str]) -> list[tuple[str, str]]:
    payment, seller = document.payment, document.seller
    if not _owed_by_buyer(document):
        return []
    if payment.means == "sepa_debit":
        return [
            (words["mandate_reference"], payment.mandate_reference),
            (words["creditor_id"], seller.creditor_id),
            (words["debtor_iban"], masked_iban(payment.debtor_iban) if payment.debtor_iban else ""),
            (words["debit_date"], formats.day(payment.debit_date) if payment.debit_date else ""),
        ]
    account = seller.bank_account
    if payment.means != "transfer" or account is None:
        return []
    return [
        (words["holder"], account.holder),
        (words["iban"], iban(account.iban)),
        (words["bic"], account.bic),
        (words["bank"], account.bank_name),
        (words["remittance"], payment.remittance or document.number),
    ]


def _giro_code(document: InvoiceDocument) -> str | None:
    """The code as SVG: for transfers in euro only, and never on a document that is no real demand."""
    account = document.seller.bank_account
    if document.currency != "EUR" or account is None or document.payment.means != "transfer":
        return None
    if not _owed_by_buyer(document) or document.is_test or not document.number:
        return None
    text = girocode.payload(account, document.totals.payable_minor, document.payment.remittance or document.number)
    return girocode.svg(text) if text else None
