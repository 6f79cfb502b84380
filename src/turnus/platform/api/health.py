"""Whether the process lives, whether the installation is ready, and what it counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import psycopg
import structlog
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from psycopg_pool import PoolTimeout

from turnus.kernel.errors import Problem
from turnus.kernel.wire import encode
from turnus.platform import metrics
from turnus.platform.api.edge import problem_response
from turnus.platform.db.pool import Database
from turnus.platform.problems import locale_of

log = structlog.get_logger("turnus.health")
CHECK_SECONDS = 5.0
HEARTBEAT_SECONDS = 60
"""A worker tells that it lives every few seconds; after a minute of silence it is taken for dead."""

Check = Callable[[], Awaitable[str | None]]
"""Says in one line what is wrong, or None."""


def database_checks(database: Database, head: str | None, *, worker_expected: bool) -> dict[str, Check]:
    """The checks of an installation: database reachable, migrated to `head`, a worker alive if one is expected."""

    async def first(sql: str) -> Any:
        async with database.connection() as connection:
            row = await (await connection.execute(sql)).fetchone()
            return None if row is None else row[0]

    async def reachable() -> str | None:
        return None if await first("select 1") == 1 else "no answer"

    async def migrated() -> str | None:
        if await first("select to_regclass('alembic_version')") is None:
            return "no migration was applied"
        version = await first("select version_num from alembic_version")
        return None if version == head else f"version {version}, {head} is needed"

    async def heartbeat() -> str | None:
        if await first("select to_regclass('worker_heartbeat')") is None:
            return "no worker has ever run"
        fresh = f"beat_at > now() - interval '{HEARTBEAT_SECONDS} seconds'"
        alive = await first(f"select exists (select from worker_heartbeat where {fresh})")
        return None if alive else f"no worker in the last {HEARTBEAT_SECONDS} seconds"

    checks: dict[str, Check] = {"database": reachable, "migrations": migrated}
    return {**checks, "worker": heartbeat} if worker_expected else checks


async def _verdict(check: Check) -> str | None:
    try:
        return await asyncio.wait_for(check(), CHECK_SECONDS)
    except (psycopg.Error, PoolTimeout, TimeoutError) as error:
        # The text of a database error may name hosts and users; it belongs into the log.
        log.warning("readiness check failed", exc_info=error)
        return "unreachable"


def health_handlers(checks: dict[str, Check]) -> Sequence[HTTPRouteHandler]:
    """`GET /health`, `GET /health/ready` and `GET /metrics`."""
    told: dict[str, str] = {}

    @get("/health", include_in_schema=False)
    async def alive() -> Response[bytes]:
        return _json({"status": "ok"})

    @get("/health/ready", include_in_schema=False)
    async def ready(request: Request[Any, Any, Any]) -> Response[bytes]:
        verdicts = dict(zip(checks, await asyncio.gather(*map(_verdict, checks.values())), strict=True))
        wrong = {name: text for name, text in verdicts.items() if text is not None}
        shown = {name: text or "ok" for name, text in verdicts.items()}
        if wrong != told:
            told.clear()
            told.update(wrong)
            log.info("readiness changed", checks=shown)
        if not wrong:
            return _json({"status": "ok", "checks": shown})
        detail = "; ".join(f"{name}: {text}" for name, text in wrong.items())
        locale = locale_of(request.headers.get("accept-language"))
        request_id = request.scope["state"]["request_id"]
        unready = Problem(detail, code="unavailable", status=503, checks=shown)
        return problem_response(unready, locale, request_id, {"Retry-After": "1"})

    @get("/metrics", include_in_schema=False)
    async def figures() -> Response[bytes]:
        content, content_type = await asyncio.to_thread(metrics.render)
        return Response(content, media_type=content_type)

    return [alive, ready, figures]


def _json(body: dict[str, Any]) -> Response[bytes]:
    return Response(encode(body), media_type="application/json")
