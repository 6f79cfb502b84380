"""Signatures of outgoing webhooks, so that a receiver knows who sent a body and when.

Three forms travel together; a receiver checks whichever it knows:

- `X-Webhook-Signature`: HMAC-SHA256 of the raw body, hexadecimal.
- `X-Webhook-Signature-V2: t=<unix>,v1=<hex>`: HMAC-SHA256 of `<unix>.<body>`, which also stops replays.
- `webhook-id`, `webhook-timestamp`, `webhook-signature`: the Standard Webhooks scheme, `v1,<base64>` of HMAC-SHA256
  over `<id>.<timestamp>.<body>`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets as random
from collections.abc import Sequence

STANDARD_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_webhook_secret() -> str:
    """A secret that every form of the signature can be checked with: `whsec_` and 32 random bytes in base64."""
    return STANDARD_PREFIX + base64.b64encode(random.token_bytes(_SECRET_BYTES)).decode()


def body_signature(secret: str, body: bytes) -> str:
    """HMAC-SHA256 of the raw body in lower-case hexadecimal; the key is the whole secret as it is shown."""
    return hmac.digest(secret.encode(), body, "sha256").hex()


def timed_signature(secret: str, body: bytes, timestamp: int) -> str:
    """HMAC-SHA256 of `<timestamp>.<body>` in hexadecimal; the key is the whole secret as it is shown."""
    return hmac.digest(secret.encode(), b"%d." % timestamp + body, "sha256").hex()


def standard_signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The `v1,<base64>` of Standard Webhooks.

    Its key is what follows `whsec_`, decoded. A secret of another form is used as it stands; a receiver's library then
    wants `whsec_` and the base64 of that secret.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_standard_key(secret), signed, "sha256")).decode()


def webhook_headers(
    secrets: Sequence[str],
    event_id: str,
    event_type: str,
    delivery_id: str,
    attempt: int,
    body: bytes,
    timestamp: int,
) -> dict[str, str]:
    """Every header of one delivery attempt except `User-Agent`, which belongs to the client.

    Args:
        secrets: the current secret first; while a rotation runs, the old one after it.
        event_id: stays the same in all attempts and deliveries; receivers recognise repetitions by it.
        attempt: 1 for the first.
        body: the exact bytes that are sent.
        timestamp: seconds since 1970 of this attempt, by the real clock even in a sandbox.

    With two secrets, V2 has two `v1=` and Standard Webhooks two signatures separated by a space, both current first.
    `X-Webhook-Signature` must stay a single value, since receivers compare the whole header: it is made with the
    current secret, and `X-Webhook-Signature-Previous` with the old one. Raises ValueError without a secret.
    """
    if not secrets:
        raise ValueError("a webhook cannot be signed without a secret")
    timed = ",".join(f"v1={timed_signature(secret, body, timestamp)}" for secret in secrets)
    headers = {
        "Content-Type": "application/json",
        "X-Webhook-Id": event_id,
        "X-Webhook-Event": event_type,
        "X-Webhook-Delivery": delivery_id,
        "X-Webhook-Attempt": str(attempt),
        "X-Webhook-Timestamp": str(timestamp),
        "X-Webhook-Signature": body_signature(secrets[0], body),
        "X-Webhook-Signature-V2": f"t={timestamp},{timed}",
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(standard_signature(secret, event_id, timestamp, body) for secret in secrets),
    }
    if len(secrets) > 1:
        headers["X-Webhook-Signature-Previous"] = body_signature(secrets[1], body)
    return headers


def _standard_key(secret: str) -> bytes:
    text = secret.encode()
    if not secret.startswith(STANDARD_PREFIX):
        return text
    try:
        key = base64.b64decode(text.removeprefix(STANDARD_PREFIX.encode()), validate=True)
    except binascii.Error:
        # Typed in by somebody and no base64: better a signature over the text than a delivery that can never leave.
        return text
    return key or text
