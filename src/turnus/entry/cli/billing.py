"""`turnus bill`, `turnus clock` and `turnus verify`."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnus.entry.cli.app import FAILED, CommandError, app
from turnus.entry.cli.options import JsonOption, TenantOption, print_json, with_tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnus.billing.run import Outcome
    from turnus.entry.clock import Step
    from turnus.entry.installation import Installation
    from turnus.platform.db.pool import Database
    from turnus.platform.tenancy.enter import TenantInfo

WaitOption = Annotated[bool, typer.Option("--wait", help="Also render documents and deliver webhooks.")]


def read_instant(text: str, name: str) -> datetime:
    """An instant of the command line: a date (midnight UTC) or a date-time; raises CommandError."""
    from turnus.platform.commands import parse_instant

    try:
        return parse_instant(text)
    except (ValueError, OverflowError):
        raise CommandError(f"{name} is a date or date-time, such as 2026-03-01 or 2026-03-01T08:00:00Z.") from None


@app.command(epilog="Example: turnus bill --tenant acme --until 2026-03-01 --dry-run")
def bill(
    tenant: TenantOption = None,
    until: Annotated[str | None, typer.Option(metavar="ISO", help="Bill what is due by then; default: now.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be billed, write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Bill although billing is switched off.")] = False,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Bill what is due: numbered and booked when it returns; documents follow in the worker."""
    cutoff = None if until is None else read_instant(until, "--until")

    async def work(installation: Installation, database: Database, found: TenantInfo) -> Outcome:
        from turnus.billing.run import preview_billing, run_billing

        if dry_run:
            return await preview_billing(database, found.id, until=cutoff)
        services = installation.services()
        with progress("Billing", quiet=json) as tell:
            outcome = await run_billing(
                database, found.id, until=cutoff, services=services, started_by="command line", force=force,
                progress=lambda invoices, _: tell(invoices),
            )  # fmt: skip
        if wait:
            await follow_up(installation, database, found.id, quiet=json)
        await services.outbound.aclose()
        return outcome

    outcome = with_tenant(tenant, work, connections=4)
    if json:
        print_json(summary(outcome))
    else:
        typer.echo(sentence(outcome, dry_run=dry_run))
    if outcome.failed:
        raise typer.Exit(FAILED)


def summary(outcome: Outcome) -> dict[str, Any]:
    """The JSON of a run; gross in major units per currency."""
    from turnus.kernel.money import minor_to_decimal

    return {
        "invoices": outcome.invoices,
        "positions": outcome.positions,
        "skipped": outcome.skipped,
        "failed": outcome.failed,
        "gross": {code: f"{minor_to_decimal(minor, code):f}" for code, minor in sorted(outcome.gross.items())},
        "seconds": round(outcome.seconds, 3),
        "invoicesPerSecond": round(outcome.invoices / outcome.seconds, 1) if outcome.seconds else 0,
    }


def sentence(outcome: Outcome, *, dry_run: bool = False) -> str:
    """A run in a line."""
    found = summary(outcome)
    gross = ", ".join(f"{amount} {code}" for code, amount in found["gross"].items()) or "nothing"
    verb = "Would bill" if dry_run else "Billed"
    text = f"{verb} {outcome.invoices:,} invoices with {outcome.positions:,} positions: {gross} gross"
    if outcome.skipped:
        text += f"; {outcome.skipped:,} charges of 0.00 without a document"
    if outcome.failed:
        text += f"; {outcome.failed:,} customers failed and were parked"
    return f"{text} ({found['seconds']:.1f} s, {found['invoicesPerSecond']:,.0f} invoices/s)."


@app.command(epilog="Example: turnus clock --tenant acme --advance 1M")
def clock(
    tenant: TenantOption = None,
    to: Annotated[str | None, typer.Option("--set", metavar="ISO", help="Move business time to this instant.")] = None,
    advance: Annotated[str | None, typer.Option("--advance", metavar="1M", help="Move it on by an interval.")] = None,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Show a sandbox's test clock, or move it: what falls due on the way happens, each thing at its own instant."""
    if to is not None and advance is not None:
        raise CommandError("--set and --advance exclude each other.")

    async def work(installation: Installation, database: Database, found: TenantInfo) -> dict[str, Any]:
        from turnus.entry.clock import advance_clock
        from turnus.kernel.wire import instant
        from turnus.platform.clock import SystemClock

        now = found.clock_at or SystemClock().wall()
        if to is None and advance is None:
            return {"now": instant(now), "steps": []}
        target = read_instant(to, "--set") if to is not None else _later(now, advance or "")
        services = installation.services()
        steps = await advance_clock(
            database, found.id, target, services=services, on_step=None if json else lambda step: _show(step)
        )
        if wait:
            await follow_up(installation, database, found.id, quiet=json)
        await services.outbound.aclose()
        return {"now": instant(target), "steps": [_step(step) for step in steps]}

    shown = with_tenant(tenant, work, connections=4)
    if json:
        print_json(shown)
    else:
        typer.echo(f"Business time: {shown['now']}")


def _later(now: datetime, advance: str) -> datetime:
    from turnus.kernel.time import Interval, add_interval

    try:
        interval = Interval.parse(advance)
        day = add_interval(now.date(), interval)
    except (ValueError, OverflowError):
        raise CommandError("--advance is an interval such as 1M, 14D or 1Y.") from None
    return datetime.combine(day, now.timetz()).astimezone(UTC)


def _show(step: Step) -> None:
    typer.echo(f"{step.at:%Y-%m-%d %H:%M} {step.name}: {sentence(step.result)}")


def _step(step: Step) -> dict[str, Any]:
    from turnus.kernel.wire import instant

    return {"at": instant(step.at), "name": step.name, "result": summary(step.result)}


@app.command(epilog="Example: turnus verify --tenant acme")
def verify(
    tenant: TenantOption = None,
    files: Annotated[bool, typer.Option("--files/--no-files", help="Also read every stored document.")] = True,
    json: JsonOption = False,
) -> None:
    """Check the books: sums, ledger, numbers, hash chain, periods, frozen documents, files. Exit 1 when not clean."""

    async def work(installation: Installation, database: Database, found: TenantInfo) -> list[Any]:
        from turnus.billing.verify import verify as check

        services = installation.services()
        result = await check(database, found.id, files=services.files if files else None)
        await services.outbound.aclose()
        return list(result)

    found = with_tenant(tenant, work, connections=2)
    if json:
        print_json({"clean": not found, "findings": found})
    else:
        for finding in found:
            typer.echo(f"{finding.code} {finding.object}: {finding.text}")
        typer.echo("The books are clean." if not found else f"{len(found)} findings.")
    if found:
        raise typer.Exit(FAILED)


@contextmanager
def progress(label: str, *, total: int | None = None, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error; the yielded function is told how much is done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)


async def follow_up(installation: Installation, database: Database, tenant_id: Any, *, quiet: bool) -> None:
    """Render what waits and tell webhooks: what the worker would do."""
    from turnus.billing.ops.render_documents import render_batch
    from turnus.platform.clock import SystemClock
    from turnus.platform.events.dispatch import dispatch_once
    from turnus.webhooks.delivery.courier import Courier

    system, services = SystemClock(), installation.services()
    done = 0
    with progress("Documents", quiet=quiet) as tell:
        while made := await render_batch(database, tenant_id, clock=system, services=services):
            done += made
            tell(done)
    while await dispatch_once(database, clock=system, services=services):
        continue
    courier = Courier(database, services, system)
    while await courier.deliver_batch():
        continue
    await services.outbound.aclose()
