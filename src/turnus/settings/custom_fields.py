"""Pure rules of custom fields: which values fit their definitions (10 §F)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from turnus.kernel.errors import Violation
from turnus.kernel.wire import number

MAX_TEXT, MAX_ELEMENTS = 10_000, 1_000
_FORBIDDEN = re.compile("[\x00\ud800-\udfff]")


class Definition(msgspec.Struct, frozen=True):
    """What a value of one custom field must look like.

    `choices` are the values that may be chosen, `default` the value of new objects (None: no default), `validation`
    any of minLength, maxLength, min, max, regex.
    """

    key: str
    type: str
    choices: tuple[str, ...] = ()
    required: bool = False
    default: Any = None
    validation: dict[str, Any] = {}
    visible_in_api: bool = True


def choice_values(choices: Sequence[Any]) -> tuple[str, ...]:
    """The values of choices given as plain strings or as `{"value", "label"}` pairs."""
    return tuple(str(choice["value"]) if isinstance(choice, dict) else str(choice) for choice in choices)


def violations(
    definitions: Sequence[Definition], values: Mapping[str, Any], path: str, *, complete: bool = True
) -> list[Violation]:
    """What is wrong with the values of an object; `path` is the property that holds them (`customFields`).

    A value of None counts as absent. `complete` also asks for the required fields; a partial change does not.
    """
    by_key = {definition.key: definition for definition in definitions}
    found = []
    for key, value in values.items():
        definition = by_key.get(key)
        if definition is None:
            found.append(Violation(f"{path}.{key[:100]}", "unknown_property"))
        elif value is not None:
            found += _value_violations(definition, value, f"{path}.{key}")
    for definition in definitions:
        missing = values.get(definition.key) in (None, "", [])
        if definition.required and missing and (complete or definition.key in values):
            found.append(Violation(f"{path}.{definition.key}", "not_blank"))
    return found


def with_defaults(definitions: Sequence[Definition], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a new object: defaults where it names nothing; absent ones (None) left out."""
    defaults = {d.key: d.default for d in definitions if d.default is not None and d.key not in values}
    return {key: value for key, value in {**defaults, **values}.items() if value is not None}


def stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON to store: decimals become exact JSON numbers."""
    return {key: number(value) if isinstance(value, Decimal) else value for key, value in values.items()}


def visible(definitions: Sequence[Definition], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values to show: those whose definition is in use. Values of deleted definitions are kept, but hidden."""
    keys = {definition.key for definition in definitions}
    return {key: value for key, value in values.items() if key in keys}


@lru_cache(maxsize=512)
def _matcher(regex: str) -> TypeAdapter[str]:
    return TypeAdapter(Annotated[str, StringConstraints(pattern=rf"\A(?:{regex})\z")])


def is_usable_regex(regex: str) -> bool:
    """Whether values can be matched against a tenant's regular expression in linear time.

    Python's own engine backtracks: `(a+)+b` would stop the process for all tenants. pydantic's does not, and so knows
    no look-around and no back references.
    """
    try:
        _matcher(regex)
    except SchemaError:
        return False
    return True


def matches(regex: str, value: str) -> bool:
    """Whether the whole value fits a regular expression that `is_usable_regex`."""
    try:
        _matcher(regex).validate_python(value)
    except ValidationError:
        return False
    return True


def _value_violations(definition: Definition, value: Any, path: str) -> list[Violation]:
    return _CHECKS[definition.type](definition, value, path)


def _wrong(path: str, expected: str) -> list[Violation]:
    return [Violation(path, "invalid_type", parameters={"expected": expected})]


def _text(definition: Definition, value: Any, path: str) -> list[Violation]:
    if not isinstance(value, str):
        return _wrong(path, "string")
    if _FORBIDDEN.search(value):
        return [Violation(path, "invalid_characters")]
    rules = definition.validation
    longest = min(rules.get("maxLength") or MAX_TEXT, MAX_TEXT)
    if len(value) > longest:
        return [Violation(path, "too_long", parameters={"maximum": longest})]
    if len(value) < (rules.get("minLength") or 0):
        return [Violation(path, "too_short", parameters={"minimum": rules["minLength"]})]
    if rules.get("regex") and not matches(rules["regex"], value):
        return [Violation(path, "invalid_format", parameters={"form": rules["regex"]})]
    return []


def _number(definition: Definition, value: Any, path: str) -> list[Violation]:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return _wrong(path, "number")
    exact = Decimal(str(value))
    exponent = exact.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -12 or exact.adjusted() > 17:
        reason = "at most 18 digits before and 12 after the dot"
        return [Violation(path, "invalid_decimal", parameters={"reason": reason})]
    low, high = definition.validation.get("min"), definition.validation.get("max")
    below = low is not None and exact < Decimal(str(low))
    above = high is not None and exact > Decimal(str(high))
    if below or above:
        bounds = f"{'' if low is None else low}…{'' if high is None else high}"
        return [Violation(path, "out_of_range", parameters={"bounds": bounds})]
    return []


def _date(definition: Definition, value: Any, path: str) -> list[Violation]:
    if not isinstance(value, str):
        return _wrong(path, "string")
    try:
        fits = re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII) and 1900 <= date.fromisoformat(value).year <= 2200
    except ValueError:
        fits = False
    return [] if fits else [Violation(path, "invalid_date")]


def _select(definition: Definition, value: Any, path: str) -> list[Violation]:
    if not isinstance(value, str):
        return _wrong(path, "string")
    if value not in definition.choices:
        return [Violation(path, "invalid_choice", parameters={"choices": list(definition.choices)})]
    return []


def _checkbox(definition: Definition, value: Any, path: str) -> list[Violation]:
    return [] if isinstance(value, bool) else _wrong(path, "boolean")


def _each(check: Callable[[Definition, Any, str], list[Violation]]) -> Callable[..., list[Violation]]:
    def checked(definition: Definition, value: Any, path: str) -> list[Violation]:
        if not isinstance(value, list):
            return _wrong(path, "array")
        if len(value) > MAX_ELEMENTS:
            return [Violation(path, "too_long", parameters={"maximum": MAX_ELEMENTS})]
        return [found for i, inner in enumerate(value) for found in check(definition, inner, f"{path}[{i}]")]

    return checked


_CHECKS: dict[str, Callable[[Definition, Any, str], list[Violation]]] = {
    "text": _text,
    "number": _number,
    "date": _date,
    "select": _select,
    "multi_select": _each(_select),
    "list": _each(_text),
    "checkbox": _checkbox,
}
