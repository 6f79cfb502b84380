"""JSON that a JavaScript parse/stringify round trip leaves as it is, byte by byte.

Receivers in JavaScript often check a signature over the body they parsed and serialised again. Compact UTF-8, nothing
escaped without need, numbers as ECMAScript writes them (ECMA-262 Number::toString), keys that look like array indexes
first, as objects of that language order them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from turnus.kernel.wire import decode, encode

_SAFE = 2**53
_INDEX_LIMIT = 2**32 - 1


def stable_json(value: Any) -> bytes:
    """`value` (whatever has a wire format) as stable JSON.

    A number that a double cannot hold exactly becomes a string with the same digits; so does a whole number of 2⁵³ and
    more.
    """
    return _encode(_stable(decode(encode(value))))


def number_text(value: Decimal) -> str | None:
    """A number as ECMAScript writes it; None when a double holds another one."""
    nearest = float(value)
    shortest = repr(nearest)
    if Decimal(shortest) != value or abs(value) >= _SAFE:
        return None
    if value == 0:
        return "0"
    digits, exponent = _digits(Decimal(shortest))
    sign = "-" if value < 0 else ""
    # ECMA-262, 6.1.6.1.20: `digits` × 10^(point - length), 10⁻⁶ and more written out.
    point = exponent + len(digits)
    if point > 0:
        whole, rest = digits[:point].ljust(point, "0"), digits[point:]
        return f"{sign}{whole}.{rest}" if rest else f"{sign}{whole}"
    if point > -6:
        return f"{sign}0.{'0' * -point}{digits}"
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{sign}{mantissa}e{point - 1}"


def _digits(value: Decimal) -> tuple[str, int]:
    parts = value.as_tuple()
    text = "".join(map(str, parts.digits))
    stripped = text.rstrip("0")
    return stripped, int(parts.exponent) + len(text) - len(stripped)


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        keys = value
        if any(key.isdecimal() for key in value):
            keys = dict.fromkeys(sorted((key for key in value if _is_index(key)), key=int)) | value
        return {key: _stable(value[key]) for key in keys}
    if isinstance(value, list):
        return [_stable(inner) for inner in value]
    if isinstance(value, Decimal):
        text = number_text(value)
        return format(value, "f") if text is None else msgspec.Raw(text.encode())
    if isinstance(value, int) and not -_SAFE < value < _SAFE:
        return str(value)
    return value


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdecimal() and (key == "0" or key[0] != "0") and int(key) < _INDEX_LIMIT


_encode = msgspec.json.Encoder().encode
