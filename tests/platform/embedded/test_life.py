"""An embedded server from its first start to its end."""

from __future__ import annotations

import os
import signal
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, text

from turnus.platform.db.embedded import EmbeddedServerError

Ask = Callable[[str, str], Any]


def test_first_start_makes_a_database_that_the_application_owns(new_home: Any, ask: Ask) -> None:
    begin = time.monotonic()
    with new_home.acquire() as server:
        assert time.monotonic() - begin < 6

        assert server.data_dir == new_home.path / "postgres"
        assert ask(server.url, "select current_user || '@' || current_database()") == "turnus@turnus"
        assert (
            ask(
                server.url,
                """select (pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype)::text
               from pg_database where datname = 'turnus'""",
            )
            == "(turnus,UTF8,C,C)"
        )
        assert (
            ask(
                server.url,
                """select (rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls)::text
               from pg_roles where rolname = 'turnus'""",
            )
            == "(t,f,t,f,f)"
        )
        assert ask(server.superuser_url, "select current_setting('is_superuser')") == "on"
        major = 15 if new_home.pg_bin else 18
        assert ask(server.url, "select current_setting('server_version_num')::int / 10000") == major
        assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
    assert new_home.stops()


def test_it_listens_on_a_private_socket_only(home_18: Any, ask: Ask) -> None:
    with home_18.acquire() as server:
        assert ask(server.superuser_url, "select current_setting('listen_addresses')") == ""
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert server.socket_dir.stat().st_uid == os.geteuid()
        assert len(os.fsencode(server.socket_dir)) <= 80
        socket_dir = server.socket_dir
    assert home_18.stops()
    assert not socket_dir.exists()


def test_restart_finds_the_data_and_is_fast(home: Any, ask: Ask) -> None:
    with home.acquire() as server:
        ask(server.url, "create table kept as select 42 as answer")
    assert home.stops()

    begin = time.monotonic()
    with home.acquire() as server:
        seconds = time.monotonic() - begin
        assert ask(server.url, "select answer from kept") == 42
    assert seconds < 2  # about 0.1 on an idle machine
    assert home.stops()


def test_processes_share_one_server_and_the_last_to_end_stops_it(home: Any, ask: Ask) -> None:
    first, second = home.user(), home.user()
    assert first.says()["user"] == "turnus"
    url = second.says()["url"]
    server = home.pid()

    first.end()
    time.sleep(0.3)
    assert ask(url, "select 1") == 1
    assert home.pid() == server

    second.end()
    assert home.stops()


def test_two_handles_in_one_process_count_twice(home_18: Any, ask: Ask) -> None:
    first, second = home_18.acquire(), home_18.acquire()
    first.release()
    first.release()
    time.sleep(0.3)
    assert ask(second.url, "select 1") == 1
    second.release()
    assert home_18.stops()


def test_the_server_stops_when_all_users_are_killed(home: Any) -> None:
    users = [home.user() for _ in range(3)]
    for user in users:
        assert "url" in user.says()
    for user in users:
        user.kill()
    assert home.stops()


def test_starters_at_the_same_time_make_one_server(new_home_18: Any, ask: Ask) -> None:
    users = [new_home_18.user() for _ in range(4)]
    urls = {user.says()["url"] for user in users}
    assert len(urls) == 1
    log = new_home_18.layout().log.read_text()
    assert log.count("ready to accept connections") == 1
    for user in users:
        user.kill()
    assert new_home_18.stops()


def test_a_starter_waits_while_the_last_server_stops(home_18: Any, ask: Ask) -> None:
    server = home_18.acquire()
    ask(server.url, "create table kept as select 42 as answer")
    first = home_18.pid()
    os.kill(first, signal.SIGSTOP)  # it will take its time to stop
    server.release()
    time.sleep(0.2)

    told: list[str] = []
    later = threading.Timer(1.5, os.kill, (first, signal.SIGCONT))
    later.start()
    with home_18.acquire(on_wait=told.append) as server:
        assert told[0] == "waiting for the database server to stop"
        assert home_18.pid() != first
        assert ask(server.url, "select answer from kept") == 42
    later.join()
    assert home_18.stops()


def test_taking_it_again_at_once_always_gives_a_server_that_answers(home_18: Any, ask: Ask) -> None:
    for attempt in range(12):
        with home_18.acquire() as server:
            assert ask(server.url, f"select {attempt}") == attempt
    assert home_18.stops()


def test_a_home_with_a_very_long_path(new_home_18: Any, ask: Ask) -> None:
    new_home_18.path = new_home_18.path / ("long " * 30).strip() / ("longer" * 20)
    with new_home_18.acquire() as server:
        assert len(str(server.data_dir)) > 270
        assert ask(server.url, "select 1") == 1
    assert new_home_18.stops()


def test_the_test_server_is_another_one_and_gives_up_durability(home_18: Any, ask: Ask) -> None:
    with home_18.acquire() as server, home_18.acquire(fast_unsafe=True) as unsafe:
        assert unsafe.data_dir == home_18.path / "postgres-test"
        assert unsafe.url != server.url
        question = "select current_setting('fsync') || ' ' || current_setting('full_page_writes')"
        assert ask(server.url, question) == "on on"
        assert ask(unsafe.url, question) == "off off"
        assert int(ask(unsafe.url, "show max_connections")) > int(ask(server.url, "show max_connections"))
    assert home_18.stops()
    assert home_18.stops(fast_unsafe=True)


def test_settings_are_written_anew_and_the_socket_cannot_be_opened_to_the_network(home: Any, ask: Ask) -> None:
    with home.acquire() as server:
        ask(server.superuser_url, "alter system set listen_addresses = '127.0.0.1'")
        ask(server.superuser_url, "alter system set work_mem = '5MB'")
    assert home.stops()
    (home.path / "postgres" / "postgresql.turnus.conf").write_text("jit = on\nport = 9\n")

    with home.acquire() as server:
        assert ask(server.url, "show listen_addresses") == ""
        assert ask(server.url, "show work_mem") == "5MB"
        assert ask(server.url, "show jit") == "off"
        assert ask(server.url, "show max_wal_size") == "2GB"
        assert ask(server.url, "show wal_compression") == ("lz4" if home.pg_bin else "off")
    assert home.stops()


def test_variables_of_other_servers_do_not_lead_astray(home_18: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "1", "PGHOST": "/nowhere", "PGUSER": "nobody", "PGDATA": "/nowhere"}.items():
        monkeypatch.setenv(name, value)
    with home_18.acquire() as server:
        assert ask(server.url, "select current_user::text") == "turnus"
        done = server.run_tool("psql", ["-XAtc", "select current_user"], superuser=True, database="postgres")
        assert done.stdout == b"postgres\n"
        engine = create_engine(server.url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect() as connection:
            assert connection.execute(text("select current_database()::text")).scalar_one() == "turnus"
        engine.dispose()
    assert home_18.stops()


def test_tools_dump_and_restore(home: Any, ask: Ask, tmp_path: Path) -> None:
    with home.acquire() as server:
        ask(server.url, "create table kept as select 42 as answer")
        with (tmp_path / "dump").open("wb") as target:
            server.run_tool("pg_dump", ["--format=custom"], stdout=target)
        ask(server.url, "drop table kept")
        server.run_tool("pg_restore", ["--dbname=turnus"], stdin=(tmp_path / "dump").read_bytes())
        assert ask(server.url, "select answer from kept") == 42

        with pytest.raises(
            EmbeddedServerError, match=r"^psql failed with status 1: ERROR: +relation .* does not exist"
        ):
            server.run_tool("psql", ["-Xqc", "select * from absent"])
        assert server.run_tool("psql", ["-Xqc", "select * from absent"], check=False).returncode == 1
        with pytest.raises(EmbeddedServerError, match=r"cannot run .*/pg_absent"):
            server.run_tool("pg_absent")
    assert home.stops()


def test_programs_started_by_a_user_do_not_hold_the_server(home_18: Any) -> None:
    import subprocess

    server = home_18.acquire()
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        server.release()
        assert home_18.stops()
    finally:
        child.kill()
        child.wait()


def test_a_removed_home_ends_its_server_and_a_new_one_in_its_place_is_independent(home_18: Any, ask: Ask) -> None:
    old = home_18.acquire()
    pid = home_18.pid()
    home_18.path.rename(home_18.path.with_name("old"))
    with home_18.acquire() as new:
        assert new.socket_dir != old.socket_dir
        assert home_18.pid() != pid
        assert ask(new.url, "select 1") == ask(old.url, "select 1") == 1
        old.release()
        home_18.path = home_18.path.with_name("old")
        assert home_18.stops()
        assert ask(new.url, "select 1") == 1
        home_18.path = home_18.path.with_name("a home")
    assert home_18.stops()


def test_connections_end_with_the_server(home_18: Any) -> None:
    server = home_18.acquire()
    connection = psycopg.connect(server.url)
    server.release()
    assert home_18.stops()  # fast shutdown: a forgotten connection does not keep it
    with pytest.raises(psycopg.OperationalError):
        connection.execute("select 1")
    connection.close()
