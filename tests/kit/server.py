"""The test database: one embedded server without fsync, a template that migrations made, a clone per worker."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from turnus.platform.db import migrate
from turnus.platform.db.embedded import EmbeddedServer, acquire

HOME = Path(os.environ.get("TURNUS_TEST_HOME") or Path(__file__).parents[2] / ".turnus-test")


def start() -> EmbeddedServer:
    """Start or share the test server; `TURNUS_TEST_PG_BIN` chooses other binaries."""
    binaries = os.environ.get("TURNUS_TEST_PG_BIN")
    home = HOME / (f"pg-{hashlib.sha256(binaries.encode()).hexdigest()[:6]}" if binaries else "pg")
    home.mkdir(parents=True, exist_ok=True)
    return acquire(home, pg_bin=Path(binaries) if binaries else None, fast_unsafe=True)


def _schema_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(migrate.MIGRATIONS.glob("versions/*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _url(server: EmbeddedServer, database: str) -> str:
    return f"postgresql://turnus@/{database}?host={server.socket_dir}"


def clone(server: EmbeddedServer, name: str) -> str:
    """A fresh database made from the template; its URL."""
    template = f"turnus_template_{_schema_digest()}"
    with _one_at_a_time(), psycopg.connect(server.superuser_url, autocommit=True) as admin:
        present = {row[0] for row in admin.execute("select datname from pg_database").fetchall()}
        if template not in present:
            admin.execute(f'drop database if exists "{template}_new" with (force)')
            admin.execute(f'create database "{template}_new" owner turnus')
            migrate.upgrade(_url(server, f"{template}_new"))
            admin.execute(f'alter database "{template}_new" rename to "{template}"')
            for old in present:
                if old.startswith("turnus_template_"):
                    admin.execute(f'drop database if exists "{old}" with (force)')
        admin.execute(f'drop database if exists "{name}" with (force)')
        admin.execute(f'create database "{name}" template "{template}" owner turnus')
    return _url(server, name)
