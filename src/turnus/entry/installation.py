"""One installation as an object: its configuration, its database server, its pools, its keys.

    with Installation.take(configured()) as installation:
        async with installation.open_database() as database:
            ...

Every process of the program takes the installation once; the embedded server runs as long as any of them holds it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from turnus.platform import config as settings
from turnus.platform import logging as log_lines
from turnus.platform.config import Config
from turnus.platform.db.embedded import EmbeddedServer, acquire
from turnus.platform.db.embedded.binaries import find_bin_dir

if TYPE_CHECKING:
    # These load SQLAlchemy; what only starts other processes does without.
    from turnus.platform.crypto import FieldCipher
    from turnus.platform.db.pool import Database
    from turnus.platform.services import Services

API_CONNECTIONS = 8


class OutOfDate(Exception):
    """The database lacks migrations; the text is one line."""


def default_home(env: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Where data lies without TURNUS_HOME: the platform's folder for a user's data."""
    user = Path(env.get("HOME") or Path.home())
    if platform == "darwin":
        return user / "Library" / "Application Support" / "turnus"
    given = env.get("XDG_DATA_HOME", "")
    return (Path(given) if given.startswith("/") else user / ".local" / "share") / "turnus"


def configured(env: Mapping[str, str] = os.environ) -> Config:
    """The configuration of the environment; raises ConfigError with a line for each wrong variable."""
    return settings.load(env, default_home=default_home(env))


def configure_logging(config: Config) -> None:
    """Log lines as the configuration wants them; in development every request has one."""
    log_lines.configure(config.log)
    logging.getLogger("turnus").setLevel(logging.DEBUG if config.env == "development" else logging.INFO)
    # Starting, stopping and migrating is told by the commands themselves.
    for library in ("uvicorn", "alembic", "procrastinate"):
        logging.getLogger(library).setLevel(logging.WARNING)


@dataclass(slots=True)
class Installation:
    """A configuration with the database server it needs. `server` is None with an external database."""

    config: Config
    server: EmbeddedServer | None

    @classmethod
    def take(cls, config: Config, *, on_wait: Callable[[str], None] | None = None) -> Self:
        """Take the installation: start or join the embedded server, unless the database is an external one.

        `on_wait` is told in a few words what takes more than a moment.

        Raises:
            EmbeddedServerError: there is no usable server; one line.
        """
        return cls(config, acquire(config.home, pg_bin=config.pg_bin, on_wait=on_wait) if config.embedded else None)

    @property
    def url(self) -> str:
        """The database as the application reaches it (perhaps through a pooler)."""
        return self.server.url if self.server is not None else self.config.database_url or ""

    @property
    def direct_url(self) -> str:
        """The database without a pooler in between, for migrations and backups."""
        return self.config.database_direct_url or self.url

    @property
    def cipher(self) -> FieldCipher:
        """The cipher of stored secrets."""
        from turnus.platform.crypto import FieldCipher

        return FieldCipher([self.config.key("fields")])

    def services(self) -> Services:
        """What work reaches beside the database. The outbound client is closed by who asked for it."""
        from turnus.platform.files import FileStore
        from turnus.platform.http import OutboundClient
        from turnus.platform.services import Services

        return Services(self.cipher, FileStore(self.config.files_url), OutboundClient(self.config.outbound_allow))

    def database(self, *, connections: int = API_CONNECTIONS, name: str = "turnus") -> Database:
        """A pool of at most `connections` to the database, still closed; `name` is shown by `pg_stat_activity`."""
        from turnus.platform.db.pool import Database

        return Database(self.url, max_size=connections, application_name=name)

    @asynccontextmanager
    async def open_database(self, *, connections: int = 2, name: str = "turnus command") -> AsyncIterator[Database]:
        """A pool that is open inside the `async with`."""
        database = self.database(connections=connections, name=name)
        await database.open()
        try:
            yield database
        finally:
            await database.close()

    def tool(self, name: str) -> Path:
        """A program of PostgreSQL: of the running embedded server, of TURNUS_PG_BIN, else the one that came along.

        Raises:
            EmbeddedServerError: there is none.
        """
        given = self.server.bin_dir if self.server is not None else self.config.pg_bin
        if given is not None and os.access(given / name, os.X_OK):
            return given / name
        return find_bin_dir(None) / name

    def migrate(self) -> None:
        """Bring the database up to date; nothing to do when it is."""
        from turnus.platform.db import migrate

        migrate.upgrade(self.direct_url)

    def is_current(self) -> bool:
        """Whether the database has all migrations of this version of the program."""
        from turnus.platform.db import migrate

        return migrate.is_current(self.direct_url)

    def make_usable(self) -> None:
        """Migrate the embedded database; an external one is its operator's to migrate.

        Raises:
            OutOfDate: an external database lacks migrations.
        """
        if self.is_current():
            return
        if self.server is None:
            raise OutOfDate("The database is not up to date: run `turnus migrate` first.")
        self.migrate()

    def release(self) -> None:
        """Give the embedded server back; it stops when nobody else holds it."""
        if self.server is not None:
            self.server.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()
