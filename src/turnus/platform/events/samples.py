"""Invented values for the catalogue of events, made from the types of the views."""

from __future__ import annotations

import types
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

_ID = "01890000-0000-7000-8000-000000000001"
_INSTANT = "2026-03-02T08:15:00+00:00"
_TEXTS = {
    "city": "Köln",
    "country_code": "DE",
    "currency_code": "EUR",
    "email": "billing@example.com",
    "language": "de",
    "time_zone": "Europe/Berlin",
    "zip": "50667",
}
_PLAIN: dict[Any, Any] = {
    bool: True,
    int: 1,
    float: 1,
    Decimal: "1",
    str: "text",
    UUID: _ID,
    date: "2026-03-02",
    datetime: _INSTANT,
}
_DEPTH = 6


def sample_of(kind: Any, name: str = "", depth: int = 0) -> Any:
    """A value that fits a type; `name` is the field it is for."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(kind, depth)
    if kind is str:
        return _text(name)
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        present = [argument for argument in arguments if argument not in (type(None), msgspec.UnsetType)]
        # Views may contain each other; below some depth an optional one is absent.
        return None if not present or depth >= _DEPTH else sample_of(present[0], name, depth)
    if origin is Literal:
        return arguments[0]
    if origin in (list, tuple, set, frozenset):
        inner = [argument for argument in arguments if argument is not Ellipsis]
        return [sample_of(inner[0], name, depth + 1)] if inner and depth < _DEPTH else []
    return {} if origin is dict or kind is dict else None


def _struct(kind: type[msgspec.Struct], depth: int) -> dict[str, Any]:
    hints = get_type_hints(kind)
    fields = msgspec.structs.fields(kind)
    return {field.encode_name: sample_of(hints[field.name], field.name, depth + 1) for field in fields}


def _text(name: str) -> str:
    if name in _TEXTS:
        return _TEXTS[name]
    if name.endswith("_at"):
        return _INSTANT
    return "2026-03-02" if name.endswith(("_on", "_date", "_from")) else "text"
