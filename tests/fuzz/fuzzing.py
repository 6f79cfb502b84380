"""Requests made from the interface description, sent through the application in process."""

from __future__ import annotations

import asyncio
import random
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import httpx2
import requests
import schemathesis

from kit.world import World, a_world
from turnus.platform.db.pool import Database

T = TypeVar("T")
Case = schemathesis.Case[Any]
BASE_URL = "http://test"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
# Headers of which random values only lead to early refusals or to other requests' answers.
_OUR_HEADERS = {"authorization", "host", "x-tenant-id", "idempotency-key", "content-length", "transfer-encoding"}


@dataclass
class Sandbox:
    """A tenant under fire, living in an event loop of its own, and the ids that its answers showed."""

    loop: asyncio.AbstractEventLoop
    world: World
    known: dict[str, list[str]] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    """Ids without which nothing more could be asked, such as that of the token in use."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for something in the tenant's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def send(self, case: Case, chance: random.Random) -> httpx2.Response:
        """Send one case; now and then ids in path and body are replaced by ones that exist."""
        self._use_known_ids(case, chance)
        prepared = prepared_request(case)
        if chance.random() < 0.8:
            # Else nearly every change would end at the version it was meant for.
            prepared.headers.pop("If-Match", None)
        headers = {name: value for name, value in prepared.headers.items() if name.lower() not in _OUR_HEADERS}
        body: Any = prepared.body or b""
        request = httpx2.Request(
            prepared.method or "GET",
            prepared.url or BASE_URL,
            headers=[(_raw(name), _raw(value)) for name, value in headers.items()],
            content=body.encode() if isinstance(body, str) else body,
        )
        request.headers["authorization"] = f"Bearer {self.world.token}"
        answer = self.run(self.world.client.send(request))
        self._learn(case, answer)
        return answer

    def _learn(self, case: Case, answer: httpx2.Response) -> None:
        if answer.status_code not in (200, 201) or "json" not in answer.headers.get("content-type", ""):
            return
        segments = [segment for segment in case.operation.path.split("/") if segment and not segment.startswith("{")]
        if not segments:
            return
        body = answer.json()
        data = body.get("data") if isinstance(body, dict) else None
        rows = data if isinstance(data, list) else [body]
        for row in rows:
            if isinstance(row, dict) and _UUID.fullmatch(str(row.get("id"))):
                found = self.known.setdefault(_singular(segments[-1]), [])
                if row["id"] not in found and row["id"] not in self.own:
                    found.append(row["id"])
                    del found[:-20]

    def _use_known_ids(self, case: Case, chance: random.Random) -> None:
        path = case.operation.path.split("/")
        given = case.path_parameters or {}
        for name in list(given):
            before = path[path.index("{" + name + "}") - 1]
            kinds = (_kind(name), _singular(before))
            found = next((self.known[kind] for kind in kinds if self.known.get(kind)), None)
            if found and chance.random() < 0.8:
                given[name] = chance.choice(found)
        if isinstance(case.body, dict | list):
            _replace(case.body, self.known, chance)


def _replace(value: Any, known: dict[str, list[str]], chance: random.Random) -> None:
    if isinstance(value, list):
        for inner in value:
            _replace(inner, known, chance)
    elif isinstance(value, dict):
        for key, inner in value.items():
            found = known.get(_kind(key))
            if isinstance(inner, str) and found and chance.random() < 0.7:
                value[key] = chance.choice(found)
            else:
                _replace(inner, known, chance)


def _kind(name: str) -> str:
    """The kind of object that `customerId`, `customer_id` or `customer` names."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", "-", name).lower().removesuffix("-id")


def _singular(segment: str) -> str:
    if segment.endswith("ies"):
        return segment[:-3] + "y"
    return segment[:-2] if segment.endswith("sses") else segment.removesuffix("s")


def _raw(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


def prepared_request(case: Case) -> requests.PreparedRequest:
    """What goes over the wire."""
    given = case.as_transport_kwargs(base_url=BASE_URL)
    wanted = ("method", "url", "headers", "files", "data", "json", "params", "cookies")
    return requests.Request(**{name: given[name] for name in wanted if given.get(name) is not None}).prepare()


def reaches_operation(case: Case, answer: httpx2.Response) -> bool:
    """Whether the path, as a server reads it, still is the operation's: a slash in a parameter makes it another."""
    pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(case.operation.path))
    return re.fullmatch(pattern, unquote(urlsplit(str(answer.request.url)).path)) is not None


@contextmanager
def sandbox(database_url: str) -> Iterator[Sandbox]:
    """A fresh tenant in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sandbox")
    thread.start()

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    database = run(_opened(database_url))
    context = a_world(database, f"Fuzz {uuid4()}")
    try:
        world = run(_entered(context.__aenter__))
        try:
            tokens = run(world.rows("select id::text from api_token"))
            yield Sandbox(loop, world, own={row[0] for row in tokens})
        finally:
            run(_left(context.__aexit__))
    finally:
        run(database.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _opened(url: str) -> Database:
    database = Database(url, max_size=4)
    await database.open()
    return database


async def _entered(enter: Callable[[], Coroutine[Any, Any, World]]) -> World:
    return await enter()


async def _left(leave: Callable[[None, None, None], Coroutine[Any, Any, bool | None]]) -> None:
    await leave(None, None, None)
