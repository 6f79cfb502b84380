"""The edge of a request: who asks, may they, in which transaction; commit first, answer then.

A handler runs inside one transaction. Deadlocks and serialisation failures are retried three times. A refusal rolls
everything back except, when the request carried an idempotency key, the record of the refusal itself.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import structlog
from litestar import Request, Response
from psycopg_pool import PoolTimeout
from sqlalchemy.exc import DBAPIError

from turnus.kernel.errors import NotFound, Problem, Violation
from turnus.kernel.wire import encode
from turnus.platform import idempotency
from turnus.platform.api.operation import ANY_TOKEN, PUBLIC, Afterwards, Answer, Operation
from turnus.platform.clock import Clock
from turnus.platform.commands import parse
from turnus.platform.context import Actor, Context, Unit
from turnus.platform.crypto import FieldCipher, token_hash
from turnus.platform.db.pool import Database, driver_connection
from turnus.platform.problems import (
    InvalidInput,
    PayloadTooLarge,
    PreconditionFailed,
    RateLimited,
    Unauthorized,
    UnsupportedMediaType,
    locale_of,
    rendered,
)
from turnus.platform.ratelimit import Decision, Limiter
from turnus.platform.services import Services
from turnus.platform.tenancy.enter import Entry, enter, enter_tenant, find_tenant, only_tenant
from turnus.platform.work import finish

log = structlog.get_logger("turnus.edge")
ATTEMPTS = 3
MAX_BODY = 1024 * 1024
ANONYMOUS = Actor("system", None, "anonymous")
# Class of an operation → (requests per minute, burst) of a token that has the standard limit (00 §10).
LIMITS = {"normal": (300, 60), "heavy": (30, 10), "usage": (3000, 300)}
PUBLIC_LIMITS = {"GET": (60, 60), "write": (20, 20)}
JSON_TYPES = ("application/json", "application/merge-patch+json", "application/vnd.api+json")


@dataclass(frozen=True, slots=True)
class Edge:
    """What all requests share."""

    database: Database
    clock: Clock
    limiter: Limiter
    cipher: FieldCipher
    services: Services | None = None


@dataclass(slots=True)
class Asked:
    """What is known of a request before it is answered."""

    request: Request[Any, Any, Any]
    operation: Operation
    request_id: str
    locale: str
    parameters: dict[str, Any]
    content: bytes = b""
    headers: dict[str, str] | None = None

    @property
    def lenient(self) -> bool:
        return "handling=lenient" in (self.request.headers.get("prefer") or "")

    @property
    def ip(self) -> str | None:
        return self.request.client.host if self.request.client else None


async def handle(edge: Edge, operation: Operation, request: Request[Any, Any, Any]) -> Response[bytes]:
    """Answer a request to an operation."""
    headers = request.headers
    state = request.scope["state"]
    asked = Asked(request, operation, state["request_id"], locale_of(headers.get("accept-language")), {}, headers={})
    try:
        asked.parameters = _path_parameters(operation, request.path_params)
        if operation.method != "GET":
            asked.content = await _body(asked)
        answer = await _attempts(edge, asked)
    except Problem as problem:
        return problem_response(problem, asked.locale, asked.request_id, asked.headers)
    except (PoolTimeout, psycopg.OperationalError):
        log.exception("database unavailable")
        unavailable = Problem(code="unavailable", status=503)
        return problem_response(unavailable, asked.locale, asked.request_id, {"Retry-After": "5"})
    except Exception:
        log.exception("request failed")
        return problem_response(Problem(), asked.locale, asked.request_id, asked.headers)
    return Response(
        answer.content,
        status_code=answer.status,
        media_type=answer.content_type,
        headers={**(asked.headers or {}), **answer.headers},
    )


def problem_response(
    problem: Problem, locale: str, request_id: str, headers: dict[str, str] | None = None
) -> Response[bytes]:
    """The answer to a refusal."""
    extra = dict(headers or {})
    if isinstance(problem, Unauthorized):
        extra["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    if isinstance(problem, RateLimited):
        extra |= problem.headers
    content = rendered(problem, locale, request_id)
    return Response(content, status_code=problem.status, media_type="application/problem+json", headers=extra)


def _path_parameters(operation: Operation, given: dict[str, Any]) -> dict[str, Any]:
    values = {}
    for name, kind in operation.path_parameters.items():
        text = str(given[name])
        if "\x00" in text or len(text) > 300:
            raise NotFound()
        try:
            values[name] = UUID(text) if kind is UUID else text
        except ValueError:
            raise NotFound() from None
    return values


async def _body(asked: Asked) -> bytes:
    request, operation = asked.request, asked.operation
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_BODY:
        raise PayloadTooLarge()
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY:
            raise PayloadTooLarge()
    if content:
        kind = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
        allowed = (operation.raw_body,) if operation.raw_body else JSON_TYPES
        if kind not in allowed:
            raise UnsupportedMediaType(f"Use {allowed[0]}.")
    return bytes(content)


async def _attempts(edge: Edge, asked: Asked) -> Answer:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            if asked.operation.reads:
                async with edge.database.connection() as connection:
                    read = await _reading(edge, asked, Unit(connection, None))
                # A call to the outside world must not hold a connection.
                return _answer(asked, await read.work()) if isinstance(read, Afterwards) else read
            async with edge.database.session() as session:
                return await _changing(edge, asked, Unit(await driver_connection(session), session))
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure) as error:
            if attempt == ATTEMPTS:
                raise Problem(code="unavailable", status=503) from error
        except DBAPIError as error:
            retried = isinstance(error.orig, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure)
            if not retried or attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


async def _reading(edge: Edge, asked: Asked, unit: Unit) -> Answer | Afterwards:
    result = await _call(await _enter(edge, asked, unit), asked)
    return result if isinstance(result, Afterwards) else _answer(asked, result)


async def _changing(edge: Edge, asked: Asked, unit: Unit) -> Answer:
    ctx = await _enter(edge, asked, unit)
    key = asked.request.headers.get("idempotency-key")
    if key is None or asked.operation.method == "DELETE":
        answer = _answer(asked, await _call(ctx, asked))
        await finish(ctx)
        await ctx.session.commit()
        return answer
    return await _idempotent(edge, ctx, asked, key)


async def _idempotent(edge: Edge, ctx: Context, asked: Asked, key: str) -> Answer:
    if not 0 < len(key) <= 255 or not key.isprintable():
        raise InvalidInput([Violation("Idempotency-Key", "too_long", parameters={"maximum": 255})])
    hashed = idempotency.key_hash(ctx.actor.id, asked.operation.method, asked.request.url.path, key)
    stored = await idempotency.claim(ctx, hashed, asked.content, edge.cipher)
    if stored is not None:
        status, content_type, content = stored
        return Answer(content, content_type, status, {"Idempotent-Replayed": "true"})
    session = ctx.session
    try:
        async with ctx.savepoint():
            answer = _answer(asked, await _call(ctx, asked))
            await finish(ctx)
    except Problem as problem:
        if problem.status >= 500 or isinstance(problem, RateLimited):
            raise
        ctx.unit.facts.clear()
        ctx.unit.audit.clear()
        ctx.unit.pending.clear()
        content = rendered(problem, asked.locale, asked.request_id)
        answer = Answer(content, "application/problem+json", problem.status)
    await idempotency.keep(
        ctx, hashed, asked.content, (answer.status, answer.content_type, answer.content), edge.cipher
    )
    await session.commit()
    return answer


async def _enter(edge: Edge, asked: Asked, unit: Unit) -> Context:
    operation, headers = asked.operation, asked.request.headers
    authorization = headers.get("authorization") or ""
    if PUBLIC in operation.permissions and not authorization:
        return await _enter_public(edge, asked, unit)
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized()
    entry = await enter(unit.connection, token_hash(token.strip()))
    wall = edge.clock.wall()
    if entry is None or (entry.expires_at is not None and entry.expires_at <= wall):
        _limit(edge, asked, f"ip:{asked.ip}", 600, 600)
        raise Unauthorized()
    _check_host(asked, entry)
    _check_address(asked, entry)
    if entry.rate_limit != 0:
        per_minute, burst = LIMITS[operation.weight]
        per_minute = entry.rate_limit or per_minute
        _limit(edge, asked, f"{entry.principal_id}:{operation.weight}", per_minute, burst)
    actor = Actor(entry.kind, entry.principal_id, entry.principal_name)  # type: ignore[arg-type]
    ctx = Context(
        entry.tenant,
        actor,
        entry.permissions,
        asked.locale,
        asked.request_id,
        edge.clock,
        unit,
        asked.ip,
        edge.services,
    )
    structlog.contextvars.bind_contextvars(tenant_id=str(entry.tenant.id))
    if PUBLIC not in operation.permissions and ANY_TOKEN not in operation.permissions:
        ctx.require(*operation.permissions)
    if entry.tenant.status != "active":
        raise Problem(code="tenant_suspended", status=403)
    return ctx


async def _enter_public(edge: Edge, asked: Asked, unit: Unit) -> Context:
    request = asked.request
    limits = PUBLIC_LIMITS["GET" if request.method == "GET" else "write"]
    _limit(edge, asked, f"ip:{asked.ip}:{request.method}", *limits)
    given = request.headers.get("x-tenant-id")
    label = (request.headers.get("host") or "").partition(":")[0].partition(".")[0]
    tenant = None
    if given:
        try:
            tenant = await find_tenant(unit.connection, id=UUID(given))
        except ValueError:
            tenant = await find_tenant(unit.connection, slug=given[:100])
    else:
        tenant = await find_tenant(unit.connection, slug=label) or await only_tenant(unit.connection)
    if tenant is None or tenant.status == "closed":
        raise NotFound()
    await enter_tenant(unit.connection, tenant.id)
    return Context(
        tenant, ANONYMOUS, frozenset(), asked.locale, asked.request_id, edge.clock, unit, asked.ip, edge.services
    )


def _check_host(asked: Asked, entry: Entry) -> None:
    """A request that names a tenant must name the token's."""
    given = asked.request.headers.get("x-tenant-id")
    if given and given not in (str(entry.tenant.id), entry.tenant.slug):
        raise Unauthorized()


def _check_address(asked: Asked, entry: Entry) -> None:
    if not entry.allowed_ips:
        return
    try:
        address = ipaddress.ip_address(asked.ip or "")
        allowed = any(address in ipaddress.ip_network(network, strict=False) for network in entry.allowed_ips)
    except ValueError:
        allowed = False
    if not allowed:
        raise Problem(code="ip_not_allowed", status=403)


def _limit(edge: Edge, asked: Asked, key: str, per_minute: int, burst: int) -> None:
    decision: Decision = edge.limiter.check(key, per_minute, burst, edge.clock.wall().timestamp())
    headers = decision.headers()
    if not decision.allowed:
        raise RateLimited(headers)
    assert asked.headers is not None
    asked.headers |= headers


async def _call(ctx: Context, asked: Asked) -> Any:
    operation = asked.operation
    arguments = dict(asked.parameters)
    if operation.body is not None:
        arguments["data"] = parse(operation.body, asked.content, lenient=asked.lenient)
    if operation.raw_body is not None:
        arguments["content"] = asked.content
    if operation.query_parameters:
        arguments["query"] = _query(asked)
    if not operation.reads:
        await _if_match(ctx, asked)
    if operation.listing is not None:
        query = asked.request.scope["query_string"].decode("latin-1")
        return await operation.listing.answer(
            ctx, query, lenient=asked.lenient, **await operation.handler(ctx, **arguments)
        )
    return await operation.handler(ctx, **arguments)


def _answer(asked: Asked, result: Any) -> Answer:
    operation = asked.operation
    if isinstance(result, Answer):
        return result
    if result is None:
        return Answer(b"", status=operation.status)
    content = encode(result)
    headers = {}
    version = getattr(result, "updated_at", None)
    if version is not None and operation.listing is None:
        headers["ETag"] = etag(content)
        if operation.method == "GET" and headers["ETag"] == asked.request.headers.get("if-none-match"):
            return Answer(b"", status=304, headers=headers)
    return Answer(content, status=operation.status, headers=headers)


def etag(content: bytes) -> str:
    """The version of a representation: a digest of its JSON."""
    return f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'


def _query(asked: Asked) -> dict[str, str]:
    given: dict[str, str] = {}
    for key, value in asked.request.query_params.multi_items():
        several = key.endswith("[]") and key in given
        given[key] = f"{given[key]},{value}" if several else value
    unknown = [key for key in given if key not in asked.operation.query_parameters]
    if unknown and not asked.lenient:
        allowed = sorted(asked.operation.query_parameters)
        raise InvalidInput([Violation(key, "unknown_parameter", parameters={"allowed": allowed}) for key in unknown])
    if any("\x00" in value or len(value) > 1000 for value in given.values()):
        raise InvalidInput([Violation("", "invalid_parameter", parameters={"reason": "NUL or too long"})])
    return given


async def _if_match(ctx: Context, asked: Asked) -> None:
    """Honour `If-Match`: compare with what a GET of the same path would answer now."""
    wanted = asked.request.headers.get("if-match")
    if not wanted or wanted == "*":
        return
    path = asked.operation.path
    getter = readers.get(path) or readers.get(path.rpartition("/")[0])
    if getter is None:
        return
    # Two racing requests with the same If-Match: one waits here, then finds the version changed.
    version = f"{ctx.tenant_id} {asked.request.url.path}"
    await ctx.connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (version,), prepare=True)
    current = await getter.handler(ctx, **{n: asked.parameters[n] for n in getter.path_parameters})
    if etag(encode(current)) not in [tag.strip().removeprefix("W/") for tag in wanted.split(",")]:
        raise PreconditionFailed()


readers: dict[str, Operation] = {}
"""GET operations of single resources by path, for `If-Match`."""
