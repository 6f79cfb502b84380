"""Frozen documents and their files: what was numbered is what the archive holds."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec

from turnus.billing.snapshot import content_hash
from turnus.billing.verify.findings import LIMIT, Finding
from turnus.platform.db.pool import Connection
from turnus.platform.files import FileMissing, FileStore

_DOCUMENTS = """
select i.number, i.type, i.currency_code, i.issue_date, i.due_date, i.net_minor, i.tax_minor, i.gross_minor,
       n.content_hash, s.salt, s.document,
       (select array_agg(p.net_minor order by p.position) from invoice_position p
         where p.tenant_id = i.tenant_id and p.invoice_id = i.id),
       (select array_agg(p.name order by p.position) from invoice_position p
         where p.tenant_id = i.tenant_id and p.invoice_id = i.id)
  from invoice i
  left join invoice_snapshot s on s.tenant_id = i.tenant_id and s.id = i.id
  left join number_issued n on n.tenant_id = i.tenant_id and n.space = 'document' and n.object_id = i.id
                           and n.number = i.number
 where i.number is not null
"""
_FILES = """
select i.number, m.storage_name, m.size, m.sha256, case when m.id = i.pdf_id then i.document_hash end
  from invoice i join media m on m.tenant_id = i.tenant_id and m.id in (i.pdf_id, i.xml_id)
 where i.status not in ('STATUS_DRAFT', 'STATUS_FINALIZING')
"""
_AT_ONCE = 32


class _Totals(msgspec.Struct):
    net_minor: int
    tax_minor: int
    gross_minor: int


class _Position(msgspec.Struct):
    name: str
    net_minor: int


class _Frozen(msgspec.Struct):
    """What of a snapshot stands in columns too."""

    kind: str
    currency: str
    totals: _Totals
    positions: list[_Position]
    issue_date: date | None = None
    due_date: date | None = None


_decoder = msgspec.json.Decoder(_Frozen)


async def snapshot_findings(connection: Connection) -> list[Finding]:
    """Every numbered document has its snapshot, unchanged since it was numbered, and the columns say the same."""
    found: list[Finding] = []
    async with connection.cursor("documents_to_verify") as cursor:
        cursor.itersize = 1000
        await cursor.execute(_DOCUMENTS)
        async for number, *row in cursor:
            wrong = _wrong(row)
            if wrong is not None:
                found.append(Finding(wrong[0], number, wrong[1]))
    return found


def _wrong(row: Sequence[Any]) -> tuple[str, str] | None:
    kind, currency, issued, due, net, tax, gross, digest, salt, document, nets, names = row
    if document is None:
        return "snapshot_missing", "the document has a number but no frozen content"
    if digest is None or content_hash(document, salt) != digest:
        return "snapshot_changed", "the frozen content is not the one that was numbered"
    frozen = _decoder.decode(document)
    sign = -1 if kind == "TYPE_CREDIT_NOTE" else 1
    columns = (kind, currency, issued, due, sign * net, sign * tax, sign * gross)
    totals = frozen.totals
    printed = (
        frozen.kind, frozen.currency, frozen.issue_date, frozen.due_date, totals.net_minor, totals.tax_minor,
        totals.gross_minor,
    )  # fmt: skip
    if columns != printed:
        return "document_changed", f"the document was numbered with {printed}, now it has {columns}"
    if [(p.name, p.net_minor) for p in frozen.positions] != [
        (name, sign * amount) for name, amount in zip(names or [], nets or [], strict=True)
    ]:
        return "positions_changed", "the positions are not those that were numbered"
    return None


async def file_findings(connection: Connection, files: FileStore) -> list[Finding]:
    """Every file of a document that was let out is there, byte by byte."""
    found: list[Finding] = []
    async with connection.cursor("files_to_verify") as cursor:
        cursor.itersize = 1000
        await cursor.execute(_FILES)
        while rows := await cursor.fetchmany(_AT_ONCE):
            checked = await asyncio.gather(*(_file(files, *row) for row in rows))
            found += [finding for finding in checked if finding is not None]
            if len(found) >= LIMIT:
                break
    return found


async def _file(
    files: FileStore, number: str, name: str, size: int, sha256: bytes, document_hash: bytes | None
) -> Finding | None:
    try:
        content = await files.get(name)
    except FileMissing:
        return Finding("file_missing", number, f"{name} is not in the file store")
    if len(content) != size or hashlib.sha256(content).digest() != sha256:
        return Finding("file_changed", number, f"{name} is not the file that was stored")
    if document_hash is not None and document_hash != sha256:
        return Finding("file_changed", number, f"{name} is not the file whose hash the document has")
    return None
