"""The ASGI application: Litestar routes around the edge, plus what every answer carries."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from litestar import Litestar, Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from turnus.kernel.errors import Problem
from turnus.kernel.ids import new_ulid
from turnus.platform import metrics
from turnus.platform.api import edge as edges
from turnus.platform.api.edge import Edge, problem_response
from turnus.platform.api.operation import Operation, Router
from turnus.platform.problems import locale_of

log = structlog.get_logger("turnus.http")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
SLOW_SECONDS = 0.5
"""A request that took longer has a log line of its own."""
_CODES = {
    400: "invalid_input",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "payload_too_large",
    415: "unsupported_media_type",
}


def _route(edge: Edge, operations: Sequence[Operation]) -> list[HTTPRouteHandler]:
    return [_handler(edge, operation) for operation in operations]


def _handler(edge: Edge, operation: Operation) -> HTTPRouteHandler:
    async def endpoint(request: Request[Any, Any, Any]) -> Response[bytes]:
        request.scope["state"]["route"] = operation.path
        return await edges.handle(edge, operation, request)

    path = re.sub(r"\{(\w+)\}", r"{\1:str}", operation.path)
    method: Any = operation.method
    # The answer brings its own status; a declared 204 would make the framework refuse a handler that returns one.
    route = HTTPRouteHandler(path, http_method=[method], status_code=200, include_in_schema=False)
    return route(endpoint)


def _refusal(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Refusals of the framework itself: unknown path, wrong method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status >= 500:
        log.error("request failed", exc_info=error)
    problem = Problem(code=_CODES.get(status, "internal_error"), status=status if status in _CODES else 500)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return problem_response(
        problem, locale_of(request.headers.get("accept-language")), request.scope["state"]["request_id"], headers
    )


class Outermost:
    """Request id, timing, metrics, log line and headers of every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else new_ulid()
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status = 500

        async def answering(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message.get("headers", ()))
                present = {name for name, _ in headers}
                headers += [header for header in _HEADERS if header[0] not in present]
                headers.append((b"x-request-id", request_id.encode()))
                message["headers"] = headers
            await send(message)

        try:
            await self.app(scope, receive, answering)
        finally:
            seconds = time.perf_counter() - started
            route = state.get("route", "unknown")
            metrics.observe(scope["method"], route, status, seconds)
            # A line costs as much as a tenth of a fast answer. Metrics count every request and the activity log keeps
            # every change, so what went well and quickly is told in development only.
            # Probes of health come every second; `health` tells when its verdict changes.
            notable = status >= 400 and not scope["path"].startswith("/health")
            tell = log.info if notable or seconds > SLOW_SECONDS else log.debug
            tell("request", method=scope["method"], path=scope["path"], status=status, ms=round(seconds * 1000, 1))


def build(
    edge: Edge,
    routers: Sequence[Router],
    *,
    handlers: Sequence[HTTPRouteHandler] = (),
    lifespan: Sequence[Callable[[Litestar], Any]] = (),
) -> ASGIApp:
    """The application of some areas' routes. `handlers` are raw Litestar handlers (health, metrics, pages)."""
    operations = [operation for router in routers for operation in router.operations]
    for operation in operations:
        if operation.method == "GET" and operation.listing is None:
            edges.readers[operation.path] = operation

    @asynccontextmanager
    async def database(_: Litestar) -> AsyncIterator[None]:
        await edge.database.open()
        try:
            yield
        finally:
            await edge.database.close()

    application = Litestar(
        route_handlers=[*_route(edge, operations), *handlers],
        openapi_config=None,
        exception_handlers={Exception: _refusal, HTTPException: _refusal},
        lifespan=[database, *lifespan],
        logging_config=None,
    )
    return Outermost(application)
