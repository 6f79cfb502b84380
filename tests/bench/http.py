"""Benchmarks of reading over HTTP: the endpoint against the same SQL behind a bare ASGI function."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psycopg

from bench.harness import Bench, Result, pairs
from bench.seed import bench_tenant, due_subscriptions
from turnus.identity.ops.create_api_token import create_api_token
from turnus.platform.db.pool import Database
from turnus.platform.work import tenant_work

CONNECTIONS, SECONDS = 8, 4


async def _prepared(bench: Bench) -> tuple[UUID, UUID, str]:
    """20,000 customers; the tenant, one customer, a token without rate limit."""
    database = Database(bench.url, max_size=2)
    await database.open()
    tenant = await bench_tenant(database)
    await due_subscriptions(database, tenant, 20_000)
    async with tenant_work(database, tenant) as ctx:
        _, token = await create_api_token(ctx, "bench", ["*"], rate_limit=0)
        row = await (await ctx.connection.execute("select id from customer offset 10000 limit 1")).fetchone()
    await database.close()
    with psycopg.connect(bench.superuser_url, autocommit=True) as admin:
        admin.execute("vacuum analyze")
    assert row is not None
    return tenant, row[0], token


@contextmanager
def _served(app: str, environment: dict[str, str]) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", f"bench.apps:{app}", "--port", str(port), "--loop", "uvloop",
               "--http", "httptools", "--no-access-log", "--log-level", "error", "--no-server-header"]  # fmt: skip
    tests = str(Path(__file__).parents[1])
    process = subprocess.Popen(command, env={**os.environ, **environment, "PYTHONPATH": tests})
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wrk(port: int, path: str, token: str) -> float:
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("The HTTP benchmarks need wrk (Debian: apt-get install wrk).")
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-H", f"Authorization: Bearer {token}",
               f"http://127.0.0.1:{port}{path}"]  # fmt: skip
    subprocess.run([*command[:3], "-d1s", *command[4:]], check=True, capture_output=True)
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in text, text
    found = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert found is not None, text
    return float(found[1])


async def _compared(bench: Bench, name: str, path: str, n: int) -> list[Result]:
    tenant, customer, token = await _prepared(bench)
    path = path.format(customer=customer)
    environment = {
        "TURNUS_TEST_BENCH_URL": bench.url, "TURNUS_TEST_BENCH_TENANT": str(tenant),
        "TURNUS_TEST_BENCH_CUSTOMER": str(customer),
    }  # fmt: skip
    with _served("ours", environment) as ours, _served("bare", environment) as bare:
        return [
            await pairs(
                name,
                "requests/s",
                n,
                lambda: asyncio.to_thread(_wrk, ours, path, token),
                lambda: asyncio.to_thread(_wrk, bare, path, token),
            )
        ]


async def list_customers(bench: Bench) -> list[Result]:
    """A page of 100 of 20,000 customers."""
    return await _compared(bench, "list_customers", "/customers?limit=100", 20_000)


async def get_customer(bench: Bench) -> list[Result]:
    """One customer in full."""
    return await _compared(bench, "get_customer", "/customers/{customer}", 20_000)
