"""Putting a backup in the place of an installation."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO

import psycopg
from psycopg.sql import SQL, Identifier

from turnus.entry.backups.archive import (
    DUMP,
    FILES,
    Archive,
    BackupError,
    Manifest,
    Policy,
    key_fingerprint,
    local_folder,
)
from turnus.entry.backups.tools import one, run
from turnus.entry.installation import Installation
from turnus.platform.config import KEY_FILE, Config
from turnus.platform.db import migrate

_HEAD_LINES = 30
_NEWER_SETTINGS = (b"SET transaction_timeout",)
# Not `drop owned`: it would also take back what an administrator granted to the login role.
_EMPTY = """\
set client_min_messages = warning;
do $empty$
declare statement text;
begin
  -- Gathered first: dropping one object takes others with it, which then have no name any more.
  foreach statement in array array(
    select format('drop %s if exists public.%I cascade',
                  case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
                  when 'c' then 'type' else 'table' end, relname)
      from pg_class
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S', 'c')
       and pg_get_userbyid(relowner) = current_user
       and not exists (select from pg_depend d where d.objid = pg_class.oid
                         and (d.deptype = 'e' or d.deptype = 'i' and relkind <> 'c'))
     union all
    select format('drop routine if exists %s cascade', oid::regprocedure)
      from pg_proc where pronamespace = 'public'::regnamespace and pg_get_userbyid(proowner) = current_user
     union all
    select format('drop type if exists public.%I cascade', typname)
      from pg_type where typnamespace = 'public'::regnamespace and typtype = 'e'
       and pg_get_userbyid(typowner) = current_user
  ) loop
    execute statement;
  end loop;
end $empty$;
"""


def fitting_key(archive: Archive, config: Config, *, given: bool) -> bytes | None:
    """The secret key to put into the home, None when the one in use fits already.

    `given`: the operator set TURNUS_SECRET_KEY, which is then the only one that counts.

    Raises:
        BackupError: no key fits, and what is encrypted in the archive would be lost.
    """
    if key_fingerprint(config) == archive.manifest.key_fingerprint:
        return None
    if archive.manifest.with_key and not given:
        return archive.read(KEY_FILE).read()
    place = "TURNUS_SECRET_KEY" if given else f"{config.home / KEY_FILE} or TURNUS_SECRET_KEY"
    raise BackupError(f"The backup was made with another secret key: put that key into {place} first.")


def keep_key(config: Config, key: bytes) -> None:
    """Make a key that of the home; the one before is kept beside it, as other backups may need it."""
    path = config.home / KEY_FILE
    if path.exists():
        path.replace(path.with_name(f"{KEY_FILE}.{key_fingerprint(config)[:8]}"))
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(key)


def restore(installation: Installation, archive: Archive, *, force: bool) -> None:
    """Put an archive in the place of the installation's database and files: all of the database or nothing.

    Then the database is brought up to date, should the archive be older than the program.

    Raises:
        BackupError: there are tenants already and no `force`, somebody uses the database, or a program fails.
    """
    with psycopg.connect(installation.direct_url, autocommit=True) as connection:
        _check_target(connection, force=force)
        (owner,) = one(connection, "select current_user")
    migrate.make_roles(installation.direct_url)
    with tempfile.TemporaryDirectory(prefix="turnus-restore-", dir=installation.config.home) as folder:
        dump = Path(folder) / DUMP
        with archive.read(DUMP) as packed, dump.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
        _load(installation, dump, archive.manifest, owner)
    _extract_files(installation.config, archive)
    installation.migrate()


def _check_target(connection: psycopg.Connection, *, force: bool) -> None:
    (others,) = one(
        connection,
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        " and backend_type = 'client backend'",
    )
    if others:
        raise BackupError("The database is in use: end `turnus serve` and other programs first.")
    if force or one(connection, "select to_regclass('tenant')")[0] is None:
        return
    if one(connection, "select exists (select from tenant)")[0]:
        raise BackupError("There are tenants already: --force replaces everything.")


def _load(installation: Installation, dump: Path, manifest: Manifest, owner: str) -> None:
    """Empty the database and load the dump, in one transaction.

    The script of `pg_restore` goes through our hands: of its settings, those that an older server does not know have
    to go, and policies of the login role are made for the role of this installation.
    """
    contents = run(installation, "pg_restore", ["--list", str(dump)], connect=False).decode()
    skipped = {f" POLICY public {policy.table} {policy.name} " for policy in manifest.login_policies}
    skipped.add(" SCHEMA - public ")
    wanted = [line for line in contents.splitlines() if not any(entry in line for entry in skipped)]
    selection = dump.with_name("contents")
    selection.write_text("\n".join(wanted) + "\n")
    arguments = ["--no-owner", f"--use-list={selection}", "--file=-", str(dump)]
    unpack = subprocess.Popen([str(installation.tool("pg_restore")), *arguments], stdout=subprocess.PIPE)
    assert unpack.stdout is not None
    script = dump.with_name("script")
    policies = [_policy_sql(policy, manifest.owner, owner) for policy in manifest.login_policies]
    with unpack.stdout, script.open("wb") as file:
        file.write(_EMPTY.encode())
        _copy_script(unpack.stdout, file)
        file.write("\n".join(policies).encode())
    if unpack.wait():
        raise BackupError("The database in the backup cannot be read.")
    run(installation, "psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", f"--file={script}"])


def _copy_script(source: IO[bytes], target: IO[bytes]) -> None:
    # Only in the head; the rest is data.
    for _ in range(_HEAD_LINES):
        line = source.readline()
        if not line.startswith(_NEWER_SETTINGS):
            target.write(line)
    shutil.copyfileobj(source, target, 1 << 20)


def _policy_sql(policy: Policy, old: str, new: str) -> str:
    def renamed(expression: str) -> str:
        return expression.replace(_literal(old), _literal(new))

    statement = SQL("create policy {} on public.{} to {}").format(
        Identifier(policy.name), Identifier(policy.table), Identifier(new)
    )
    check = f" with check ({renamed(policy.check)})" if policy.check else ""
    return f"{statement.as_string()} using ({renamed(policy.using)}){check};"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _extract_files(config: Config, archive: Archive) -> None:
    """Put the files back; one that is there already is of the same name, so of the same content."""
    folder = local_folder(config)
    for entry in archive.tar:
        name = entry.name.removeprefix(FILES)
        if not entry.isreg() or name == entry.name:
            continue
        if name.startswith("/") or ".." in name.split("/"):
            raise BackupError(f"The backup has a file of an impossible name: {name!r}.")
        with archive.read(entry.name) as content:
            if folder is None:
                import obstore

                obstore.put(obstore.store.from_url(config.files_url), name, content.read())
                continue
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                shutil.copyfileobj(content, file)
