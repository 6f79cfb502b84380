"""What a check of the books found, and checks that are one statement each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from turnus.platform.db.pool import Connection

LIMIT = 100
"""So many findings of one kind are listed; a broken book has more than anyone reads."""


class Finding(msgspec.Struct, frozen=True):
    """Something that is wrong: a stable code, the object (number or id) and a sentence for people."""

    code: str
    object: str
    text: str


class Check(msgspec.Struct, frozen=True):
    """A statement that returns a row per mistake: the object, then what fills the placeholders of `text`."""

    code: str
    text: str
    sql: str


async def run_checks(connection: Connection, checks: Sequence[Check]) -> list[Finding]:
    """All mistakes of some checks, at most `LIMIT` of each."""
    found: list[Finding] = []
    for check in checks:
        cursor = await connection.execute(f"select * from ({check.sql}) wrong limit {LIMIT}")
        rows: list[tuple[Any, ...]] = await cursor.fetchall()
        found += [Finding(check.code, str(row[0]), check.text.format(*row[1:])) for row in rows]
    return found


def cut(findings: Sequence[Finding]) -> list[Finding]:
    """The first `LIMIT` findings of each code."""
    counted: dict[str, int] = {}
    kept = []
    for finding in findings:
        counted[finding.code] = counted.get(finding.code, 0) + 1
        if counted[finding.code] <= LIMIT:
            kept.append(finding)
    return kept
