"""`turnus backup` and `turnus restore`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from turnus.entry.cli.app import app
from turnus.entry.cli.options import load_configuration, say
from turnus.entry.installation import Installation


@app.command(epilog="Example: turnus backup /var/backups/turnus-monday.tar")
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The archive; a name ending in .gz is compressed.")],
    with_key: Annotated[
        bool, typer.Option("--with-key", help="With the secret key; without it, keep that key somewhere else.")
    ] = False,
) -> None:
    """Write database and files into one archive. The installation may be in use meanwhile."""
    from turnus.entry.backups import backup

    with Installation.take(load_configuration(), on_wait=say) as installation:
        manifest = backup(installation, file, with_key=with_key)
    size = file.stat().st_size / 1e6
    typer.echo(f"{file}: {manifest.tables} tables, {manifest.files} files, {size:.1f} MB.")
    if not with_key:
        typer.echo("It does not hold the secret key, without which encrypted values stay unreadable: keep it apart.")


@app.command(epilog="Example: turnus restore /var/backups/turnus-monday.tar")
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive made by `turnus backup`.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Put an archive in the place of an empty installation. Nothing changes if it cannot be done."""
    from turnus.entry import backups

    config = load_configuration()
    with backups.opened(file) as archive:
        key = backups.fitting_key(archive, config, given=bool(os.environ.get("TURNUS_SECRET_KEY", "").strip()))
        with Installation.take(config, on_wait=say) as installation:
            backups.restore(installation, archive, force=force)
        if key is not None:
            backups.keep_key(config, key)
    typer.echo(f"Restored {archive.manifest.tables} tables and {archive.manifest.files} files.")
