"""Numbers and the hash chain: every number has a document, every hole an explanation, every link its predecessor."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from turnus.billing.ops.finalise_drafts import RANGES
from turnus.billing.verify.findings import Check, Finding
from turnus.platform.db.pool import Connection
from turnus.platform.db.terms import fold
from turnus.settings.number_ranges import next_link

_EXPECTED = " ".join(f"when '{kind}' then '{range}'" for kind, range in RANGES.items())
_NOT_IN_JOURNAL = f"""
select i.number, i.type from invoice i
 where i.number is not null
   and not exists (select from number_issued n
                    where n.space = 'document' and n.object_id = i.id and n.number = i.number
                      and n.type = case i.type {_EXPECTED} else n.type end)
"""
_WITHOUT_DOCUMENT = """
select n.number, n.type from number_issued n
 where n.space = 'document'
   and not exists (select from invoice i where i.id = n.object_id and i.number = n.number)
"""

JOURNAL = (
    Check("number_not_in_journal", "the number of this {0} was never drawn from its range", _NOT_IN_JOURNAL),
    Check(
        "number_without_document", "the number was drawn from the range {0}, but no document has it", _WITHOUT_DOCUMENT
    ),
)

_RANGES = """
select id, type, method, reset, min_digits, current_number, chain_hash, chain_length from number_range
 where type = any(%s) order by type
"""
# Who changed a range by hand: the counter jumps, or begins to be reset.
_CHANGES = """
select a.resource_id, a.created_at, c->>'property', c->'new' from activity a, jsonb_array_elements(a.changes) c
 where a.resource_type = 'number_range' and c->>'property' in ('currentNumber', 'reset', 'format', 'method')
 order by a.created_at, a.id
"""
_LINKS = """
select number, value, issued_at, chain_position, content_hash, chain_hash from number_issued
 where type = %s and chain_position is not null order by chain_position
"""
_GIVEN = "select number_folded from number_issued where space = 'document' and number_folded = any(%s)"
MAX_HOLE = 10_000


class _Range(msgspec.Struct):
    """A number range as it stands."""

    id: UUID
    type: str
    method: str
    reset: str
    min_digits: int
    current_number: int
    chain_hash: bytes
    chain_length: int


class _Change(msgspec.Struct):
    """A change that somebody made to a range."""

    at: datetime
    property: str
    new: Any


class _Hole(msgspec.Struct):
    """Values before `value` that nobody drew, unless one of the `bases` (exclusive) tells that counting began there."""

    number: str
    value: int
    bases: list[int]


async def chain_findings(connection: Connection) -> list[Finding]:
    """Walk along the chain of every document range."""
    cursor = await connection.execute(_CHANGES)
    changes: dict[UUID, list[_Change]] = {}
    for range_id, at, property, new in await cursor.fetchall():
        changes.setdefault(range_id, []).append(_Change(at, property, new))
    rows = await (await connection.execute(_RANGES, (sorted(set(RANGES.values())),))).fetchall()
    found: list[Finding] = []
    for range in [_Range(*row) for row in rows]:
        found += await _walk(connection, range, changes.get(range.id, []))
    return found


async def _walk(connection: Connection, range: _Range, changes: list[_Change]) -> list[Finding]:
    found: list[Finding] = []
    holes: list[_Hole] = []
    head, length = b"\0" * 32, 0
    last, since = 0, None
    async with connection.cursor(f"links_of_{range.type}") as cursor:
        cursor.itersize = 5000
        await cursor.execute(_LINKS, (range.type,))
        async for number, value, at, position, content, link in cursor:
            length += 1
            if position != length:
                found.append(Finding("chain_gap", number, f"link {position} stands where {length} should"))
                length = position
            if content is None or link != next_link(head, number, content):
                found.append(Finding("chain_broken", number, f"link {position} of {range.type} does not fit"))
            head = link or head
            if value is None:
                continue
            bases = _bases(range, changes, last, since, at)
            if value - 1 not in bases:
                holes.append(_Hole(number, value, bases))
            last, since = value, at
    if (head, length) != (range.chain_hash, range.chain_length):
        text = f"the range ends with link {range.chain_length}, the journal with {length}, or their hashes differ"
        found.append(Finding("chain_head", range.type, text))
    if range.method == "sequential" and range.current_number not in _bases(range, changes, last, since, None):
        text = f"the counter stands at {range.current_number}, the last number drawn is {last}"
        found.append(Finding("number_lost", range.type, text))
    return found + await _unexplained(connection, range, holes)


def _bases(
    range: _Range, changes: list[_Change], last: int, since: datetime | None, until: datetime | None
) -> list[int]:
    """Values that the counter may have had between two drawings: the last one, one set by hand, 0 after a reset."""
    between = [
        change for change in changes
        if (since is None or change.at >= since) and (until is None or change.at <= until)
    ]  # fmt: skip
    bases = [last, *(int(change.new) for change in between if change.property == "currentNumber")]
    resets = range.reset != "never" or any(change.property == "reset" for change in changes)
    return [*bases, 0] if resets else bases


async def _unexplained(connection: Connection, range: _Range, holes: list[_Hole]) -> list[Finding]:
    """Holes but those whose numbers were given by hand before, so that the counter passed over them."""
    found = []
    for hole in holes:
        below = [base for base in hole.bases if base < hole.value]
        base = max(below, default=None)
        if base is None:
            text = f"value {hole.value} was drawn after {hole.bases[0]}"
            found.append(Finding("number_order", hole.number, text))
            continue
        wanted = [_neighbour(hole, range.min_digits, value) for value in _span(base + 1, hole.value)]
        cursor = await connection.execute(_GIVEN, (wanted,))
        given = {row[0] for row in await cursor.fetchall()}
        missing = [number for number in wanted if number not in given]
        if missing:
            text = f"{hole.value - base - 1} values between {base} and {hole.value} are missing without a reason"
            found.append(Finding("number_hole", hole.number, text))
    return found


def _span(first: int, end: int) -> range:
    return range(first, min(end, first + MAX_HOLE))


def _neighbour(hole: _Hole, digits: int, value: int) -> str:
    """The number that the range would have made of another value."""
    head, found, tail = hole.number.rpartition(str(hole.value).zfill(digits))
    return fold(f"{head}{str(value).zfill(digits)}{tail}" if found else f"{hole.number}#{value}")
