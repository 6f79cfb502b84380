"""The data folder and the server over it: made, started, joined after whatever happened to the last one.

All of it happens while the caller holds the start lock and, shared, the users' lock: nobody else starts a server, and
no watcher stops one.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from . import settings
from .binaries import find_bin_dir, knows_lz4, launch, major_version, run
from .errors import EmbeddedServerError, last_lines, log_tail
from .identity import Placement, Surroundings, choose_placement, user_name
from .layout import PORT, Layout, clear_sockets, is_private, socket_folder
from .watcher import (
    ORPHAN_SECONDS,
    POLL_SECONDS,
    RunningServer,
    file_id,
    is_locked,
    kill_orphans,
    open_lock,
    works_in,
)

OnWait = Callable[[str], None]

ROLE = "turnus"
DATABASE = "turnus"
SUPERUSER = "postgres"
PSQL_NOT_CONNECTED = 2
LOG_BYTES = 10 * 1024 * 1024
PATIENCE_SECONDS = 0.5  # shorter waits are not worth a message
ANSWER_SECONDS = 15.0  # from ready to answering
LIMIT_SECONDS = 900.0  # recovery after a crash reads at most max_wal_size, even on a slow disk

_BOOTSTRAP = f"""
SELECT 'CREATE ROLE {ROLE} LOGIN NOSUPERUSER CREATEROLE NOBYPASSRLS'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') \\gexec
SELECT 'CREATE DATABASE {DATABASE} OWNER {ROLE}'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}') \\gexec
"""


class Waiting:
    """Waits in small steps, tells the user once if it takes longer, and gives up in the end."""

    def __init__(self, what: str, on_wait: OnWait | None) -> None:
        self._what = what
        self._on_wait = on_wait
        self._begin = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has been."""
        return time.monotonic() - self._begin

    def step(self) -> None:
        """Wait a little.

        Raises:
            EmbeddedServerError: it has been too long.
        """
        if self.seconds > LIMIT_SECONDS:
            raise EmbeddedServerError(f"gave up after {LIMIT_SECONDS:.0f} seconds of {self._what}")
        if self._on_wait is not None and self.seconds > PATIENCE_SECONDS:
            self._on_wait(self._what)
            self._on_wait = None
        time.sleep(POLL_SECONDS)


class Cluster:
    """A data folder with the programs and the identity that go with it."""

    def __init__(self, layout: Layout, pg_bin: Path | None, surroundings: Surroundings, *, fast_unsafe: bool) -> None:
        self._layout = layout
        self._surroundings = surroundings
        self._fast_unsafe = fast_unsafe
        self.bin_dir = find_bin_dir(pg_bin)
        self._major = major_version(self.bin_dir)
        self._placement: Placement = choose_placement(layout, self.bin_dir, surroundings)

    @property
    def data_dir(self) -> Path:
        """Where the data is."""
        return self._placement.data_dir

    def prepare(self) -> None:
        """Make the data folder if there is none.

        Raises:
            EmbeddedServerError: it cannot be made, or it is of another major version than the programs.
        """
        for abandoned in self.data_dir.parent.glob(f"{self.data_dir.name}.new-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        if not self.data_dir.exists():
            self._create()
        try:
            made_by = (self.data_dir / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise EmbeddedServerError(f"{self.data_dir} is not a database folder: move it away") from None
        if made_by != str(self._major):
            raise EmbeddedServerError(
                f"{self.data_dir} was made by PostgreSQL {made_by}, but the programs in {self.bin_dir} are PostgreSQL "
                f"{self._major}: write a backup with TURNUS_PG_BIN naming the bin folder of PostgreSQL {made_by} "
                f"(`turnus backup`), move the folder away, restore with PostgreSQL {self._major} (`turnus restore`)"
            )

    def _create(self) -> None:
        # Made beside its place and renamed: a folder that is there is complete, whenever we are killed.
        # Under a name of its own: an initdb whose starter was killed may still be writing into the last one.
        draft = self.data_dir.with_name(f"{self.data_dir.name}.new-{secrets.token_hex(4)}")
        draft.mkdir(mode=0o700)
        if self._placement.owner != os.geteuid():
            os.chown(draft, self._placement.owner, self._placement.identity.gid if self._placement.identity else -1)
        arguments = ["-D", str(draft), "--encoding=UTF8", "--locale=C", "--no-instructions", f"--username={SUPERUSER}"]
        arguments += ["--auth-local=trust", "--auth-host=reject"]
        arguments += ["--no-sync"] if self._fast_unsafe else ["--data-checksums"]
        done = run(self._placement.bin_dir, "initdb", arguments, identity=self._placement.identity)
        if done.returncode != 0:
            shutil.rmtree(draft, ignore_errors=True)
            raise EmbeddedServerError(f"cannot make {self.data_dir}: {last_lines(done.stderr.splitlines())}")
        draft.rename(self.data_dir)
        if self.data_dir != self._layout.data_dir:
            self._layout.moved.write_text(f"{self.data_dir}\n")

    def open(self, on_wait: OnWait | None) -> Path:
        """Start the server or join the one that runs, until it answers; returns the folder of its socket.

        Raises:
            EmbeddedServerError: it does not start or not answer, with its last words.
        """
        waiting = Waiting("waiting for the database server to answer", on_wait)
        while True:
            sockets = self._ensure_running(on_wait)
            refusal = self._bootstrap(sockets)
            if refusal is None:
                return sockets
            # One that is being killed or stopped looks alive a moment longer; one that recovers refuses for a while.
            if waiting.seconds > ANSWER_SECONDS:
                raise EmbeddedServerError(f"the database server does not answer: {refusal} (see {self._layout.log})")
            waiting.step()

    def _ensure_running(self, on_wait: OnWait | None) -> Path:
        waiting = Waiting("waiting for the database server", on_wait)
        while is_locked(self._layout.running_lock):
            server, (pid, state) = self._running_server(), self._first_process()
            if server is not None and server.lives():
                if pid == server.pid and state == "ready":
                    return self._join(server)
                if state == "stopping" and waiting.seconds > ORPHAN_SECONDS:
                    # Somebody sent a polite signal and it waits for its clients. We need it to end and start again.
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(server.pid, signal.SIGINT)
            elif server is not None and waiting.seconds > ORPHAN_SECONDS:
                kill_orphans(server.folder)
            waiting.step()
        return self._start(on_wait)

    def _start(self, on_wait: OnWait | None) -> Path:
        pid, _ = self._first_process()
        # No process holds our lock. One that lives all the same was started by somebody else's hand.
        if works_in(pid, file_id(self.data_dir)) and pid != os.getpid():
            raise EmbeddedServerError(
                f"a server that Turnus did not start (process {pid}) runs on {self.data_dir}: stop it"
            )
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)
        sockets = socket_folder(self._layout, self._placement.owner, self._surroundings.sockets())
        clear_sockets(sockets)
        values = settings.settings(
            memory=settings.memory_mib(),
            lz4=knows_lz4(self.bin_dir, self.data_dir),
            fast_unsafe=self._fast_unsafe,
        )
        file = settings.write(self.data_dir, values, self._placement.owner)
        log_begin = self._rotate_log()
        launch(
            self._placement.bin_dir,
            self._arguments(file, sockets),
            identity=self._placement.identity,
            data_dir=self.data_dir,
            sockets=sockets,
            lock=self._layout.running_lock,
            log=self._layout.log,
        )
        waiting = Waiting("starting the database server", on_wait)
        while self._first_process()[1] != "ready":
            if not is_locked(self._layout.running_lock):
                reason = log_tail(self._layout.log, log_begin)
                raise EmbeddedServerError(f"the database server did not start: {reason} (see {self._layout.log})")
            waiting.step()
        return sockets

    def _arguments(self, file: Path, sockets: Path) -> list[str]:
        # What must hold whatever ALTER SYSTEM says stands in the command, which wins.
        options = {"config_file": file, "listen_addresses": "", "port": PORT, "unix_socket_directories": sockets}
        return ["-D", str(self.data_dir), *(f"--{name}={value}" for name, value in options.items())]

    def _join(self, server: RunningServer) -> Path:
        if not is_private(server.sockets, self._placement.owner):
            raise EmbeddedServerError(
                f"the server on {self.data_dir} runs, but its socket folder {server.sockets} is not one that only "
                f"{user_name(self._placement.owner)} can enter: stop the processes that use it and start again"
            )
        return server.sockets

    def _bootstrap(self, sockets: Path) -> str | None:
        """Make role and database of the application if they are missing; why not, if the server cannot be reached.

        Raises:
            EmbeddedServerError: they cannot be made.
        """
        arguments = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        connected = connection(sockets, SUPERUSER, "postgres")
        done = run(self.bin_dir, "psql", arguments, stdin=_BOOTSTRAP, variables=connected)
        if done.returncode == 0:
            return None
        reason = last_lines(done.stderr.splitlines())
        if done.returncode == PSQL_NOT_CONNECTED:
            return reason
        raise EmbeddedServerError(f"cannot make role and database {DATABASE}: {reason}")

    def _first_process(self) -> tuple[int, str]:
        """Process id and state of the server according to its own file; 0 and empty without one."""
        try:
            lines = (self.data_dir / "postmaster.pid").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return 0, ""
        pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
        return pid, lines[7].strip() if len(lines) > 7 else ""

    def _running_server(self) -> RunningServer | None:
        descriptor = open_lock(self._layout.running_lock)
        try:
            return RunningServer.read(descriptor)
        finally:
            os.close(descriptor)

    def _rotate_log(self) -> int:
        """Put a long log aside (one is kept) and make sure there is one; returns its size."""
        log = self._layout.log
        if self._log_size() > LOG_BYTES:
            log.replace(log.with_name(f"{log.name}.1"))
        os.close(open_lock(log))
        return self._log_size()

    def _log_size(self) -> int:
        return self._layout.log.stat().st_size if self._layout.log.exists() else 0


def connection(sockets: Path, user: str, database: str) -> dict[str, str]:
    """The libpq variables of a connection."""
    return {"PGHOST": str(sockets), "PGPORT": str(PORT), "PGUSER": user, "PGDATABASE": database}
