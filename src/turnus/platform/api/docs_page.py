"""The documentation for people at `/docs`: one server-rendered page made from the interface description."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import lru_cache
from importlib import resources
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from turnus.platform.api.docs_examples import Examples, type_text
from turnus.platform.api.docs_texts import TEXTS

Document = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")
_ORDER = re.compile(r"order\[(.+)\]")
_OPERATOR = re.compile(r"([^\[\]]+)\[([^\[\]]*)\]")
_COMMON_HEADERS = ("XRequestId", "AcceptLanguage")
_pages: dict[tuple[int, str], tuple[Document, str]] = {}


@lru_cache(maxsize=8)
def _resource(name: str) -> str:
    return resources.files("turnus.platform.api").joinpath("docs", name).read_text("utf-8")


def _digest(content: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() + "'"


def content_security_policy() -> str:
    """The policy the page needs: nothing but its own style and script, by their digests."""
    style, script = _digest(_resource("style.css")), _digest(_resource("script.js"))
    return (
        f"default-src 'none'; style-src {style}; script-src {script}; img-src 'self' data:; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    )


def page(document: Document, locale: str) -> str:
    """The whole page in German (`de`) or English; made once per description and language."""
    language = locale if locale in TEXTS else "en"
    found = _pages.get((id(document), language))
    if found is None or found[0] is not document:
        found = _pages[(id(document), language)] = (document, _rendered(document, language))
    return found[1]


def _rendered(document: Document, language: str) -> str:
    environment = Environment(
        loader=DictLoader({"page.html": _resource("page.html")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = prose
    environment.filters["inline"] = inline
    return environment.get_template("page.html").render(
        t=TEXTS[language],
        language=language,
        info=document["info"],
        server=_server(document),
        groups=_groups(document),
        webhooks=_webhooks(document),
        schemas=_schemas(document),
        style=Markup(_resource("style.css")),
        script=Markup(_resource("script.js")),
    )


def _server(document: Document) -> str:
    url: str = document["servers"][0]["url"].rstrip("/")
    return url or "https://your-tenant.example"


def inline(text: str) -> Markup:
    """A line of text with `code` and **strong** words."""
    escaped = str(escape(text))
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    return Markup(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escaped))


def prose(text: str) -> Markup:
    """Paragraphs of text."""
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    return Markup("\n").join(Markup("<p>%s</p>") % inline(part) for part in paragraphs)


def _groups(document: Document) -> list[dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in document["tags"]}
    examples = Examples(document)
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                for tag in item[method]["tags"]:
                    groups.setdefault(tag, []).append(_operation(document, examples, path, method, item[method]))
    return [
        {"name": name, "anchor": "tag-" + re.sub(r"\W+", "-", name.lower()), "operations": found}
        for name, found in groups.items()
        if found
    ]


def _operation(
    document: Document, examples: Examples, path: str, method: str, operation: dict[str, Any]
) -> dict[str, Any]:
    text, _, permissions = operation["description"].rpartition("\n\n")
    if not permissions.startswith(("Required permissions", "Public")):
        text, permissions = operation["description"], ""
    body = _body(document, examples, operation)
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": Markup(re.sub(r"\{(\w+)\}", r"<em>{\1}</em>", str(escape(path)))),
        "words": f"{method} {path} {operation['summary']}".lower(),
        "summary": operation["summary"],
        "description": text if text != permissions else "",
        "permissions": [name for need in operation["security"] for name in need["JWT"]],
        "public": not operation["security"],
        **_parameters(document, operation),
        "body": body,
        "curl": _curl(document, path, method, operation, body),
        "answers": _answers(document, operation),
        "sample": examples.answer(operation),
    }


def _resolved(document: Document, value: dict[str, Any]) -> dict[str, Any]:
    reference = value.get("$ref")
    if reference is None:
        return value
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found  # type: ignore[no-any-return]


def _parameters(document: Document, operation: dict[str, Any]) -> dict[str, Any]:
    """Parameters for reading: those of the path, of the query, filters by property, orders, headers."""
    plain: list[dict[str, Any]] = []
    filters: dict[str, dict[str, Any]] = {}
    orders: list[str] = []
    headers: list[dict[str, Any]] = []
    for given in operation["parameters"]:
        parameter = _resolved(document, given)
        name, place, schema = parameter["name"], parameter["in"], parameter["schema"]
        described = {"name": name, "place": place, "type": type_text(schema), "text": parameter.get("description", "")}
        order = _ORDER.fullmatch(name)
        operator = _OPERATOR.fullmatch(name)
        if place == "header":
            if given.get("$ref", "").rpartition("/")[2] not in _COMMON_HEADERS:
                headers.append(described)
        elif order is not None:
            orders.append(order[1])
        elif place == "query" and (operator is not None or _is_filter(operation, name)):
            key = operator[1] if operator else name
            found = filters.setdefault(key, {"name": key, "type": described["type"], "operators": []})
            if operator is None:
                found["type"] = described["type"]
            found["operators"].append(f"[{operator[2]}]" if operator else "=")
        elif parameter.get("style") == "deepObject":
            filters[name] = {"name": name, "type": "string", "operators": ["[key]"]}
        else:
            plain.append(described)
    return {"parameters": plain, "filters": list(filters.values()), "orders": orders, "headers": headers}


def _is_filter(operation: dict[str, Any], name: str) -> bool:
    """Whether the parameter has operator forms beside it."""
    start = name + "["
    return any(given.get("name", "").startswith(start) for given in operation["parameters"])


def _body(document: Document, examples: Examples, operation: dict[str, Any]) -> dict[str, Any] | None:
    given = operation.get("requestBody")
    if given is None:
        return None
    kind, content = next(iter(given["content"].items()))
    schema = content["schema"]
    name = schema.get("$ref", "").rpartition("/")[2]
    sample = examples.body(schema) if kind.endswith("json") else None
    return {
        "type": kind,
        "types": list(given["content"]),
        "name": name,
        "text": _resolved(document, schema).get("description", ""),
        "properties": _properties(_resolved(document, schema)),
        "sample": None if sample is None else json.dumps(sample, indent=2, ensure_ascii=False),
        "file": not kind.endswith("json"),
    }


def _properties(schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = set(schema.get("required", ()))
    rows = [
        {
            "name": name,
            "type": type_text(described),
            "target": _target(described),
            "required": name in required,
            "text": described.get("description", ""),
            "default": json.dumps(described["default"], ensure_ascii=False) if described.get("default") else "",
        }
        for name, described in schema.get("properties", {}).items()
    ]
    return sorted(rows, key=lambda row: not row["required"]) if len(required) < len(rows) else rows


def _target(schema: dict[str, Any]) -> str:
    """The component a property consists of, for a link."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    inner = [*schema.get("anyOf", ()), *schema.get("allOf", ()), *([schema["items"]] if "items" in schema else [])]
    return next((found for option in inner if (found := _target(option))), "")


def _curl(document: Document, path: str, method: str, operation: dict[str, Any], body: dict[str, Any] | None) -> str:
    request = "" if method == "get" else f"-X {method.upper()} "
    lines = [f"curl {request}'{_server(document)}{path}'"]
    if operation["security"]:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    if method == "post" and body is not None:
        lines.append('-H "Idempotency-Key: $(uuidgen)"')
    if body is not None and body["type"] == "multipart/form-data":
        lines.append("-F 'file=@file.csv'")
    elif body is not None:
        lines.append(f"-H 'Content-Type: {body['type']}'")
        # A quote inside the example would end the shell's.
        sample = (body["sample"] or "").replace("'", "'\\''")
        lines.append(f"-d '{sample}'" if body["sample"] else "--data-binary @file")
    return " \\\n  ".join(lines)


def _answers(document: Document, operation: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for status, given in operation["responses"].items():
        answer = _resolved(document, given)
        content = next(iter(answer.get("content", {}).items()), None)
        schema = content[1]["schema"] if content else {}
        target = _target(schema)
        found.append(
            {
                "status": status,
                "good": status < "400",
                "text": answer["description"],
                "target": target if target != "Problem" else "",
                "kind": "" if content is None or content[0].endswith("json") else content[0],
            }
        )
    return found


def _webhooks(document: Document) -> list[dict[str, Any]]:
    return [{"name": name, "text": item["post"]["description"]} for name, item in document.get("webhooks", {}).items()]


def _schemas(document: Document) -> list[dict[str, Any]]:
    return [
        {"name": name, "text": schema.get("description", ""), "properties": _properties(schema)}
        for name, schema in document["components"]["schemas"].items()
    ]
