"""PostgreSQL's own programs and single queries, for backups."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from turnus.entry.backups.archive import BackupError
from turnus.entry.installation import Installation


def one(connection: psycopg.Connection, sql: str) -> tuple[Any, ...]:
    """The one row of a query."""
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row


def run(installation: Installation, program: str, arguments: list[str], *, connect: bool = True) -> bytes:
    """Run a program of PostgreSQL; what it printed. The address goes by the environment: arguments are public."""
    path = installation.tool(program)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if connect:
        # `psycopg` splits the address, so that a password is not seen in the list of processes.
        env |= {_VARIABLES[name]: str(value) for name, value in _parts(installation.direct_url).items()}
    done = subprocess.run([str(path), *arguments], env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        words = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        raise BackupError(f"{program} failed: {' | '.join(words[-3:])}")
    return done.stdout


def _parts(url: str) -> dict[str, Any]:
    parts = conninfo_to_dict(url)
    unknown = set(parts) - set(_VARIABLES)
    if unknown:
        raise BackupError(f"The database address has settings that cannot be passed on: {', '.join(sorted(unknown))}.")
    return parts


_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "options": "PGOPTIONS",
    "application_name": "PGAPPNAME",
    "sslmode": "PGSSLMODE",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "gssencmode": "PGGSSENCMODE",
    "channel_binding": "PGCHANNELBINDING",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
