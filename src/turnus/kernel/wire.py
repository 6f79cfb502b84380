"""The wire format of answers and stored JSON: msgspec, with exact decimals and instants as `…+00:00`."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec


def _plain(value: Any) -> Any:
    raise NotImplementedError(f"{type(value).__name__} has no wire format")


_encoder = msgspec.json.Encoder(decimal_format="string", enc_hook=_plain)
_decoder = msgspec.json.Decoder(float_hook=Decimal)
encode = _encoder.encode


def decode(data: bytes) -> Any:
    """JSON with every fractional number as the exact Decimal that was written."""
    return _decoder.decode(data)


def instant(value: datetime) -> str:
    """An instant as the API writes it: UTC, seconds, explicit offset (`2021-01-01T00:00:00+00:00`)."""
    return value.astimezone(UTC).isoformat(timespec="seconds")


def number(value: Decimal) -> int | msgspec.Raw:
    """A decimal as an exact JSON number (never through a float)."""
    whole = int(value)
    return whole if whole == value else msgspec.Raw(format(value.normalize(), "f").encode())
