"""Fixtures that all tests share."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from kit import server as test_server
from kit.world import World, a_world
from turnus.platform.db.pool import Database


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """A database of this worker alone, cloned from the migrated template."""
    with test_server.start() as server:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        yield test_server.clone(server, f"turnus_test_{worker}_{os.getpid()}")


@pytest.fixture(scope="session")
async def database(database_url: str) -> AsyncIterator[Database]:
    """The worker's database, open."""
    database = Database(database_url, max_size=10)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """A fresh sandbox tenant."""
    async with a_world(database, f"World {uuid4()}") as world:
        yield world
