"""How an area declares a route. The declaration is the documentation: OpenAPI is generated from it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, get_type_hints
from uuid import UUID

import msgspec
from pydantic import BaseModel

from turnus.platform.context import Context
from turnus.platform.listing import ListOf

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])
PUBLIC = "public"
ANY_TOKEN = "any-token"
"""Whoever has a valid token may call the operation, whatever it permits."""


class Answer(msgspec.Struct):
    """An answer that is not plain JSON with the operation's own status."""

    content: bytes
    content_type: str = "application/json"
    status: int = 200
    headers: dict[str, str] = {}


class Afterwards(msgspec.Struct):
    """What an operation that only reads does when its transaction has ended, such as a call to the outside world.

    The answer is what `work` returns.
    """

    work: Callable[[], Awaitable[Any]]


class Operation(msgspec.Struct):
    """A declared route."""

    method: str
    path: str
    handler: Callable[..., Awaitable[Any]]
    permissions: tuple[str, ...]
    summary: str
    description: str
    tag: str
    status: int
    path_parameters: dict[str, type]
    body: type[BaseModel] | None
    raw_body: str | None
    result: Any
    listing: ListOf[Any] | None
    query_parameters: dict[str, str]
    statuses: tuple[int, ...]
    produces: str
    weight: str
    reads: bool

    @property
    def name(self) -> str:
        """The operation id."""
        words = self.handler.__name__.split("_")
        return words[0] + "".join(word.capitalize() for word in words[1:])


class Router:
    """The routes of one area file."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.operations: list[Operation] = []


def router(tag: str) -> Router:
    """Routes that stand under one heading of the documentation."""
    return Router(tag)


def _declare(method: str, default_status: int) -> Callable[..., Callable[[Handler], Handler]]:
    def declare(
        routes: Router,
        path: str,
        *,
        permission: str | Sequence[str],
        summary: str,
        status: int = default_status,
        listing: ListOf[Any] | None = None,
        query: dict[str, str] | None = None,
        raw_body: str | None = None,
        statuses: Sequence[int] = (),
        produces: str = "application/json",
        result: Any = None,
        weight: str = "normal",
        reads: bool | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare a route.

        `permission`: any of several is enough; "public" needs none, ANY_TOKEN just a token. `path` parameters are typed
        by the handler (UUID: a malformed one answers 404). A parameter `data` of the handler is the body; `query`
        documents query parameters handed over as a dict named `query`; `listing` answers list requests; `raw_body` is a
        content type
        whose bytes are handed over as `content`. `statuses` are refusals beyond the usual ones. `weight` names the
        rate limit class.
        """

        def register(handler: Handler) -> Handler:
            hints = get_type_hints(handler)
            names = list(inspect.signature(handler).parameters)
            if not names or hints.get(names[0]) is not Context:
                raise TypeError(f"{handler.__qualname__} must take a Context first")
            in_path = [part[1:-1] for part in path.split("/") if part.startswith("{")]
            permissions = (permission,) if isinstance(permission, str) else tuple(permission)
            routes.operations.append(
                Operation(
                    method=method,
                    path=path,
                    handler=handler,
                    permissions=permissions,
                    summary=summary,
                    description=inspect.getdoc(handler) or "",
                    tag=routes.tag,
                    status=status,
                    path_parameters={name: hints[name] for name in in_path},
                    body=hints.get("data"),
                    raw_body=raw_body,
                    result=result or hints.get("return"),
                    listing=listing,
                    query_parameters=query or {},
                    statuses=tuple(statuses),
                    produces=produces,
                    weight=weight,
                    reads=method == "GET" if reads is None else reads,
                )
            )
            return handler

        return register

    return declare


get = _declare("GET", 200)
post = _declare("POST", 201)
put = _declare("PUT", 200)
patch = _declare("PATCH", 200)
delete = _declare("DELETE", 204)
PathValue = str | UUID
