"""Log lines: their form, what is bound to them, and that no secret ever reaches them."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import time
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from turnus.platform.crypto import new_token
from turnus.platform.logging import REDACTED, bound, configure, get_logger, redact, redact_text
from turnus.platform.signing import new_webhook_secret

JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"
log = get_logger("turnus.test")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    stream = io.StringIO()
    configure("json", "info", stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_one_object_per_line_in_a_fixed_order_with_time_in_utc(stream: io.StringIO) -> None:
    with bound(request_id="01J8", tenant_id="ad8d"):
        log.info("invoice_finalised", number="R-1", amount_minor=1190)
    log.warning("zeile\nzwei", umlaut="ä")

    first, second = lines(stream)
    assert list(first) == ["timestamp", "level", "event", "request_id", "tenant_id", "logger", "number", "amount_minor"]
    assert datetime.fromisoformat(first.pop("timestamp")).utcoffset() == timedelta(0)
    assert first == {
        "level": "info",
        "event": "invoice_finalised",
        "request_id": "01J8",
        "tenant_id": "ad8d",
        "logger": "turnus.test",
        "number": "R-1",
        "amount_minor": 1190,
    }
    assert (second["event"], second["umlaut"]) == ("zeile\nzwei", "ä")
    assert "request_id" not in second


def test_bindings_follow_tasks_and_do_not_mix(stream: io.StringIO) -> None:
    async def request(number: int) -> None:
        with bound(request_id=number):
            await asyncio.sleep(0)
            log.info("done", number=number)

    async def both() -> None:
        await asyncio.gather(request(1), request(2))

    asyncio.run(both())

    assert sorted((line["request_id"], line["number"]) for line in lines(stream)) == [(1, 1), (2, 2)]


def test_levels_apply_to_loggers_that_were_used_before(stream: io.StringIO) -> None:
    log.debug("not yet")
    configure("json", "debug", stream)
    log.debug("now")
    logging.getLogger("some.library").debug("library")
    configure("json", "error", stream)
    log.warning("no more")

    assert [line["event"] for line in lines(stream)] == ["now", "library"]


def test_lines_of_libraries_take_the_same_form(stream: io.StringIO) -> None:
    with bound(request_id="01J8"):
        logging.getLogger("uvicorn.access").info(
            '%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", "/customers?token=abc", "1.1", 200
        )
    logging.getLogger("uvicorn.error").info("Started", extra={"color_message": "\x1b[1mStarted\x1b[0m"})
    job = {
        "id": 7,
        "task_kwargs": {"password": "hunter2", "invoice": "R-1"},
        "call_string": "send[7](password='hunter2')",
    }
    logging.getLogger("procrastinate.worker").info("Starting job send[7](password='hunter2')", extra={"job": job})
    logging.getLogger("stdlib").warning("plain %s", "text")

    access, started, worker, plain = lines(stream)
    assert access["event"] == f'127.0.0.1:1 - "GET /customers?token={REDACTED} HTTP/1.1" 200'
    assert access["request_id"] == "01J8" and access["logger"] == "uvicorn.access"
    assert started["event"] == "Started" and "color_message" not in started
    assert worker["event"] == f"Starting job send[7](password={REDACTED})"
    assert worker["job"] == {
        "id": 7,
        "task_kwargs": {"password": REDACTED, "invoice": "R-1"},
        "call_string": f"send[7](password={REDACTED})",
    }
    assert (plain["event"], plain["level"]) == ("plain text", "warning")


def test_warnings_become_lines(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old way", DeprecationWarning, stacklevel=1)

    assert "old way" in lines(stream)[0]["event"]
    assert lines(stream)[0]["logger"] == "py.warnings"


@pytest.mark.parametrize(
    "key",
    ["Authorization", "token", "accessToken", "client_secret", "password", "passwd", "iban", "IBAN", "Set-Cookie"]
    + ["api_key", "apiKey", "x-api-key", "debtor_iban", "privateKey"],
)
def test_values_of_telling_keys_are_removed_at_any_depth(stream: io.StringIO, key: str) -> None:
    log.info("x", **{key: "hunter2"})
    log.info("x", body={"list": [{key: "hunter2"}, {key: {"inner": "hunter2"}}, ({key: 471147114711},)]})
    log.info("x", headers=[(key.encode(), b"hunter2"), (key, "hunter2")])
    logging.getLogger("library").info("x", extra={"data": {key: ["hunter2"]}})

    assert "hunter2" not in stream.getvalue() and "471147114711" not in stream.getvalue()
    assert len(lines(stream)) == 4
    assert lines(stream)[0][key] == REDACTED


def test_absent_values_and_flags_stay_visible(stream: io.StringIO) -> None:
    log.info("x", password=None, token="", secret=False)

    assert (lines(stream)[0]["password"], lines(stream)[0]["token"], lines(stream)[0]["secret"]) == (None, "", False)


@pytest.mark.parametrize(
    ("text", "secret", "left"),
    [
        ("key api_Zk3x9QmB7w was used", "Zk3x9QmB7w", f"key {REDACTED} was used"),
        ("sent Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz", f"sent Authorization: {REDACTED}"),
        ("sent Cookie: a=1; session=geheim", "geheim", f"sent Cookie: {REDACTED}"),
        ("Bearer token: geheim", "geheim", f"Bearer {REDACTED}: {REDACTED}"),
        ("token=Bearer geheim, a=1", "geheim", f"token={REDACTED}, a=1"),
        ("got bearer abc.def-ghi here", "abc.def", f"got bearer {REDACTED} here"),
        (f"jwt {JWT}!", JWT[:30], f"jwt {REDACTED}!"),
        ("postgresql://u:hunter2@db:5432/x", "hunter2", f"postgresql://{REDACTED}@db:5432/x"),
        ("amqps://u:p@ss@host/x", "ss@host", f"amqps://{REDACTED}@host/x"),
        ("https://geheim@example.com", "geheim", f"https://{REDACTED}@example.com"),
        ("host=db password=hunter2 user=x", "hunter2", f"host=db password={REDACTED} user=x"),
        ("{'password': 'hun ter\\'2', 'a': 1}", "ter", f"{{'password': {REDACTED}, 'a': 1}}"),
        ('{"accessToken": "geheim", "a": 1}', "geheim", f'{{"accessToken": {REDACTED}, "a": 1}}'),
        ("User(name='x', password_hash=b'geheim')", "geheim", f"User(name='x', password_hash={REDACTED})"),
        ("GET /portal/login?token=geheim&a=1", "geheim", f"GET /portal/login?token={REDACTED}&a=1"),
        ("GET /pay/Zk3x9QmB7wQQ?x", "Zk3x9QmB7wQQ", f"GET /pay/{REDACTED}?x"),
        ("GET /offer/Zk3x9QmB7wQQ/accept", "Zk3x9QmB7wQQ", f"GET /offer/{REDACTED}/accept"),
        ('    secret_key = "hunter2"', "hunter2", f"    secret_key = {REDACTED}"),
        ("Key (iban)=(DE89370400440532013000)", "DE8937", f"Key (iban)=({REDACTED})"),
        ("to DE89 3704 0044 0532 0130 00 PAID", "3704", f"to {REDACTED} PAID"),
        ("to BE68 5390 0754 7034 PAID NOW", "5390", f"to {REDACTED} PAID NOW"),
    ],
)
def test_what_looks_like_a_secret_is_removed_from_texts(text: str, secret: str, left: str) -> None:
    assert redact_text(text) == left
    assert secret not in redact_text(f"{text}\n{text}")


@pytest.mark.parametrize(
    "text",
    [
        "customer 0190b6a4-7c1e-7d3a-9f51-6f6f1f0f7a11 billed until 2026-03-01",
        "constraint api_token_tenant_id_name_key on subscription_position_billing_period_customer_fkey",
        "GET https://billing.example.com:8443/customers?name=Müller&order[name]=asc",
        "write to info@example.com about invoice RE12345678901234567",
        "    token = new_token(prefix)",
        "expected token, got end of input",
    ],
)
def test_ordinary_texts_stay_as_they_are(text: str) -> None:
    assert redact_text(text) == text


def test_own_tokens_never_pass() -> None:
    for prefix in ("api_", "ses_", "pay_", "customer_"):
        for _ in range(50):
            token = new_token(prefix)
            assert redact_text(f"x {token} y") == f"x {REDACTED} y"
    for _ in range(50):
        assert redact_text(f"({new_webhook_secret()})") == f"({REDACTED})"


class Payload:
    def __repr__(self) -> str:
        return "Payload(token='hunter2')"


class Mute:
    def __str__(self) -> str:
        raise RuntimeError("hunter2")


def fail_with_secret() -> None:
    try:
        raise ConnectionError("postgresql://turnus:hunter2@db/turnus refused")
    except ConnectionError as problem:
        raise ValueError({"password": "hunter2", "header": "Bearer hunter2hunter2"}) from problem


def test_secrets_in_exceptions_their_causes_and_notes_are_removed(stream: io.StringIO) -> None:
    try:
        fail_with_secret()
    except ValueError as problem:
        problem.add_note("tried with api_hunter2hunter2")
        log.exception("failed")
        log.error("failed", exc_info=problem)
        logging.getLogger("library").exception("failed")
        log.error("failed", problem=problem)

    written = lines(stream)
    assert len(written) == 4
    assert all("ValueError" in line["exception"] and "ConnectionError" in line["exception"] for line in written[:3])
    assert all("fail_with_secret" in line["exception"] for line in written[:3])
    assert "hunter2" not in stream.getvalue()


def test_objects_bytes_and_numbers_are_shown_safely(stream: io.StringIO) -> None:
    log.info("x", payload=Payload(), inner=[Payload()], raw=b"Bearer hunter2", mute=Mute(), nan=float("nan"))
    log.info("x", amount=Decimal("1.10"), id=UUID(int=1), when=datetime(2026, 3, 1), api_hunter2Z=1)  # noqa: DTZ001 - a naive one must not break a log line
    log.info("x", surrogate="\ud800", nested={"a": ["\udc80"]})
    log.info("x", deep=json.loads("[" * 50 + "]" * 50), long="y" * 100_000, wide=list(range(1000)))

    assert "hunter2" not in stream.getvalue()
    first, second, third, fourth = lines(stream)
    assert first["mute"] == "<Mute: RuntimeError>" and first["nan"] is None
    assert (second["amount"], second["id"]) == ("1.10", "00000000-0000-0000-0000-000000000001")
    assert third["surrogate"] == "\\ud800" and third["nested"] == {"a": ["\\udc80"]}
    assert len(fourth["long"]) < 33_000 and len(fourth["wide"]) == 200


def test_a_line_that_cannot_be_formatted_is_named_but_not_shown(stream: io.StringIO) -> None:
    # Again, since pytest has put a handler of its own beside ours meanwhile.
    configure("json", "info", stream)
    logging.getLogger("library").info("%d", "hunter2")
    log.info("and on")

    first, second = lines(stream)
    assert first == {"level": "error", "event": "log_line_lost", "logger": "library", "problem": "TypeError"}
    assert second["event"] == "and on"


def test_the_callers_objects_are_not_changed(stream: io.StringIO) -> None:
    body = {"password": "hunter2", "list": [{"token": "x"}]}

    log.info("x", body=body)

    assert body == {"password": "hunter2", "list": [{"token": "x"}]}


def test_text_for_people_has_one_line_per_event_and_indented_tracebacks() -> None:
    stream = io.StringIO()
    configure("text", "info", stream)

    with bound(request_id="01J8"):
        log.info("billed", customer="Müller & Söhne", count=3, token="hunter2")
    log.info("fake\n2026-01-01T00:00:00Z  error    forged", value="a\x1b[31m\nb")
    try:
        fail_with_secret()
    except ValueError:
        log.exception("failed")

    first, second, third, *rest = stream.getvalue().splitlines()
    stamp, _, line = first.partition("  ")
    assert stamp.endswith("Z")
    assert (
        line
        == f'info     billed  request_id=01J8 logger=turnus.test customer="Müller & Söhne" count=3 token={REDACTED}'
    )
    assert "fake\\n2026-01-01T00:00:00Z  error    forged" in second and "\x1b" not in second
    assert third.endswith("failed  logger=turnus.test")
    assert rest and all(row.startswith("  ") for row in rest)
    assert "hunter2" not in stream.getvalue()


@given(st.text(max_size=200), st.sampled_from(["Bearer ", "password=", "https://u:", '{"api_key": "', "token: "]))
def test_a_secret_is_removed_whatever_stands_around_it(noise: str, lead: str) -> None:
    tail = "@host/x" if lead.startswith("https") else '"' if lead.endswith('"') else ""
    cleaned = redact_text(f"{noise} {lead}Zk3x9QmB7wQQ{tail} {noise}")

    assert cleaned.count("Zk3x9QmB7wQQ") == noise.count("Zk3x9QmB7wQQ") * 2


@pytest.mark.parametrize(
    "hostile",
    [
        "token" * 10_000,
        "aa_" * 20_000,
        "password='" * 5_000,
        "https://" + "a:" * 30_000,
        "DE00 " * 10_000,
        "eyJ" * 20_000,
    ]
    + [
        "api_" * 20_000,
        "x" * 60_000,
        "cookie:" * 10_000,
        "token=" * 10_000,
        "a" * 21 + ":" * 50_000,
        "secret   " * 9_000,
    ],
)
def test_hostile_texts_do_not_make_logging_slow(hostile: str) -> None:
    begin = time.perf_counter()
    redact_text(hostile)
    # Milliseconds; the bound only has to tell linear from quadratic on a busy machine.
    assert time.perf_counter() - begin < 0.5


def test_the_processor_can_be_used_alone() -> None:
    assert redact(None, "info", {"event": "Bearer hunter2", "token": 1}) == {
        "event": f"Bearer {REDACTED}",
        "token": REDACTED,
    }
