"""A receiver of webhooks on this machine: notes what it gets and answers what it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from ipaddress import ip_network
from ssl import SSLContext
from typing import Any

import httpx2

from kit.world import World
from turnus.entry.bootstrap import ROUTERS
from turnus.platform.api.app import build
from turnus.platform.http import OutboundClient


@dataclass
class Received:
    """A request as it arrived; names of headers in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Sink:
    """Answers every request with `status` and `text` after `delay` seconds; a status of 0 hangs up."""

    url: str = ""
    status: int = 200
    text: bytes = b"ok"
    delay: float = 0.0
    received: list[Received] = field(default_factory=list)
    busy: int = 0
    busiest: int = 0
    on_request: Callable[[Received], None] | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await self._read(reader)) is not None:
                self.busy += 1
                self.busiest = max(self.busiest, self.busy)
                self.received.append(request)
                if self.on_request is not None:
                    self.on_request(request)
                await asyncio.sleep(self.delay)
                self.busy -= 1
                if self.status == 0:
                    return
                head = f"HTTP/1.1 {self.status} X\r\ncontent-length: {len(self.text)}\r\n\r\n"
                writer.write(head.encode() + self.text)
                await writer.drain()
        except ConnectionError:
            self.busy -= 1
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Received | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Received(first.split()[1], headers, body)


@asynccontextmanager
async def a_sink() -> AsyncIterator[Sink]:
    """A sink on a free port."""
    sink = Sink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0)
    sink.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield sink
    finally:
        server.close()


@cache
def _ssl_context() -> SSLContext:
    return httpx2.create_ssl_context()


@asynccontextmanager
async def reaching(world: World) -> AsyncIterator[World]:
    """The same tenant in an installation whose outgoing calls may reach this machine."""
    async with OutboundClient([ip_network("127.0.0.0/8")], ssl_context=_ssl_context()) as outbound:
        edge = replace(world.edge, services=replace(world.services, outbound=outbound))
        app: Any = build(edge, ROUTERS)
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://test", headers=world.client.headers
        ) as client:
            yield replace(world, edge=edge, client=client)
