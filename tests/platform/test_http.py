"""The guard of outgoing calls, with real sockets on the loopback network."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import httpcore2
import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from turnus import __version__
from turnus.platform.addresses import IPNetwork, is_public
from turnus.platform.http import (
    GuardedTransport,
    OutboundClient,
    OutboundFailed,
    OutboundRefused,
    OutboundResponse,
    PinningBackend,
    check_headers,
    check_url,
)

LOOPBACK: list[IPNetwork] = [ip_network("127.0.0.1/32")]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Seen: 1\r\n\r\nok"


class Receiver:
    """A server that answers each request with fixed bytes and remembers what it got."""

    def __init__(self, answer: bytes, *, delay: float = 0, close: bool = False) -> None:
        self.answer, self.delay, self.close = answer, delay, close
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.client_ports: list[int] = []
        self.server_names: list[str | None] = []
        self.port = 0
        self.serving: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        try:
            while line := await reader.readline():
                headers = {}
                while (header := await reader.readline()) not in (b"\r\n", b""):
                    name, _, value = header.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append((line.decode().strip(), headers, body))
                self.client_ports.append(writer.get_extra_info("peername")[1])
                await asyncio.sleep(self.delay)
                writer.write(self.answer)
                await writer.drain()
                if self.close:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The client hung up, as several tests want it to, or the test is over.
            writer.transport.abort()
        finally:
            self.serving.discard(task)
            writer.close()


@asynccontextmanager
async def receiver(
    answer: bytes = OK, *, delay: float = 0, close: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    made = Receiver(answer, delay=delay, close=close)
    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: made.server_names.append(name)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        open_connections = list(made.serving)
        for task in open_connections:
            task.cancel()
        await asyncio.gather(*open_connections, return_exceptions=True)


def answers(*rounds: Sequence[str]) -> tuple[Callable[[str, int], Awaitable[Sequence[str]]], list[str]]:
    """A name server that gives the rounds one after the other (the last for ever), and the names it was asked for."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return rounds[min(len(asked), len(rounds)) - 1]

    return resolve, asked


async def post(client: OutboundClient, url: str, content: bytes = b"{}", timeout: float = 5) -> OutboundResponse:
    return await client.post(url, content, {"Content-Type": "application/json"}, timeout)


# Registration


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://hooks.example.com/turnus?x=1", None),
        ("https://hooks.example.com:8443/", None),
        ("https://8.8.8.8/", None),
        ("https://[2606:4700:4700::1111]/", None),
        ("https://müller.example/", None),
        ("HTTPS://Hooks.Example.COM", None),
        ("http://hooks.example.com/", "https_required"),
        ("http://8.8.8.8/", "https_required"),
        ("ftp://hooks.example.com/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("//hooks.example.com/", "scheme"),
        ("hooks.example.com", "scheme"),
        ("", "scheme"),
        ("https://", "invalid_url"),
        ("https:///path", "invalid_url"),
        ("https://exa mple.com/", "invalid_url"),
        ("https://example.com\\@127.0.0.1/", "credentials"),
        ("https://a..example.com/", "invalid_url"),
        ("https://-a.example.com/", "invalid_url"),
        ("https://[::1/", "invalid_url"),
        ("https://example.com:port/", "invalid_url"),
        ("https://example.com/\r\nX: y", "invalid_url"),
        ("https://example.com/" + "x" * 2048, "invalid_url"),
        ("https://user@example.com/", "credentials"),
        ("https://user:secret@example.com/", "credentials"),
        ("https://example.com:0/", "port"),
        ("https://example.com:22/", "port"),
        ("https://example.com:25/", "port"),
        ("https://example.com:99999/", "port"),
        ("https://localhost/", "private_address"),
        ("https://LOCALHOST./", "private_address"),
        ("https://app.localhost/", "private_address"),
        ("https://db/", "private_address"),
        ("https://metadata.google.internal/", "private_address"),
        ("https://printer.local/", "private_address"),
        ("https://127.0.0.1/", "private_address"),
        ("https://127.1/", "private_address"),
        ("https://2130706433/", "private_address"),
        ("https://0x7f000001/", "private_address"),
        ("https://0177.0.0.1/", "invalid_url"),
        ("https://169.254.169.254/latest/meta-data", "private_address"),
        ("https://[::1]/", "private_address"),
        ("https://[::ffff:127.0.0.1]/", "private_address"),
        ("https://[fd00::1]:8443/", "private_address"),
        ("https://１２７.0.0.1/", "invalid_url"),
    ],
)
def test_urls_at_registration(url: str, reason: str | None) -> None:
    assert check_url(url, https_required=True) == reason


def test_plain_http_needs_the_sandbox_or_the_operators_list() -> None:
    assert check_url("http://hooks.example.com/", https_required=False) is None
    assert check_url("http://127.0.0.1:9000/", https_required=True, allow=LOOPBACK) is None
    assert check_url("http://127.0.0.2:9000/", https_required=True, allow=LOOPBACK) == "private_address"
    assert check_url("http://8.8.8.8/", https_required=True, allow=LOOPBACK) == "https_required"
    assert check_url("http://127.0.0.1:9000/", https_required=False) == "private_address"
    assert check_url("http://erp.internal:8080/", https_required=True, allow=[ip_network("10.0.0.0/8")]) is None


def test_checking_a_long_host_is_quick() -> None:
    begin = time.perf_counter()
    assert check_url("https://" + "a" * 2000 + "/", https_required=True) == "invalid_url"
    assert time.perf_counter() - begin < 0.2


def test_headers_that_decide_about_the_connection_are_refused() -> None:
    assert check_headers({"X-Api-Key": "abc", "Authorization": "Bearer x y"}) is None
    for name in (
        "Host",
        "content-length",
        "Transfer-Encoding",
        "Connection",
        "Proxy-Authorization",
        "User-Agent",
        "a b",
        "",
    ):
        assert check_headers({name: "x"}) == "forbidden_header", name
    for value in ("a\r\nHost: b", "a\n", "ü", "\x00"):
        assert check_headers({"X-Custom": value}) == "forbidden_header"


# Calls


@pytest.mark.asyncio
async def test_a_listed_address_is_reached_by_plain_http() -> None:
    async with receiver() as server, OutboundClient(LOOPBACK) as client:
        answer = await post(client, f"http://127.0.0.1:{server.port}/hook?x=1", b'{"a":1}')

        assert (answer.status, answer.body_excerpt, answer.truncated) == (200, b"ok", False)
        assert answer.headers["x-seen"] == "1"
        assert answer.address == "127.0.0.1" and 0 < answer.elapsed < 5
        [(line, headers, body)] = server.requests
        assert line == "POST /hook?x=1 HTTP/1.1"
        assert body == b'{"a":1}'
        assert headers == {
            "host": f"127.0.0.1:{server.port}",
            "content-type": "application/json",
            "content-length": "7",
            "user-agent": f"Turnus/{__version__}",
            "accept-encoding": "identity",
        }


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0"])
async def test_the_own_machine_is_refused_without_a_list_and_never_called(host: str) -> None:
    async with receiver() as server, OutboundClient([]) as client:
        for http_allowed in (True, False):
            with pytest.raises(OutboundRefused) as refusal:
                await client.post(f"http://{host}:{server.port}/", b"", {}, 5, http_allowed=http_allowed)
            assert refusal.value.reason == "private_address"
        assert server.requests == []


@pytest.mark.asyncio
async def test_a_public_name_that_leads_inside_is_refused_and_never_called() -> None:
    for inside in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "64:ff9b::127.0.0.1"):
        resolve, asked = answers([inside])
        async with receiver() as server, OutboundClient([], resolve=resolve) as client:
            with pytest.raises(OutboundRefused) as refusal:
                await post(client, f"https://hooks.example.com:{server.port}/")
            assert refusal.value.reason == "private_address"
            assert asked == ["hooks.example.com"]
            assert server.requests == []


@pytest.mark.asyncio
async def test_a_name_that_changes_its_answer_is_judged_anew_for_each_connection_and_never_between() -> None:
    # First an acceptable address, then one that is not: the attack called DNS rebinding.
    resolve, asked = answers(["127.0.0.1"], ["127.0.0.2"])
    async with receiver() as server, OutboundClient(LOOPBACK, resolve=resolve) as client:
        url = f"http://hooks.example.com:{server.port}/"
        first = await post(client, url)
        again = await post(client, url)

        assert (first.address, again.address) == ("127.0.0.1", "127.0.0.1")
        assert asked == ["hooks.example.com"]
        assert server.client_ports[0] == server.client_ports[1]
        assert server.requests[0][1]["host"] == f"hooks.example.com:{server.port}"

    async with receiver(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), close=True) as server:
        resolve, asked = answers(["127.0.0.1"], ["127.0.0.2"])
        async with OutboundClient(LOOPBACK, resolve=resolve) as client:
            url = f"http://hooks.example.com:{server.port}/"
            await post(client, url)
            with pytest.raises(OutboundRefused):
                await post(client, url)
            assert len(asked) == 2
            assert len(server.requests) == 1


class Recorder(httpcore2.AsyncNetworkBackend):
    """A network without hosts that remembers who was called."""

    def __init__(self) -> None:
        self.called: list[tuple[str, int]] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self.called.append((host, port))
        raise httpcore2.ConnectError("nobody there")


@pytest.mark.asyncio
async def test_sockets_are_opened_to_judged_addresses_not_to_names_and_only_to_the_public_ones_of_several() -> None:
    network = Recorder()
    resolve, asked = answers(["10.0.0.1", "8.8.8.8", "8.8.8.8", "::1", "2606:4700:4700::1111", "169.254.169.254"])
    backend = PinningBackend(resolve, is_public, network)

    with pytest.raises(httpcore2.ConnectError):
        await backend.connect_tcp("hooks.example.com", 443, timeout=5)

    assert network.called == [("8.8.8.8", 443), ("2606:4700:4700::1111", 443)]
    assert asked == ["hooks.example.com"]


@pytest.mark.asyncio
async def test_of_several_addresses_the_next_is_tried_when_one_is_dead() -> None:
    resolve, _ = answers(["127.0.0.3", "127.0.0.1"])
    async with receiver() as server, OutboundClient([ip_network("127.0.0.0/8")], resolve=resolve) as client:
        assert (await post(client, f"http://hooks.example.com:{server.port}/")).address == "127.0.0.1"


@pytest.mark.asyncio
async def test_plain_http_to_a_public_name_needs_the_sandbox_even_with_a_list() -> None:
    resolve, asked = answers(["8.8.8.8"])
    async with OutboundClient(LOOPBACK, resolve=resolve) as client:
        with pytest.raises(OutboundRefused) as refusal:
            await post(client, "http://hooks.example.com/")
        assert refusal.value.reason == "private_address" and asked == ["hooks.example.com"]
    async with OutboundClient([], resolve=resolve) as client:
        with pytest.raises(OutboundRefused) as refusal:
            await post(client, "http://hooks.example.com/")
        assert refusal.value.reason == "https_required" and len(asked) == 1


@pytest.mark.asyncio
async def test_redirects_are_answers() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    async with receiver(moved) as server, OutboundClient(LOOPBACK) as client:
        answer = await post(client, f"http://127.0.0.1:{server.port}/")

        assert (answer.status, answer.headers["location"]) == (302, "http://169.254.169.254/")
        assert len(server.requests) == 1


@pytest.mark.asyncio
async def test_cookies_of_one_call_are_not_sent_with_the_next() -> None:
    answer = OK.replace(b"X-Seen: 1", b"Set-Cookie: session=1")
    async with receiver(answer) as server, OutboundClient(LOOPBACK) as client:
        for _ in range(2):
            await post(client, f"http://127.0.0.1:{server.port}/")
        assert all("cookie" not in headers for _, headers, _ in server.requests)


@pytest.mark.asyncio
async def test_only_the_beginning_of_a_body_is_read() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 500_000
    async with receiver(endless) as server, OutboundClient(LOOPBACK) as client:
        answer = await post(client, f"http://127.0.0.1:{server.port}/", timeout=5)

        assert answer.body_excerpt == b"x" * 4096 and answer.truncated
        assert answer.elapsed < 2
        more = await client.request("GET", f"http://127.0.0.1:{server.port}/", headers={}, timeout=5, max_body=10_000)
        assert len(more.body_excerpt) == 10_000 and server.requests[-1][0] == "GET / HTTP/1.1"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "delay"),
    [(OK, 30.0), (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 0.0), (b"HTTP/1.1 200 OK\r\n", 0)],
)
async def test_the_timeout_covers_everything(answer: bytes, delay: float) -> None:
    async with receiver(answer, delay=delay) as server, OutboundClient(LOOPBACK) as client:
        begin = time.perf_counter()
        with pytest.raises(OutboundFailed) as failure:
            await post(client, f"http://127.0.0.1:{server.port}/", timeout=0.3)
        assert failure.value.reason == "timeout"
        assert time.perf_counter() - begin < 2


@pytest.mark.asyncio
async def test_a_name_server_that_does_not_answer_is_a_timeout_too() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(30)
        return []

    async with OutboundClient([], resolve=resolve) as client:
        with pytest.raises(OutboundFailed) as failure:
            await post(client, "https://hooks.example.com/", timeout=0.2)
        assert failure.value.reason == "timeout"


@pytest.mark.asyncio
async def test_failures_have_reasons() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with OutboundClient([], resolve=unknown) as client:
        with pytest.raises(OutboundFailed) as failure:
            await post(client, "https://hooks.example.com/")
        assert failure.value.reason == "dns"
    for answer, reason in ((b"220 mail.example.com ESMTP\r\n", "protocol"), (b"", "protocol")):
        async with receiver(answer, close=True) as server, OutboundClient(LOOPBACK) as client:
            with pytest.raises(OutboundFailed) as failure:
                await post(client, f"http://127.0.0.1:{server.port}/")
            assert failure.value.reason == reason
    async with OutboundClient(LOOPBACK) as client:
        with pytest.raises(OutboundFailed) as failure:
            await post(client, f"http://127.0.0.1:{server.port}/")
        assert failure.value.reason == "connect"
        with pytest.raises(OutboundRefused) as refusal:
            await client.post(f"http://127.0.0.1:{server.port}/", b"", {"Host": "internal"}, 5)
        assert refusal.value.reason == "forbidden_header"


@pytest.mark.asyncio
async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver() as server, receiver() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with OutboundClient(LOOPBACK) as client:
            await post(client, f"http://127.0.0.1:{server.port}/")
        assert (len(server.requests), len(proxy.requests)) == (1, 0)


@pytest.mark.asyncio
async def test_the_systems_own_resolver_is_asked_in_a_thread_and_judged() -> None:
    async with receiver() as server, OutboundClient(LOOPBACK) as client:
        assert (await post(client, f"http://localhost:{server.port}/")).address == "127.0.0.1"


@pytest.mark.asyncio
async def test_the_transport_serves_a_providers_client_under_the_same_guard() -> None:
    async with (
        receiver() as server,
        httpx2.AsyncClient(transport=GuardedTransport(LOOPBACK), trust_env=False) as client,
    ):
        assert (await client.get(f"http://127.0.0.1:{server.port}/rates")).text == "ok"
        with pytest.raises(OutboundRefused):
            await client.get("http://127.0.0.2/")
    async with httpx2.AsyncClient(transport=GuardedTransport(LOOPBACK), trust_env=False) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"http://127.0.0.1:{server.port}/")


# TLS


def authority(folder: Path, host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server with a certificate for `host` and of a client that trusts its issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "certificate.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cadata=certificate.public_bytes(serialization.Encoding.PEM).decode())


@pytest.mark.asyncio
async def test_tls_is_spoken_and_verified_with_the_name_although_the_socket_goes_to_the_address(tmp_path: Path) -> None:
    server_context, client_context = authority(tmp_path, "hooks.example.com")
    resolve, asked = answers(["127.0.0.1"])
    async with (
        receiver(tls=server_context) as server,
        OutboundClient(LOOPBACK, resolve=resolve, ssl_context=client_context) as client,
    ):
        answer = await post(client, f"https://hooks.example.com:{server.port}/")

        assert (answer.status, answer.address) == (200, "127.0.0.1")
        assert server.server_names == ["hooks.example.com"]
        assert server.requests[0][1]["host"] == f"hooks.example.com:{server.port}"

        with pytest.raises(OutboundFailed) as failure:
            await post(client, f"https://other.example.com:{server.port}/")
        assert failure.value.reason == "tls"
        # Same server and address, but a connection of its own: the first one was verified for another name.
        assert asked == ["hooks.example.com", "other.example.com"]
        assert len(server.requests) == 1


@pytest.mark.asyncio
async def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    server_context, _ = authority(tmp_path, "hooks.example.com")
    resolve, _ = answers(["127.0.0.1"])
    async with receiver(tls=server_context) as server, OutboundClient(LOOPBACK, resolve=resolve) as client:
        with pytest.raises(OutboundFailed) as failure:
            await post(client, f"https://hooks.example.com:{server.port}/")
        assert failure.value.reason == "tls"
        assert server.requests == []
