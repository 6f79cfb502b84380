"""As root: PostgreSQL refuses root, so it runs as somebody else, and no folder changes for that."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnus.platform.db.embedded import EmbeddedServerError, Surroundings
from turnus.platform.db.embedded.binaries import find_bin_dir

Ask = Callable[[str, str], Any]
STRANGER = 12345
NOBODY = pwd.getpwnam("nobody").pw_uid
# An ordinary user, except that the interpreter of these tests may lie in a folder that only root can enter.
AS_NOBODY = [
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=-all,+dac_read_search",
    "--ambient-caps=+dac_read_search",
    "--bounding-set=-all,+dac_read_search",
]


def face(folder: Path) -> list[tuple[Path, int, int, int]]:
    """Mode and owner of a folder and all above it."""
    found = [(path, path.stat()) for path in (folder, *folder.parents)]
    return [(path, status.st_mode, status.st_uid, status.st_gid) for path, status in found]


def closed_folder(home: Any, *, owner: int = 0) -> Path:
    """Put the home below a folder of mode 0700."""
    folder: Path = home.path.with_name("closed")
    folder.mkdir(mode=0o700)
    os.chown(folder, owner, owner)
    home.path = folder / "a home"
    return folder


@pytest.mark.parametrize("owner", [0, STRANGER])
def test_below_a_closed_folder_the_server_runs_in_a_namespace(new_home: Any, ask: Ask, owner: int) -> None:
    folder = closed_folder(new_home, owner=owner)
    before = face(folder)

    for answer in (1, 2):  # first start and restart
        with new_home.acquire() as server:
            assert ask(server.url, f"select {answer}") == answer
            assert Path(f"/proc/{new_home.pid()}").stat().st_uid == 0
            assert Path(f"/proc/{new_home.pid()}/ns/user").readlink() != Path("/proc/self/ns/user").readlink()
            ask(server.url, "create table if not exists t as select generate_series(1, 1000)")
        assert new_home.stops()

    assert face(folder) == before
    assert {path.lstat().st_uid for path in (new_home.path, *new_home.path.rglob("*"))} == {0}
    assert not (new_home.path / "postgres.moved").exists()


def test_without_namespaces_it_runs_as_an_unprivileged_user_in_place(
    new_home_18: Any, ask: Ask, surroundings: Surroundings
) -> None:
    new_home_18.path.mkdir(mode=0o755)
    before = face(new_home_18.path)

    for answer in (1, 2):
        with new_home_18.acquire(surroundings=surroundings) as server:
            assert server.data_dir == new_home_18.path / "postgres"
            assert ask(server.url, f"select {answer}") == answer
            assert Path(f"/proc/{new_home_18.pid()}").stat().st_uid == server.data_dir.stat().st_uid != 0
        assert new_home_18.stops()

    assert face(new_home_18.path) == before
    assert not surroundings.state_folder.exists()


def test_without_namespaces_closed_paths_move_data_and_programs_to_the_state_folder(
    new_home: Any, ask: Ask, surroundings: Surroundings
) -> None:
    folder = closed_folder(new_home)
    programs = find_bin_dir(new_home.pg_bin)
    package = programs.parent.parent
    shutil.copytree(programs.parent, folder / package.name / programs.parent.name, symlinks=True)
    if package.with_name(f"{package.name}.libs").exists():
        shutil.copytree(package.with_name(f"{package.name}.libs"), folder / f"{package.name}.libs")
    new_home.pg_bin = folder / package.name / programs.parent.name / "bin"
    before = face(folder)

    with new_home.acquire(surroundings=surroundings) as server:
        ask(server.url, "create table kept as select 42 as answer")
        assert server.data_dir.is_relative_to(surroundings.state_folder)
        assert (new_home.path / "postgres.moved").read_text() == f"{server.data_dir}\n"
        assert str(Path(f"/proc/{new_home.pid()}/exe").readlink()).startswith(f"{surroundings.state_folder}/programs-")
        assert server.data_dir.stat().st_mode & 0o777 == 0o700
    assert new_home.stops()

    with new_home.acquire(surroundings=surroundings) as server:
        assert ask(server.url, "select answer from kept") == 42
    assert new_home.stops()
    assert face(folder) == before
    assert len(list(surroundings.state_folder.glob("programs-*"))) == 1
    assert len(list(surroundings.state_folder.glob("home-*"))) == 1

    shutil.rmtree(server.data_dir)
    with pytest.raises(EmbeddedServerError, match=r"is gone, which .*postgres\.moved names as the place of the data"):
        new_home.acquire(surroundings=surroundings)


def test_no_way_to_run_it_is_one_line(new_home_18: Any, short_folder: Path) -> None:
    nobody_there = Surroundings(namespaces=False, state_folder=short_folder / "state", unprivileged_users=("absent",))
    with pytest.raises(EmbeddedServerError) as caught:
        new_home_18.acquire(surroundings=nobody_there)
    assert str(caught.value) == (
        "PostgreSQL cannot run as root here: user namespaces are not allowed and there is none of the users absent; "
        "run Turnus as an ordinary user or set TURNUS_DATABASE_URL"
    )


def test_roots_data_needs_namespaces_for_ever(home_18: Any, surroundings: Surroundings) -> None:
    home_18.acquire().release()
    assert home_18.stops()
    with pytest.raises(EmbeddedServerError, match="the data folder belongs to root, but user namespaces"):
        home_18.acquire(surroundings=surroundings)


def test_an_ordinary_user_needs_nothing_of_all_that(new_home: Any, ask: Ask) -> None:
    new_home.path.mkdir(mode=0o700)
    os.chown(new_home.path, NOBODY, NOBODY)

    first, second = new_home.user(before=AS_NOBODY), new_home.user(before=AS_NOBODY)
    assert first.says()["user"] == second.says()["user"] == "turnus"
    assert Path(f"/proc/{new_home.pid()}").stat().st_uid == NOBODY
    assert Path(f"/proc/{new_home.pid()}/ns/user").readlink() == Path("/proc/self/ns/user").readlink()
    first.kill()
    second.kill()
    assert new_home.stops()

    # Root afterwards runs it as its owner and leaves nothing that the owner cannot use.
    with new_home.acquire() as server:
        assert ask(server.url, "select 1") == 1
        assert Path(f"/proc/{new_home.pid()}").stat().st_uid == NOBODY
    assert new_home.stops()
    third = new_home.user(before=AS_NOBODY)
    assert third.says()["user"] == "turnus"
    third.end()
    assert new_home.stops()
    assert {path.lstat().st_uid for path in (new_home.path, *new_home.path.rglob("*"))} == {NOBODY}


def test_an_ordinary_user_is_told_whose_home_it_is(new_home_18: Any) -> None:
    new_home_18.path.mkdir(mode=0o755)
    new_home_18.acquire().release()
    assert new_home_18.stops()
    user = new_home_18.user(before=AS_NOBODY)
    assert user.says()["error"] == (
        f"no permission for {new_home_18.path / 'postgres.start.lock'}: {new_home_18.path} belongs to root"
    )
    user.end()


def test_root_of_a_container_that_knows_no_other_user(new_home_18: Any) -> None:
    user = new_home_18.user(before=["unshare", "--user", "--map-root-user"])
    assert user.says().get("user") == "turnus"
    user.end()
    assert new_home_18.stops()
