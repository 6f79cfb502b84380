"""What is stored encrypted of a webhook. Each value is bound to its webhook and column."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from turnus.kernel.wire import decode, encode
from turnus.platform.crypto import FieldCipher

Column = Literal["secret", "headers"]


def _place(tenant_id: UUID, id: UUID, column: Column) -> bytes:
    return b"webhook." + column.encode() + tenant_id.bytes + id.bytes


def seal_secret(cipher: FieldCipher, tenant_id: UUID, id: UUID, secret: str) -> bytes:
    """A signing secret as it is stored, current or previous."""
    return cipher.encrypt(secret, _place(tenant_id, id, "secret"))


def open_secret(cipher: FieldCipher, tenant_id: UUID, id: UUID, stored: bytes) -> str:
    """The signing secret; raises DecryptionFailed when its key is gone."""
    return cipher.decrypt_text(stored, _place(tenant_id, id, "secret"))


def seal_headers(cipher: FieldCipher, tenant_id: UUID, id: UUID, headers: dict[str, str]) -> bytes:
    """Extra request headers as they are stored."""
    return cipher.encrypt(encode(headers), _place(tenant_id, id, "headers"))


def open_headers(cipher: FieldCipher, tenant_id: UUID, id: UUID, stored: bytes) -> dict[str, str]:
    """The extra request headers; raises DecryptionFailed when their key is gone."""
    headers: dict[str, str] = decode(cipher.decrypt(stored, _place(tenant_id, id, "headers")))
    return headers
