"""The whole interface description: paths, components, webhooks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from turnus.platform.api.openapi import answers, parameters
from turnus.platform.api.openapi.schemas import REFERENCE, Schema, Schemas
from turnus.platform.api.operation import ANY_TOKEN, PUBLIC, Operation
from turnus.platform.events.facts import EventType, catalogue

Document = dict[str, Any]

DESCRIPTION = """\
Subscription billing for companies that bill in Europe.

**Authentication.** Send `Authorization: Bearer <token>`. The token decides the tenant; a person of several tenants
picks one by `X-Tenant-Id`. Every operation names its permissions; of several any one suffices.

**Bodies.** JSON in UTF-8, camelCase. PATCH is a JSON Merge Patch (RFC 7396). Unknown properties are refused unless
`Prefer: handling=lenient` is sent. A body has at most 1 MiB.

**Lists** answer `{"data": […], "meta": {"pagination": {…}}}` and take `page`, `limit`, `after`, `order[…]`, filters
and, where offered, `search`. Several values of a filter (`status[]=…&status[]=…`) are alternatives; different
filters apply together.

**Money** in requests is a decimal in major units, as a string or a number (`"12.50"`); in answers it is an integer in
minor units with its currency (`{"amount": 1250, "currencyCode": "EUR"}`).

**Times** are ISO 8601 with offset, answered in UTC (`2026-01-31T12:00:00+00:00`); days are `2026-01-31`; intervals
`1M`, `14D`, `1Y`.

**Refusals** are problem documents (RFC 9457) with a stable `code`; all violations of a body are reported together.

**Limits.** 300 requests a minute and token, in bursts of 60; see the `RateLimit-*` headers and `Retry-After`.

**Versions.** New optional properties, operations, events and enumeration values may appear at any time.
"""
_JWT = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API token, or the access token of a user or customer. Scopes are permission names.",
}
_VERBS = {
    "create": "create", "read": "get", "get": "get", "list": "list", "update": "update", "replace": "replace",
    "patch": "patch", "change": "patch", "delete": "delete", "remove": "delete",
}  # fmt: skip
_PATCH_TYPES = ("application/merge-patch+json", "application/json", "application/vnd.api+json")
_kept: dict[tuple[Any, ...], tuple[Sequence[Operation], Document]] = {}


def document(operations: Sequence[Operation], *, version: str, server_url: str) -> Document:
    """The OpenAPI 3.1 description of some operations; made once per set of operations.

    Raises ValueError when two operations share a path and method, or an operation id.
    """
    key = (tuple(map(id, operations)), version, server_url, len(catalogue))
    found = _kept.get(key)
    if found is None:
        # The operations are kept beside their description, so that no other object can get their ids.
        found = _kept[key] = (list(operations), _made(operations, version, server_url))
    return found[1]


def _made(operations: Sequence[Operation], version: str, server_url: str) -> Document:
    schemas = Schemas(operations)
    names = operation_ids(operations)
    readable = {o.path for o in operations if o.method == "GET" and o.listing is None}
    paths: dict[str, dict[str, Any]] = {}
    used: set[int] = set()
    for operation in operations:
        item = paths.setdefault(operation.path, {})
        method = operation.method.lower()
        if method in item:
            raise ValueError(f"{operation.method} {operation.path} is declared twice")
        tagged = answers.answers_etag(operation)
        guarded = not operation.reads and _guard(operation.path) & readable != set()
        used |= set(answers.statuses(operation, tagged=tagged, guarded=guarded))
        item[method] = _operation(operation, names[id(operation)], schemas, tagged=tagged, guarded=guarded)
    made: Document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Turnus API",
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server_url or "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(o.tag for o in operations)],
        "paths": paths,
        "components": {
            "securitySchemes": {"JWT": _JWT},
            "parameters": parameters.header_components(),
            "headers": answers.header_components(),
            "responses": answers.response_components(used),
            "schemas": dict(sorted(schemas.components.items())),
        },
    }
    if catalogue:
        made["webhooks"] = {event.name: _webhook(event) for _, event in sorted(catalogue.items())}
        made["components"]["schemas"]["WebhookEvent"] = _ENVELOPE
    return made


def _guard(path: str) -> set[str]:
    """The paths whose GET `If-Match` is compared with."""
    return {path, path.rpartition("/")[0]}


def _operation(operation: Operation, name: str, schemas: Schemas, *, tagged: bool, guarded: bool) -> dict[str, Any]:
    security, line = _needed(operation)
    made: dict[str, Any] = {
        "operationId": name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"{operation.description}\n\n{line}".strip(),
        "security": security,
        "parameters": parameters.parameters(operation, tagged=tagged, guarded=guarded),
        "responses": answers.responses(operation, schemas, tagged=tagged, guarded=guarded),
    }
    if operation.raw_body is not None:
        content = {operation.raw_body: {"schema": _raw_schema(operation.raw_body)}}
        made["requestBody"] = {"required": True, "content": content}
    elif operation.body is not None and operation.body.model_fields:
        schema = schemas.body(operation.body)
        types = _PATCH_TYPES if operation.method == "PATCH" else ("application/json",)
        required = bool(schemas.components[schema["$ref"].removeprefix(REFERENCE)].get("required"))
        made["requestBody"] = {"required": required, "content": {kind: {"schema": schema} for kind in types}}
    return made


def _needed(operation: Operation) -> tuple[list[dict[str, list[str]]], str]:
    """The security requirement and its sentence."""
    if PUBLIC in operation.permissions:
        return [], "Public: needs no token."
    if ANY_TOKEN in operation.permissions:
        return [{"JWT": []}], "Required permissions: none; any valid token will do."
    needed = " or ".join(f"`{permission}`" for permission in operation.permissions)
    return [{"JWT": [permission]} for permission in operation.permissions], f"Required permissions: {needed}"


def _raw_schema(content_type: str) -> Schema:
    if content_type == "multipart/form-data":
        file = {"type": "string", "format": "binary"}
        return {"type": "object", "required": ["file"], "properties": {"file": file}}
    return {} if content_type.endswith("json") else {"type": "string", "format": "binary"}


def operation_ids(operations: Iterable[Operation]) -> dict[int, str]:
    """Operation ids by `id(operation)`.

    A handler of several words gives its own name; `create` or `read` is completed from the path
    (`POST /customers/{id}/addresses` → `createCustomerAddress`).
    """
    operations = list(operations)
    given = [o.name if "_" in o.handler.__name__.strip("_") else "" for o in operations]
    chosen: dict[int, str] = {}
    taken: dict[str, Operation] = {}
    for operation, own in zip(operations, given, strict=True):
        name = own if own and given.count(own) == 1 else _from_path(operation)
        if name in taken:
            other = taken[name]
            raise ValueError(
                f"{operation.method} {operation.path} and {other.method} {other.path} are both called {name}: give one"
                " of the handlers a name of its own"
            )
        taken[name] = operation
        chosen[id(operation)] = name
    return chosen


def _from_path(operation: Operation) -> str:
    segments = [segment for segment in operation.path.split("/") if segment]
    own = operation.handler.__name__.strip("_").split("_")
    listed = operation.listing is not None
    verb = "list" if listed else _VERBS.get(own[0], own[0])
    words: list[str] = []
    for index, segment in enumerate(segments):
        # `PUT /customers/{id}/archive` by `archive` is archiveCustomer.
        if segment.startswith("{") or segment == verb:
            continue
        last = index == len(segments) - 1
        words += _split(segment) if last and listed else _split(_singular(segment))
    return verb + "".join(word[:1].upper() + word[1:] for word in words)


def _split(segment: str) -> list[str]:
    return [word for word in re.split(r"[^A-Za-z0-9]+", segment) if word]


def _singular(segment: str) -> str:
    if segment.endswith("ies"):
        return segment[:-3] + "y"
    if re.search(r"(ss|x|ch|sh)es$", segment):
        return segment[:-2]
    return segment[:-1] if segment.endswith("s") and not segment.endswith(("ss", "us", "is")) else segment


_ENVELOPE: Schema = {
    "description": "What a webhook receives.",
    "type": "object",
    "required": ["event", "tenantId", "data"],
    "properties": {
        "event": {
            "type": "object",
            "required": ["type", "id", "version", "created"],
            "properties": {
                "type": {"type": "string", "examples": ["customer.created"]},
                "id": {"type": "string", "description": "Unique; a repeated delivery has the same one."},
                "version": {"type": "string", "examples": ["1.0.0"]},
                "created": {"type": "string", "format": "date-time"},
            },
        },
        "tenantId": {"type": "string", "format": "uuid"},
        "data": {"type": "object", "description": "The object as its GET answers it."},
    },
}


def _webhook(event: EventType) -> dict[str, Any]:
    envelope = {
        "allOf": [{"$ref": REFERENCE + "WebhookEvent"}],
        "properties": {"event": {"properties": {"type": {"const": event.name}}}},
    }
    signature = {
        "name": "X-Webhook-Signature",
        "in": "header",
        "required": True,
        "description": "Hex HMAC-SHA256 of the raw body with the webhook's secret.",
        "schema": {"type": "string"},
    }
    return {
        "post": {
            "operationId": "on" + "".join(part.capitalize() for part in re.split(r"[^A-Za-z0-9]+", event.name)),
            "summary": event.name,
            "description": event.description,
            "tags": ["Webhooks"],
            "security": [],
            "parameters": [signature],
            "requestBody": {"required": True, "content": {"application/json": {"schema": envelope}}},
            "responses": {"2XX": {"description": "Taken. Any other status is tried again later."}},
        }
    }
