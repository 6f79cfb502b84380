"""Who acts where, when and in which transaction: the first argument of every use case and view."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.ddl import sort_tables

from turnus.kernel.errors import Problem
from turnus.kernel.ids import new_id
from turnus.kernel.time import local_date
from turnus.platform.clock import Clock
from turnus.platform.db.pool import Connection
from turnus.platform.events.facts import EventType, Fact
from turnus.platform.services import Services
from turnus.platform.tenancy.enter import TenantInfo

ALL_PERMISSIONS = "*"
Row = TypeVar("Row")


class Forbidden(Problem):
    """The permission for this operation is missing."""

    code, status = "forbidden", 403


class Actor(msgspec.Struct, frozen=True):
    """Who acts. `id` is None for the system itself."""

    kind: Literal["user", "token", "customer", "system"]
    id: UUID | None
    name: str


SYSTEM = Actor("system", None, "Turnus")


class Change(msgspec.Struct, frozen=True):
    """One property of an audit entry, before and after."""

    property: str
    old: Any
    new: Any


class AuditEntry(msgspec.Struct, frozen=True):
    """What was done to one object (or, by a batch, to a whole chunk)."""

    resource_type: str
    resource_id: UUID
    action: str
    changes: list[Change]


@dataclass(slots=True)
class Unit:
    """The open transaction: its connection, the session of a command, and what is written at its end."""

    connection: Connection
    session: AsyncSession | None
    facts: dict[str, Fact] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    pending: list[Any] = field(default_factory=list)
    lock_level: int = 0


@dataclass(frozen=True, slots=True)
class Context:
    """Tenant, actor, permissions, language, clocks and transaction of one piece of work."""

    tenant: TenantInfo
    actor: Actor
    permissions: frozenset[str]
    locale: str
    request_id: str
    clock: Clock
    unit: Unit
    ip: str | None = None
    services_: Services | None = None

    @property
    def services(self) -> Services:
        """Encryption, files, outside world."""
        assert self.services_ is not None, "this work was started without services"
        return self.services_

    @property
    def tenant_id(self) -> UUID:
        """Id of the tenant."""
        return self.tenant.id

    @property
    def session(self) -> AsyncSession:
        """The session of a command; reading work has none."""
        assert self.unit.session is not None, "this work only reads"
        return self.unit.session

    @property
    def connection(self) -> Connection:
        """The psycopg connection of the transaction."""
        return self.unit.connection

    def now(self) -> datetime:
        """Business time: the test clock of a sandbox when it was set, else real time."""
        return self.tenant.clock_at or self.clock.wall()

    def wall(self) -> datetime:
        """Real time, for tokens, leases, retries and signatures."""
        return self.clock.wall()

    def today(self, zone_name: str | None = None) -> date:
        """The calendar day of business time in a zone (default: the tenant's)."""
        return local_date(self.now(), zone_name or self.setting("localization.timeZone", "Europe/Berlin"))

    def setting(self, key: str, default: Any) -> Any:
        """A tenant setting as stored; areas use `settings.values`, which knows the defaults."""
        return self.tenant.settings.get(key, default)

    def may(self, *permissions: str) -> bool:
        """Whether any of the permissions is held."""
        return ALL_PERMISSIONS in self.permissions or any(p in self.permissions for p in permissions)

    def require(self, *permissions: str) -> None:
        """Raise Forbidden unless any of the permissions is held."""
        if not self.may(*permissions):
            raise Forbidden(requiredPermissions=list(permissions))

    def add(self, row: Row) -> Row:
        """Add a new row of this tenant; its id is made when it has none. It is written by the next `flush`."""
        mapped: Any = row
        mapped.tenant_id = self.tenant.id
        if getattr(mapped, "id", self) is None:
            mapped.id = new_id()
        self.unit.pending.append(row)
        return row

    async def flush(self) -> None:
        """Write pending rows, so that a compiled read or a bulk statement sees them.

        New rows go in by table, referenced tables first: rows are not linked by `relationship()`, from which the
        session would know the order.
        """
        unit = self.unit
        if unit.session is None:
            return
        if unit.pending:
            new, unit.pending = unit.pending, []
            tables: dict[Any, list[Any]] = {}
            for row in new:
                tables.setdefault(row.__table__, []).append(row)
            for table in sort_tables(tables):
                unit.session.add_all(tables[table])
                await unit.session.flush()
        if unit.session.new or unit.session.dirty or unit.session.deleted:
            await unit.session.flush()

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Work that is undone alone when it raises; the transaction goes on.

        The session sends SAVEPOINT only when it next uses its connection, and compiled reads and bulk writes do not go
        through it: hence the explicit use.
        """
        async with self.session.begin_nested():
            await self.session.connection()
            yield

    def emit(self, event: EventType, ids: Sequence[UUID], extra: dict[UUID, dict[str, Any]] | None = None) -> None:
        """Record that something happened to `ids`; told once per object and event at the end of the transaction."""
        fact = self.unit.facts.setdefault(event.name, Fact(event, self.now(), {}))
        for id in ids:
            details, told = (extra or {}).get(id, {}), fact.subjects.get(id, {})
            # Told before in this transaction: of each property the first `previous` value is the one before it.
            fact.subjects[id] = {**details, **told}
            if "previous" in details and "previous" in told:
                fact.subjects[id]["previous"] = {**details["previous"], **told["previous"]}

    def log(self, resource_type: str, resource_id: UUID, action: str, changes: Iterable[Change] = ()) -> None:
        """Add an entry to the activity log of an object."""
        self.unit.audit.append(AuditEntry(resource_type, resource_id, action, list(changes)))
