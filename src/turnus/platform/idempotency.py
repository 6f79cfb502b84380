"""Idempotency keys: the same request twice has one effect and one answer.

An advisory lock makes the second of two racing requests fail at once; a unique row in the same transaction would make
it wait for the first to end. The record is looked up after the lock, as a statement of its own, so that it sees what
the first one committed. Stored bodies are encrypted: some hold a secret that is shown once.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from turnus.kernel.errors import Problem
from turnus.kernel.ids import new_id
from turnus.platform.context import Context
from turnus.platform.crypto import FieldCipher
from turnus.platform.db.schema import TenantRow, mark

KEPT = timedelta(hours=24)


class IdempotencyRecord(TenantRow):
    """The answer to a request that carried an idempotency key."""

    __tablename__ = "idempotency_record"
    __table_args__ = (
        Index("uq_idempotency_record_key", "tenant_id", "key_hash", unique=True),
        Index("ix_idempotency_record_created_at", "created_at"),
    )

    key_hash: Mapped[bytes]
    body_hash: Mapped[bytes]
    status: Mapped[int]
    content_type: Mapped[str]
    body: Mapped[bytes]
    created_at: Mapped[datetime]


mark(IdempotencyRecord.__table__, privileges="select, insert, delete")  # type: ignore[arg-type]


class KeyReused(Problem):
    """The key was used with another body."""

    code, status = "idempotency_key_reused", 422


class InProgress(Problem):
    """The first request with this key still runs."""

    code, status = "request_in_progress", 409


def key_hash(principal: UUID | None, method: str, path: str, key: str) -> bytes:
    """Keys are kept apart per credential, method and path."""
    return hashlib.sha256("\n".join((str(principal), method, path, key)).encode()).digest()


async def claim(ctx: Context, key: bytes, body: bytes, cipher: FieldCipher) -> tuple[int, str, bytes] | None:
    """Take the key for this transaction; the stored (status, content type, body) when it was answered before.

    Raises InProgress while another transaction holds it, KeyReused for another body.
    """
    lock = int.from_bytes(key[:8], signed=True)
    taken = await ctx.connection.execute("select pg_try_advisory_xact_lock(%s)", (lock,), prepare=True)
    if not (await taken.fetchone() or (False,))[0]:
        raise InProgress()
    cursor = await ctx.connection.execute(
        "select id, body_hash, status, content_type, body, created_at from idempotency_record"
        " where tenant_id = %s and key_hash = %s",
        (ctx.tenant_id, key),
        prepare=True,
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    id, body_hash, status, content_type, stored, created_at = row
    if created_at < ctx.wall() - KEPT:
        await ctx.connection.execute(
            "delete from idempotency_record where tenant_id = %s and id = %s", (ctx.tenant_id, id)
        )
        return None
    if body_hash != hashlib.sha256(body).digest():
        raise KeyReused()
    return status, content_type, cipher.decrypt(stored, key)


async def keep(ctx: Context, key: bytes, body: bytes, answer: tuple[int, str, bytes], cipher: FieldCipher) -> None:
    """Store the answer beside what the request wrote."""
    status, content_type, content = answer
    await ctx.connection.execute(
        "insert into idempotency_record (tenant_id, id, key_hash, body_hash, status, content_type, body, created_at)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (ctx.tenant_id, new_id(), key, hashlib.sha256(body).digest(), status, content_type,
         cipher.encrypt(content, key), ctx.wall()),
        prepare=True,
    )  # fmt: skip
