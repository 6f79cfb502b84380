"""The API and the pages as one ASGI application, wired from the environment.

`create_app` is a factory for any ASGI server (`uvicorn --factory turnus.entry.asgi:create_app`); `turnus serve` uses
it too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from turnus.entry.bootstrap import ROUTERS
from turnus.entry.installation import Installation, configure_logging, configured
from turnus.platform import metrics
from turnus.platform.api.app import build
from turnus.platform.api.description import description_handlers
from turnus.platform.api.edge import Edge
from turnus.platform.api.health import database_checks, health_handlers
from turnus.platform.api.ratelimit_sharing import sharing
from turnus.platform.clock import SystemClock
from turnus.platform.db import migrate
from turnus.platform.ratelimit import Limiter

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.types import ASGIApp


def create_app(installation: Installation | None = None, *, worker_expected: bool = True) -> ASGIApp:
    """The application; without an `installation` it takes that of the environment.

    `worker_expected` says whether `/health/ready` is to miss a background worker. The installation is given back when
    the application ends.

    Raises:
        ConfigError: a variable has a wrong value.
        EmbeddedServerError: there is no usable database server.
    """
    taken = installation or Installation.take(configured())
    configure_logging(taken.config)
    database = taken.database(name="turnus serve")
    services = taken.services()
    clock, limiter = SystemClock(), Limiter()
    edge = Edge(database, clock, limiter, services.cipher, services)

    @asynccontextmanager
    async def held(_: Litestar) -> AsyncIterator[None]:
        metrics.start(taken.config.home / "metrics")
        try:
            yield
        finally:
            await services.outbound.aclose()
            metrics.stop()
            taken.release()

    checks = database_checks(database, migrate.head(), worker_expected=worker_expected)
    operations = [operation for router in ROUTERS for operation in router.operations]
    handlers = [*health_handlers(checks), *description_handlers(operations, taken.config.base_url)]
    return build(edge, ROUTERS, handlers=handlers, lifespan=[held, sharing(database, limiter, clock)])
