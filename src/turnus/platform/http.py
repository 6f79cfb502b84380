"""Calls to addresses that others choose (webhooks, providers) without letting them reach our own network.

The guard sits where a connection is made: the name is resolved once, its addresses are judged, and the socket is opened
to a judged address. Name, `Host` header and TLS verification stay those of the address as it was written, and a
connection that is used again goes where it went before, so that a second answer of the name server changes nothing.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from ipaddress import ip_address
from typing import Any, Literal, Self

import httpcore2
import httpx2
import msgspec

from turnus import __version__
from turnus.platform.addresses import IPAddress, IPNetwork, is_allowed, is_public, literal_address

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Name and port to addresses; raises OSError when there is none."""

RefusalReason = Literal[
    "invalid_url", "scheme", "https_required", "credentials", "port", "private_address", "forbidden_header"
]
FailureReason = Literal["timeout", "dns", "connect", "tls", "disconnected", "protocol"]

USER_AGENT = f"Turnus/{__version__}"
MAX_URL_LENGTH = 2048
MAX_EXCERPT_BYTES = 4096
_RESOLVER_THREADS = 16
_MAX_ADDRESSES = 4

# What decides about the connection or the framing is ours alone.
_FORBIDDEN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect"}
    | {"user-agent", "accept-encoding"}
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)


class OutboundRefused(Exception):
    """We do not make this call. `reason` is a stable code; `detail` may name an address."""

    def __init__(self, reason: RefusalReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: RefusalReason = reason
        self.detail = detail


class OutboundFailed(Exception):
    """The call was made and brought no answer. `reason` is a stable code."""

    def __init__(self, reason: FailureReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: FailureReason = reason
        self.detail = detail


class OutboundResponse(msgspec.Struct, frozen=True):
    """An answer of any status; redirects are answers."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body_excerpt: bytes
    """The beginning of the body as it was sent, not decoded."""
    truncated: bool
    elapsed: float
    """Seconds from the call to the end of what was read."""
    address: str
    """The IP address that answered."""


def check_url(url: str, *, https_required: bool, allow: Sequence[IPNetwork] = ()) -> RefusalReason | None:
    """Why a URL cannot be called, or None; asks no name server, so a name may still be refused when it is called.

    With `https_required` plain http is left to addresses in `allow`, the operator's list; of a name that is only known
    at the call. Names without a dot and those reserved for local use need a list too.
    """
    if len(url) > MAX_URL_LENGTH:
        return "invalid_url"
    try:
        parsed = httpx2.URL(url)
        host = parsed.raw_host.decode("ascii").rstrip(".")
    except (httpx2.InvalidURL, UnicodeError):
        return "invalid_url"
    if parsed.scheme not in ("http", "https"):
        return "scheme"
    if parsed.userinfo:
        return "credentials"
    literal = literal_address(host)
    if not host or (literal is None and not all(_LABEL.fullmatch(label) for label in host.split("."))):
        return "invalid_url"
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    # Below 1024 live mail, name servers and the like, which a POST must not speak to.
    if parsed.port == 0 or not (port in (80, 443) or 1024 <= port <= 65535):
        return "port"
    return _check_place(host, literal, plain_refused=parsed.scheme == "http" and https_required, allow=allow)


def _check_place(
    host: str, literal: IPAddress | None, *, plain_refused: bool, allow: Sequence[IPNetwork]
) -> RefusalReason | None:
    if literal is not None:
        if is_allowed(literal, allow):
            return None
        if not is_public(literal):
            return "private_address"
        return "https_required" if plain_refused else None
    if allow:
        # The name may lead into the list; that is decided at the call.
        return None
    local = "." not in host or host.lower().endswith((".localhost", ".local", ".internal", ".home.arpa", ".onion"))
    if local:
        return "private_address"
    return "https_required" if plain_refused else None


def check_headers(headers: Mapping[str, str]) -> RefusalReason | None:
    """Whether extra headers may be sent: well-formed, printable ASCII, none that the client sets itself."""
    for name, value in headers.items():
        if name.lower() in _FORBIDDEN_HEADERS or name.lower().startswith("proxy-"):
            return "forbidden_header"
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            return "forbidden_header"
    return None


class PinningBackend(httpcore2.AsyncNetworkBackend):
    """Opens sockets to permitted addresses only; the one place where names become addresses."""

    def __init__(
        self, resolve: Resolver, permitted: Callable[[IPAddress], bool], network: httpcore2.AsyncNetworkBackend
    ) -> None:
        self._resolve = resolve
        self._permitted = permitted
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first permitted address that answers.

        Raises:
            OutboundRefused: no address of the host is permitted.
            OutboundFailed: the name has no address.
            httpcore2.ConnectError, ConnectTimeout: none answers.
        """
        addresses = [address for address in await self._addresses(host, port) if self._permitted(address)]
        if not addresses:
            raise OutboundRefused("private_address", f"{host} leads to no permitted address")
        tried = addresses[:_MAX_ADDRESSES]
        share = None if timeout is None else timeout / len(tried)
        for address in tried[:-1]:
            try:
                return await self._network.connect_tcp(str(address), port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                # A dead address of several; the next one may answer, and the last one's error is the one to report.
                continue
        return await self._network.connect_tcp(str(tried[-1]), port, share, local_address, socket_options)

    async def _addresses(self, host: str, port: int) -> list[IPAddress]:
        literal = literal_address(host)
        if literal is not None:
            return [literal]
        try:
            return [ip_address(found) for found in dict.fromkeys(await self._resolve(host, port))]
        except (OSError, ValueError) as problem:
            raise OutboundFailed("dns", f"{host}: {problem}") from problem


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Transport for an `httpx2.AsyncClient` of a provider; `OutboundClient` uses it too.

    Plain http goes to addresses in `allow` only, with `http_allowed` (sandbox) to public ones as well. Raises
    OutboundRefused and, for names without address, OutboundFailed besides httpx2's own exceptions. Knows no proxies.
    """

    def __init__(
        self,
        allow: Sequence[IPNetwork],
        *,
        http_allowed: bool = False,
        resolve: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        max_connections: int = 200,
    ) -> None:
        self._threads: ThreadPoolExecutor | None = None
        resolve = resolve or self._ask_system
        network = httpcore2.AnyIOBackend()

        def listed(address: IPAddress) -> bool:
            return is_allowed(address, allow)

        def listed_or_public(address: IPAddress) -> bool:
            return is_allowed(address, allow) or is_public(address)

        # One pool for each rule: a connection made under the wider one must never be used under the narrower.
        rules = {"https": listed_or_public, "http": listed_or_public if http_allowed else listed}
        self._pools = {
            scheme: httpcore2.AsyncConnectionPool(
                ssl_context=ssl_context,
                max_connections=max_connections,
                max_keepalive_connections=20,
                keepalive_expiry=5,
                network_backend=PinningBackend(resolve, rule, network),
            )
            for scheme, rule in rules.items()
        }

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; see the class for what it raises."""
        pool = self._pools.get(request.url.scheme)
        if pool is None:
            raise OutboundRefused("scheme", request.url.scheme)
        inner = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        try:
            answer = await pool.handle_async_request(inner)
        except _CORE_ERRORS as problem:
            raise _translated(problem) from problem
        return httpx2.Response(
            answer.status, headers=answer.headers, stream=_Body(answer.stream), extensions=answer.extensions
        )

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            await pool.aclose()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    async def _ask_system(self, host: str, port: int) -> Sequence[str]:
        # Threads of our own: name servers that do not answer must not occupy those the rest of the process shares.
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_RESOLVER_THREADS, thread_name_prefix="resolver")
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [str(entry[4][0]) for entry in found]


class _Body(httpx2.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._stream:
                yield part
        except _CORE_ERRORS as problem:
            raise _translated(problem) from problem

    async def aclose(self) -> None:
        await self._stream.aclose()


_ERRORS: dict[type[Exception], type[httpx2.TransportError]] = {
    httpcore2.ConnectTimeout: httpx2.ConnectTimeout,
    httpcore2.ReadTimeout: httpx2.ReadTimeout,
    httpcore2.WriteTimeout: httpx2.WriteTimeout,
    httpcore2.PoolTimeout: httpx2.PoolTimeout,
    httpcore2.ConnectError: httpx2.ConnectError,
    httpcore2.ReadError: httpx2.ReadError,
    httpcore2.WriteError: httpx2.WriteError,
    httpcore2.LocalProtocolError: httpx2.LocalProtocolError,
    httpcore2.RemoteProtocolError: httpx2.RemoteProtocolError,
}
_CORE_ERRORS = tuple(_ERRORS)


def _translated(problem: Exception) -> httpx2.TransportError:
    return _ERRORS[type(problem)](str(problem))


class OutboundClient:
    """Makes single calls to addresses that others chose; belongs to one event loop.

    Follows no redirects, keeps no cookies, uses no proxies, reads only the beginning of an answer.
    """

    def __init__(
        self,
        allow: Sequence[IPNetwork],
        *,
        resolve: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """`allow`: private networks that may be reached, by http too. The rest is for tests and closed networks."""
        self._allow = tuple(allow)
        context = ssl_context or httpx2.create_ssl_context()
        self._strict = GuardedTransport(self._allow, resolve=resolve, ssl_context=context)
        self._sandbox = GuardedTransport(self._allow, http_allowed=True, resolve=resolve, ssl_context=context)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._strict.aclose()
        await self._sandbox.aclose()

    def check(self, url: str, *, http_allowed: bool = False) -> RefusalReason | None:
        """Why a URL cannot be called, or None; see `check_url`. A name may still be refused when it is called."""
        return check_url(url, https_required=not http_allowed, allow=self._allow)

    async def post(
        self, url: str, content: bytes, headers: Mapping[str, str], timeout: float, *, http_allowed: bool = False
    ) -> OutboundResponse:
        """POST `content` and wait at most `timeout` seconds for everything; see `request`."""
        return await self.request(
            "POST", url, content=content, headers=headers, timeout=timeout, http_allowed=http_allowed
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str],
        timeout: float,
        http_allowed: bool = False,
        max_body: int = MAX_EXCERPT_BYTES,
    ) -> OutboundResponse:
        """One call. An answer of any status is a result.

        Args:
            timeout: seconds for all of it: resolving, connecting, sending, waiting, reading.
            http_allowed: plain http to public addresses as well (sandbox).
            max_body: bytes of the answer that are kept; reading stops there.

        Raises:
            OutboundRefused: URL, headers or the addresses behind the name are not acceptable; nothing was sent.
            OutboundFailed: no complete answer in time.
        """
        reason = self.check(url, http_allowed=http_allowed) or check_headers(headers)
        if reason is not None:
            raise OutboundRefused(reason)
        request = httpx2.Request(
            method,
            url,
            headers={**headers, "User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            content=content,
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout)},
        )
        transport = self._sandbox if http_allowed else self._strict
        began = time.perf_counter()
        try:
            async with asyncio.timeout(timeout):
                response = await transport.handle_async_request(request)
                address = str(response.extensions["network_stream"].get_extra_info("server_addr")[0])
                body, truncated = await _beginning(response, max_body)
        except (TimeoutError, httpx2.TimeoutException) as problem:
            raise OutboundFailed("timeout", f"no complete answer within {timeout:g} s") from problem
        except httpx2.TransportError as problem:
            raise OutboundFailed(_reason(problem), str(problem)) from problem
        return OutboundResponse(
            response.status_code, dict(response.headers), body, truncated, time.perf_counter() - began, address
        )


async def _beginning(response: httpx2.Response, size: int) -> tuple[bytes, bool]:
    body = b""
    try:
        async with aclosing(response.aiter_raw()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > size:
                    break
    finally:
        await response.aclose()
    return body[:size], len(body) > size


def _reason(problem: httpx2.TransportError) -> FailureReason:
    if isinstance(problem, httpx2.ProtocolError):
        return "protocol"
    if not isinstance(problem, httpx2.ConnectError):
        return "disconnected"
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls"
        # The pool raises "from None"; what went wrong underneath is still its context.
        cause = cause.__cause__ or cause.__context__
    return "connect"
