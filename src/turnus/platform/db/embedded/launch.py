"""Becomes a PostgreSQL program: a script of its own, run with one JSON argument, standard library only.

The argument has `argv`, `cwd`, `env`, `identity` (null, or uid, gid and whether they are inside a user namespace) and,
to detach, `detach` with the paths `lock` and `log` and a `note`. Detached, the program runs in a session of its own,
its output goes to the log, and it and all its children hold the lock: as long as any of them lives the lock is taken,
whatever happened to the process id. The lock's content is the note with the process id (`pid`) and device and inode of
the working folder (`folder`) added, as JSON.

Exit status: `FAILED` with one line on stderr when the program could not be started; else 0 if detached, else the
program's own.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

FAILED = 125
LOCK_SECONDS = 2.0

_CLONE_NEWUSER = 0x10000000
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_READ_SEARCH = 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2


def id_map(extents: list[tuple[int, int]], inside: int) -> list[tuple[int, int, int]]:
    """The lines (inside, outside, count) of a map in which root and `inside` change places and all others stay.

    `extents` are the ids (first, count) that exist outside. Where `inside` exists outside it appears as root inside:
    it must appear as somebody, and nothing in the namespace runs as root.
    """
    swap = {0: inside, inside: 0}
    lines: list[tuple[int, int, int]] = []
    for first, count in extents:
        start, end = first, first + count
        for point in sorted(point for point in swap if start <= point < end):
            if start < point:
                lines.append((start, start, point - start))
            lines.append((swap[point], point, 1))
            start = point + 1
        if start < end:
            lines.append((start, start, end - start))
    return lines


def enter_namespace(uid: int, gid: int) -> None:
    """Enter a user namespace in which this root process is `uid` and `gid` and so is whatever belongs to root.

    All other ids keep their meaning, and the right to read and traverse is kept, so that folders of other users on the
    way (a home of mode 0700) are no obstacle.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    ready, go = os.pipe()
    mapper = os.fork()
    if mapper == 0:
        os.close(go)
        os._exit(_map_parent(ready, uid, gid))
    os.close(ready)
    error = ctypes.get_errno() if libc.unshare(_CLONE_NEWUSER) else 0
    if not error:
        os.write(go, b"1")
    os.close(go)
    _, status = os.waitpid(mapper, 0)
    if error:
        raise OSError(error, f"no user namespace: {os.strerror(error)}")
    if os.waitstatus_to_exitcode(status) != 0:
        error = os.waitstatus_to_exitcode(status)
        raise OSError(error, f"no user namespace: cannot map ids: {os.strerror(error)}")
    _keep_read_access(libc)


def _map_parent(ready: int, uid: int, gid: int) -> int:
    """In the child, still outside: map the ids of the parent once it is inside. Returns 0 or the errno."""
    if os.read(ready, 1) == b"":
        return 0
    folder = f"/proc/{os.getppid()}"
    try:
        _write_map(f"{folder}/uid_map", id_map(list(_extents("/proc/self/uid_map")), uid))
        _write_map(f"{folder}/gid_map", id_map(list(_extents("/proc/self/gid_map")), gid))
    except OSError as error:
        return error.errno or 1
    return 0


def _extents(path: str) -> Iterator[tuple[int, int]]:
    with Path(path).open(encoding="ascii") as lines:
        for line in lines:
            first, _, count = line.split()
            yield int(first), int(count)


def _write_map(path: str, lines: list[tuple[int, int, int]]) -> None:
    # The kernel takes a map in a single write.
    target = os.open(path, os.O_WRONLY)
    try:
        os.write(target, "".join(f"{inside} {outside} {count}\n" for inside, outside, count in lines).encode())
    finally:
        os.close(target)


def _keep_read_access(libc: ctypes.CDLL) -> None:
    """Let CAP_DAC_READ_SEARCH survive the exec. Where that is refused, only folders of other users stay closed."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable: low word, then the same: high word
    if libc.capget(header, sets):
        return
    sets[2] |= 1 << _CAP_DAC_READ_SEARCH
    if libc.capset(header, sets) == 0:
        zero = ctypes.c_ulong(0)
        libc.prctl(
            _PR_CAP_AMBIENT, ctypes.c_ulong(_PR_CAP_AMBIENT_RAISE), ctypes.c_ulong(_CAP_DAC_READ_SEARCH), zero, zero
        )


def become(order: dict[str, Any]) -> NoReturn:
    """Take the identity, folder and environment of the order and turn into its program."""
    os.umask(0o077)
    identity = order["identity"]
    if identity is not None and identity["namespace"]:
        enter_namespace(identity["uid"], identity["gid"])
    elif identity is not None:
        os.setgroups([])
        os.setgid(identity["gid"])
        os.setuid(identity["uid"])
    os.chdir(order["cwd"])
    os.execve(order["argv"][0], order["argv"], order["env"])


def detach(order: dict[str, Any]) -> int:
    """Run the program in a session of its own; returns when it has been started or could not be."""
    failure, report = os.pipe()
    if os.fork() == 0:
        try:
            os.setsid()
            _take_lock(order["detach"]["lock"], order["detach"]["note"], Path(order["cwd"]).stat())
            null = os.open(os.devnull, os.O_RDWR)
            log = os.open(order["detach"]["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            os.dup2(null, 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            become(order)
        except Exception as error:  # whatever it was, the parent tells it
            os.write(report, (str(error) or repr(error)).encode())
        finally:
            os._exit(FAILED)
    os.close(report)
    reason = b"".join(iter(lambda: os.read(failure, 4096), b"")).decode()
    if reason:
        sys.stderr.write(reason + "\n")
        return FAILED
    return 0


def _take_lock(path: str, note: dict[str, Any], folder: os.stat_result) -> None:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    _lock_soon(lock)
    os.ftruncate(lock, 0)
    os.write(lock, json.dumps(note | {"pid": os.getpid(), "folder": [folder.st_dev, folder.st_ino]}).encode())
    os.set_inheritable(lock, True)


def _lock_soon(lock: int) -> None:
    # Nobody holds it, but somebody may be looking whether anybody does, which takes it for a moment.
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(0.005)
        else:
            return


def main() -> int:
    """Do what the argument says."""
    order = json.loads(sys.argv[1])
    if "detach" in order:
        return detach(order)
    try:
        become(order)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
