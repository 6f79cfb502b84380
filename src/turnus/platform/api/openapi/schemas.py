"""JSON schemas of bodies (pydantic) and answers (msgspec) under readable names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema

from turnus.platform.api.operation import Afterwards, Answer, Operation
from turnus.platform.listing.page import Meta, Page

Schema = dict[str, Any]
REFERENCE = "#/components/schemas/"

PROBLEM: Schema = {
    "description": "A refusal (RFC 9457). `code` is stable; texts follow `Accept-Language`. Some codes add members.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "message", "code", "requestId"],
    "properties": {
        "type": {"type": "string", "description": "`/errors/` and the code.", "examples": ["/errors/not_found"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "message": {"type": "string", "description": "The same as `detail`, for clients that look here."},
        "code": {"type": "string", "examples": ["not_found"]},
        "requestId": {"type": "string", "description": "The value of `X-Request-Id`; finds the log lines."},
        "violations": {"type": "array", "items": {"$ref": REFERENCE + "Violation"}},
    },
}
VIOLATION: Schema = {
    "description": "One broken rule of a request. All of a request are reported together.",
    "type": "object",
    "required": ["propertyPath", "message", "code", "parameters"],
    "properties": {
        "propertyPath": {"type": "string", "examples": ["positions[0].unitPrice"]},
        "message": {"type": "string"},
        "code": {"type": "string", "examples": ["not_blank"]},
        "parameters": {"type": "object"},
    },
}


class _Bodies(GenerateJsonSchema):
    """Bodies with a property that JSON schema cannot express take any value there; the operation checks it."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}


def _any_value(_: type) -> Schema:
    # msgspec refuses an empty schema; `_tidy` takes the comment off.
    return {"$comment": "any value"}


class Schemas:
    """The component schemas of some operations, and the reference of each body and answer."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        operations = list(operations)
        self.components: dict[str, Schema] = {}
        self._bodies: dict[type[BaseModel], str] = {}
        self._answers: dict[Any, Schema] = {}
        self._add_answers(operations)
        self._add_bodies(operations)
        self.components |= {"Problem": PROBLEM, "Violation": VIOLATION}

    def body(self, model: type[BaseModel]) -> Schema:
        """Reference of a request body."""
        return {"$ref": REFERENCE + self._bodies[model]}

    def answer(self, operation: Operation) -> Schema | None:
        """Schema of an operation's result; None without content."""
        kind, paged = result_type(operation)
        if kind is None:
            return None
        schema = self._answers[kind]
        return self._page(schema) if paged else schema

    def _page(self, row: Schema) -> Schema:
        """A list of some objects. A component of its own per kind of object."""
        name = str(row.get("$ref", "")).removeprefix(REFERENCE) + "Page"
        self.components.setdefault(
            name,
            {
                "description": "A page of a list.",
                "type": "object",
                "required": ["data", "meta"],
                "properties": {"data": {"type": "array", "items": row}, "meta": {"$ref": REFERENCE + "Meta"}},
            },
        )
        return {"$ref": REFERENCE + name}

    def _add_answers(self, operations: list[Operation]) -> None:
        found = [kind for o in operations if (kind := result_type(o)[0]) is not None]
        kinds: list[Any] = list(dict.fromkeys([*found, Meta]))
        described, components = msgspec.json.schema_components(
            kinds, schema_hook=_any_value, ref_template=REFERENCE + "{name}"
        )
        names = _readable(components)
        self.components |= {names[name]: _tidy(schema, names) for name, schema in components.items()}
        self._answers = {kind: _tidy(schema, names) for kind, schema in zip(kinds, described, strict=True)}

    def _add_bodies(self, operations: list[Operation]) -> None:
        models = list(dict.fromkeys(o.body for o in operations if o.body is not None and o.body.model_fields))
        if not models:
            return
        references, generated = models_json_schema(
            [(model, "validation") for model in models],
            by_alias=True,
            ref_template=REFERENCE + "{model}",
            schema_generator=_Bodies,
        )
        components: Mapping[str, Schema] = generated.get("$defs", {})
        # A body may bear the name of an answer.
        names = {name: f"{name}Body" if name in self.components else name for name in components}
        only_patched = {o.body for o in operations} - {o.body for o in operations if o.method != "PATCH"}
        self.components |= {names[name]: _tidy(schema, names, wire=False) for name, schema in components.items()}
        for model in models:
            key = references[(model, "validation")]["$ref"].removeprefix(REFERENCE)
            self._bodies[model] = names[key]
            if model in only_patched:
                _without_defaults(self.components[names[key]])


def result_type(operation: Operation) -> tuple[Any, bool]:
    """The type of an operation's JSON and whether a page of these is answered; None for no content or other bytes.

    Pages are taken apart, for two generic types of one name make msgspec's naming fail.
    """
    if operation.listing is not None:
        return operation.listing.shape.view, True
    kind = operation.result
    if get_origin(kind) is Page:
        return get_args(kind)[0], True
    return (None if kind in (None, NoneType, Answer, Afterwards) else kind), False


def _readable(components: Mapping[str, Any]) -> dict[str, str]:
    """Names without the house's own words: `CustomerView` is a Customer.

    Of several types of one name msgspec gives the whole path. When they mean the same they become one; else the area
    goes in front: `CatalogueGroup`.
    """
    alike: dict[str, list[Any]] = {}
    for name, schema in components.items():
        members = {key: value for key, value in schema.items() if key != "description"}
        found = alike.setdefault(name.rpartition(".")[2], [])
        if members not in found:
            found.append(members)
    chosen: dict[str, str] = {}
    taken = {"Problem", "Violation"}
    for name in sorted(components):
        *path, own = re.sub(r"[^A-Za-z0-9._-]", "_", name).split(".")
        own = own.lstrip("_")
        wanted = own.removesuffix("View") or own
        if path and len(alike[name.rpartition(".")[2]]) == 1:
            chosen[name] = wanted
            taken.add(wanted)
            continue
        if path:
            wanted = (path[1] if len(path) > 1 else path[0]).capitalize() + wanted
        choices = (wanted, own, "".join(part.capitalize() for part in path) + own)
        chosen[name] = next(choice for choice in choices if choice not in taken)
        taken.add(chosen[name])
    return chosen


def _tidy(schema: Any, names: Mapping[str, str], *, wire: bool = True, name: str = "") -> Any:
    """A schema with new names, without titles that repeat the property; `wire` schemas get the conventions' formats."""
    if isinstance(schema, list):
        return [_tidy(inner, names, wire=wire, name=name) for inner in schema]
    if not isinstance(schema, dict):
        return _plain(schema)
    made: Schema = {}
    for key, value in schema.items():
        if key in ("title", "$comment") and isinstance(value, str):
            continue
        if key == "$ref":
            made[key] = REFERENCE + names.get(value.removeprefix(REFERENCE), value.removeprefix(REFERENCE))
        elif key in ("properties", "$defs"):
            made[key] = {inner: _tidy(value[inner], names, wire=wire, name=inner) for inner in value}
        elif key in ("default", "examples", "enum", "const"):
            made[key] = _plain(value)
        else:
            made[key] = _tidy(value, names, wire=wire, name=name)
    return _wire(made, name) if wire else made


def _wire(schema: Schema, name: str) -> Schema:
    options = schema.get("anyOf")
    if isinstance(options, list) and {} in options and {"type": "integer"} in options:
        # `kernel.wire.number`: a whole number, or an exact fraction written as it is.
        rest = [option for option in options if option not in ({}, {"type": "integer"})]
        number: Schema = {"type": "number"}
        described = {key: value for key, value in schema.items() if key != "anyOf"}
        return described | ({"anyOf": [number, *rest]} if rest else number)
    if schema.get("type") == "string" and not schema.keys() - {"type", "description"} and name.endswith("At"):
        return {**schema, "format": "date-time"}
    if schema.get("format") == "decimal":
        return {**schema, "pattern": r"^-?\d+(\.\d+)?$"}
    return schema


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    return {key: _plain(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def _without_defaults(schema: Schema) -> None:
    """What a PATCH leaves out stays as it is, so nothing is required and there are no defaults."""
    schema.pop("required", None)
    for described in schema.get("properties", {}).values():
        described.pop("default", None)
