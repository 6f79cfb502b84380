"""Currencies, languages, countries and time zones to choose from."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from babel import Locale
from babel.numbers import get_currency_symbol
from schwifty.exceptions import InvalidCountryCode
from schwifty.registry import get_iban_spec

from turnus.kernel.money import exponent
from turnus.platform.commands import countries, currencies
from turnus.platform.context import Context
from turnus.settings.tax_rates import is_member, tax_country
from turnus.settings.values import value

GERMAN_SPEAKING = ("DE", "AT", "CH")
# VAT numbers of some states outside the EU begin with letters too.
_OTHER_PREFIXES = {"CH": "CHE", "GB": "GB", "NO": "NO"}


class CurrencyView(msgspec.Struct, frozen=True, rename="camel"):
    """A currency (ISO 4217) and whether the tenant uses it."""

    code: str
    name: str
    symbol: str
    decimals: int
    allowed: bool
    default: bool


class CurrenciesView(msgspec.Struct, frozen=True):
    """All currencies."""

    data: list[CurrencyView]


class LanguageView(msgspec.Struct, frozen=True, rename="camel"):
    """A language of documents and mails; texts that lack in another fall back to `fallback`."""

    code: str
    name: str
    fallback: bool


class LanguagesView(msgspec.Struct, frozen=True):
    """All languages."""

    data: list[LanguageView]


class CountryView(msgspec.Struct, frozen=True, rename="camel"):
    """A country (ISO 3166-1)."""

    code: str
    name: str
    is_eu: bool
    vat_prefix: str | None
    language_suggestion: str
    iban_length: int | None


class CountriesView(msgspec.Struct, frozen=True):
    """All countries."""

    data: list[CountryView]


class TimeZoneView(msgspec.Struct, frozen=True, rename="camel"):
    """A time zone (IANA) with its present offset from UTC (`+01:00`)."""

    name: str
    utc_offset: str


class TimeZonesView(msgspec.Struct, frozen=True):
    """All time zones."""

    data: list[TimeZoneView]


@lru_cache(maxsize=2)
def _currency_facts(language: str) -> list[tuple[str, str, str, int]]:
    names = Locale(language).currencies
    return [
        (code, names.get(code, code), get_currency_symbol(code, locale=language), exponent(code))
        for code in sorted(currencies())
    ]


def all_currencies(ctx: Context) -> CurrenciesView:
    """Every currency in the reader's language."""
    allowed, default = value(ctx, "localization.currencies"), value(ctx, "localization.defaultCurrencyCode")
    return CurrenciesView(
        [
            CurrencyView(code, name, symbol, decimals, code in allowed, code == default)
            for code, name, symbol, decimals in _currency_facts(ctx.locale)
        ]
    )


def all_languages() -> LanguagesView:
    """Every language, each in itself."""
    return LanguagesView([LanguageView("de", "Deutsch", True), LanguageView("en", "English", False)])


@lru_cache(maxsize=512)
def _iban_length(country: str) -> int | None:
    try:
        return int(get_iban_spec(country).iban_length)
    except InvalidCountryCode:
        return None


@lru_cache(maxsize=2)
def _country_names(language: str) -> list[tuple[str, str]]:
    names = Locale(language).territories
    return [(code, names.get(code, code)) for code in sorted(countries())]


def all_countries(ctx: Context) -> CountriesView:
    """Every country in the reader's language."""
    today = ctx.today()
    return CountriesView(
        [
            CountryView(
                code=code,
                name=name,
                is_eu=is_member(code, today),
                vat_prefix=tax_country(code) if is_member(code, today) else _OTHER_PREFIXES.get(code),
                language_suggestion="de" if code in GERMAN_SPEAKING else "en",
                iban_length=_iban_length(code),
            )
            for code, name in _country_names(ctx.locale)
        ]
    )


@lru_cache(maxsize=1)
def _zone_names() -> list[str]:
    return sorted(
        name for name in available_timezones() if name == "UTC" or ("/" in name and not name.startswith("Etc/"))
    )


def _offset(name: str, at: datetime) -> str:
    text = at.astimezone(ZoneInfo(name)).strftime("%z")
    return f"{text[:3]}:{text[3:5]}"


def all_time_zones(ctx: Context) -> TimeZonesView:
    """Every time zone with its offset now."""
    return TimeZonesView([TimeZoneView(name, _offset(name, ctx.now())) for name in _zone_names()])
