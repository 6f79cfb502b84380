"""Fixtures of the tests of background work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from kit.sink import reaching
from kit.world import World, a_world
from turnus.platform.db.pool import Database


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """A fresh tenant whose webhooks may point to this machine."""
    async with a_world(database, f"World {uuid4()}") as plain, reaching(plain) as world:
        yield world


@pytest.fixture
async def another(database: Database) -> AsyncIterator[World]:
    """A second tenant."""
    async with a_world(database, f"Another {uuid4()}") as plain, reaching(plain) as world:
        yield world
