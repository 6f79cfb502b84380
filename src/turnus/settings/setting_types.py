"""What values of settings may be: a type per `format` of the catalogue, from which each setting's check is made."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError
from stdnum import exceptions as stdnum_errors
from stdnum import iban as iban_number
from stdnum.eu import at_02, vat

from turnus.documents.einvoice.leitweg import is_leitweg_id
from turnus.kernel.errors import Violation
from turnus.kernel.time import Interval
from turnus.platform.commands import (
    Amount,
    Command,
    Count,
    Country,
    Currency,
    Day,
    Email,
    Flag,
    Id,
    Text,
    TimeZone,
    refuse,
    violations_of,
)
from turnus.settings.schema import Setting, catalogue

_VAT_PREFIXES = frozenset([*vat.MEMBER_STATES, "el", "xi"])
_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])")


def _pattern(expression: str, form: str) -> Any:
    compiled = re.compile(expression, re.ASCII)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise refuse("invalid_format", form=form)
        return value

    return Annotated[Text, AfterValidator(check)]


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and value.isprintable() and " " not in value
    except ValueError:
        usable = False
    if not usable or len(value) > 2000:
        raise refuse("invalid_url", reason="https://…")
    return value


def _origin(value: str) -> str:
    parts = urlsplit(_url(value))
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        raise refuse("invalid_url", reason="https://host[:port]")
    return value.lower()


def _host(value: str) -> str:
    if not _HOST.fullmatch(value.lower()):
        raise refuse("invalid_format", form="host.example.com")
    return value.lower()


def _vat_id(value: str) -> str:
    plain = "".join(c for c in value.upper() if c not in " .-")
    known = plain[:2].lower() in _VAT_PREFIXES
    if not re.fullmatch(r"[A-Z]{2}[A-Z0-9+*]{2,13}", plain, re.ASCII) or (known and not vat.is_valid(plain)):
        raise refuse("invalid_vat_id")
    return plain


def _leitweg_id(value: str) -> str:
    if not is_leitweg_id(value):
        raise refuse("invalid_format", form="04011000-1234512345-06")
    return value


def _creditor_id(value: str) -> str:
    plain = value.upper().replace(" ", "")
    if len(plain) > 35 or not at_02.is_valid(plain):
        raise refuse("invalid_format", form="DE98ZZZ09999999999")
    return plain


def _member_state(value: str) -> str:
    if value.lower() not in vat.MEMBER_STATES and value != "GR":
        raise refuse("invalid_country")
    return value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value.strip(), strict=False))
    except ValueError:
        raise refuse("invalid_format", form="192.0.2.0/24") from None


def _iban(value: str) -> str:
    try:
        return str(iban_number.validate(value.replace(" ", "").upper()))
    except stdnum_errors.ValidationError:
        raise refuse("invalid_iban") from None


def _interval(value: str) -> str:
    try:
        return str(Interval.parse(value))
    except ValueError:
        raise refuse("invalid_interval") from None


def _month_day(value: str) -> str:
    days = {"02": 28, **dict.fromkeys(("04", "06", "09", "11"), 30)}
    if not re.fullmatch(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", value, re.ASCII):
        raise refuse("invalid_format", form="MM-DD")
    if int(value[3:]) > days.get(value[:2], 31):
        raise refuse("invalid_date")
    return value


def _map(key: Any, value: Any, most: int) -> Any:
    return Annotated[dict[key, value], Field(max_length=most)]


class BankAccount(Command):
    """An account of the tenant that invoices name."""

    account_holder: Annotated[Text, Field(max_length=70)] | None = None
    iban: Annotated[Text, AfterValidator(_iban)]
    bic: _pattern(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?", "COBADEFFXXX") | None = None  # type: ignore[valid-type]
    bank_name: Annotated[Text, Field(max_length=255)] | None = None
    default: Flag = False


class CashDiscount(Command):
    """A cash discount (Skonto): per cent off when paid within so many days."""

    days: Annotated[Count, Field(ge=1, le=365)]
    percentage: Annotated[Amount, Field(gt=0, lt=100)]


class ByLanguage(Command):
    """A text by language."""

    de: Annotated[Text, Field(max_length=10_000)] | None = None
    en: Annotated[Text, Field(max_length=10_000)] | None = None


class Reason(Command):
    """A reason that may be chosen when a contract is cancelled."""

    code: _pattern(r"[a-z0-9_-]{1,60}", "too_expensive")  # type: ignore[valid-type]
    label: Annotated[ByLanguage, BeforeValidator(lambda value: {"de": value} if isinstance(value, str) else value)]
    active: Flag = True


class TaxRegistration(Command):
    """A VAT registration in another state."""

    country: Country
    vat_id: Annotated[Text, AfterValidator(_vat_id)]
    valid_from: Day | None = None
    valid_to: Day | None = None


DayCount = Annotated[Count, Field(ge=0, le=3660)]
_ACCOUNT = _pattern(r"\d{3,9}", "8400")


class RetryDays(Command):
    """Days after a failed charge on which it is tried again, by type of payment method."""

    card: Annotated[list[DayCount], Field(max_length=10)] | None = None
    paypal: Annotated[list[DayCount], Field(max_length=10)] | None = None
    sepa_debit: Annotated[list[DayCount], Field(max_length=10)] | None = Field(default=None, alias="sepa_debit")


FieldNames = Annotated[dict[Annotated[Text, Field(max_length=100)], Annotated[Text, Field(max_length=255)]],
                       Field(max_length=200)]  # fmt: skip


class FieldMapping(Command):
    """Own fields to DATEV fields, for postings and debtors."""

    postings: FieldNames | None = None
    debtors: FieldNames | None = None


FORMATS: dict[str, Any] = {
    "country": Country,
    "currency": Currency,
    "email": Email,
    "time-zone": TimeZone,
    "url": Annotated[Text, AfterValidator(_url)],
    "origin": Annotated[Text, AfterValidator(_origin)],
    "host": Annotated[Text, AfterValidator(_host)],
    "network": Annotated[Text, AfterValidator(_network)],
    "vat-id": Annotated[Text, AfterValidator(_vat_id)],
    "leitweg-id": Annotated[Text, AfterValidator(_leitweg_id)],
    "creditor-id": Annotated[Text, AfterValidator(_creditor_id)],
    "member-state": Annotated[Text, AfterValidator(_member_state)],
    "interval": Annotated[Text, AfterValidator(_interval)],
    "month-day": Annotated[Text, AfterValidator(_month_day)],
    "time": _pattern(r"([01]\d|2[0-3]):[0-5]\d", "HH:MM"),
    "slug": _pattern(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "a-z 0-9 -"),
    "digits": _pattern(r"\d+", "0-9"),
    "ex-number": _pattern(r"[A-Z0-9]{3,18}EX", "…EX"),
    "sepa-text": _pattern(r"[A-Za-z0-9+?/\-:().,' ]*", "SEPA: A-Z a-z 0-9 + ? / - : ( ) . , '"),
    "reason-code": _pattern(r"[A-Z]{2}\d{2}", "AC04"),
    "day-count": DayCount,
    "bank-account": BankAccount,
    "skonto": CashDiscount,
    "reason": Reason,
    "tax-registration": TaxRegistration,
    "retry-days": RetryDays,
    "field-mapping": FieldMapping,
    "translated": ByLanguage,
    "accounts": _map(_pattern(r"[a-zA-Z][a-zA-Z0-9.]{0,99}", "revenueGermany"), _ACCOUNT, 300),
    "posting-keys": _map(_ACCOUNT, _pattern(r"\d{1,4}", "0-9"), 1000),
    "country-accounts": _map(Country, _ACCOUNT, 300),
}


def _once(values: list[Any]) -> list[Any]:
    if any(value in values[:index] for index, value in enumerate(values)):
        raise refuse("not_unique")
    return values


def _bounds(setting: Setting, low: str, high: str) -> Any:
    bounds: dict[str, Any] = {}
    if setting.minimum is not None:
        bounds[low] = setting.minimum if setting.type == "decimal" else int(setting.minimum)
    if setting.maximum is not None:
        bounds[high] = setting.maximum if setting.type == "decimal" else int(setting.maximum)
    return Field(**bounds)


def _annotation(setting: Setting) -> Any:
    words: Any = Literal[setting.choices] if setting.choices else None
    match setting.type:
        case "boolean":
            return Flag
        case "integer":
            return Annotated[Count, _bounds(setting, "ge", "le")]
        case "decimal":
            return Annotated[Amount, _bounds(setting, "ge", "le")]
        case "date":
            return Day
        case "reference":
            return Id
        case "enum":
            return words
        case "list":
            element: Any = words or FORMATS[setting.format or ""]
            return Annotated[list[element], _bounds(setting, "min_length", "max_length"), AfterValidator(_once)]
        case "text":
            # A plain string is German, the language that every other falls back to.
            return Annotated[ByLanguage, BeforeValidator(lambda v: {"de": v} if isinstance(v, str) else v)]
        case "object":
            return FORMATS[setting.format or ""] if setting.format else dict[str, Any]
    return Annotated[FORMATS[setting.format] if setting.format else Text, _bounds(setting, "min_length", "max_length")]


@lru_cache(maxsize=1024)
def _adapter(key: str) -> TypeAdapter[Any]:
    return TypeAdapter(_annotation(catalogue()[key]))


def checked(setting: Setting, value: Any) -> tuple[Any, list[Violation]]:
    """A value as JSON to store, and what is wrong with it (then the value is None)."""
    if setting.read_only:
        return None, [Violation(setting.name, "read_only")]
    adapter = _adapter(setting.key)
    try:
        accepted = adapter.validate_python(value, strict=True)
    except ValidationError as error:
        return None, [_inside(setting, found) for found in violations_of(error)]
    stored = adapter.dump_python(accepted, mode="json", by_alias=True, exclude_none=True)
    if setting.type == "text":
        longest = max((len(text) for text in stored.values()), default=0)
        if setting.maximum is not None and longest > setting.maximum:
            return None, [Violation(setting.name, "too_long", parameters={"maximum": int(setting.maximum)})]
    return stored, []


def _inside(setting: Setting, found: Violation) -> Violation:
    path = found.property_path
    joined = setting.name + ("" if not path or path.startswith("[") else ".") + path
    return Violation(joined[:200], found.code, parameters=found.parameters)
