"""Which files belong to an embedded server, and the private folder of its socket."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from .errors import EmbeddedServerError
from .watcher import file_id

PORT = 5432
# sun_path has 108 bytes on Linux and 104 on macOS; the server adds the socket's name and a suffix for its lock file.
SOCKET_FOLDER_BYTES = 80
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one server; all of them begin with its name and lie side by side in the home."""

    home: Path
    name: str

    @classmethod
    def below(cls, home: Path, *, fast_unsafe: bool) -> Layout:
        """The files of the ordinary server of a home, or of its test server."""
        return cls(home.absolute(), "postgres-test" if fast_unsafe else "postgres")

    @property
    def data_dir(self) -> Path:
        """The data folder, unless `moved` says that it is elsewhere."""
        return self.home / self.name

    @property
    def moved(self) -> Path:
        """The note with the path of a data folder that could not be in the home."""
        return self.home / f"{self.name}.moved"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / f"{self.name}.log"

    @property
    def users_lock(self) -> Path:
        """Shared: by every process that uses the server. Exclusive: by the watcher that stops it."""
        return self.home / f"{self.name}.lock"

    @property
    def start_lock(self) -> Path:
        """Exclusive: by the one process that starts or joins the server at the moment."""
        return self.home / f"{self.name}.start.lock"

    @property
    def watcher_lock(self) -> Path:
        """Exclusive: by the watcher, for its life."""
        return self.home / f"{self.name}.watcher.lock"

    @property
    def running_lock(self) -> Path:
        """Exclusive: by all processes of the server, for their life. Its content is a `RunningServer`."""
        return self.home / f"{self.name}.running.lock"


def socket_folder(layout: Layout, owner: int, candidates: tuple[Path, ...]) -> Path:
    """A folder for the socket that only `owner` (and root) can enter; made if missing.

    It is short whatever the length of the home. The name comes from the user and the home's lock file, so a copy of a
    home, or a new home in an old place, has another one. A folder that is not exactly what we would have made (a link,
    another owner, open to others) is left alone and the next candidate tried.

    Raises:
        EmbeddedServerError: no candidate will do.
    """
    key = f"{os.path.realpath(layout.users_lock)}:{file_id(layout.users_lock)[1]}"
    name = f"turnus-{owner}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    for base in candidates:
        folder = base / name
        short = len(os.fsencode(folder)) <= SOCKET_FOLDER_BYTES and _PLAIN_PATH.fullmatch(str(folder))
        if short and _is_trustworthy(base) and _make_private(folder, owner):
            return folder
    tried = ", ".join(str(base / name) for base in candidates)
    raise EmbeddedServerError(
        f"no private folder for the database socket; not usable (link, owner, mode, length): {tried}"
    )


def socket_candidates() -> tuple[Path, ...]:
    """Where socket folders may be, best first.

    The session's own folder comes second: it vanishes when the user logs out, the server may outlive that.
    """
    session = os.environ.get("XDG_RUNTIME_DIR", "")
    return (Path("/tmp"), *([Path(session)] if session.startswith("/") else []), Path("/var/tmp"))


def is_private(folder: Path, owner: int) -> bool:
    """Whether it is a real folder of the owner that nobody else can enter."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and found.st_mode & 0o077 == 0


def _is_trustworthy(base: Path) -> bool:
    """Whether others cannot replace what we make in the folder: it is root's or ours, and sticky if open to them."""
    try:
        found = base.stat()
    except OSError:
        return False
    return found.st_uid in {0, os.geteuid()} and (found.st_mode & 0o022 == 0 or found.st_mode & stat.S_ISVTX != 0)


def _make_private(folder: Path, owner: int) -> bool:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return is_private(folder, owner)
    except OSError:
        return False
    if owner != os.geteuid():
        os.chown(folder, owner, -1, follow_symlinks=False)
    return is_private(folder, owner)


def clear_sockets(folder: Path) -> None:
    """Remove socket and socket lock that a dead server left; its process id may be somebody else's by now."""
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        (folder / name).unlink(missing_ok=True)
