"""Whatever died, and however, the next start gives a server that answers and loses no committed data."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from turnus.platform.db.embedded import EmbeddedServerError
from turnus.platform.db.embedded.watcher import file_id, kill_orphans

Ask = Callable[[str, str], Any]


def test_a_killed_server_is_started_again(home: Any, ask: Ask) -> None:
    server = home.acquire()
    ask(server.url, "create table kept as select 42 as answer")
    first = home.pid()
    os.kill(first, signal.SIGKILL)

    with home.acquire() as again:
        assert home.pid() != first
        assert ask(again.url, "select answer from kept") == 42
        assert ask(server.url, "select answer from kept") == 42  # the first handle's address still holds
    server.release()
    assert home.stops()


def test_after_a_crash_of_the_machine(home: Any, ask: Ask) -> None:
    user = home.user()
    ask(user.says()["url"], "create table kept as select 42 as answer")
    os.kill(home.watcher(), signal.SIGKILL)
    user.kill()
    kill_orphans(file_id(home.path / "postgres"))

    with home.acquire() as server:
        assert ask(server.url, "select answer from kept") == 42
    assert home.stops()


def test_a_left_process_id_that_is_somebody_elses_by_now(home: Any, ask: Ask) -> None:
    with home.acquire() as server:
        ask(server.url, "create table kept as select 42 as answer")
        left = (server.data_dir / "postmaster.pid").read_text()
        left_socket = (server.socket_dir / ".s.PGSQL.5432.lock").read_text()
    assert home.stops()
    other = subprocess.Popen(["sleep", "60"])
    try:
        (server.data_dir / "postmaster.pid").write_text(left.replace(left.split("\n")[0], str(other.pid), 1))
        server.socket_dir.mkdir(mode=0o700)
        lock = server.socket_dir / ".s.PGSQL.5432.lock"
        lock.write_text(left_socket.replace(left_socket.split("\n")[0], str(other.pid), 1))
        lock.chmod(0o600)

        with home.acquire() as again:
            assert again.socket_dir == server.socket_dir
            assert ask(again.url, "select answer from kept") == 42
        assert home.stops()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_server_without_watcher_is_adopted(home_18: Any, ask: Ask) -> None:
    user = home_18.user()
    user.says()
    first = home_18.pid()
    os.kill(home_18.watcher(), signal.SIGKILL)
    user.kill()
    time.sleep(0.3)
    assert home_18.runs()

    with home_18.acquire() as server:
        assert home_18.pid() == first
        assert ask(server.url, "select 1") == 1
        assert home_18.watcher()
    assert home_18.stops()


def test_a_watcher_killed_under_living_users_is_replaced_by_the_next_one(home_18: Any) -> None:
    first = home_18.acquire()
    os.kill(home_18.watcher(), signal.SIGKILL)
    second = home_18.acquire()
    first.release()
    second.release()
    assert home_18.stops()


@pytest.mark.parametrize("milliseconds", [60, 150, 250, 350, 500])
def test_a_starter_killed_at_any_moment_leaves_nothing_behind(new_home_18: Any, ask: Ask, milliseconds: int) -> None:
    user = new_home_18.user()
    time.sleep(milliseconds / 1000)
    user.kill()

    with new_home_18.acquire() as server:
        assert ask(server.url, "select current_user::text") == "turnus"
    assert new_home_18.stops()
    new_home_18.acquire().release()  # an initdb left behind may have written until now
    assert new_home_18.stops()
    assert [path.name for path in new_home_18.path.glob("postgres.new*")] == []


def test_processes_that_outlive_their_server_are_ended(home_18: Any, ask: Ask) -> None:
    server = home_18.acquire()
    # A person who looks around in the data folder is no process of the server.
    bystander = subprocess.Popen(["sleep", "60"], cwd=server.data_dir)
    with psycopg.connect(server.url) as connection:
        backend = connection.info.backend_pid
        os.kill(backend, signal.SIGSTOP)  # as one that is stuck and does not notice the death of its parent
        os.kill(home_18.pid(), signal.SIGKILL)
        told: list[str] = []
        with home_18.acquire(on_wait=told.append) as again:
            assert told[0] == "waiting for the database server"
            assert ask(again.url, "select 1") == 1
    server.release()
    assert home_18.stops()
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_a_politely_stopped_server_that_waits_for_its_clients_is_hurried(home_18: Any, ask: Ask) -> None:
    server = home_18.acquire()
    first = home_18.pid()
    connection = psycopg.connect(server.url)
    os.kill(first, signal.SIGTERM)
    with home_18.acquire() as again:
        assert home_18.pid() != first
        assert ask(again.url, "select 1") == 1
    connection.close()
    server.release()
    assert home_18.stops()


def test_a_server_started_by_hand_is_left_alone(home_18: Any) -> None:
    home_18.acquire().release()
    assert home_18.stops()
    data_dir = home_18.path / "postgres"
    by_hand = subprocess.Popen(["sleep", "60"], cwd=data_dir)
    try:
        (data_dir / "postmaster.pid").write_text(f"{by_hand.pid}\n{data_dir}\n")
        with pytest.raises(EmbeddedServerError, match=rf"Turnus did not start \(process {by_hand.pid}\)"):
            home_18.acquire()
        assert by_hand.poll() is None
        assert (data_dir / "postmaster.pid").exists()
    finally:
        by_hand.kill()
        by_hand.wait()
    assert home_18.stops()


def test_a_home_deleted_while_its_server_runs(home_18: Any, ask: Ask) -> None:
    server = home_18.acquire()
    pid = home_18.pid()
    shutil.rmtree(home_18.path)
    with home_18.acquire() as new:
        assert ask(new.url, "select 1") == 1
    server.release()
    deadline = time.monotonic() + 15
    while Path(f"/proc/{pid}/cwd").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}/cwd").exists()
    assert home_18.stops()
