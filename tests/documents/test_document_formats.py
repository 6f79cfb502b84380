"""Printed numbers and dates, the GiroCode, the accent and the words."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import msgspec
import pytest

from kit.invoice_samples import SAMPLES, SELLER
from turnus.documents.model import BankAccount, Language
from turnus.documents.pdf import girocode
from turnus.documents.pdf.colour import DEFAULT_ACCENT, contrast_on_white, readable
from turnus.documents.pdf.fonts import printable
from turnus.documents.pdf.formats import Formats, masked_iban
from turnus.documents.pdf.style import Style
from turnus.documents.pdf.view import view
from turnus.documents.texts import LANGUAGES, labels

ACCOUNT = SELLER.bank_account or BankAccount(holder="", iban="")


@pytest.mark.parametrize(
    ("language", "currency", "minor", "printed"),
    [
        ("de", "EUR", 123450, "1.234,50 €"),
        ("en", "EUR", 123450, "€1,234.50"),
        ("de", "EUR", -5, "−0,05 €"),
        ("en", "USD", -100000000, "−$1,000,000.00"),
        ("de", "CHF", 123450, "1.234,50 CHF"),
        ("en", "CHF", 123450, "CHF 1,234.50"),
        ("de", "JPY", 1500, "1.500 JPY"),
        ("en", "TND", 1500, "TND 1.500"),
    ],
)
def test_amounts(language: Language, currency: str, minor: int, printed: str) -> None:
    assert Formats(language, currency).amount(minor) == printed.replace(" ", "\u00a0")


@pytest.mark.parametrize(
    ("price", "printed"),
    [("24.9", "24,90 €"), ("0.0475", "0,0475 €"), ("0.000000000001", "0,000000000001 €"), ("1E+3", "1.000,00 €")],
)
def test_unit_prices_keep_their_decimals(price: str, printed: str) -> None:
    assert Formats("de", "EUR").unit_price(Decimal(price)) == printed.replace(" ", "\u00a0")


@pytest.mark.parametrize(
    ("quantity", "printed"), [("1250.50", "1.250,5"), ("1", "1"), ("-0.5", "−0,5"), ("1000000", "1.000.000")]
)
def test_quantities(quantity: str, printed: str) -> None:
    assert Formats("de", "EUR").number(Decimal(quantity)) == printed


def test_dates_and_periods_with_their_last_day() -> None:
    start, end = date(2026, 12, 1), date(2026, 12, 31)
    assert Formats("de", "EUR").period(start, end) == "01.12.2026 – 31.12.2026"
    assert Formats("en", "EUR").period(start, end).replace("\u00a0", " ") == "1 Dec 2026 – 31 Dec 2026"
    assert Formats("de", "EUR").period(start, start) == "01.12.2026"
    assert Formats("de", "EUR").period(None, None) == ""


def test_percentages() -> None:
    assert Formats("de", "EUR").percent(Decimal("7.50")) == "7,5\u00a0%"
    assert Formats("en", "EUR").percent(Decimal("19.00")) == "19%"


def test_giro_code_text_is_that_of_epc069_12() -> None:
    assert girocode.payload(ACCOUNT, 119000, "RE-0000000042").split("\n") == [
        "BCD", "002", "1", "SCT", "BYLADEM1001", "Kommunalwerk Software GmbH", "DE02120300000000202051",
        "EUR1190.00", "", "", "RE-0000000042",
    ]  # fmt: skip


def test_giro_code_cuts_what_is_too_long_and_keeps_to_its_lines() -> None:
    account = msgspec.structs.replace(ACCOUNT, holder="A" * 80, iban="DE02 1203 0000 0000 2020 51")
    lines = girocode.payload(account, 1, "x\ny " + "z" * 200).split("\n")
    assert lines[5] == "A" * 70
    assert lines[6] == "DE02120300000000202051"
    assert len(lines) == 11
    assert len(lines[10]) == 140


@pytest.mark.parametrize("minor", [0, -1, 100_000_000_000])
def test_no_giro_code_for_amounts_it_cannot_say(minor: int) -> None:
    assert girocode.payload(ACCOUNT, minor, "x") == ""


def test_giro_code_svg_draws_every_dark_module() -> None:
    drawn = girocode.svg(girocode.payload(ACCOUNT, 119000, "RE-0000000042"))
    size = int(re.findall(r'viewBox="0 0 (\d+) ', drawn)[0])
    runs = [(int(x), int(y), int(length)) for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1", drawn)]
    dark = {(x + step, y) for x, y, length in runs for step in range(length)}
    for left, top in ((0, 0), (size - 7, 0), (0, size - 7)):  # the three finder patterns
        assert all((left + step, top) in dark for step in range(7))
        assert (left + 1, top + 1) not in dark
        assert all((left + x, top + y) in dark for x in (2, 3, 4) for y in (2, 3, 4))
    assert size <= 69  # version 13


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("one_position", True), ("public_buyer", True), ("sepa_debit", False), ("credit_note", False),
        ("zero_total", False), ("foreign_currency", False), ("sandbox", False), ("self_billed", False),
    ],
)  # fmt: skip
def test_giro_code_stands_on_real_demands_by_transfer_only(name: str, printed: bool) -> None:
    assert (view(SAMPLES[name](), Style())["payment"]["code"] is not None) == printed
    assert view(SAMPLES[name](), Style(show_giro_code=False))["payment"]["code"] is None


@pytest.mark.parametrize("accent", ["#ffffff", "#ffcc00", "#00ff00", "#ff69b4", "#1f4b6e", "#000000"])
def test_every_accent_can_be_read(accent: str) -> None:
    text = readable(accent)
    channels = [int(text[start : start + 2], 16) for start in (1, 3, 5)]
    assert contrast_on_white(*channels) >= 4.5
    assert readable(text) == text


def test_what_is_no_colour_becomes_the_default() -> None:
    assert readable("red; }") == DEFAULT_ACCENT == readable(DEFAULT_ACCENT)


def test_printable() -> None:
    assert printable("Größe − 5 % ‰ “x”") == "Größe − 5 % ‰ “x”"
    assert printable("e\u0301") == "é"
    assert printable("a\u200bb\x00") == "ab"
    assert printable("①中") == "1?"


def test_both_languages_have_the_same_words_and_placeholders() -> None:
    first, *others = (labels(language) for language in LANGUAGES)
    for other in others:
        assert other.keys() == first.keys()
        for key, text in first.items():
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", other[key])), key


def test_an_iban_is_printed_masked_for_the_payer() -> None:
    assert masked_iban("DE02 1001 0010 0006 8201 01") == "DE02 … 0101"
