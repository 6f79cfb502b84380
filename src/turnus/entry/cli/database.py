"""`turnus db …`: the database by hand, for development."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Annotated

import typer

from turnus.entry.cli.app import FAILED, CommandError, app
from turnus.entry.cli.options import load_configuration, say
from turnus.entry.installation import Installation

if TYPE_CHECKING:
    from turnus.platform.db.embedded import EmbeddedServer

db = typer.Typer(help="The database by hand, for development.", no_args_is_help=True)
app.add_typer(db, name="db", hidden=True)


@db.command(epilog="Example: turnus db shell -- -c 'select count(*) from customer'")
def shell(arguments: Annotated[list[str] | None, typer.Argument(help="For psql.")] = None) -> int:
    """Open psql. It sees all tenants: as superuser of the embedded server, else as the system role."""
    with Installation.take(load_configuration(), on_wait=say) as installation:
        installation.make_usable()
        program = str(installation.tool("psql"))
        server = installation.server
        url = server.superuser_url if server is not None else installation.direct_url
        env = dict(os.environ) if server is not None else {**os.environ, "PGOPTIONS": "-c role=turnus_system"}
        return subprocess.run([program, url, *(arguments or [])], env=env, check=False).returncode


@db.command(epilog="Example: turnus db reset --yes")
def reset(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Throw away the embedded database and the files, and begin with an empty one."""
    config = load_configuration()
    if not config.embedded:
        raise CommandError("TURNUS_DATABASE_URL is set: only the embedded database can be reset.")
    if not yes and not typer.confirm(f"Delete all data in {config.home}?"):
        raise CommandError("Nothing was deleted.")
    with Installation.take(config, on_wait=say) as installation:
        assert installation.server is not None
        _recreate(installation.server)
        shutil.rmtree(config.home / "files", ignore_errors=True)
        installation.migrate()
    typer.echo("The database is empty.")


def _recreate(server: EmbeddedServer) -> None:
    import psycopg
    from psycopg.sql import SQL, Identifier

    from turnus.platform.db.embedded.cluster import DATABASE, ROLE

    with psycopg.connect(server.url_of("postgres", superuser=True), autocommit=True) as admin:
        others = admin.execute("select count(*) from pg_stat_activity where datname = %s", (DATABASE,)).fetchone()
        if others is not None and others[0]:
            raise CommandError("The database is in use: end `turnus serve` and other programs first.", status=FAILED)
        admin.execute(SQL("drop database if exists {}").format(Identifier(DATABASE)))
        admin.execute(SQL("create database {} owner {}").format(Identifier(DATABASE), Identifier(ROLE)))
