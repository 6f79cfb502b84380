"""Time-ordered identifiers (UUIDv7, RFC 9562), monotonic within a process, and ULIDs for event ids."""

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SHIFTS = range(125, -1, -5)
_VERSION = 0x7 << 76
_VARIANT = 0x2 << 62


def new_id() -> UUID:
    """A new UUIDv7. Ids made one after the other in a process sort in that order."""
    return new_ids(1)[0]


def new_ids(count: int) -> list[UUID]:
    """`count` new UUIDv7 in ascending order."""
    global _last
    with _lock:
        first = max(time.time_ns() // 1_000_000 << 32, _last + (1 << 20))
        noise = int.from_bytes(os.urandom(2)) << 4
        _last = first + noise + count
    # 48 bits of milliseconds and a 32-bit counter that starts at random; 42 more random bits.
    random = os.urandom(6 * count)
    made = []
    for i in range(count):
        stamp = first + noise + 1 + i
        tail = int.from_bytes(random[6 * i : 6 * i + 6]) & (1 << 42) - 1
        counter = stamp & 0xFFFF_FFFF
        value = (stamp >> 32) << 80 | _VERSION | (counter >> 20) << 64 | _VARIANT | (counter & 0xF_FFFF) << 42 | tail
        made.append(UUID(int=value))
    return made


def new_ulid() -> str:
    """A new ULID: 26 characters, time-ordered."""
    return ulid(new_id())


def ulid(id: UUID) -> str:
    """An id spelled as a ULID (Crockford's base 32); spellings sort as the ids do."""
    value = id.int
    return "".join([_CROCKFORD[value >> shift & 31] for shift in _SHIFTS])


def from_ulid(text: str) -> UUID:
    """The id that `text` spells, in either case. Raises ValueError when it is no ULID."""
    value = 0
    for character in text.upper():
        digit = _CROCKFORD.find(character)
        if digit < 0:
            raise ValueError(f"{text!r} is not a ULID")
        value = value << 5 | digit
    if len(text) != 26 or value >> 128:
        raise ValueError(f"{text!r} is not a ULID")
    return UUID(int=value)
