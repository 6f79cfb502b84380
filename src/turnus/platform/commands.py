"""Request bodies: pydantic models with exact decimals, whose violations are reported together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pycountry
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from turnus.kernel.errors import ValidationFailed, Violation
from turnus.kernel.time import Interval
from turnus.kernel.wire import decode
from turnus.platform.problems import InvalidInput

MAX_DEPTH = 64
_FORBIDDEN = re.compile("[\x00\ud800-\udfff]")
_EMAIL = re.compile(r"[^@\s\"(),:;<>\[\]\\]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]{0,61}[^\W_]")


class Command(BaseModel):
    """Base of request bodies. `READ_ONLY` names wire properties that a sent-back representation may contain."""

    READ_ONLY: ClassVar[frozenset[str]] = frozenset({"id", "createdAt", "updatedAt", "createdBy", "updatedBy"})
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)

    def given(self, field: str) -> bool:
        """Whether the body contained the property (a PATCH changes only those)."""
        return field in self.model_fields_set


C = TypeVar("C", bound=BaseModel)


def _error(code: str, **parameters: Any) -> PydanticCustomError:
    return PydanticCustomError("turnus", code, parameters)


def refuse(code: str, **parameters: Any) -> PydanticCustomError:
    """A violation raised by a validator of a command: `raise refuse("out_of_range", bounds="0…100")`."""
    return _error(code, **parameters)


def _text(value: str) -> str:
    if _FORBIDDEN.search(value):
        raise _error("invalid_characters")
    return value


def _blank_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _decimal(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise _error("invalid_type", expected="decimal")
    if isinstance(value, str) and not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", value.strip()):
        raise _error("invalid_decimal", reason="digits and one dot, no separators")
    if isinstance(value, str) and len(value) > 40:
        raise _error("invalid_decimal", reason="at most 40 characters")
    try:
        number = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        raise _error("invalid_decimal", reason="not a number") from None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -12 or number.adjusted() > 17:
        raise _error("invalid_decimal", reason="at most 18 digits before and 12 after the dot")
    return number


def _number(value: Any) -> Any:
    """JSON integers may be written as 5.0; anything else that is no integer stays as it is and fails."""
    if isinstance(value, Decimal) and -30 < value.adjusted() < 18 and value == int(value):
        return int(value)
    return value


def _uuid(value: Any) -> Any:
    if not isinstance(value, str):
        raise _error("invalid_type", expected="string")
    try:
        return UUID(value.strip())
    except ValueError:
        raise _error("invalid_uuid") from None


def _day(value: Any) -> Any:
    if not isinstance(value, str):
        raise _error("invalid_type", expected="string")
    try:
        return date.fromisoformat(value) if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else _raise_date()
    except ValueError:
        raise _error("invalid_date") from None


def _raise_date() -> Any:
    raise _error("invalid_date")


def parse_instant(value: str) -> datetime:
    """An ISO 8601 date-time with offset (a bare one counts as UTC) between the years 1900 and 2200."""
    instant = datetime.fromisoformat(value)
    instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    if not 1900 <= instant.year <= 2200:
        raise ValueError("out of range")
    return instant


def _instant(value: Any) -> Any:
    if not isinstance(value, str):
        raise _error("invalid_type", expected="string")
    try:
        return parse_instant(value)
    except (ValueError, OverflowError):
        raise _error("invalid_date") from None


def _checked_day(value: date) -> date:
    if not 1900 <= value.year <= 2200:
        raise _error("out_of_range", bounds="1900…2200")
    return value


def _day_or_instant(value: Any) -> Any:
    if isinstance(value, str) and len(value) == len("2026-06-01"):
        return _checked_day(_day(value))
    return _instant(value)


def _interval(value: Any) -> Any:
    if not isinstance(value, str):
        raise _error("invalid_type", expected="string")
    try:
        return Interval.parse(value)
    except ValueError:
        raise _error("invalid_interval") from None


def _email(value: str) -> str:
    value = _text(value).strip()
    if not _EMAIL.fullmatch(value):
        raise _error("invalid_email")
    return value


@lru_cache(maxsize=1)
def countries() -> frozenset[str]:
    """ISO 3166-1 alpha-2 codes."""
    return frozenset(country.alpha_2 for country in pycountry.countries)


@lru_cache(maxsize=1)
def currencies() -> frozenset[str]:
    """ISO 4217 codes."""
    return frozenset(currency.alpha_3 for currency in pycountry.currencies)


def _country(value: str) -> str:
    if value not in countries():
        raise _error("invalid_country")
    return value


def _currency(value: str) -> str:
    if value not in currencies():
        raise _error("invalid_currency")
    return value


@lru_cache(maxsize=1024)
def _known_zone(value: str) -> bool:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _zone(value: str) -> str:
    if len(value) > 64 or not _known_zone(value):
        raise _error("invalid_time_zone")
    return value


def _boolean(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


Text = Annotated[str, AfterValidator(_text)]
"""Any text without characters that PostgreSQL cannot store."""
Name = Annotated[str, AfterValidator(_text), Field(min_length=1, max_length=255)]
OptionalName = Annotated[
    Annotated[str, AfterValidator(_text), Field(max_length=255)] | None, BeforeValidator(_blank_to_none)
]
"""A text of at most 255 characters; a blank one counts as absent."""
Id = Annotated[
    UUID, BeforeValidator(_uuid, json_schema_input_type=Annotated[str, Field(json_schema_extra={"format": "uuid"})])
]
Amount = Annotated[Decimal, BeforeValidator(_decimal, json_schema_input_type=str | float)]
"""An exact decimal, as string (preferred) or JSON number; at most 18 digits before and 12 after the dot."""
Count = Annotated[int, BeforeValidator(_number, json_schema_input_type=int)]
Day = Annotated[
    date,
    BeforeValidator(_day, json_schema_input_type=Annotated[str, Field(json_schema_extra={"format": "date"})]),
    AfterValidator(_checked_day),
]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant, json_schema_input_type=Annotated[str, Field(json_schema_extra={"format": "date-time"})]),
]
DayOrInstant = Annotated[
    InstanceOf[date],
    BeforeValidator(
        _day_or_instant, json_schema_input_type=Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    ),
]
"""A local day or an instant (a `datetime`, which is a `date` too); a union of both would report a mistake twice."""
IntervalText = Annotated[
    InstanceOf[Interval],
    BeforeValidator(_interval, json_schema_input_type=Annotated[str, Field(pattern="^P?[1-9][0-9]{0,2}[DWMY]$")]),
]
Email = Annotated[
    str, AfterValidator(_email), Field(min_length=2, max_length=255, json_schema_extra={"format": "email"})
]
Country = Annotated[
    str, AfterValidator(_country), Field(json_schema_extra={"pattern": "^[A-Z]{2}$", "examples": ["DE"]})
]
Currency = Annotated[
    str, AfterValidator(_currency), Field(json_schema_extra={"pattern": "^[A-Z]{3}$", "examples": ["EUR"]})
]
TimeZone = Annotated[
    str, AfterValidator(_zone), Field(json_schema_extra={"maxLength": 64, "examples": ["Europe/Berlin"]})
]
Language = Literal["de", "en"]
Flag = Annotated[bool, BeforeValidator(_boolean, json_schema_input_type=bool)]
"""A boolean; the strings "true" and "false" of older clients are accepted."""

_WRONG_TYPE = {
    "string_type": "string", "int_type": "integer", "bool_type": "boolean", "list_type": "array",
    "dict_type": "object", "model_type": "object", "model_attributes_type": "object", "decimal_type": "decimal",
    "float_type": "number", "int_from_float": "integer", "tuple_type": "array", "set_type": "array",
}  # fmt: skip


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def _violation(error: Mapping[str, Any]) -> Violation:
    kind, path, context = error["type"], _path(error["loc"]), error.get("ctx") or {}
    value = error.get("input")
    if kind == "turnus":
        return Violation(path, error["msg"], parameters=dict(context))
    if kind == "missing" or (value is None and (kind in _WRONG_TYPE or kind == "literal_error")):
        return Violation(path, "not_null")
    if kind in _WRONG_TYPE:
        return Violation(path, "invalid_type", parameters={"expected": _WRONG_TYPE[kind]})
    if kind == "extra_forbidden":
        return Violation(path, "unknown_property")
    if kind in ("string_too_short", "too_short"):
        return Violation(path, "too_short", parameters={"minimum": context["min_length"]})
    if kind in ("string_too_long", "too_long"):
        return Violation(path, "too_long", parameters={"maximum": context["max_length"]})
    if kind in ("literal_error", "enum"):
        choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        if not isinstance(value, str):
            return Violation(path, "invalid_type", parameters={"expected": "string"})
        return Violation(path, "invalid_choice", parameters={"choices": choices})
    if kind == "string_pattern_mismatch":
        return Violation(path, "invalid_format", parameters={"form": context["pattern"]})
    bounds = {k: v for k, v in context.items() if k in ("gt", "ge", "lt", "le")}
    if bounds:
        sign = {"gt": "> ", "ge": "≥ ", "lt": "< ", "le": "≤ "}
        return Violation(
            path, "out_of_range", parameters={"bounds": " ".join(f"{sign[k]}{v}" for k, v in bounds.items())}
        )
    return Violation(path, "invalid_type", parameters={"expected": error["msg"]})


def violations_of(error: ValidationError) -> list[Violation]:
    """What pydantic found, in the API's codes and paths."""
    return [_violation(found) for found in error.errors(include_url=False)]


def _too_deep(value: Any, depth: int = 0) -> bool:
    if depth > MAX_DEPTH:
        return True
    if isinstance(value, dict):
        return any(_too_deep(inner, depth + 1) for inner in value.values())
    if isinstance(value, list):
        return any(_too_deep(inner, depth + 1) for inner in value)
    return False


def parse(model: type[C], content: bytes, *, lenient: bool = False) -> C:
    """Read a request body.

    Raises InvalidInput (400) for malformed JSON or a wrong JSON type, ValidationFailed (422) for broken rules; both
    with everything that was found.
    """
    try:
        value = decode(content or b"{}")
    except (msgspec.DecodeError, RecursionError, ValueError, InvalidOperation):
        raise InvalidInput([Violation("", "invalid_json")]) from None
    if not isinstance(value, dict):
        raise InvalidInput([Violation("", "invalid_type", parameters={"expected": "object"})])
    if _too_deep(value):
        raise InvalidInput([Violation("", "invalid_json")])
    return validate(model, value, lenient=lenient)


def validate(model: type[C], value: dict[str, Any], *, lenient: bool = False) -> C:
    """Check decoded JSON against a command; see `parse`."""
    read_only: frozenset[str] = getattr(model, "READ_ONLY", frozenset())
    value = {key: inner for key, inner in value.items() if key not in read_only or key in _aliases(model)}
    if lenient and model.model_config.get("extra") != "allow":
        value = {key: inner for key, inner in value.items() if key in _aliases(model)}
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = violations_of(error)
    if any(violation.code == "invalid_type" for violation in found):
        raise InvalidInput(found)
    raise ValidationFailed(found)


@lru_cache(maxsize=512)
def _aliases(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in model.model_fields.items())


class NoBody(Command):
    """The body of operations that take none; an empty object is accepted."""
