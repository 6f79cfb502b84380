"""Log lines of our code and of libraries, in one form and without secrets.

JSON has one object per line: timestamp (UTC), level, event, what the context bound (request_id, tenant_id) and the
fields of the call. Lines go to standard error, since standard output belongs to the commands' results.
"""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, Literal, TextIO, cast

import msgspec
import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

Level = Literal["debug", "info", "warning", "error"]

REDACTED = "[redacted]"
_MAX_TEXT = 32_768
_MAX_ITEMS = 200
_MAX_DEPTH = 8
_FIRST = ("timestamp", "level", "event", "request_id", "tenant_id", "logger")
# These bring handlers of their own or would lose their lines without one.
_LIBRARY_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "procrastinate", "litestar")

_KEY = r"(?:authorization|token|secret|passw(?:or)?d|passphrase|iban|cookie|api[_-]?key|private[_-]?key|credential)"
_KEY_PARTS = (
    "authorization",
    "token",
    "secret",
    "passw",
    "passphrase",
    "iban",
    "cookie",
    "api",
    "private",
    "credential",
)
_SENSITIVE_KEY = re.compile(_KEY, re.IGNORECASE)
_QUOTED = r"""[bru]?"(?:[^"\\]|\\.)*"|[bru]?'(?:[^'\\]|\\.)*'"""
# What must occur in the folded text for the pattern to have a chance, the pattern, and what stays. Looking for words
# first makes a line four times as cheap (45 µs instead of 190). Repetitions in the patterns are bounded or cannot
# overlap: a hostile text must not make matching slow.
_IN_TEXT: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    # Header lines, whose value goes on to the end of the line.
    (
        ("authorization", "cookie"),
        re.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(:\s*)(?!['\"\s])[^\r\n]+"),
        rf"\1\2{REDACTED}",
    ),
    # Credentials in an address, up to the last @ before the path.
    (("://",), re.compile(r"(?i)([a-z][a-z0-9+.-]{0,20}://)[^\s\"'<>/?#]{1,512}@"), rf"\1{REDACTED}@"),
    # Links whose path is the credential: offers and payment pages.
    (("/offer/", "/pay/"), re.compile(r"(?i)(/(?:offer|pay)/)[^\s/?#\"']{8,}"), rf"\1{REDACTED}"),
    # password='x', "token": "y", ?token=z, token=Bearer z …
    (
        _KEY_PARTS,
        re.compile(
            rf"(?i)({_KEY}[\w-]{{0,40}}[\"']?(?:=|:\s*))(?!\[redacted)"
            rf"(?:{_QUOTED}|(?:(?:bearer|basic)\s+)?[^\s,;&)}}\]\"']+)"
        ),
        rf"\1{REDACTED}",
    ),
    # … and in the source lines of a traceback, only quoted values after " = ".
    ((" = ",), re.compile(rf"(?i)({_KEY}[\w-]{{0,40}}\s{{1,3}}=\s{{1,3}})(?:{_QUOTED})"), rf"\1{REDACTED}"),
    (("bearer",), re.compile(r"(?i)\b(bearer)\s+[\w.~+/=-]{4,}"), rf"\1 {REDACTED}"),
    # A JSON web token: base64 of `{"`, and dots.
    (("eyj",), re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?"), REDACTED),
    (("api_",), re.compile(r"(?<![A-Za-z0-9])api_(?=[a-z_-]{0,60}[A-Z0-9])[\w-]{8,}"), REDACTED),
    (("whsec_",), re.compile(r"(?<![A-Za-z0-9])whsec_[\w+/=-]{8,}"), REDACTED),
    # Any other token of ours: a short prefix and 256 bits, which practically always have a capital letter.
    (("_",), re.compile(r"(?<![A-Za-z0-9])[a-z]{2,12}_(?=[\w-]{0,60}[A-Z])[\w-]{40,}"), REDACTED),
)
_SHORTEST_IBAN = 15
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)\b")
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {10: "\\n", 13: "\\r", 9: "\\t"}
_CONTROL_IN_TRACEBACK = {code: shown for code, shown in _CONTROL.items() if code not in (9, 10)}


def configure(fmt: Literal["json", "text"], level: Level = "info", stream: TextIO | None = None) -> None:
    """Send every log line, our own and the libraries', through one formatter to `stream` (default: standard error).

    May be called again, the last call counts. A server must not configure logging itself afterwards
    (uvicorn: `log_config=None`).
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.UnicodeDecoder(),
                redact,
                _render_json if fmt == "json" else _render_text,
            ],
        )
    )
    structlog.configure(
        # The level is asked at each call: module loggers outlive a second configuration.
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.StackInfoRenderer(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _LIBRARY_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.captureWarnings(True)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: `log = get_logger(__name__)`, then `log.info("invoice_finalised", invoice_id=…)`."""
    return cast("structlog.stdlib.BoundLogger", structlog.get_logger(name))


def bound(**fields: Any) -> AbstractContextManager[None]:
    """Bind fields (request_id, tenant_id) to every line written inside the `with` block and tasks started in it."""
    return structlog.contextvars.bound_contextvars(**fields)


def redact(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Processor that removes secrets: values of keys that name one, and what looks like one in text, at any depth."""
    # Added by uvicorn: the same message with terminal colours.
    event_dict.pop("color_message", None)
    return cast("EventDict", _clean(event_dict, 0))


def redact_text(text: str) -> str:
    """`text` without anything that looks like a secret; cut after 32 KiB."""
    if len(text) > _MAX_TEXT:
        text = f"{text[:_MAX_TEXT]}… ({len(text) - _MAX_TEXT} more characters)"
    folded = text.casefold()
    for parts, pattern, replacement in _IN_TEXT:
        for part in parts:
            if part in folded:
                text = pattern.sub(replacement, text)
                break
    return _IBAN.sub(_without_iban, text) if len(text) >= _SHORTEST_IBAN else text


def _clean(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return redact_text(bytes(value[:_MAX_TEXT]).decode(errors="replace"))
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {_clean_key(key): _clean_member(key, member, depth) for key, member in list(value.items())[:_MAX_ITEMS]}
    if isinstance(value, list | tuple | set | frozenset):
        # HTTP headers come as pairs.
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str | bytes):
            return [_clean(value[0], depth), _clean_member(value[0], value[1], depth)]
        return [_clean(member, depth + 1) for member in list(value)[:_MAX_ITEMS]]
    return redact_text(_shown(value))


def _clean_key(key: Any) -> str:
    return _judged(key)[0] if isinstance(key, str) else redact_text(_shown(key))


def _clean_member(key: Any, value: Any, depth: int) -> Any:
    name = key.decode(errors="replace") if isinstance(key, bytes) else key
    if isinstance(name, str) and value not in (None, "") and not isinstance(value, bool) and _judged(name)[1]:
        return REDACTED
    return _clean(value, depth + 1)


@lru_cache(maxsize=4096)
def _judged(key: str) -> tuple[str, bool]:
    """A key without secrets in it, and whether it announces one. Kept, for the same few occur in every line."""
    return redact_text(key), _SENSITIVE_KEY.search(key) is not None


def _shown(value: Any) -> str:
    try:
        return str(value)
    except Exception as problem:
        # A line must not be lost because an object cannot describe itself.
        return f"<{type(value).__name__}: {type(problem).__name__}>"


def _without_iban(match: re.Match[str]) -> str:
    candidate, rest = match[0], ""
    while len(candidate) >= _SHORTEST_IBAN:
        compact = candidate.replace(" ", "")
        # ISO 7064 mod 97-10 over the digits, letters as 10 … 35: else any order number would vanish.
        if int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1:
            return REDACTED + rest
        shorter = candidate.rpartition(" ")[0]
        rest = candidate[len(shorter) :] + rest
        candidate = shorter
    return match[0]


def _ordered(event_dict: MutableMapping[str, Any]) -> dict[str, Any]:
    first = {name: event_dict.pop(name) for name in _FIRST if name in event_dict}
    return first | dict(event_dict)


def _render_json(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> str:
    line = _ordered(event_dict)
    try:
        return msgspec.json.encode(line).decode()
    except UnicodeEncodeError:
        # Lone surrogates, from file names or hostile JSON.
        return msgspec.json.encode(_without_surrogates(line)).decode()


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(member) for key, member in value.items()}
    return [_without_surrogates(member) for member in value] if isinstance(value, list) else value


def _render_text(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> str:
    fields = cast("dict[str, Any]", _without_surrogates(_ordered(event_dict)))
    blocks = [str(fields.pop(name)) for name in ("exception", "stack") if fields.get(name)]
    head = [str(fields.pop(name, "")) for name in ("timestamp", "level", "event")]
    pairs = [f"{name}={_text_value(value)}".translate(_CONTROL) for name, value in fields.items()]
    line = "  ".join(part for part in (head[0], f"{head[1]:<7}", head[2].translate(_CONTROL), " ".join(pairs)) if part)
    # A text that was logged must not be able to look like a line of its own; only tracebacks have several.
    return "\n".join(
        [line, *(f"  {row}" for block in blocks for row in block.translate(_CONTROL_IN_TRACEBACK).split("\n"))]
    )


def _text_value(value: Any) -> str:
    if isinstance(value, str) and value and not re.search(r"[\s=\"]", value):
        return value
    return msgspec.json.encode(value).decode()


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines; one that cannot be formatted is named, never printed raw as the standard one does."""

    def handleError(self, record: logging.LogRecord) -> None:
        kind = sys.exc_info()[0]
        if kind is not None and issubclass(kind, OSError | ValueError) and self.stream.closed:
            return
        problem = kind.__name__ if kind else "unknown"
        line = {"level": "error", "event": "log_line_lost", "logger": record.name, "problem": problem}
        try:
            self.stream.write(msgspec.json.encode(line).decode() + "\n")
            self.flush()
        except (OSError, ValueError) as lost:
            warnings.warn(f"log stream failed: {type(lost).__name__}", RuntimeWarning, stacklevel=1)
