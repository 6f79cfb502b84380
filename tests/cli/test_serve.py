"""`turnus serve` as processes: what it answers, what it shares, and that nothing stays behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from kit import server as test_server

from .conftest import PROGRAM, Home, Serve

Starter = Callable[..., Serve]


@pytest.fixture
def start() -> Iterator[Starter]:
    """Start `turnus serve` on a home; what the test did not end is killed."""
    started: list[Serve] = []

    def start(home: Home, *arguments: str) -> Serve:
        started.append(home.serve(*arguments))
        return started[-1]

    yield start
    for serve in started:
        serve.kill()


def database_process(home: Home) -> int:
    return int((home.path / "postgres" / "postmaster.pid").read_text().split()[0])


def is_stopped(home: Home) -> bool:
    return not (home.path / "postgres" / "postmaster.pid").exists()


def test_serves_and_leaves_nothing_behind(empty: Home, start: Starter) -> None:
    token = empty.json("tenant", "create", "Acme")["token"]
    serve = start(empty)

    assert serve.get("/health").json() == {"status": "ok"}
    assert serve.get("/health/ready").json()["checks"] == {"database": "ok", "migrations": "ok", "worker": "ok"}
    listed = serve.get("/customers", Authorization=f"Bearer {token}")
    assert (listed.status_code, listed.json()["data"]) == (200, [])
    assert 'turnus_http_request_duration_seconds_count{method="GET",route="/customers",status="200"} 1.0' in (
        serve.get("/metrics").text
    )
    assert serve.get("/openapi.json").json()["openapi"].startswith("3.1")
    assert serve.get("/docs").headers["content-type"].startswith("text/html")
    unknown = serve.get("/nothing/here")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert unknown.headers["content-type"] == "application/problem+json"
    assert "server" not in unknown.headers

    assert len(serve.members()) == 3
    assert serve.end() == 0
    assert serve.members() == []
    serve.wait_until(lambda: is_stopped(empty))


def test_listens_at_the_given_address_only(home: Home, start: Starter) -> None:
    serve = start(home, "--no-worker")
    port = f"{int(serve.url.rpartition(':')[2]):04X}"
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text().splitlines()[1:]]
    # State 0A is LISTEN; 0100007F is 127.0.0.1.
    assert [line[1] for line in lines if line[3] == "0A" and line[1].endswith(f":{port}")] == [f"0100007F:{port}"]
    assert serve.get("/health/ready").json()["checks"] == {"database": "ok", "migrations": "ok"}


def test_two_share_one_database_server_until_the_last_has_ended(empty: Home, template: Path, start: Starter) -> None:
    shutil.copytree(template, empty.path, ignore=shutil.ignore_patterns("*.lock"))
    first, second = start(empty, "--no-worker"), start(empty, "--no-worker", "--workers", "2")
    server = database_process(empty)
    assert first.end(signal.SIGINT) == 0
    assert database_process(empty) == server
    assert second.get("/health/ready").status_code == 200
    second.end()
    second.wait_until(lambda: is_stopped(empty))


def test_a_crashed_process_is_replaced(home: Home, start: Starter) -> None:
    serve = start(home, "--no-worker")
    [victim] = [pid for pid in serve.members() if pid != serve.process.pid]
    os.kill(victim, signal.SIGKILL)
    serve.wait_until(lambda: len(serve.members()) == 2 and victim not in serve.members())
    assert serve.get("/health/ready").status_code == 200


def test_children_end_with_a_killed_parent(home: Home, start: Starter) -> None:
    serve = start(home, "--workers", "2", "--no-worker")
    serve.process.kill()
    serve.wait_until(lambda: serve.members() == [])


def test_ctrl_c_reaches_the_whole_group_and_ends_it_quietly(home: Home, start: Starter) -> None:
    serve = start(home)
    os.killpg(serve.process.pid, signal.SIGINT)
    _, errors = serve.process.communicate(timeout=30)
    assert serve.process.returncode == 0
    assert serve.members() == []
    assert "Traceback" not in errors


def test_a_port_in_use_is_one_line(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = home.turnus("serve", "--port", str(port))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert (
        refused.stderr == f"turnus: Port {port} is in use: choose another one with --port (0 takes any that is free).\n"
    )


def test_an_unknown_host_is_one_line(home: Home) -> None:
    refused = home.turnus("serve", "--host", "no host", "--port", "0")
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1 and "--host" in refused.stderr


def test_an_external_database_that_is_out_of_date_is_refused(empty: Home) -> None:
    name = f"turnus_outdated_{os.getpid()}"
    with test_server.start() as server:
        with psycopg.connect(server.superuser_url, autocommit=True) as admin:
            admin.execute(f'create database "{name}" owner turnus')
            try:
                empty.variables = {
                    "TURNUS_DATABASE_URL": server.url_of(name),
                    "TURNUS_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz",
                }
                refused = empty.turnus("serve", "--port", "0")
                assert (refused.returncode, refused.stdout) == (1, "")
                assert refused.stderr == "turnus: The database is not up to date: run `turnus migrate` first.\n"
                with psycopg.connect(server.url_of(name)) as connection:
                    assert connection.execute(
                        "select count(*) from pg_tables where schemaname = 'public'"
                    ).fetchone() == (0,)
            finally:
                admin.execute(f'drop database "{name}" with (force)')


def test_worker_alone_ends_on_sigterm(home: Home) -> None:
    worker = subprocess.Popen(
        [*PROGRAM, "worker"], env=home.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        Serve.wait_until(
            lambda: home.rows("select 1 from worker_heartbeat where process = %s", worker.pid) != [], seconds=20
        )
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=30)
    finally:
        worker.kill()
        worker.communicate()
    assert worker.returncode == 0
    assert home.rows("select 1 from worker_heartbeat where process = %s", worker.pid) == []
