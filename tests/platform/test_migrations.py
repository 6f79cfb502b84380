"""The schema comes from the migrations alone, from an empty database, however many start at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from kit import server as test_server
from turnus.entry.models import metadata
from turnus.platform.db import migrate
from turnus.platform.db.embedded import EmbeddedServer

# The embedded server and every packaged one of this machine from 15 on.
SERVERS = [None, *(path for path in sorted(Path("/usr/lib/postgresql").glob("*/bin")) if int(path.parent.name) >= 15)]


@pytest.fixture(params=SERVERS, ids=lambda path: "embedded" if path is None else f"packaged {path.parent.name}")
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedServer]:
    """A running server of each kind."""
    if request.param is not None:
        monkeypatch.setenv("TURNUS_TEST_PG_BIN", str(request.param))
    with test_server.start() as server:
        yield server


@pytest.fixture
def empty(server: EmbeddedServer) -> Iterator[str]:
    """URL of an empty database that the login role owns."""
    name = f"turnus_empty_{os.getpid()}_{uuid4().hex[:8]}"
    with psycopg.connect(server.superuser_url, autocommit=True) as admin:
        admin.execute(f'create database "{name}" owner turnus')
    yield f"postgresql://turnus@/{name}?host={server.socket_dir}"
    with psycopg.connect(server.superuser_url, autocommit=True) as admin:
        admin.execute(f'drop database "{name}" with (force)')


def differences(url: str) -> list[object]:
    """What autogenerate would write into a new version."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    options = {
        "compare_type": True,
        "include_object": lambda _, name, *__: not (name or "").startswith("procrastinate"),
    }
    try:
        with engine.connect() as connection:
            return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))
    finally:
        engine.dispose()


def test_an_empty_database_becomes_what_the_models_say(empty: str) -> None:
    assert not migrate.is_current(empty)
    migrate.upgrade(empty)
    assert migrate.is_current(empty)
    assert differences(empty) == []
    with psycopg.connect(empty) as connection:
        found = connection.execute("select version_num from alembic_version").fetchall()
    assert found == [(migrate.head(),)]


def test_upgrading_again_changes_nothing(empty: str) -> None:
    migrate.upgrade(empty)
    with psycopg.connect(empty) as connection:
        before = connection.execute("select oid, relname from pg_class order by oid").fetchall()
    migrate.upgrade(empty)
    with psycopg.connect(empty) as connection:
        assert connection.execute("select oid, relname from pg_class order by oid").fetchall() == before


def test_two_upgrades_at_once_are_one(empty: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(migrate.upgrade, empty) for _ in range(2)]:
            done.result(timeout=60)
    assert migrate.is_current(empty)
    assert differences(empty) == []


def test_a_superuser_is_refused_as_login_role(server: EmbeddedServer, empty: str) -> None:
    superuser = empty.replace("postgresql://turnus@", "postgresql://postgres@")
    with pytest.raises(migrate.MigrationError, match="superuser"):
        migrate.upgrade(superuser)
    assert not migrate.is_current(empty)


def test_versions_form_one_line() -> None:
    script = ScriptDirectory.from_config(migrate.configuration())
    assert script.get_heads() == [migrate.head()]
    assert len(script.get_bases()) == 1
