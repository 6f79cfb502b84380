"""Whom the server runs as, where its data and programs are.

PostgreSQL refuses to run as root. As an ordinary user there is nothing to decide. As root the server runs in a user
namespace in which root has another number: files stay root's, no mode or owner changes, folders of mode 0700 stay open
to it. Where namespaces are not allowed (some containers) it runs as an unprivileged user, in place if that user can
reach programs and home, else with its data, and if need be a copy of the programs, in the system's state folder.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from .binaries import Identity, run
from .errors import EmbeddedServerError, last_lines
from .layout import Layout, socket_candidates

# Any number but 0 does inside a namespace, as long as it has a name: initdb looks it up.
_NAMESPACE_USERS = ("nobody", "daemon", "postgres")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the machine offers; the defaults are right outside of tests.

    `namespaces` False: as where the kernel refuses them. `state_folder`: for what cannot be in the home.
    `unprivileged_users`: whom to run as without namespaces, best first. `socket_folders`: None for the usual ones.
    """

    namespaces: bool = True
    state_folder: Path = Path("/var/lib/turnus")
    unprivileged_users: tuple[str, ...] = ("turnus", "postgres", "daemon", "nobody")
    socket_folders: tuple[Path, ...] | None = None

    def sockets(self) -> tuple[Path, ...]:
        """The folders a socket folder may be made in."""
        return socket_candidates() if self.socket_folders is None else self.socket_folders


@dataclass(frozen=True, slots=True)
class Placement:
    """The decision: data folder, programs the server runs from, identity (None: as we are), owner of the files."""

    data_dir: Path
    bin_dir: Path
    identity: Identity | None
    owner: int


def choose_placement(layout: Layout, bin_dir: Path, surroundings: Surroundings) -> Placement:
    """Decide, or find what was decided when the data folder was made.

    Raises:
        EmbeddedServerError: the data folder is another user's, or there is no way to run a server here as root.
    """
    me = os.geteuid()
    data_dir = Path(layout.moved.read_text().strip()) if layout.moved.exists() else layout.data_dir
    if data_dir.exists():
        owner = data_dir.stat().st_uid
        if owner == me:
            return Placement(data_dir, bin_dir, _namespace(surroundings) if me == 0 else None, me)
        if me != 0:
            raise EmbeddedServerError(f"{data_dir} belongs to {user_name(owner)}: run Turnus as {user_name(owner)}")
        identity = Identity(owner, data_dir.stat().st_gid, namespace=False)
        return Placement(data_dir, _reachable_programs(bin_dir, identity, surroundings), identity, owner)
    if layout.moved.exists():
        raise EmbeddedServerError(f"{data_dir} is gone, which {layout.moved} names as the place of the data")
    if me != 0:
        return Placement(data_dir, bin_dir, None, me)
    return _place_new(layout, bin_dir, surroundings)


def _place_new(layout: Layout, bin_dir: Path, surroundings: Surroundings) -> Placement:
    """As root, for a data folder that does not exist yet."""
    if surroundings.namespaces:
        identity = _namespace(surroundings)
        if _can_run(bin_dir, identity, layout.home):
            return Placement(layout.data_dir, bin_dir, identity, 0)
    identity = _unprivileged(surroundings)
    if _can_run(bin_dir, identity, layout.home):
        return Placement(layout.data_dir, bin_dir, identity, identity.uid)
    programs = _reachable_programs(bin_dir, identity, surroundings)
    # Not named after the home: a new home in an old place must not find old data.
    folder = _make_open(surroundings.state_folder / f"home-{secrets.token_hex(6)}")
    return Placement(folder / layout.name, programs, identity, identity.uid)


def _namespace(surroundings: Surroundings) -> Identity:
    if not surroundings.namespaces:
        raise EmbeddedServerError(
            "the data folder belongs to root, but user namespaces, in which a server can run as root, "
            "are not allowed here"
        )
    for name in _NAMESPACE_USERS:
        user = _user(name)
        if user is not None and user.pw_uid != 0 and user.pw_gid != 0:
            return Identity(user.pw_uid, user.pw_gid, namespace=True)
    raise EmbeddedServerError(f"this system has none of the users {', '.join(_NAMESPACE_USERS)}")


def _unprivileged(surroundings: Surroundings) -> Identity:
    for name in surroundings.unprivileged_users:
        user = _user(name)
        if user is not None and user.pw_uid != 0:
            return Identity(user.pw_uid, user.pw_gid, namespace=False)
    raise EmbeddedServerError(
        "PostgreSQL cannot run as root here: user namespaces are not allowed and there is none of the users "
        f"{', '.join(surroundings.unprivileged_users)}; run Turnus as an ordinary user or set TURNUS_DATABASE_URL"
    )


def _reachable_programs(bin_dir: Path, identity: Identity, surroundings: Surroundings) -> Path:
    """The programs, or a copy of them below the state folder if the identity cannot run them where they are."""
    if _can_run(bin_dir, identity, Path("/")):
        return bin_dir
    # A copy per installed version: its place, its time and its size name it.
    stamp = (bin_dir / "postgres").stat()
    key = hashlib.sha256(f"{bin_dir}:{stamp.st_mtime_ns}:{stamp.st_size}".encode()).hexdigest()[:12]
    home = _make_open(surroundings.state_folder) / f"programs-{key}"
    copied = home / bin_dir.parent.parent.name / bin_dir.parent.name / bin_dir.name
    if not home.exists():
        _copy_programs(bin_dir.parent, home)
    result = run(copied, "postgres", ["--version"], identity=identity)
    if result.returncode != 0:
        reason = last_lines(result.stderr.splitlines())
        raise EmbeddedServerError(f"PostgreSQL can run neither as root nor as {user_name(identity.uid)} here: {reason}")
    return copied


def _copy_programs(installation: Path, home: Path) -> None:
    """Copy bin, lib and share, and the shared libraries that wheels keep beside the package."""
    draft = home.with_name(f"{home.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    package = installation.parent
    target = draft / package.name / installation.name
    for part in ("bin", "lib", "share"):
        if (installation / part).is_dir():
            shutil.copytree(installation / part, target / part, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    for folder, _, files in os.walk(draft):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if os.access(path, os.X_OK) and path.stat().st_mode & 0o100 else 0o644)
    draft.rename(home)


def _can_run(bin_dir: Path, identity: Identity, folder: Path) -> bool:
    return run(bin_dir, "postgres", ["--version"], identity=identity, cwd=folder).returncode == 0


def _make_open(folder: Path) -> Path:
    """Make a folder others can pass through; one that exists stays as it is."""
    if not folder.exists():
        if folder.parent != folder and not folder.parent.exists():
            _make_open(folder.parent)
        folder.mkdir()
        folder.chmod(0o755)
    return folder


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def user_name(uid: int) -> str:
    """The user's name, or the number if it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
