"""Pure rules of number ranges: format, reset, the next numbers."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import date
from functools import lru_cache

import msgspec

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
PLACEHOLDERS = {"number", "day", "month", "year", "yearLong", "customerNumber"}
# Types whose numbers are unique among each other (06 §1.7: over all document types).
DOCUMENT_TYPES = frozenset({"invoice", "credit_note", "cancellation", "proforma", "self_billed"})
# References that travel in SEPA messages.
_MESSAGE_TYPES = frozenset({"mandate_reference", "sepa_export"})
_SEPA_REFERENCE = re.compile(r"(?!/)(?!.*//)[A-Za-z0-9+?/\-:().,']+(?<!/)")
# A customer number of ordinary length, for previews and lengths.
_SOME_CUSTOMER = "10000"


class Range(msgspec.Struct):
    """The state of a range while numbers are drawn."""

    type: str
    method: str
    format: str
    min_digits: int
    random_length: int
    current_number: int
    reset: str
    reset_period: str


class Drawn(msgspec.Struct, frozen=True):
    """A number and its running value (None for a random one)."""

    number: str
    value: int | None


def space_of(type: str) -> str:
    """The kind of objects over which numbers of a range are unique."""
    return "document" if type in DOCUMENT_TYPES else type


@lru_cache(maxsize=256)
def period_of(reset: str, day: date) -> str:
    """The period within which the running number is not reset."""
    return {"never": "", "yearly": f"{day:%Y}", "monthly": f"{day:%Y-%m}", "daily": f"{day:%Y-%m-%d}"}[reset]


@lru_cache(maxsize=256)
def _dated(format: str, day: date) -> str:
    """A format with its date filled in: the same for all numbers of a day."""
    for name, value in (("day", f"{day:%d}"), ("month", f"{day:%m}"), ("year", f"{day:%y}"), ("yearLong", f"{day:%Y}")):
        format = format.replace(f"{{{name}}}", value)
    return format


def format_number(format: str, number: str, day: date, customer_number: str = "") -> str:
    """Put a number into a format."""
    return _dated(format, day).replace("{number}", number).replace("{customerNumber}", customer_number)


def draw(range: Range, day: date, customer_number: str = "") -> Drawn:
    """The next number of a range; changes the range's state."""
    if range.method == "random":
        text = "".join(secrets.choice(ALPHABET) for _ in "x" * range.random_length)
        return Drawn(format_number(range.format, text, day, customer_number), None)
    period = period_of(range.reset, day)
    if period != range.reset_period:
        range.reset_period = period
        if range.reset != "never":
            range.current_number = 0
    range.current_number += 1
    text = str(range.current_number).zfill(range.min_digits)
    return Drawn(format_number(range.format, text, day, customer_number), range.current_number)


def next_link(previous: bytes, number: str, content: bytes) -> bytes:
    """The next link of a range's hash chain: previous link, number, content hash of the document."""
    return hashlib.sha256(previous + number.encode() + content).digest()


def preview(type: str, method: str, format: str, digits: int, length: int, current: int, reset: str, period: str,
            day: date) -> str:  # fmt: skip
    """The number that would be drawn next on a day, unless it is taken; a random one is shown as question marks."""
    if method == "random":
        return format_number(format, "?" * length, day, _SOME_CUSTOMER)
    return draw(Range(type, method, format, digits, length, current, reset, period), day, _SOME_CUSTOMER).number


def debtor_bounds(account_length: int) -> tuple[int, int]:
    """First and last debtor account for a length of G/L accounts: 10000–69999 for 4, tenfold per digit more."""
    scale = 10 ** (account_length - 4)
    return 10_000 * scale, 70_000 * scale - 1


def range_violations(range: Range, account_length: int) -> list[tuple[str, str, str]]:
    """What is wrong with a range as it shall be: (property, code, reason). `account_length` is that of DATEV."""
    found = [("format", code, reason) for code, reason in format_violations(range.type, range.format, range.reset)]
    if range.type in _MESSAGE_TYPES:
        found += _message_violations(range)
    if range.type == "datev_debtor":
        found += _debtor_violations(range, account_length)
    return found


def _message_violations(range: Range) -> list[tuple[str, str, str]]:
    """References that go into SEPA messages: at most 35 characters of their alphabet (EPC217-08)."""
    number = "2" * max(range.min_digits, len(str(range.current_number + 1)))
    text = "2" * range.random_length if range.method == "random" else number
    sample = format_number(range.format, text, date(2026, 12, 31), _SOME_CUSTOMER)
    found = []
    if not _SEPA_REFERENCE.fullmatch(sample):
        found.append(("format", "invalid_format", "SEPA: A-Z a-z 0-9 + ? / - : ( ) . , '"))
    if len(sample) > 35:
        found.append(("format", "too_long", "35"))
    return found


def _debtor_violations(range: Range, account_length: int) -> list[tuple[str, str, str]]:
    lowest, highest = debtor_bounds(account_length)
    found = []
    if range.format != "{number}":
        found.append(("format", "invalid_format", "{number}"))
    if range.method != "sequential":
        found.append(("method", "invalid_choice", "sequential"))
    if range.reset != "never":
        found.append(("reset", "invalid_choice", "never"))
    if range.current_number >= highest:
        found.append(("currentNumber", "out_of_range", f"{lowest - 1}…{highest - 1}"))
    return found


def format_violations(type: str, format: str, reset: str) -> list[tuple[str, str]]:
    """What is wrong with a format: (code, reason)."""
    found = set(_PLACEHOLDER.findall(format))
    wrong = []
    if not format.isprintable():
        wrong.append(("invalid_characters", ""))
    if "{" in (rest := _PLACEHOLDER.sub("", format)) or "}" in rest:
        wrong.append(("invalid_format", "{number}"))
    if "number" not in found:
        wrong.append(("invalid_format", "{number}"))
    wrong += [("invalid_format", f"{{{name}}}") for name in sorted(found - PLACEHOLDERS)]
    if type == "customer" and "customerNumber" in found:
        wrong.append(("conflicting", "{customerNumber}"))
    if reset != "never" and not found & {"year", "yearLong"}:
        wrong.append(("required_with", "{year}"))
    if reset in ("monthly", "daily") and "month" not in found:
        wrong.append(("required_with", "{month}"))
    if reset == "daily" and "day" not in found:
        wrong.append(("required_with", "{day}"))
    return wrong
