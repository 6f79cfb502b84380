"""The interface description is valid, complete, and says what the edge does; the page for people shows all of it."""

from __future__ import annotations

import json
import re
import time
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from kit.world import World
from turnus.entry.bootstrap import ROUTERS
from turnus.identity.permissions import ASSIGNABLE, SELF
from turnus.platform.api import docs_page, openapi
from turnus.platform.api.operation import ANY_TOKEN, Operation, delete, get, patch, post, put, router
from turnus.platform.commands import Amount, Command, Name
from turnus.platform.context import Context
from turnus.platform.events.facts import catalogue

OPERATIONS = [operation for router in ROUTERS for operation in router.operations]
Document = dict[str, Any]


@pytest.fixture(scope="module")
def described() -> Document:
    """The description of the whole application."""
    return openapi.document(OPERATIONS, version="1.2.3", server_url="https://acme.example.com")


def operations_of(document: Document) -> dict[tuple[str, str], dict[str, Any]]:
    """Described operations by method and path."""
    return {(method.upper(), path): o for path, item in document["paths"].items() for method, o in item.items()}


def test_the_description_is_valid_openapi_3_1(described: Document) -> None:
    assert described["openapi"] == "3.1.0"
    assert [str(error) for error in jsonschema_rs.validator_for(OPENAPI_31).iter_errors(described)] == []
    for name, schema in described["components"]["schemas"].items():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)


def test_every_reference_leads_somewhere(described: Document) -> None:
    for reference in sorted(set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(described)))):
        found: Any = described
        for part in reference.removeprefix("#/").split("/"):
            assert part in found, reference
            found = found[part]


def test_every_declared_route_is_described_once(described: Document) -> None:
    found = operations_of(described)
    assert set(found) == {(o.method, o.path) for o in OPERATIONS}
    ids = [operation["operationId"] for operation in found.values()]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z][A-Za-z0-9]+", id) for id in ids)


def test_every_operation_names_its_permissions_as_scopes(described: Document) -> None:
    known = ASSIGNABLE | set(SELF) | {"ROLE_USER"}
    for operation in OPERATIONS:
        described_ = operations_of(described)[operation.method, operation.path]
        scopes = [need["JWT"] for need in described_["security"]]
        if "public" in operation.permissions:
            assert described_["security"] == []
        elif ANY_TOKEN in operation.permissions:
            assert scopes == [[]]
        else:
            assert scopes == [[permission] for permission in operation.permissions]
            assert set(operation.permissions) <= known, operation.path
            for permission in operation.permissions:
                assert f"`{permission}`" in described_["description"]
    assert described["components"]["securitySchemes"]["JWT"]["scheme"] == "bearer"


def test_refusals_are_problems(described: Document) -> None:
    for (method, path), operation in operations_of(described).items():
        assert {"429", "503"} <= set(operation["responses"]), (method, path)
        for status, response in operation["responses"].items():
            if status >= "400":
                name = response["$ref"].rpartition("/")[2]
                content = described["components"]["responses"][name]["content"]
                assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_a_list_documents_each_of_its_parameters(described: Document) -> None:
    for operation in OPERATIONS:
        if operation.listing is None:
            continue
        given = operations_of(described)[operation.method, operation.path]["parameters"]
        listed = [p["name"] for p in given if p.get("in") == "query"]
        names = set(listed)
        assert len(names) == len(listed), operation.path
        allowed = {name.removesuffix("[<key>]") for name in operation.listing.allowed()}
        assert allowed <= names <= allowed | set(operation.query_parameters), operation.path
        assert all(p["description"] for p in given if "name" in p)


async def test_a_real_list_answers_as_described(world: World, described: Document) -> None:
    await world.client.post("/customers", json={"email": "a@b.de", "companyName": "Müller"})
    answer = (await world.client.get("/customers")).json()
    schema = operations_of(described)["GET", "/customers"]["responses"]["200"]["content"]["application/json"]["schema"]
    whole = {**schema, "components": described["components"]}
    jsonschema_rs.validator_for(whole).validate(answer)
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validator_for(whole).validate({**answer, "meta": {}})


def test_every_event_is_a_webhook(described: Document) -> None:
    assert set(described["webhooks"]) == set(catalogue) >= {"customer.created"}


def test_making_the_description_is_quick_and_done_once(described: Document) -> None:
    again = openapi.document(OPERATIONS, version="1.2.3", server_url="https://acme.example.com")
    assert again is described
    started = time.process_time()
    openapi.document(OPERATIONS, version="another", server_url="")
    assert time.process_time() - started < 0.5


class Exact(msgspec.Struct, rename="camel"):
    """Values whose JSON is not what their type suggests."""

    exact: Decimal
    number: int | msgspec.Raw
    maybe_number: int | msgspec.Raw | None
    anything: dict[str, Any]
    objects: dict[str, object]
    raw: msgspec.Raw
    happened_at: str
    updated_at: str
    left_out: str | msgspec.UnsetType = msgspec.UNSET


class Wish(Command):
    """A wish."""

    name: Name
    amount: Amount | None = None
    much: int = 3


def _example() -> list[Operation]:
    routes = router("Examples")

    @get(routes, "/examples/{id}", permission="customer:read", summary="Read")
    async def read(ctx: Context, id: str) -> Exact:
        """One."""
        raise NotImplementedError

    @patch(routes, "/examples/{id}", permission=("a:write", "b:write"), summary="Change", statuses=(423,))
    async def patch_(ctx: Context, id: str, data: Wish) -> Exact:
        raise NotImplementedError

    @post(routes, "/examples", permission="public", summary="Create")
    async def create(ctx: Context, data: Wish) -> Exact:
        raise NotImplementedError

    @put(routes, "/examples/{id}/archive", permission="customer:write", summary="Archive")
    async def archive(ctx: Context, id: str) -> None:
        raise NotImplementedError

    @delete(routes, "/examples/{id}", permission="customer:write", summary="Delete")
    async def delete_(ctx: Context, id: str) -> None:
        raise NotImplementedError

    @post(routes, "/examples/file", permission="import:write", summary="Upload", raw_body="text/csv")
    async def upload_file(ctx: Context, content: bytes) -> Exact:
        raise NotImplementedError

    return routes.operations


@pytest.fixture(scope="module")
def example() -> Document:
    """The description of a few made-up operations."""
    return openapi.document(_example(), version="0", server_url="")


def test_unusual_values_have_the_schema_of_their_json(example: Document) -> None:
    properties = example["components"]["schemas"]["Exact"]["properties"]
    assert properties["exact"] == {"type": "string", "format": "decimal", "pattern": r"^-?\d+(\.\d+)?$"}
    assert properties["number"] == {"type": "number"}
    assert properties["maybeNumber"] == {"anyOf": [{"type": "number"}, {"type": "null"}]}
    assert properties["raw"] == {}
    assert properties["happenedAt"] == {"type": "string", "format": "date-time"}
    assert "leftOut" not in example["components"]["schemas"]["Exact"]["required"]
    jsonschema_rs.validator_for(example["components"]["schemas"]["Exact"]).validate(
        {"exact": "1.5", "number": 1.5, "maybeNumber": None, "anything": {"a": [1]}, "objects": {"b": None}, "raw": 1,
         "happenedAt": "2026-01-01T00:00:00+00:00", "updatedAt": "2026-01-01T00:00:00+00:00"}
    )  # fmt: skip


def test_operation_ids_come_from_the_verb_and_the_path(example: Document) -> None:
    ids = {key: operation["operationId"] for key, operation in operations_of(example).items()}
    assert ids == {
        ("GET", "/examples/{id}"): "getExample",
        ("PATCH", "/examples/{id}"): "patchExample",
        ("POST", "/examples"): "createExample",
        ("PUT", "/examples/{id}/archive"): "archiveExample",
        ("DELETE", "/examples/{id}"): "deleteExample",
        ("POST", "/examples/file"): "uploadFile",
    }


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("GET", "/examples/{id}", "200 304 401 403 404 429 503"),
        ("PATCH", "/examples/{id}", "200 400 401 403 404 409 412 413 415 422 423 429 503"),
        ("POST", "/examples", "201 400 401 403 404 409 413 415 422 429 503"),
        ("PUT", "/examples/{id}/archive", "200 400 401 403 404 409 412 413 415 422 429 503"),
        ("DELETE", "/examples/{id}", "204 401 403 404 409 412 413 415 429 503"),
    ],
)
def test_an_operation_names_every_status_it_can_answer(
    example: Document, method: str, path: str, statuses: str
) -> None:
    assert sorted(operations_of(example)[method, path]["responses"]) == statuses.split()


def test_a_patch_is_a_merge_patch_without_defaults_of_its_own(example: Document) -> None:
    body = operations_of(example)["PATCH", "/examples/{id}"]["requestBody"]
    assert list(body["content"]) == ["application/merge-patch+json", "application/json", "application/vnd.api+json"]
    created = operations_of(example)["POST", "/examples"]["requestBody"]
    assert (created["required"], list(created["content"])) == (True, ["application/json"])
    wish = example["components"]["schemas"]["Wish"]
    assert (wish["required"], wish["properties"]["much"]["default"]) == (["name"], 3)
    upload = operations_of(example)["POST", "/examples/file"]["requestBody"]
    assert list(upload["content"]) == ["text/csv"]


def test_headers_stand_where_they_mean_something(example: Document) -> None:
    def headers(method: str, path: str) -> set[str]:
        return {p["$ref"].rpartition("/")[2] for p in operations_of(example)[method, path]["parameters"] if "$ref" in p}

    assert headers("GET", "/examples/{id}") == {"IfNoneMatch", "XRequestId", "AcceptLanguage"}
    assert headers("PATCH", "/examples/{id}") == {
        "IdempotencyKey", "IfMatch", "Prefer", "XRequestId", "AcceptLanguage",
    }  # fmt: skip
    assert headers("DELETE", "/examples/{id}") == {"IfMatch", "XRequestId", "AcceptLanguage"}
    answer = operations_of(example)["GET", "/examples/{id}"]["responses"]["200"]
    assert {"ETag", "X-Request-Id", "RateLimit-Remaining"} <= set(answer["headers"])


def test_two_operations_of_one_name_are_refused() -> None:
    routes = router("Twice")

    @get(routes, "/things/{a}", permission="x:read", summary="Read")
    async def read(ctx: Context, a: str) -> Exact:
        raise NotImplementedError

    @get(routes, "/things/{a}/{b}", permission="x:read", summary="Read")
    async def get_(ctx: Context, a: str, b: str) -> Exact:
        raise NotImplementedError

    with pytest.raises(ValueError, match="getThing"):
        openapi.document(routes.operations, version="0", server_url="")


class Page(HTMLParser):
    """Anchors, links and foreign addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "a":
            self.links.append(str(given["href"]))
        if tag in ("script", "img", "link", "iframe") or "style" in given:
            self.loads += [str(value) for name, value in attributes if name in ("src", "href", "style")]


@pytest.mark.parametrize("locale", ["en", "de", "fr"])
def test_the_page_shows_every_operation_and_loads_nothing(described: Document, locale: str) -> None:
    page = Page()
    content = docs_page.page(described, locale)
    page.feed(content)
    assert len(page.ids) == len(set(page.ids))
    assert page.loads == []
    assert {operation["operationId"] for operation in operations_of(described).values()} <= set(page.ids)
    assert {f"schema-{name}" for name in described["components"]["schemas"]} <= set(page.ids)
    assert [link for link in page.links if link.startswith("#") and link[1:] not in page.ids] == []
    assert ("Berechtigung" in content) == (locale == "de")
    assert docs_page.page(described, locale) is content


def test_the_pages_policy_allows_just_its_own_style_and_script(described: Document) -> None:
    policy = docs_page.content_security_policy()
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert len(re.findall(r"'sha256-[A-Za-z0-9+/]{43}='", policy)) == 2


def test_texts_of_operations_are_escaped_on_the_page() -> None:
    routes = router("<i>Tag</i>")

    @get(routes, "/x", permission="x:read", summary="<script>alert(1)</script>")
    async def read_x(ctx: Context) -> Exact:
        """A `<b>` & more."""
        raise NotImplementedError

    content = docs_page.page(openapi.document(routes.operations, version="0", server_url=""), "en")
    assert "<script>alert" not in content
    assert "<code>&lt;b&gt;</code> &amp; more" in content
