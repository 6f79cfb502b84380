"""Writing a backup. Row-level security being forced, the login role sees no rows of its own tables: the dump is made as
the system role.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
from pathlib import Path
from typing import IO

import msgspec
import psycopg

from turnus import __version__
from turnus.entry.backups.archive import (
    DUMP,
    FILES,
    FORMAT,
    MANIFEST,
    BackupError,
    Manifest,
    Policy,
    add_bytes,
    key_fingerprint,
    local_folder,
    without_owner,
)
from turnus.entry.backups.tools import one, run
from turnus.entry.installation import Installation
from turnus.platform.config import KEY_FILE, Config
from turnus.platform.db.schema import SYSTEM_ROLE


def backup(installation: Installation, target: Path, *, with_key: bool) -> Manifest:
    """Write an archive, readable by its owner only; the installation may be in use meanwhile.

    An existing file is replaced once the new one is complete.

    Raises:
        BackupError: the database has no migrations, or a program fails.
        OSError: the file cannot be written.
    """
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with tempfile.TemporaryDirectory(prefix=".turnus-backup-", dir=target.absolute().parent) as folder:
            dump = Path(folder) / DUMP
            manifest = _dump_database(installation, dump, with_key=with_key)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with (
                os.fdopen(descriptor, "wb") as file,
                _tar(file, compressed=target.suffix in (".gz", ".tgz")) as archive,
            ):
                archive.add(dump, DUMP, filter=without_owner)
                # After the database: files are only ever added, so everything the dump refers to is there.
                files = _add_files(installation.config, archive)
                manifest = msgspec.structs.replace(manifest, files=files)
                if with_key:
                    add_bytes(archive, KEY_FILE, installation.config.secret_key + b"\n")
                add_bytes(archive, MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return manifest


def _tar(file: IO[bytes], *, compressed: bool) -> tarfile.TarFile:
    return tarfile.open(fileobj=file, mode="w:gz") if compressed else tarfile.open(fileobj=file, mode="w")


def _dump_database(installation: Installation, dump: Path, *, with_key: bool) -> Manifest:
    with psycopg.connect(installation.direct_url, autocommit=True) as connection:
        owner, server = one(connection, "select current_user, current_setting('server_version_num')::int")
        if one(connection, "select to_regclass('alembic_version')")[0] is None:
            raise BackupError("The database is empty: there is nothing to back up.")
        (version,) = one(connection, "select version_num from alembic_version")
        # Tables that belong to no tenant (queue, versions) know only their owner.
        connection.execute(f"grant select on all tables in schema public to {SYSTEM_ROLE}")
        connection.execute(f"grant select on all sequences in schema public to {SYSTEM_ROLE}")
        (tables,) = one(connection, "select count(*) from pg_tables where schemaname = 'public'")
        policies = connection.execute(
            "select tablename, policyname, qual, with_check from pg_policies"
            " where schemaname = 'public' and %s = any(roles) order by 1, 2",
            (owner,),
        ).fetchall()
    # Row security stays on: off, the dump of a role that it applies to fails.
    run(
        installation,
        "pg_dump",
        ["--format=custom", f"--role={SYSTEM_ROLE}", "--enable-row-security", "--no-owner", f"--file={dump}"],
    )
    return Manifest(
        FORMAT, __version__, version, server, owner, key_fingerprint(installation.config), with_key, tables, 0,
        [Policy(*policy) for policy in policies],
    )  # fmt: skip


def _add_files(config: Config, archive: tarfile.TarFile) -> int:
    count = 0
    folder = local_folder(config)
    if folder is not None:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                archive.add(path, FILES + path.relative_to(folder).as_posix(), recursive=False, filter=without_owner)
                count += 1
        return count
    import obstore

    store = obstore.store.from_url(config.files_url)
    for batch in obstore.list(store):
        for found in batch:
            add_bytes(archive, FILES + found["path"], bytes(obstore.get(store, found["path"]).bytes()))
            count += 1
    return count
