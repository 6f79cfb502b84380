"""The archive of a backup: one tar file with a manifest.

It has `manifest.json`, `database.dump` (PostgreSQL's custom format), `files/…` and perhaps `secret.key`.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

import msgspec

from turnus.platform.config import Config
from turnus.platform.db import migrate

FORMAT = 1
MANIFEST, DUMP, FILES = "manifest.json", "database.dump", "files/"


class BackupError(Exception):
    """The backup or the restoration is impossible; the text is one line."""


class Policy(msgspec.Struct, frozen=True):
    """A row-level policy of the login role. Its name differs between installations, so it is made anew."""

    table: str
    name: str
    using: str
    check: str | None


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """What an archive holds. `key_fingerprint` tells whether a secret key fits, not what it is."""

    format: int
    program: str
    schema_version: str
    server: int
    owner: str
    key_fingerprint: str
    with_key: bool
    tables: int
    files: int
    login_policies: list[Policy]


def key_fingerprint(config: Config) -> str:
    """A fingerprint of the secret key: of a key derived from it, so that it reveals nothing."""
    return hashlib.sha256(config.key("backup fingerprint")).hexdigest()[:32]


def local_folder(config: Config) -> Path | None:
    """The folder of the files, or None when they are in an object store."""
    url = urlsplit(config.files_url)
    return Path(unquote(url.path)) if url.scheme == "file" else None


def without_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Belongs to whoever unpacks it, and to nobody else."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o600
    return entry


def add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a member of some bytes."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(without_owner(entry), io.BytesIO(content))


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that was opened, and its manifest."""

    tar: tarfile.TarFile
    manifest: Manifest

    def read(self, name: str) -> IO[bytes]:
        """A member, open; raises KeyError when it is missing."""
        return _member(self.tar, name)


@contextmanager
def opened(source: Path) -> Iterator[Archive]:
    """Open an archive and check that it is one of ours.

    Raises:
        BackupError: it is not, or one of a newer version of the program.
    """
    try:
        with tarfile.open(source, "r:*") as tar:
            manifest = msgspec.json.decode(_member(tar, MANIFEST).read(), type=Manifest)
            if manifest.format != FORMAT or not migrate.is_known(manifest.schema_version):
                raise BackupError(f"{source} was made by a newer version ({manifest.program}) of the program.")
            yield Archive(tar, manifest)
    except (tarfile.TarError, msgspec.DecodeError, KeyError, EOFError):
        raise BackupError(f"{source} is no complete backup of Turnus.") from None
    except FileNotFoundError:
        raise BackupError(f"There is no file {source}.") from None


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    found = tar.extractfile(name)
    if found is None:
        raise KeyError(name)
    return found
