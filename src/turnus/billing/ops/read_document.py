"""Read the stored files of an invoice."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import msgspec

from turnus.kernel.errors import InvalidState, NotFound
from turnus.platform.context import Context
from turnus.platform.files import FileMissing

_FILE = """
select i.status, m.storage_name, m.file_name, m.mime_type
  from invoice i left join media m on m.tenant_id = i.tenant_id and m.id = i.{column}
 where i.id = %s
"""


class StoredDocument(msgspec.Struct, frozen=True):
    """A file of an invoice."""

    content: bytes
    mime_type: str
    file_name: str


async def read_document(ctx: Context, invoice: UUID, kind: Literal["pdf", "xml"]) -> StoredDocument:
    """The archived file.

    Raises:
        InvalidState: the invoice is a draft or its files are still being made.
    """
    cursor = await ctx.connection.execute(_FILE.format(column=f"{kind}_id"), (invoice,), prepare=True)
    row = await cursor.fetchone()
    if row is None:
        raise NotFound()
    status, storage_name, file_name, mime_type = row
    if storage_name is None:
        raise InvalidState(status, ["STATUS_UNPAID", "STATUS_PAID"])
    try:
        content = await ctx.services.files.get(storage_name)
    except FileMissing:
        raise NotFound() from None
    return StoredDocument(content, mime_type, file_name)
