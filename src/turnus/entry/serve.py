"""`turnus serve`: a parent that binds the address and supervises API and worker processes.

Run as a module it is one of the API processes.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from turnus.entry.installation import Installation
from turnus.entry.supervisor import Child, Supervisor, follow_parent
from turnus.platform.config import DEFAULT_BASE_URL, Config

BACKLOG = 512
REQUEST_GRACE_SECONDS = 10
"""How long running requests may take to end after SIGTERM."""


class AddressUnusable(Exception):
    """Nothing can listen at the address; the text is one line."""


@dataclass(frozen=True, slots=True)
class Serving:
    """How to serve: the address (port 0: any free one) and the number of processes."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    background: bool = True


def serve(
    config: Config,
    serving: Serving,
    *,
    on_ready: Callable[[str], None] = lambda url: None,
    on_wait: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` is told the URL once it is answered, `on_wait` what takes its time.

    The embedded database is migrated first; an external one that is not up to date is refused.

    Raises:
        AddressUnusable: the port is taken or the host is not this machine's.
        OutOfDate: see there.
        EmbeddedServerError, MigrationError: the database cannot be used.
        ChildFailed: a process dies again and again.
    """
    with listener(serving.host, serving.port) as bound:
        url = _base_url(config, serving.host, bound.getsockname()[1])
        ready, told = os.pipe()
        children = [_api(bound, told, background=serving.background) for _ in range(serving.workers)]
        if serving.background:
            children.append(Child("worker", ["-m", "turnus.entry.supervisor", "turnus.entry.worker"]))
        supervisor = Supervisor(children, {**os.environ, "TURNUS_BASE_URL": url})
        with supervisor.started(), Installation.take(config, on_wait=on_wait) as installation:
            # The children load their modules while the database starts here.
            installation.make_usable()
            supervisor.go()
            threading.Thread(target=_tell, args=(ready, url, on_ready), daemon=True).start()
            supervisor.run()


def _tell(ready: int, url: str, on_ready: Callable[[str], None]) -> None:
    if os.read(ready, 1):
        on_ready(url)


def _base_url(config: Config, host: str, port: int) -> str:
    """The operator's base URL, else that of the address."""
    if config.base_url != DEFAULT_BASE_URL or os.environ.get("TURNUS_BASE_URL", "").strip():
        return config.base_url
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
    shown = everywhere.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def _api(bound: socket.socket, told: int, *, background: bool) -> Child:
    arguments = ["-m", "turnus.entry.serve", str(bound.fileno()), str(told), "worker" if background else "alone"]
    return Child("API", arguments, (bound.fileno(), told))


@contextmanager
def listener(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens at the address; connections wait in it until an API process takes them.

    Raises:
        AddressUnusable: see there.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError):
        raise AddressUnusable(f"The host {host!r} is unknown: use an address of this machine with --host.") from None
    with socket.socket(family, kind, protocol) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
            bound.listen(BACKLOG)
        except OSError as error:
            raise AddressUnusable(_why(error, host, port)) from None
        yield bound


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use: choose another one with --port (0 takes any that is free)."
    if error.errno == errno.EACCES:
        return f"Port {port} needs more rights: choose one above 1023 with --port."
    return f"Nothing can listen at {host}, port {port}: {error.strerror}."


def main(arguments: Sequence[str]) -> int:
    """One API process: listening socket, descriptor to tell readiness to, and whether workers are expected."""
    bound, told, background = int(arguments[0]), int(arguments[1]), arguments[2] == "worker"
    # Loaded before the parent says that the database is ready.
    import uvicorn
    import uvicorn.protocols.http.httptools_impl
    import uvloop

    from turnus.entry.asgi import create_app

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            os.write(told, b"1")

    follow_parent()
    config = uvicorn.Config(
        create_app(worker_expected=background),
        loop=uvloop.__name__,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=REQUEST_GRACE_SECONDS,
    )
    Server(config).run(sockets=[socket.socket(fileno=bound)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
