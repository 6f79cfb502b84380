"""Homes to start embedded servers in, and processes that use them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import turnus
from turnus.platform.db.embedded import EmbeddedServer, Surroundings, acquire
from turnus.platform.db.embedded.layout import Layout
from turnus.platform.db.embedded.watcher import file_id, is_locked, kill_orphans

# What only root meets; an ordinary user's run of the tests has nothing to try there.
collect_ignore = [] if os.geteuid() == 0 else ["test_as_root.py"]

HOLD = Path(__file__).with_name("hold_server.py")
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


def programs() -> list[Any]:
    """The PostgreSQL versions to try: the one that comes along, and Debian's 15 (TURNUS_TEST_PG15_BIN)."""
    found: list[Any] = [pytest.param(None, id="pg18")]
    other = os.environ.get("TURNUS_TEST_PG15_BIN") or (str(DEBIAN_15) if DEBIAN_15.exists() else "")
    return [*found, pytest.param(Path(other), id="pg15")] if other else found


def eventually(holds: Callable[[], bool], seconds: float = 15.0) -> bool:
    """Whether it becomes true in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.01)
    return holds()


class User:
    """Another process that uses the server of a home."""

    def __init__(self, home: Path, pg_bin: Path | None, *, before: list[str] | None = None) -> None:
        source = str(Path(turnus.__file__).parent.parent)
        self.process = subprocess.Popen(
            [*(before or []), sys.executable, str(HOLD), str(home), str(pg_bin or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd="/",
        )

    def says(self) -> dict[str, str]:
        """What it reports once it has the server, or not."""
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))

    def end(self) -> None:
        """Let it end as a program does."""
        self.process.communicate()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.communicate()


class Home:
    """A home folder and what the tests ask about its server."""

    def __init__(self, path: Path, pg_bin: Path | None) -> None:
        self.path = path
        self.pg_bin = pg_bin
        self.users: list[User] = []
        self.handles: list[EmbeddedServer] = []

    def acquire(self, **options: Any) -> EmbeddedServer:
        """Take the server in this process."""
        self.handles.append(acquire(self.path, pg_bin=self.pg_bin, **options))
        return self.handles[-1]

    def user(self, **options: Any) -> User:
        """Start another process that takes it."""
        user = User(self.path, self.pg_bin, **options)
        self.users.append(user)
        return user

    def layout(self, *, fast_unsafe: bool = False) -> Layout:
        """The files."""
        return Layout.below(self.path, fast_unsafe=fast_unsafe)

    def pid(self) -> int:
        """The process id of the running server."""
        return int(json.loads(self.layout().running_lock.read_text())["pid"])

    def watcher(self) -> int:
        """The process id of the watcher; 0 without one."""
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    command = (folder / "cmdline").read_bytes().decode()
                except OSError:
                    continue
                if "watcher.py" in command and f'"{self.layout().watcher_lock}"' in command:
                    return int(folder.name)
        return 0

    def runs(self, *, fast_unsafe: bool = False) -> bool:
        """Whether any process of the server lives."""
        return is_locked(self.layout(fast_unsafe=fast_unsafe).running_lock)

    def stops(self, **options: Any) -> bool:
        """Whether the server ends in time, and its watcher with it."""
        return eventually(lambda: not self.runs(**options)) and eventually(
            lambda: not is_locked(self.layout(**options).watcher_lock)
        )

    def clean_up(self) -> None:
        """End whatever a failed test left."""
        for handle in self.handles:
            handle.release()
        for user in self.users:
            if user.process.poll() is None:
                user.kill()
        for unsafe in (False, True):
            if self.path.exists() and not self.stops(fast_unsafe=unsafe):
                kill_orphans(file_id(self.layout(fast_unsafe=unsafe).data_dir))


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """An empty folder that everybody may enter (pytest's own is private)."""
    folder = Path(tempfile.mkdtemp(prefix="turnus-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=programs())
def pg_bin(request: pytest.FixtureRequest) -> Path | None:
    """Each PostgreSQL version in turn."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def used_homes() -> Iterator[Callable[[Path | None], Path]]:
    """Homes whose server was started and stopped once: copied, they save most tests making a database."""
    with tempfile.TemporaryDirectory(prefix="turnus-test-") as folder:
        made: dict[Path | None, Path] = {}

        def used_home(pg_bin: Path | None) -> Path:
            if pg_bin not in made:
                home = Home(Path(folder) / str(len(made)), pg_bin)
                home.acquire().release()
                assert home.stops()
                made[pg_bin] = home.path
            return made[pg_bin]

        yield used_home


@pytest.fixture
def new_home(short_folder: Path, pg_bin: Path | None) -> Iterator[Home]:
    """A home that does not exist yet, with a space in its path, for each PostgreSQL version."""
    home = Home(short_folder / "a home", pg_bin)
    yield home
    home.clean_up()


@pytest.fixture
def home(new_home: Home, used_homes: Callable[[Path | None], Path]) -> Home:
    """A home that was used before, for each PostgreSQL version."""
    shutil.copytree(used_homes(new_home.pg_bin), new_home.path)
    return new_home


@pytest.fixture
def new_home_18(short_folder: Path) -> Iterator[Home]:
    """As `new_home`, for the version that comes along only, where versions make no difference."""
    home = Home(short_folder / "a home", None)
    yield home
    home.clean_up()


@pytest.fixture
def home_18(new_home_18: Home, used_homes: Callable[[Path | None], Path]) -> Home:
    """As `home`, for the version that comes along only."""
    shutil.copytree(used_homes(None), new_home_18.path)
    return new_home_18


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Ask a server for one value."""

    def one_value(url: str, question: str) -> Any:
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(question.encode())
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    return one_value


@pytest.fixture
def surroundings(short_folder: Path) -> Surroundings:
    """A machine without user namespaces, with a state folder of its own."""
    return Surroundings(namespaces=False, state_folder=short_folder / "state" / "turnus")
