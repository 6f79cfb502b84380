"""Parameters of operations: path, query of lists, headers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.platform.api.operation import Operation
from turnus.platform.listing import ListOf
from turnus.platform.listing.description import DEFAULT_LIMIT, MAX_LIMIT, MAX_PAGE, MAX_VALUES
from turnus.platform.listing.filters import Filter, KeyValue, Related

Parameter = dict[str, Any]

HEADERS: dict[str, Parameter] = {
    "Idempotency-Key": {
        "description": (
            "Makes a repetition safe: within 24 hours the same request gets the stored answer and"
            " `Idempotent-Replayed: true`; with another body 422 `idempotency_key_reused`; while the first one runs"
            " 409 `request_in_progress`."
        ),
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    },
    "If-Match": {
        "description": "The `ETag` of the version that may be changed; another one answers 412. `*` is any.",
        "schema": {"type": "string"},
    },
    "If-None-Match": {
        "description": "The `ETag` of the version the caller has; if it is still current the answer is 304.",
        "schema": {"type": "string"},
    },
    "Prefer": {
        "description": "`handling=lenient` ignores unknown properties and parameters instead of refusing them.",
        "schema": {"type": "string", "examples": ["handling=lenient"]},
    },
    "X-Request-Id": {
        "description": "An id of the caller's; it comes back in the answer and stands in problems and logs.",
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9._:-]{1,128}$"},
    },
    "Accept-Language": {
        "description": "Language of messages: `en` (default) or `de`.",
        "schema": {"type": "string", "examples": ["de"]},
    },
}
_OPERATORS = {
    "": "equals",
    "not": "does not equal",
    "empty": "is empty (`true`) or not (`false`)",
    "contains": "contains every word, as a prefix, whatever case and accents",
    "notContains": "does not contain the words",
    "gte": "at least",
    "lte": "at most",
    "gt": "greater than",
    "lt": "less than",
    "after": "from then on; a day counts whole",
    "before": "until then; a day counts whole",
    "strictlyAfter": "later than that; a day counts whole",
    "strictlyBefore": "earlier than that; a day counts whole",
    "on": "on that day, in the tenant's time zone",
}


def key(header: str) -> str:
    """Name of a header's component."""
    return header.replace("-", "")


def header(name: str) -> Parameter:
    """Reference of a header parameter."""
    return {"$ref": f"#/components/parameters/{key(name)}"}


def header_components() -> dict[str, Parameter]:
    """The header parameters that operations refer to."""
    return {key(name): {"name": name, "in": "header", "required": False, **found} for name, found in HEADERS.items()}


def parameters(operation: Operation, *, tagged: bool, guarded: bool) -> list[Parameter]:
    """All parameters; `tagged`: it answers an ETag, `guarded`: it honours `If-Match`."""
    made = [_in_path(operation, name, kind) for name, kind in operation.path_parameters.items()]
    if operation.listing is not None:
        made += [p for p in list_parameters(operation.listing) if p["name"] not in operation.query_parameters]
    made += [_query(name, text) for name, text in operation.query_parameters.items()]
    if operation.method in ("POST", "PUT", "PATCH"):
        made.append(header("Idempotency-Key"))
    if guarded:
        made.append(header("If-Match"))
    if tagged:
        made.append(header("If-None-Match"))
    if operation.body is not None or operation.listing is not None or operation.query_parameters:
        made.append(header("Prefer"))
    return [*made, header("X-Request-Id"), header("Accept-Language")]


def _in_path(operation: Operation, name: str, kind: type) -> Parameter:
    schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 300}
    if kind is UUID:
        schema = {"type": "string", "format": "uuid"}
    segments = operation.path.split("/")
    before = segments[segments.index("{" + name + "}") - 1].replace("-", " ").strip("{}")
    words = name.replace("_", " ")
    text = f"The {words.removesuffix(' id')}'s id." if words.endswith(" id") else f"Id below `{before}`."
    if name not in ("id", "key") and not words.endswith(" id"):
        text = f"The {words}."
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def _query(name: str, text: str, schema: dict[str, Any] | None = None) -> Parameter:
    return {"name": name, "in": "query", "description": text, "schema": schema or {"type": "string"}}


def list_parameters(listing: ListOf[Any]) -> list[Parameter]:
    """Query parameters of a list: paging, search, order, filters."""
    made = [
        _query(
            "page", "Page, from 1; 0 counts as 1.",
            {"type": "integer", "minimum": 0, "maximum": MAX_PAGE, "default": 1},
        ),
        _query(
            "limit", "Objects per page; 0 only counts.",
            {"type": "integer", "minimum": 0, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        ),
        _query(
            "after",
            "Pages by cursor: empty for the first page, then `meta.pagination.nextCursor` of the page before."
            " Faster than `page` in long lists.",
        ),
    ]  # fmt: skip
    if listing.search:
        made.append(_query("search", "Words that must all occur, each as a prefix, whatever case and accents."))
    default, way = listing.default_order
    for name in listing.orders:
        text = f"Sort by `{name}`. Several apply in the order given."
        if name == default:
            text += f" Without any, lists sort by this, `{way}`."
        made.append(_query(f"order[{name}]", text, {"type": "string", "enum": ["asc", "desc"]}))
    for filter in listing.filters.values():
        made += _filter_parameters(filter)
    made += [_query(name, "See the description.") for name in listing.extra_parameters]
    return made


def _filter_parameters(filter: Filter) -> list[Parameter]:
    if isinstance(filter, KeyValue):
        return [
            {
                "name": filter.name,
                "in": "query",
                "description": f"Value of a key: `{filter.name}[key]=value`. Every word must occur.",
                "style": "deepObject",
                "explode": True,
                "schema": {"type": "object", "additionalProperties": {"type": "string"}},
            }
        ]
    schema = _value_schema(filter)
    made = []
    for operator in filter.operators:
        name = f"{filter.name}[{operator}]" if operator else filter.name
        shown = {"type": "boolean"} if operator == "empty" else schema
        made.append(_query(name, f"`{filter.name}` {_OPERATORS[operator]}.", shown))
    if f"{filter.name}[]" in filter.parameters():
        several = {"type": "array", "items": schema, "maxItems": MAX_VALUES}
        made.append(
            {
                **_query(
                    f"{filter.name}[]", f"`{filter.name}` equals any of the values; give it several times.", several
                ),
                "style": "form",
                "explode": True,
            }
        )
    return made


def _value_schema(filter: Filter) -> dict[str, Any]:
    inner = filter.inner if isinstance(filter, Related) else filter
    choices = getattr(inner, "choices", None)
    if choices is not None:
        return {"type": "string", "enum": list(choices)}
    if inner.kind == "uuid":
        return {"type": "string", "format": "uuid"}
    if inner.kind == "boolean":
        return {"type": "boolean"}
    if inner.kind == "number":
        return {"type": "integer" if getattr(inner, "whole", False) else "number"}
    if inner.kind == "date-time":
        return {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}
    if inner.kind == "date":
        return {"type": "string", "format": "date"}
    return {"type": "string", "minLength": 1, "maxLength": 1000}
