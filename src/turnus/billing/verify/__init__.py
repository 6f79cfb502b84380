"""`turnus verify`: whether the books of a tenant hold together (GoBD: complete, correct, unchangeable)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from turnus.billing.verify.archive import file_findings, snapshot_findings
from turnus.billing.verify.findings import Finding, cut, run_checks
from turnus.billing.verify.numbers import JOURNAL, chain_findings
from turnus.billing.verify.sums import LEDGER, PERIODS, STATES, TOTALS
from turnus.platform.db.pool import Connection, Database
from turnus.platform.files import FileStore
from turnus.platform.tenancy.enter import enter_tenant

Step = Callable[[Connection], Awaitable[list[Finding]]]
OnStep = Callable[[str, int], None]
_STEPS: tuple[tuple[str, Step], ...] = (
    ("invoice totals", partial(run_checks, checks=TOTALS)),
    ("ledger", partial(run_checks, checks=LEDGER)),
    ("billed periods", partial(run_checks, checks=PERIODS)),
    ("states", partial(run_checks, checks=STATES)),
    ("number journal", partial(run_checks, checks=JOURNAL)),
    ("hash chains", chain_findings),
    ("frozen documents", snapshot_findings),
)


async def verify(
    database: Database, tenant_id: UUID, *, files: FileStore | None = None, on_step: OnStep | None = None
) -> list[Finding]:
    """Everything that is wrong in the books of a tenant, at most 100 findings of a kind; empty when all is well.

    Checked in one snapshot of the database, so that it may run beside everything else; it writes nothing. With `files`
    the stored files are read and compared too. `on_step` is told each part's name and number of findings.
    """
    async with database.connection() as connection, connection.transaction():
        await connection.execute("set transaction isolation level repeatable read, read only")
        await enter_tenant(connection, tenant_id)
        return await findings(connection, files=files, on_step=on_step)


async def findings(
    connection: Connection, *, files: FileStore | None = None, on_step: OnStep | None = None
) -> list[Finding]:
    """The same over a connection whose transaction has entered the tenant."""
    found: list[Finding] = []
    steps = list(_STEPS)
    if files is not None:
        steps.append(("stored files", partial(file_findings, files=files)))
    for name, step in steps:
        mistakes = await step(connection)
        found += mistakes
        if on_step is not None:
            on_step(name, len(mistakes))
    return cut(found)


__all__ = ["Finding", "findings", "verify"]
