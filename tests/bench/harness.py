"""Measure ours against a limit, interleaved, and say it in a table or as JSON lines."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import psycopg

from turnus.platform.db import migrate
from turnus.platform.db.embedded import EmbeddedServer, acquire

HOME = Path(os.environ.get("TURNUS_TEST_BENCH_HOME") or Path(__file__).parents[2] / ".turnus-bench")
PAIRS = int(os.environ.get("TURNUS_TEST_BENCH_PAIRS", "5"))


class Result(msgspec.Struct):
    """One figure. `ratio` is value / limit; `spread` the half range of the ratio over the pairs."""

    name: str
    value: float
    unit: str
    limit: float | None
    ratio: float | None
    n: int
    seconds: float
    spread: float | None = None
    note: str = ""
    machine: str = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


class Bench:
    """What a benchmark is given: a migrated database on a server with safe settings, and how long it may take."""

    def __init__(self, server: EmbeddedServer, *, long: bool) -> None:
        self.server = server
        self.long = long
        self.name = f"turnus_bench_{os.getpid()}"
        with psycopg.connect(server.superuser_url, autocommit=True) as admin:
            admin.execute(f'create database "{self.name}" owner turnus')
        migrate.upgrade(self.url)

    @property
    def url(self) -> str:
        """The database as the application reaches it."""
        return self.server.url_of(self.name)

    @property
    def superuser_url(self) -> str:
        """The database as the superuser reaches it, who is not bound by row-level security."""
        return self.server.url_of(self.name, superuser=True)

    def drop(self) -> None:
        """Remove the database."""
        with psycopg.connect(self.server.superuser_url, autocommit=True) as admin:
            admin.execute(f'drop database if exists "{self.name}" with (force)')


def start() -> EmbeddedServer:
    """The benchmark's server: production settings, data kept apart."""
    HOME.mkdir(parents=True, exist_ok=True)
    return acquire(HOME)


async def pairs(
    name: str,
    unit: str,
    n: int,
    ours: Callable[[], Awaitable[float]],
    limit: Callable[[], Awaitable[float]],
    *,
    count: int = PAIRS,
    note: str = "",
) -> Result:
    """Rates (per second) of both sides, A B A B …; medians, and the median of the pairwise ratios."""
    started = time.perf_counter()
    values, limits = [], []
    for _ in range(count):
        values.append(await ours())
        limits.append(await limit())
    ratios = [a / b for a, b in zip(values, limits, strict=True)]
    return Result(
        name,
        statistics.median(values),
        unit,
        statistics.median(limits),
        statistics.median(ratios),
        n,
        time.perf_counter() - started,
        (max(ratios) - min(ratios)) / 2,
        note,
    )
