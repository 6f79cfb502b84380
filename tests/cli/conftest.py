"""The program as an operator meets it: a process with a home of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from turnus.entry.installation import Installation, configured

PROGRAM = [sys.executable, "-P", "-m", "turnus.entry.cli"]
PATIENCE = 30.0


def bare_environment(home: Path, **variables: str) -> dict[str, str]:
    """The environment of this process without any setting of Turnus, and then these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TURNUS_", "PG"))}
    # Help texts must not depend on the width of a terminal.
    return kept | {"TURNUS_HOME": str(home), "TURNUS_LOG": "json", "COLUMNS": "200", "TERM": "dumb"} | variables


@dataclass
class Home:
    """An installation's folder and the program run on it."""

    path: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return bare_environment(self.path, **self.variables)

    def turnus(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        env = self.env | variables
        return subprocess.run([*PROGRAM, *arguments], env=env, capture_output=True, text=True, timeout=60, check=False)

    def json(self, *arguments: str) -> Any:
        """Run a command that must succeed and prints JSON only."""
        done = self.turnus(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What the embedded database holds, seen by its superuser."""
        with Installation.take(configured(self.env)) as installation:
            assert installation.server is not None
            with psycopg.connect(installation.server.superuser_url) as connection:
                return connection.execute(sql, parameters).fetchall()

    def serve(self, *arguments: str) -> Serve:
        """Start `turnus serve` on a free port; returns when it is ready."""
        command = [*PROGRAM, "serve", "--port", "0", *arguments]
        process = subprocess.Popen(
            command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        return Serve(process)


class Serve:
    """A running `turnus serve` with all of its processes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        if not line.startswith("Turnus serves http://"):
            self.kill()
            raise AssertionError(f"serve said {line!r}: {process.stderr.read()}")
        self.url = line.split()[-1]
        self.wait_until(lambda: self.get("/health/ready").status_code == 200)

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return httpx2.get(self.url + path, headers=headers, timeout=10)

    @staticmethod
    def wait_until(condition: Any, seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it took too long"
            time.sleep(0.03)

    def members(self) -> list[int]:
        """The living processes of its group, which is one of its own."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    # After the name in parentheses: state, parent, group.
                    state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
                except OSError:
                    continue
                if int(group) == self.process.pid and state != "Z":
                    found.append(int(folder.name))
        return sorted(found)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Signal the parent alone and wait for its end; the exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode

    def kill(self) -> None:
        """Leave nothing behind, whatever the test did."""
        if self.process.poll() is None or self.members():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture
def empty(tmp_path: Path) -> Home:
    """A home where nothing was ever done, in a folder with a space in its name."""
    return Home(tmp_path / "a home")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated home whose server has ended, to be copied: making one takes seconds."""
    home = Home(tmp_path_factory.mktemp("template") / "home")
    with Installation.take(configured(home.env)) as installation:
        installation.migrate()
    Serve.wait_until(lambda: not (home.path / "postgres" / "postmaster.pid").exists())
    return home.path


@contextmanager
def copied(template: Path, path: Path) -> Iterator[Home]:
    """A migrated home without tenants and with a key of its own; its server runs inside the `with`."""
    shutil.copytree(template, path, ignore=shutil.ignore_patterns("*.lock", "secret.key"))
    path.chmod(0o700)
    home = Home(path)
    with Installation.take(configured(home.env)):
        yield home


@pytest.fixture
def fresh(template: Path, tmp_path: Path) -> Iterator[Home]:
    """A migrated home of one test."""
    with copied(template, tmp_path / "a home") as home:
        yield home


@pytest.fixture(scope="session")
def home(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A migrated home that several tests add tenants to; its server runs all the while."""
    with copied(template, tmp_path_factory.mktemp("installation") / "home") as home:
        yield home
