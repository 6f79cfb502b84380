"""Wiring: routes, seeds, reactions and jobs of all areas, in one place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import turnus.entry.crossings
import turnus.entry.jobs
import turnus.entry.payloads  # noqa: F401 - registers the payloads of events
from turnus.billing import api as billing_api
from turnus.catalogue import api as catalogue_api
from turnus.catalogue.ops.seed_catalogue import seed_catalogue
from turnus.customers import api as customers_api
from turnus.identity import api as identity_api
from turnus.identity.ops.create_tenant import create_tenant, seed_roles
from turnus.ledger.ops.post_entries import seed_ledger
from turnus.platform.api.operation import Router
from turnus.platform.clock import Clock, SystemClock
from turnus.platform.context import Context
from turnus.platform.db.pool import Database
from turnus.platform.work import tenant_work
from turnus.settings import api as settings_api
from turnus.settings.ops.seed_settings import seed_settings
from turnus.subscriptions import api as subscriptions_api
from turnus.webhooks import api as webhooks_api

ROUTERS: Sequence[Router] = (
    *customers_api.ROUTERS,
    *settings_api.ROUTERS,
    *identity_api.ROUTERS,
    *catalogue_api.ROUTERS,
    *subscriptions_api.ROUTERS,
    *billing_api.ROUTERS,
    *webhooks_api.ROUTERS,
)

SEEDS: Sequence[Callable[[Context], Awaitable[None]]] = (
    seed_roles,
    seed_settings,
    seed_catalogue,
    seed_ledger,
)


async def new_tenant(database: Database, name: str, *, sandbox: bool, clock: Clock | None = None) -> UUID:
    """A tenant with everything a new one finds: roles, number ranges, tax groups, units."""
    clock = clock or SystemClock()
    id = await create_tenant(database, name, sandbox=sandbox, now=clock.wall())
    async with tenant_work(database, id, clock=clock) as ctx:
        for seed in SEEDS:
            await seed(ctx)
    return id
