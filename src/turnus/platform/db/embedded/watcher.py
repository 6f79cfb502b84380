"""Stops the server when nobody uses it any more: a script of its own, with one JSON argument, standard library only.

Every process that uses the server holds a shared lock; the watcher waits for the exclusive one, which it gets however
those processes end, stops the server and ends. Whoever wants the server meanwhile waits for that lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC_SELF = Path("/proc/self")
POLL_SECONDS = 0.005
ORPHAN_SECONDS = 2.0  # server processes notice the death of the first one by themselves, mostly at once

FileId = tuple[int, int]

# Fast shutdown; immediate shutdown (the next start recovers from the log); the end: seconds from the beginning.
_ESCALATION = ((signal.SIGINT, 120.0), (signal.SIGQUIT, 135.0), (signal.SIGKILL, 150.0))


def open_lock(path: Path) -> int:
    """Open a lock file, made if missing (mode 0600, of the folder's owner); not inherited by programs started later."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0 and os.fstat(descriptor).st_uid == 0:
        folder = path.parent.stat()
        if folder.st_uid != 0:  # root at work in a user's folder: leave nothing there that the user cannot open
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
    return descriptor


def try_lock(descriptor: int, kind: int) -> bool:
    """Take the lock if it is free at this moment."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(path: Path) -> bool:
    """Whether any process holds the lock exclusively."""
    descriptor = open_lock(path)
    try:
        return not try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def file_id(path: str | Path) -> FileId:
    """What stays the same when a file is renamed: device and inode."""
    status = Path(path).stat()
    return status.st_dev, status.st_ino


def works_in(pid: int, folder: FileId) -> bool:
    """Whether the process lives and the folder is its working directory, as a PostgreSQL process's data folder is.

    A zombie has none. Without /proc only its life is known.
    """
    if pid <= 0:
        return False
    if PROC_SELF.is_dir():
        try:
            return file_id(f"/proc/{pid}/cwd") == folder
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def servers_in(folder: FileId) -> Iterator[int]:
    """The ids of all PostgreSQL processes that work in the folder (none where there is no /proc)."""
    if PROC_SELF.is_dir():
        for process in PROC_SELF.parent.iterdir():
            if process.name.isdigit() and works_in(int(process.name), folder) and _program_of(process) == "postgres":
                yield int(process.name)


def _program_of(process: Path) -> str:
    try:
        return (process / "comm").read_text(errors="replace").strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """What `launch.py` wrote into the lock that a server holds: its first process, its data and its socket folder."""

    pid: int
    folder: FileId
    sockets: Path

    @classmethod
    def read(cls, descriptor: int) -> RunningServer | None:
        """The content of the lock file; None if no server was ever started with it."""
        try:
            note = json.loads(os.pread(descriptor, 4096, 0))
        except ValueError:
            return None
        device, inode = note["folder"]
        return cls(note["pid"], (device, inode), Path(note["sockets"]))

    def lives(self) -> bool:
        """Whether its first process does; others may outlive it."""
        return works_in(self.pid, self.folder)


def stop_server(running: int) -> bool:
    """Stop the server that holds the lock `running`; whether it has ended. Afterwards this process has the lock."""
    begin = time.monotonic()
    sent: set[tuple[int, int]] = set()
    while not try_lock(running, fcntl.LOCK_EX):
        age = time.monotonic() - begin
        order = next((order for order, until in _ESCALATION if age < until), None)
        if order is None:
            return False
        server = RunningServer.read(running)
        if server is not None and server.lives():
            if (server.pid, order) not in sent:
                with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
                    os.kill(server.pid, order)
                sent.add((server.pid, order))
        elif server is not None and age > ORPHAN_SECONDS:
            kill_orphans(server.folder)
        time.sleep(POLL_SECONDS)
    return True


def kill_orphans(folder: FileId) -> None:
    """Kill every process of a server whose first process is dead; they can do nothing useful any more."""
    for pid in servers_in(folder):
        with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
            os.kill(pid, signal.SIGKILL)


def _leave_terminal() -> None:
    """Become a process of its own: no terminal, no folder in use, none of the starter's files."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)


def main() -> int:
    """Watch; the starter goes on as soon as the watcher's own lock is taken."""
    paths = {name: Path(path) for name, path in json.loads(sys.argv[1]).items()}
    own = open_lock(paths["watcher"])
    if not try_lock(own, fcntl.LOCK_EX):
        return 0
    users = open_lock(paths["users"])
    running = open_lock(paths["running"])
    _leave_terminal()

    fcntl.flock(users, fcntl.LOCK_EX)
    if not stop_server(running):
        with contextlib.suppress(OSError), paths["log"].open("a") as log:
            log.write("turnus: the server did not end, not even when killed\n")
    else:
        server = RunningServer.read(running)
        if server is not None:
            with contextlib.suppress(OSError):  # gone already
                for left in server.sockets.glob(".s.PGSQL.*"):
                    left.unlink()
                server.sockets.rmdir()
    # The users' lock last: who gets it next must take neither the server nor this watcher for a living one.
    os.close(running)
    os.close(own)
    os.close(users)
    return 0


if __name__ == "__main__":
    sys.exit(main())
