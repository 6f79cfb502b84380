"""Pure rules of number ranges: format, reset, the next numbers."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import date

import msgspec

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
PLACEHOLDERS = {"number", "day", "month", "year", "yearLong", "customerNumber"}
# Types whose numbers are unique among each other (06 §1.7: over all document types).
DOCUMENT_TYPES = frozenset({"invoice", "credit_note", "cancellation", "proforma", "self_billed"})


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


def period_of(reset: str, day: date) -> str:
    """The period within which the running number is not reset."""
    return {"never": "", "yearly": f"{day:%Y}", "monthly": f"{day:%Y-%m}", "daily": f"{day:%Y-%m-%d}"}[reset]


def format_number(format: str, number: str, day: date, customer_number: str = "") -> str:
    """Put a number into a format."""
    values = {
        "number": number,
        "day": f"{day:%d}",
        "month": f"{day:%m}",
        "year": f"{day:%y}",
        "yearLong": f"{day:%Y}",
        "customerNumber": customer_number,
    }
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), format)


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


def format_violations(type: str, format: str, reset: str) -> list[tuple[str, str]]:
    """What is wrong with a format: (code, reason)."""
    found = set(_PLACEHOLDER.findall(format))
    wrong = []
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
