"""The Leitweg-ID, which routes an e-invoice to a German public body (KoSIT, format specification 2.0.2)."""

from __future__ import annotations

import re

_FORM = re.compile(r"\d{2,12}(-[A-Za-z0-9]{1,30})?-\d{2}", re.ASCII)
_LONGEST = 46


def is_leitweg_id(text: str) -> bool:
    """True when `text` has the form of a Leitweg-ID and its check digits fit (`04011000-1234512345-06`)."""
    if len(text) > _LONGEST or not _FORM.fullmatch(text):
        return False
    return _as_number(text) % 97 == 1


def check_digits(address: str) -> str:
    """The two check digits for an address without them (`992-90009` → `96`)."""
    return f"{98 - _as_number(address) * 100 % 97:02d}"


def _as_number(text: str) -> int:
    """Letters as A = 10 … Z = 35, hyphens left out; unlike an IBAN nothing is moved to the end."""
    return int("".join(str(int(character, 36)) for character in text if character != "-"))
