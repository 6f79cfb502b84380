"""The catalogue of settings against itself."""

from __future__ import annotations

from typing import Any

import pytest

from turnus.settings.schema import catalogue
from turnus.settings.setting_types import checked


@pytest.mark.parametrize("key", sorted(catalogue()))
def test_default_passes_its_own_check(key: str) -> None:
    setting = catalogue()[key]
    if setting.default is None or setting.read_only or str(setting.default).startswith("@"):
        return
    stored, wrong = checked(setting, setting.default)
    assert wrong == []
    assert stored == setting.default or setting.type in ("text", "decimal", "string")


@pytest.mark.parametrize(
    ("key", "value", "stored"),
    [
        ("invoice.dueDays", 30, 30),
        ("invoice.autoSend", "false", False),
        ("localization.currencies", ["EUR", "CHF"], ["EUR", "CHF"]),
        ("organisation.vatId", "de 136 695 976", "DE136695976"),
        ("organisation.bankAccounts", [{"iban": "de89 3704 0044 0532 0130 00", "default": True}],
         [{"iban": "DE89370400440532013000", "default": True}]),
        ("sepaXml.creditorIdentifier", "DE98 ZZZ0 9999 9999 99", "DE98ZZZ09999999999"),
        ("security.allowedIps", ["192.0.2.7/24"], ["192.0.2.0/24"]),
        ("invoice.introduction", "Guten Tag", {"de": "Guten Tag"}),
        ("invoice.closing", {"de": "Danke", "en": "Thanks"}, {"de": "Danke", "en": "Thanks"}),
        ("tax.ossFrom", "2026-07-01", "2026-07-01"),
        ("payment.retryDays", {"sepa_debit": [5, 10]}, {"sepa_debit": [5, 10]}),
        ("subscription.defaultNoticePeriod", "P1M", "1M"),
        ("accounting.accounts", {"revenueGermany": "8400"}, {"revenueGermany": "8400"}),
        ("billing.skonto", [{"days": 10, "percentage": "2.5"}], [{"days": 10, "percentage": "2.5"}]),
    ],
)  # fmt: skip
def test_value_is_stored_in_one_form(key: str, value: Any, stored: Any) -> None:
    assert checked(catalogue()[key], value) == (stored, [])


@pytest.mark.parametrize(
    ("key", "value", "path", "code"),
    [
        ("invoice.dueDays", 366, "dueDays", "out_of_range"),
        ("invoice.dueDays", "30", "dueDays", "invalid_type"),
        ("invoice.dueDays", 10**400, "dueDays", "out_of_range"),
        ("billing.consolidate", "weekly", "consolidate", "invalid_choice"),
        ("billing.bccRecipients", ["a@b.de", "x"], "bccRecipients[1]", "invalid_email"),
        ("localization.currencies", ["EUR", "XXY"], "currencies[1]", "invalid_currency"),
        ("localization.currencies", [], "currencies", "too_short"),
        ("localization.currencies", ["EUR", "EUR"], "currencies", "not_unique"),
        ("localization.timeZone", "Europe/Kölln", "timeZone", "invalid_time_zone"),
        ("localization.fiscalYearStart", "02-30", "fiscalYearStart", "invalid_date"),
        ("organisation.countryCode", "XX", "countryCode", "invalid_country"),
        ("organisation.vatId", "DE136695975", "vatId", "invalid_vat_id"),
        ("organisation.website", "javascript:alert(1)", "website", "invalid_url"),
        ("organisation.companyName", "a\x00b", "companyName", "invalid_characters"),
        ("organisation.companyName", "x" * 256, "companyName", "too_long"),
        ("organisation.bankAccounts", [{"iban": "DE89370400440532013001"}], "bankAccounts[0].iban", "invalid_iban"),
        ("invoice.introduction", {"fr": "Bonjour"}, "introduction.fr", "unknown_property"),
        ("invoice.titleInvoice", "x" * 256, "titleInvoice", "too_long"),
        ("eInvoice.leitwegId", "04011000-1234512345-07", "leitwegId", "invalid_format"),
        ("security.allowedOrigins", ["https://a.example/path"], "allowedOrigins[0]", "invalid_url"),
        ("security.allowedIps", ["300.0.0.0/8"], "allowedIps[0]", "invalid_format"),
        ("payment.retryDays", {"cash": [1]}, "retryDays.cash", "unknown_property"),
        ("mail.sendingDomain", {}, "sendingDomain", "read_only"),
        ("billing.defaultTaxGroup", "nine", "defaultTaxGroup", "invalid_uuid"),
        ("datev.consultantNumber", "12345678", "consultantNumber", "too_long"),
    ],
)
def test_value_that_does_not_fit_is_named(key: str, value: Any, path: str, code: str) -> None:
    assert [(v.property_path, v.code) for v in checked(catalogue()[key], value)[1]] == [(path, code)]
