"""Examples and short type names made from JSON schemas."""

from __future__ import annotations

import json
from typing import Any

Schema = dict[str, Any]
_BY_FORMAT = {
    "uuid": "01890a5d-ac96-774b-bcce-b302099a8057",
    "date-time": "2026-01-31T12:00:00+00:00",
    "date": "2026-01-31",
    "decimal": "12.50",
    "binary": "…",
}
_BY_NAME = {
    "email": "jana.weber@example.com",
    "countryCode": "DE",
    "currencyCode": "EUR",
    "language": "de",
    "timeZone": "Europe/Berlin",
    "url": "https://example.com/hook",
    "firstName": "Jana",
    "lastName": "Weber",
    "companyName": "Weber GmbH",
    "city": "Köln",
    "zip": "50667",
    "street": "Domstraße",
    "houseNumber": "1",
    "name": "Example",
    "code": "EXAMPLE",
    "customerNumber": "C-00000001",
    "vatId": "DE123456789",
    "iban": "DE89370400440532013000",
}
_DEPTH = 3


class Examples:
    """Examples of a description's bodies and answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._components: dict[str, Schema] = document["components"]["schemas"]
        self._document = document

    def body(self, schema: Schema) -> Any:
        """A request body with what is required, or the first few properties."""
        resolved = self._resolved(schema)
        properties = resolved.get("properties", {})
        wanted = list(resolved.get("required", ())) or [n for n in properties if n not in ("metadata",)][:3]
        if not properties:
            return {}
        return {name: self.value(properties[name], name, request=True) for name in properties if name in wanted}

    def answer(self, operation: dict[str, Any]) -> str:
        """The JSON of the successful answer; empty when there is none."""
        for status, response in operation["responses"].items():
            content = response.get("content", {}).get("application/json")
            if status < "300" and content and content["schema"]:
                return json.dumps(self.value(content["schema"]), indent=2, ensure_ascii=False)
        return ""

    def value(self, schema: Schema, name: str = "", depth: int = 0, *, request: bool = False) -> Any:
        """One example value of a schema."""
        if schema.get("examples"):
            return schema["examples"][0]
        if "const" in schema or "enum" in schema:
            return schema["const"] if "const" in schema else schema["enum"][0]
        if "$ref" in schema:
            return self.value(self._resolved(schema), name, depth, request=request)
        options = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if options:
            present = [option for option in options if option.get("type") != "null"] or options
            return self.value(present[0], name, depth, request=request)
        return self._typed(schema, name, depth, request)

    def _typed(self, schema: Schema, name: str, depth: int, request: bool) -> Any:
        kind = schema.get("type")
        if kind == "object":
            return self._object(schema, depth, request)
        if kind == "array":
            return [] if depth > _DEPTH else [self.value(schema.get("items", {}), name, depth + 1, request=request)]
        if kind in ("integer", "number"):
            return schema.get("default") or max(schema.get("minimum", 1), 1)
        if kind == "boolean":
            return bool(schema.get("default", True))
        if kind == "string":
            if schema.get("default"):
                return schema["default"]
            return _BY_FORMAT.get(schema.get("format", "")) or _BY_NAME.get(name) or "text"
        return None

    def _object(self, schema: Schema, depth: int, request: bool) -> Any:
        properties = schema.get("properties", {})
        if depth > _DEPTH:
            return {}
        if request:
            required = schema.get("required", ())
            properties = {name: properties[name] for name in properties if name in required}
        return {name: self.value(inner, name, depth + 1, request=request) for name, inner in properties.items()}

    def _resolved(self, schema: Schema) -> Schema:
        reference = schema.get("$ref")
        return schema if reference is None else self._components[str(reference).rpartition("/")[2]]


def type_text(schema: Schema) -> str:
    """A schema in few words: `string ≤ 255 or null`, `"de" | "en"`, `Address[]`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return " or ".join(dict.fromkeys(type_text(option) for option in options))
    if "allOf" in schema:
        return type_text(schema["allOf"][0])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"{type_text(schema.get('items', {}))}[]"
    if "format" in schema and kind == "string":
        kind = schema["format"]
    return f"{kind}{_bounds(schema)}"


def _bounds(schema: Schema) -> str:
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength"))
    if low in (None, 0) and high is None:
        return ""
    if low in (None, 0):
        return f" ≤ {high}"
    return f" ≥ {low}" if high is None else f" {low}…{high}"
