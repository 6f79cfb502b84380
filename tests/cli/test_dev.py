"""The `dev` script on machines that lack something, and how quickly it sees that nothing is to be done."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("cat", "cksum", "dirname", "head", "mv", "rm", "sed", "sh")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the script needs, in a folder with a space in its name."""
    folder = tmp_path / "a project"
    folder.mkdir()
    for name in ("dev", "requirements.lock", "pyproject.toml"):
        shutil.copy2(ROOT / name, folder)
    return folder


def bare_machine(tmp_path: Path, python: str | None) -> dict[str, str]:
    """An environment with a handful of tools and, if given, a `python3` that is this shell script."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    if python is not None:
        (tools / "python3").write_text(f"#!/bin/sh\n{python}\n")
        (tools / "python3").chmod(0o755)
    return {"PATH": str(tools), "HOME": str(tmp_path)}


def dev(project: Path, *arguments: str, env: dict[str, str] | None = None, cwd: str = "/") -> tuple[int, str, str]:
    done = subprocess.run(
        [project / "dev", *arguments], env=env, cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_help_names_every_command(project: Path) -> None:
    status, shown, _ = dev(project, "help")
    assert status == 0
    for command in ("setup", "demo", "serve", "test", "lint", "format", "bench", "db shell", "lock", "help"):
        assert f"  {command}" in shown
    assert dev(project)[1] == shown


def test_unknown_command_is_one_line(project: Path) -> None:
    assert dev(project, "dance") == (2, "", "dev: there is no command dance; ./dev help lists them.\n")


@pytest.mark.parametrize("python", [None, 'case "$1" in --version) echo Python 3.9.2 ;; *) exit 1 ;; esac'])
def test_without_a_new_enough_python_it_says_so(project: Path, tmp_path: Path, python: str | None) -> None:
    status, _, errors = dev(project, "setup", env=bare_machine(tmp_path, python))
    found = "no python3" if python is None else "Python 3.9.2"
    assert (status, errors) == (1, f"dev: Python 3.11 or newer is needed; {found} was found.\n")
    assert not (project / ".venv").exists()


def test_without_ensurepip_it_names_the_package(project: Path, tmp_path: Path) -> None:
    python = 'case "$2" in *ensurepip*) exit 1 ;; *print*) echo 3.12 ;; esac'
    status, _, errors = dev(project, "setup", env=bare_machine(tmp_path, python))
    assert status == 1
    assert "python3.12-venv" in errors and len(errors.splitlines()) == 1


def test_a_set_up_project_is_recognised_at_once(project: Path) -> None:
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    # Tells its arguments instead of doing anything.
    python.write_text('#!/bin/sh\nprintf "%s|" "$TURNUS_HOME" "$@"\n')
    python.chmod(0o755)
    state = f"{project}\n"
    for name in ("requirements.lock", "pyproject.toml"):
        done = subprocess.run(["cksum"], input=(project / name).read_bytes(), capture_output=True, check=True)
        state += done.stdout.decode()
    (project / ".venv" / ".turnus-setup").write_text(state)

    began = time.monotonic()
    assert dev(project, "setup") == (0, "", "")
    assert time.monotonic() - began < 1
    env = {name: value for name, value in os.environ.items() if not name.startswith("TURNUS_")}
    status, told, _ = dev(project, "serve", "--port", "81 23", env=env)
    assert status == 0
    assert told == f"{project}/.turnus|-P|-m|turnus.entry.cli|serve|--port|81 23|"
