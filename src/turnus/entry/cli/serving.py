"""`turnus serve`, `worker` and `migrate`."""

from __future__ import annotations

from typing import Annotated

import typer

from turnus.entry.cli.app import app
from turnus.entry.cli.options import load_configuration, say


@app.command(epilog="Example: turnus serve --port 8080 --workers 2")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen at; nothing else can reach it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes any that is free.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="API processes.")] = 1,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="No background work here.")] = False,
) -> None:
    """Serve API and pages, and do the background work in a process of its own. Ctrl-C ends it."""
    from turnus.entry.serve import Serving, serve

    serving = Serving(host=host, port=port, workers=workers, background=not no_worker)
    serve(load_configuration(), serving, on_ready=lambda url: typer.echo(f"Turnus serves {url}"), on_wait=say)


@app.command(epilog="Example: turnus worker --concurrency 2")
def worker(
    queues: Annotated[str | None, typer.Option(metavar="A,B", help="Only these queues.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Jobs at the same time.")] = 1,
) -> int:
    """Do background work only. SIGTERM finishes the running chunk."""
    load_configuration()
    from turnus.entry import worker

    arguments = ["--concurrency", str(concurrency), *(["--queues", queues] if queues else [])]
    status: int = worker.main(arguments)
    return status


@app.command(epilog="Example: turnus migrate --check")
def migrate(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 if it is not up to date.")] = False,
    print_roles: Annotated[
        bool, typer.Option("--print-roles", help="Print the SQL that makes the two roles, for an administrator.")
    ] = False,
) -> int:
    """Bring the database up to date."""
    from turnus.platform.db import migrate

    if print_roles:
        typer.echo(migrate.ROLES_SQL, nl=False)
        return 0
    from turnus.entry.installation import Installation

    with Installation.take(load_configuration(), on_wait=say) as installation:
        if installation.is_current():
            typer.echo(f"Up to date: version {migrate.head()}.")
            return 0
        if check:
            typer.echo(f"Not up to date: version {migrate.head()} is needed, run `turnus migrate`.")
            return 1
        installation.migrate()
    typer.echo(f"Migrated to version {migrate.head()}.")
    return 0
