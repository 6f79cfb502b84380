"""Fixtures of the scenarios."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from kit.world import World, a_world
from turnus.platform.db.pool import Database


@pytest.fixture
async def other_world(database: Database) -> AsyncIterator[World]:
    """A second tenant."""
    async with a_world(database, f"Other {uuid4()}") as world:
        yield world
