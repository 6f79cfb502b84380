"""What the operator sets by environment variables, checked once at the start.

A wrong value stops the program with one line per variable that names the accepted form. Values of variables that may
hold a secret are never repeated in a message or in a `repr`.
"""

from __future__ import annotations

import difflib
import functools
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import SplitResult, urlsplit

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from turnus.platform.addresses import IPNetwork

LogFormat = Literal["json", "text"]
Environment = Literal["production", "development"]

LOG_FORMATS: tuple[LogFormat, ...] = ("json", "text")
ENVIRONMENTS: tuple[Environment, ...] = ("production", "development")

Choice = TypeVar("Choice", bound=str)

DEFAULT_BASE_URL = "http://127.0.0.1:8000"
KEY_FILE = "secret.key"
MINIMUM_KEY_BYTES = 32

VARIABLES = frozenset(
    {
        "TURNUS_HOME",
        "TURNUS_DATABASE_URL",
        "TURNUS_DATABASE_DIRECT_URL",
        "TURNUS_PG_BIN",
        "TURNUS_BASE_URL",
        "TURNUS_SECRET_KEY",
        "TURNUS_FILES_URL",
        "TURNUS_SMTP_URL",
        "TURNUS_LOG",
        "TURNUS_ENV",
        "TURNUS_OUTBOUND_ALLOW",
    }
)
TEST_PREFIX = "TURNUS_TEST_"

_DATABASE_FORM = "postgresql://user:password@host:5432/database"
_FILES_SCHEMES = frozenset({"file", "s3", "gs", "az", "abfs", "abfss"})
_FILES_FORM = "an address such as file:///srv/turnus/files, s3://bucket/prefix, gs://bucket or az://container"
_SMTP_FORM = "smtp://user:password@host:587 or smtps://user:password@host:465"
_KEY_FORM = (
    f"at least {MINIMUM_KEY_BYTES} bytes of random text, for example from "
    "`python3 -c 'import secrets; print(secrets.token_urlsafe(32))'`"
)


class ConfigError(Exception):
    """One or more variables have a wrong value; the text has one line for each and holds no secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Config:
    """The checked settings of one installation.

    `database_url` is None for the embedded server. `base_url` has no trailing slash; unless the operator set it, it is
    `DEFAULT_BASE_URL` and a server on another port replaces it. `unknown` lists TURNUS_ variables nobody reads
    (mostly typing errors), `warnings` has one line each for these and for other things that deserve a look.
    """

    home: Path
    database_url: str | None = field(repr=False)
    database_direct_url: str | None = field(repr=False)
    pg_bin: Path | None
    base_url: str
    secret_key: bytes = field(repr=False)
    files_url: str = field(repr=False)
    smtp_url: str | None = field(repr=False)
    log: LogFormat
    env: Environment
    outbound_allow: tuple[IPNetwork, ...]
    unknown: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def embedded(self) -> bool:
        """Whether the installation runs a database server of its own."""
        return self.database_url is None

    def key(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose, derived from the secret key (HKDF-SHA256, RFC 5869).

        Keys of different purposes reveal nothing about each other or about the secret key.
        """
        if not purpose:
            raise ValueError("a derived key needs a purpose")
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"turnus:" + purpose.encode()).derive(
            self.secret_key
        )


def load(env: Mapping[str, str], *, default_home: Path) -> Config:
    """Read and check the variables of `env`; an empty one counts as absent.

    Makes the home folder (only its owner may enter) and, with the embedded database and no TURNUS_SECRET_KEY, the key
    file in it (mode 0600). `default_home` is used without TURNUS_HOME.

    Raises:
        ConfigError: any value is wrong; all wrong ones are listed.
    """
    reader = _Reader(env)
    database_url = reader.database_url("TURNUS_DATABASE_URL")
    database_direct_url = reader.database_url("TURNUS_DATABASE_DIRECT_URL")
    if reader.given("TURNUS_DATABASE_DIRECT_URL") and not reader.given("TURNUS_DATABASE_URL"):
        reader.wrong("TURNUS_DATABASE_DIRECT_URL", "is only used together with TURNUS_DATABASE_URL")
    pg_bin = reader.pg_bin(embedded=not reader.given("TURNUS_DATABASE_URL"))
    base_url = reader.base_url()
    files_url = reader.files_url()
    smtp_url = reader.smtp_url()
    environment: Environment = reader.choice("TURNUS_ENV", ENVIRONMENTS, "production")
    log: LogFormat = reader.choice("TURNUS_LOG", LOG_FORMATS, "text" if environment == "development" else "json")
    outbound_allow = reader.networks("TURNUS_OUTBOUND_ALLOW")
    home = reader.home(default_home)
    # A key is only made once everything else is right, so that a refused start leaves nothing behind.
    secret_key = reader.secret_key(home)
    if reader.problems:
        raise ConfigError(reader.problems)
    return Config(
        home=home,
        database_url=database_url,
        database_direct_url=database_direct_url,
        pg_bin=pg_bin,
        base_url=base_url,
        secret_key=secret_key,
        files_url=files_url or (home / "files").as_uri(),
        smtp_url=smtp_url,
        log=log,
        env=environment,
        outbound_allow=outbound_allow,
        unknown=reader.unknown(),
        warnings=tuple(reader.warnings),
    )


class _Reader:
    """Reads one variable after the other and gathers what is wrong with them."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = {name: value.strip() for name, value in env.items() if name.startswith("TURNUS_") and value.strip()}
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def given(self, name: str) -> bool:
        return name in self._env

    def wrong(self, name: str, accepted: str) -> None:
        self.problems.append(f"{name}: {accepted}")

    def choice(self, name: str, accepted: tuple[Choice, ...], default: Choice) -> Choice:
        value = self._env.get(name)
        for candidate in accepted:
            if value == candidate:
                return candidate
        if value is not None:
            self.wrong(name, f"is {_shown(value)}, must be {' or '.join(accepted)}")
        return default

    def _url(self, name: str, schemes: frozenset[str], form: str) -> SplitResult | None:
        value = self._env.get(name)
        if value is None:
            return None
        try:
            url = urlsplit(value)
            usable = url.scheme in schemes and url.port != 0 and not any(character.isspace() for character in value)
        except ValueError:
            usable = False
        if not usable:
            self.wrong(name, f"must be {form}")
            return None
        return url

    def database_url(self, name: str) -> str | None:
        url = self._url(name, frozenset({"postgresql", "postgres"}), _DATABASE_FORM)
        if url is None:
            return None
        if not url.path.strip("/") and "dbname=" not in url.query:
            self.wrong(name, f"names no database, must be {_DATABASE_FORM}")
            return None
        return url._replace(scheme="postgresql").geturl()

    def pg_bin(self, *, embedded: bool) -> Path | None:
        value = self._env.get("TURNUS_PG_BIN")
        if value is None:
            return None
        folder = Path(value).expanduser().absolute()
        programs = ("initdb", "pg_ctl", "postgres") if embedded else ("pg_dump",)
        missing = [program for program in programs if not os.access(folder / program, os.X_OK)]
        if missing:
            accepted = f"must be a folder with PostgreSQL's programs; {', '.join(missing)} not found in {_shown(value)}"
            self.wrong("TURNUS_PG_BIN", accepted)
            return None
        return folder

    def base_url(self) -> str:
        form = "must be http(s)://host[:port][/path] without user, query or fragment"
        url = self._url("TURNUS_BASE_URL", frozenset({"http", "https"}), form.removeprefix("must be "))
        if url is None:
            return DEFAULT_BASE_URL
        if not url.hostname or url.username is not None or url.query or url.fragment:
            self.wrong("TURNUS_BASE_URL", form)
        return url.geturl().rstrip("/")

    def files_url(self) -> str | None:
        url = self._url("TURNUS_FILES_URL", _FILES_SCHEMES, _FILES_FORM)
        if url is None:
            return None
        complete = url.path.startswith("/") and not url.netloc if url.scheme == "file" else bool(url.netloc)
        if not complete:
            self.wrong("TURNUS_FILES_URL", f"must be {_FILES_FORM}")
        return self._env["TURNUS_FILES_URL"]

    def smtp_url(self) -> str | None:
        url = self._url("TURNUS_SMTP_URL", frozenset({"smtp", "smtps"}), _SMTP_FORM)
        if url is None:
            return None
        if not url.hostname or url.path.strip("/"):
            self.wrong("TURNUS_SMTP_URL", f"must be {_SMTP_FORM}")
        return self._env["TURNUS_SMTP_URL"]

    def networks(self, name: str) -> tuple[IPNetwork, ...]:
        networks = []
        for part in self._env.get(name, "").split(","):
            if not part.strip():
                continue
            try:
                networks.append(ip_network(part.strip()))
            except ValueError:
                accepted = "networks in CIDR form (no host bits), separated by commas, such as 10.0.0.0/8,127.0.0.1/32"
                self.wrong(name, f"{_shown(part.strip())} is none of: {accepted}")
        return tuple(networks)

    def home(self, default: Path) -> Path:
        home = Path(self._env.get("TURNUS_HOME", default)).expanduser().absolute()
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            self.wrong("TURNUS_HOME", f"must be a folder that can be made; {home}: {problem.strerror}")
            return home
        if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
            self.wrong("TURNUS_HOME", f"must be a folder this user may write to; {home} is not")
        return home

    def secret_key(self, home: Path) -> bytes:
        given = self._env.get("TURNUS_SECRET_KEY")
        if given is not None:
            return self._given_key(given.encode(), home / KEY_FILE)
        if self.given("TURNUS_DATABASE_URL"):
            self.wrong("TURNUS_SECRET_KEY", f"is required with TURNUS_DATABASE_URL: {_KEY_FORM}")
        if self.problems:
            return b""
        try:
            return self._kept_key(home / KEY_FILE)
        except OSError as problem:
            self.wrong("TURNUS_SECRET_KEY", f"absent, and {home / KEY_FILE} cannot be used: {problem.strerror}")
            return b""

    def _given_key(self, key: bytes, kept: Path) -> bytes:
        if not _is_strong(key):
            self.wrong("TURNUS_SECRET_KEY", f"must be {_KEY_FORM}")
        elif kept.is_file() and os.access(kept, os.R_OK) and not secrets.compare_digest(kept.read_bytes().strip(), key):
            self.warnings.append(
                f"TURNUS_SECRET_KEY differs from {kept}: what was encrypted with the kept key stays unreadable"
            )
        return key

    def _kept_key(self, path: Path) -> bytes:
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(32).encode() + b"\n")
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            self.warnings.append(f"{path} can be read by other users; its mode should be 0600")
        key = path.read_bytes().strip()
        if not _is_strong(key):
            self.wrong("TURNUS_SECRET_KEY", f"absent, and {path} does not hold {_KEY_FORM}")
        return key

    def unknown(self) -> tuple[str, ...]:
        names = sorted(name for name in self._env if name not in VARIABLES and not name.startswith(TEST_PREFIX))
        for name in names:
            near = difflib.get_close_matches(name, VARIABLES, n=1, cutoff=0.85)
            self.warnings.append(f"{name} is not a known variable" + (f"; {near[0]} is" if near else ""))
        return tuple(names)


def _shown(value: str) -> str:
    """A value for a message: quoted, no control characters, cut."""
    return repr(value if len(value) <= 60 else value[:60] + "…")


def _is_strong(key: bytes) -> bool:
    # Random text of this length always has many different characters; a word repeated or a row of zeros has few.
    return len(key) >= MINIMUM_KEY_BYTES and len(set(key)) >= 8


def _write_once(path: Path, content: bytes) -> None:
    """Write a file only its owner may read, all of it or nothing; of two writers at once the first wins."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with open(draft, "xb", opener=functools.partial(os.open, mode=0o600)) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        # Another process of the same installation was faster: its key is the one to read.
        return
    finally:
        draft.unlink()
