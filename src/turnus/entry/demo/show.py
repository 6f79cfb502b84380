"""The demo from start to end, and what it prints."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg
from rich.console import Console
from rich.table import Table

from turnus.billing.ops.render_documents import render_batch
from turnus.billing.run import Outcome
from turnus.entry.cli.app import CommandError
from turnus.entry.cli.billing import progress
from turnus.entry.cli.tenants import _create as create_tenant
from turnus.entry.clock import advance_clock
from turnus.entry.demo.cities import cities
from turnus.entry.demo.vendor import NAME, Prices, set_up, take_in
from turnus.entry.installation import Installation
from turnus.entry.serve import Serving, serve
from turnus.kernel.money import minor_to_decimal
from turnus.kernel.time import add_months
from turnus.platform.clock import SystemClock
from turnus.platform.config import Config
from turnus.platform.db.embedded import EmbeddedServer
from turnus.platform.db.pool import Database
from turnus.platform.work import tenant_work

MONTHS = 3
STATE = "demo.json"


class State(msgspec.Struct):
    """What the demo keeps in the home, to show it again."""

    tenant_id: UUID
    login: str
    password: str
    token: str
    months: list[tuple[str, Outcome]] = []
    import_seconds: float = 0.0
    customers: int = 0


def run_demo(config: Config, serving: Serving, *, fresh: bool, exit: bool) -> None:
    """Prepare the demo (or reuse what is there), print what was billed, then serve unless `exit`."""
    console = Console(highlight=False)
    with Installation.take(config) as installation:
        if fresh or _is_half_made(installation):
            _start_over(installation)
        installation.make_usable()
        state = asyncio.run(_prepared(installation, console))
    url = f"http://{serving.host}:{serving.port}"
    _show(console, config, state, url)
    if exit:
        return
    console.print("Starting the server; the other documents are rendered by its worker. Ctrl-C stops everything.")
    serve(config, serving, on_ready=lambda at: console.print(f"[green]Serving at {at}[/green] (docs: {at}/docs)"))


def _is_half_made(installation: Installation) -> bool:
    """Whether an earlier demo was interrupted before it was ready: its tenant is there, its note is not."""
    if installation.server is None or (installation.config.home / STATE).is_file():
        return False
    return NAME in _tenants(installation.server)


def _tenants(server: EmbeddedServer) -> list[str]:
    with psycopg.connect(server.superuser_url) as connection:
        present = connection.execute("select to_regclass('tenant') is not null").fetchone()
        if present is None or not present[0]:
            return []
        return [row[0] for row in connection.execute("select name from tenant").fetchall()]


def _start_over(installation: Installation) -> None:
    """Empty the demo's installation; only one that holds nothing but the demo.

    Raises:
        CommandError: the database is an external one, or other tenants live here.
    """
    server = installation.server
    if server is None:
        raise CommandError("--fresh empties an embedded database only; this one is external.")
    if any(name != NAME for name in _tenants(server)):
        raise CommandError("--fresh would delete other tenants than the demo's: use another TURNUS_HOME.")
    with psycopg.connect(server.url_of("postgres", superuser=True), autocommit=True) as connection:
        connection.execute("drop database if exists turnus with (force)")
        connection.execute("create database turnus owner turnus")
    shutil.rmtree(installation.config.home / "files", ignore_errors=True)
    (installation.config.home / STATE).unlink(missing_ok=True)


async def _prepared(installation: Installation, console: Console) -> State:
    path = installation.config.home / STATE
    async with installation.open_database(connections=6, name="turnus demo") as database:
        if path.is_file():
            state = msgspec.json.decode(path.read_bytes(), type=State)
            async with database.connection() as connection:
                cursor = await connection.execute("select 1 from tenant where id = %s", (state.tenant_id,))
                if await cursor.fetchone():
                    console.print("Using the demo's data of last time (--fresh starts over).")
                    return state
        state = await _made(installation, database, console)
    path.write_bytes(msgspec.json.encode(state))
    path.chmod(0o600)
    return state


async def _made(installation: Installation, database: Database, console: Console) -> State:
    made = await create_tenant(database, NAME, sandbox=True, rate_limit=None)
    state = State(made["tenantId"], made["adminEmail"], made["adminPassword"], made["token"])
    places = cities()
    today = SystemClock().wall().date()
    start = add_months(today.replace(day=1), -MONTHS)
    await _set_clock(database, state.tenant_id, start)
    async with tenant_work(database, state.tenant_id) as ctx:
        prices: Prices = await set_up(ctx)
    began = time.perf_counter()
    with progress("Customers and contracts", total=len(places)) as tell:
        await take_in(database, state.tenant_id, places, prices, start, tell)
    state.import_seconds, state.customers = time.perf_counter() - began, len(places)
    services = installation.services()
    with progress("Billing", total=MONTHS) as tell:
        for month in range(MONTHS):
            target = _noon(add_months(start, month))
            steps = await advance_clock(database, state.tenant_id, target, services=services)
            total = _added([step.result for step in steps])
            state.months.append((f"{target:%Y-%m}", total))
            tell(month + 1)
    await _write_samples(installation, database, state, console)
    await services.outbound.aclose()
    return state


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


async def _set_clock(database: Database, tenant_id: UUID, start: date) -> None:
    async with tenant_work(database, tenant_id) as ctx:
        at = datetime(start.year, start.month, start.day, tzinfo=UTC)
        await ctx.connection.execute("update tenant set clock_at = %s where id = %s", (at, tenant_id))


def _added(outcomes: list[Outcome]) -> Outcome:
    total = Outcome()
    for outcome in outcomes:
        total.invoices += outcome.invoices
        total.positions += outcome.positions
        total.skipped += outcome.skipped
        total.failed += outcome.failed
        total.seconds += outcome.seconds
        for currency, minor in outcome.gross.items():
            total.gross[currency] = total.gross.get(currency, 0) + minor
    return total


async def _write_samples(installation: Installation, database: Database, state: State, console: Console) -> None:
    """Render one document of each kind and copy it to the home."""
    services, clock = installation.services(), SystemClock()
    folder = installation.config.home / "demo"
    folder.mkdir(exist_ok=True)
    async with tenant_work(database, state.tenant_id) as ctx:
        cursor = await ctx.connection.execute(
            "select distinct on (e_invoice_format) id, e_invoice_format, number from invoice"
            " order by e_invoice_format, gross_minor desc"
        )
        chosen = await cursor.fetchall()
    await render_batch(
        database, state.tenant_id, clock=clock, services=services, only=[id for id, _, _ in chosen], limit=len(chosen)
    )
    for id, kind, number in chosen:
        async with tenant_work(database, state.tenant_id) as ctx:
            cursor = await ctx.connection.execute(
                "select m.storage_name, m.extension from invoice i"
                " join media m on m.tenant_id = i.tenant_id and m.id in (i.pdf_id, i.xml_id) where i.id = %s",
                (id,),
            )
            files = await cursor.fetchall()
        for storage_name, extension in files:
            target = folder / f"{kind}-{number}.{extension}"
            target.write_bytes(await services.files.get(storage_name))
            if extension == "pdf":
                console.print(f"Written: {_shown(target)}")
    await services.outbound.aclose()


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _show(console: Console, config: Config, state: State, url: str) -> None:
    table = Table(title=f"{NAME}: what was billed", title_justify="left")
    for name, justify in (("Month", "left"), ("Invoices", "right"), ("Positions", "right"), ("Gross", "right"),
                          ("Seconds", "right"), ("Invoices/s", "right")):  # fmt: skip
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for month, outcome in state.months:
        gross = ", ".join(f"{minor_to_decimal(minor, code):,.2f} {code}" for code, minor in outcome.gross.items())
        rate = outcome.invoices / outcome.seconds if outcome.seconds else 0
        table.add_row(
            month, f"{outcome.invoices:,}", f"{outcome.positions:,}", gross, f"{outcome.seconds:.1f}", f"{rate:,.0f}"
        )
    console.print(table)
    console.print(f"{state.customers:,} customers with contracts imported in {state.import_seconds:.1f} s.")
    console.print(f"URL        {url}   (documentation: {url}/docs)")
    console.print(f"Login      {state.login}")
    console.print(f"Password   {state.password}")
    console.print(f"API token  {state.token}", soft_wrap=True)
    console.print("\nList customers:", style="bold")
    print(f"curl -s '{url}/customers?limit=2' -H 'Authorization: Bearer {state.token}'", file=sys.stdout)
    console.print()
