"""Secrets at rest: encrypted fields, keyed fingerprints, opaque tokens."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORMAT = b"\x01"
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEADER_BYTES = len(_FORMAT) + _KEY_ID_BYTES
_TOKEN_BYTES = 32


class DecryptionFailed(Exception):
    """A stored value cannot be read: its key is not in the list, it was changed, or it belongs to another place."""


class FieldCipher:
    """Authenticated encryption of single values: AES-256-GCM with a random nonce (NIST SP 800-38D).

    Layout: format (1 byte), key id (4), nonce (12), ciphertext and tag (16); 33 bytes more than the plain value. The
    key id is derived from the key, so rotating means to put a new key in front of the old ones and nothing else.
    A random nonce allows about 2³² values per key.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` of 32 bytes each; the first encrypts, all decrypt. Raises ValueError for any other shape."""
        if not keys or any(len(key) != 32 for key in keys):
            raise ValueError("field encryption needs one or more keys of 32 bytes")
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        if len(self._ciphers) != len(keys):
            raise ValueError("two keys of the list are equal or have the same id")
        self._header = _FORMAT + _key_id(keys[0])
        self._current = AESGCM(keys[0])

    def encrypt(self, value: bytes | str, aad: bytes) -> bytes:
        """`value` (text as UTF-8) encrypted for one place.

        `aad` names that place, such as table, column and row id; decrypting needs the same, so that a value copied to
        another row cannot be read there.
        """
        plain = value.encode() if isinstance(value, str) else value
        nonce = os.urandom(_NONCE_BYTES)
        return self._header + nonce + self._current.encrypt(nonce, plain, self._header + aad)

    def decrypt(self, stored: bytes, aad: bytes) -> bytes:
        """The plain bytes of a stored value. Raises DecryptionFailed, which tells nothing about the value."""
        header, nonce = stored[:_HEADER_BYTES], stored[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES]
        if len(stored) < _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES or header[:1] != _FORMAT:
            raise DecryptionFailed("not an encrypted value")
        cipher = self._ciphers.get(header[1:])
        if cipher is None:
            raise DecryptionFailed(f"encrypted with an unknown key ({header[1:].hex()})")
        try:
            return cipher.decrypt(nonce, stored[_HEADER_BYTES + _NONCE_BYTES :], header + aad)
        except InvalidTag:
            raise DecryptionFailed("changed, or stored in another place") from None

    def decrypt_text(self, stored: bytes, aad: bytes) -> str:
        """The text of a stored value that was encrypted from text."""
        return self.decrypt(stored, aad).decode()

    def is_current(self, stored: bytes) -> bool:
        """Whether the value was encrypted with the first key; if not, encrypting it again ends the rotation."""
        return stored[:_HEADER_BYTES] == self._header


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"turnus key id" + key).digest()[:_KEY_ID_BYTES]


class Fingerprinter:
    """Keyed fingerprints (HMAC-SHA256) by which an encrypted value can be looked up for equality.

    Its key is one of its own: whoever has the database alone can neither read values nor try out candidates.
    """

    def __init__(self, key: bytes) -> None:
        """`key` of at least 32 bytes, else ValueError."""
        if len(key) < 32:
            raise ValueError("fingerprints need a key of at least 32 bytes")
        self._key = key

    def of(self, value: bytes | str, scope: bytes = b"") -> bytes:
        """32 bytes, equal for equal values of a scope.

        The caller normalises `value` first. With the tenant as `scope`, equal values of two tenants do not look alike.
        """
        plain = value.encode() if isinstance(value, str) else value
        return hmac.digest(self._key, len(scope).to_bytes(4) + scope + plain, "sha256")


def new_token(prefix: str = "api_") -> str:
    """An opaque token: `prefix` and 256 random bits as 43 characters of base64url. Only its hash is stored."""
    return prefix + secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """SHA-256 of a token, 32 bytes: what is stored and looked up.

    No salt and no slow hash, because the token has 256 random bits; not for anything a person chose.
    """
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def equal(left: bytes | str, right: bytes | str) -> bool:
    """Whether two secrets are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(
        left.encode() if isinstance(left, str) else left, right.encode() if isinstance(right, str) else right
    )
