"""What cannot work ends with one line that says why, and leaves no process behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnus.platform.db.embedded import EmbeddedServerError, Surroundings

Ask = Callable[[str, str], Any]


def refusal(home: Any, **options: Any) -> str:
    with pytest.raises(EmbeddedServerError) as caught:
        home.acquire(**options)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_data_of_another_major_version(home: Any) -> None:
    home.acquire().release()
    assert home.stops()
    major = 15 if home.pg_bin else 18
    (home.path / "postgres" / "PG_VERSION").write_text("14\n")

    line = refusal(home)

    assert "was made by PostgreSQL 14" in line
    assert f"are PostgreSQL {major}" in line
    assert "turnus backup" in line
    assert "turnus restore" in line
    assert not home.runs()


def test_programs_that_are_not_there(new_home_18: Any, tmp_path: Path) -> None:
    new_home_18.pg_bin = tmp_path
    assert refusal(new_home_18) == (
        f"no program postgres, initdb, psql in {tmp_path}: "
        "TURNUS_PG_BIN must name the bin folder of a PostgreSQL installation"
    )


def test_programs_that_do_not_run(new_home_18: Any, tmp_path: Path) -> None:
    for name in ("postgres", "initdb", "psql"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'wrong machine' >&2; exit 3\n")
        (tmp_path / name).chmod(0o755)
    new_home_18.pg_bin = tmp_path
    assert "wrong machine" in refusal(new_home_18)


def test_programs_too_old(new_home_18: Any, tmp_path: Path) -> None:
    for name in ("postgres", "initdb", "psql"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 13.4'\n")
        (tmp_path / name).chmod(0o755)
    new_home_18.pg_bin = tmp_path
    assert refusal(new_home_18) == f"{tmp_path} is PostgreSQL 13, Turnus needs 15 or later"


def test_a_folder_that_is_no_database(new_home_18: Any) -> None:
    (new_home_18.path / "postgres").mkdir(parents=True)
    assert refusal(new_home_18) == f"{new_home_18.path / 'postgres'} is not a database folder: move it away"


def test_a_server_that_does_not_start_is_quoted(home: Any) -> None:
    home.acquire().release()
    assert home.stops()
    (home.path / "postgres" / "pg_hba.conf").write_text("nonsense here\n")

    line = refusal(home)

    assert line.startswith("the database server did not start: ")
    assert "could not load" in line
    assert "pg_hba.conf" in line
    assert line.endswith(f"(see {home.path / 'postgres.log'})")
    assert home.stops()


def test_a_home_that_is_a_file(new_home_18: Any) -> None:
    new_home_18.path.write_text("")
    assert refusal(new_home_18) == f"{new_home_18.path}: File exists"
    new_home_18.path.unlink()


def test_socket_folders_that_are_not_ours_are_left_alone(home_18: Any, short_folder: Path, ask: Ask) -> None:
    # The name is known from a first start: then a link, a folder open to others and a good one wait under it.
    folders = {name: short_folder / name for name in ("link", "open", "good")}
    for folder in folders.values():
        folder.mkdir(mode=0o700)
    with home_18.acquire(surroundings=Surroundings(socket_folders=(folders["link"],))) as server:
        name = server.socket_dir.name
        assert server.socket_dir.parent == folders["link"]
    assert home_18.stops()
    elsewhere = short_folder / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (folders["link"] / name).symlink_to(elsewhere)
    (folders["open"] / name).mkdir()
    (folders["open"] / name).chmod(0o755)

    with home_18.acquire(surroundings=Surroundings(socket_folders=tuple(folders.values()))) as server:
        assert server.socket_dir == folders["good"] / name
        assert ask(server.url, "select 1") == 1
    assert home_18.stops()
    assert list(elsewhere.iterdir()) == []
    assert (folders["open"] / name).stat().st_mode & 0o777 == 0o755

    line = refusal(home_18, surroundings=Surroundings(socket_folders=(folders["link"], folders["open"])))
    assert re.match(r"no private folder for the database socket; .*link/turnus-.*open/turnus-", line)
    assert home_18.stops()
