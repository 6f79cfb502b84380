"""One signed request to a webhook."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from turnus.kernel.wire import instant
from turnus.platform.clock import Clock
from turnus.platform.crypto import FieldCipher
from turnus.platform.http import OutboundClient, OutboundFailed, OutboundRefused
from turnus.platform.signing import webhook_headers
from turnus.webhooks.rules import Attempt, Limits
from turnus.webhooks.secrets import open_headers, open_secret


class Target(msgspec.Struct, frozen=True):
    """Where to send, and how: secrets (current first) and headers in the clear."""

    tenant_id: UUID
    id: UUID
    url: str
    secrets: list[str]
    headers: dict[str, str]
    http_allowed: bool
    limits: Limits


TARGET_COLUMNS = "url, secret, previous_secret, previous_secret_until, headers"


def target_of(
    cipher: FieldCipher,
    tenant_id: UUID,
    id: UUID,
    columns: tuple[str, bytes, bytes | None, datetime | None, bytes],
    *,
    sandbox: bool,
    settings: Mapping[str, Any],
    now: datetime,
) -> Target:
    """A webhook from its stored `TARGET_COLUMNS`. Raises DecryptionFailed."""
    url, secret, previous, until, headers = columns
    secrets = [open_secret(cipher, tenant_id, id, secret)]
    if previous is not None and until is not None and now < until:
        secrets.append(open_secret(cipher, tenant_id, id, previous))
    opened = open_headers(cipher, tenant_id, id, headers)
    return Target(tenant_id, id, url, secrets, opened, sandbox, limits_of(settings))


def limits_of(settings: Mapping[str, Any]) -> Limits:
    """The tenant's settings `webhook.*`; what is absent or out of bounds is the default."""

    def bounded(key: str, default: int, highest: int) -> int:
        value = settings.get(key)
        return value if isinstance(value, int) and 1 <= value <= highest else default

    standard = Limits()
    return Limits(
        bounded("webhook.maxAttempts", standard.max_attempts, 50),
        bounded("webhook.timeoutSeconds", standard.timeout_seconds, 30),
        timedelta(days=bounded("webhook.disableAfterDays", standard.disable_after.days, 365)),
    )


async def call(
    outbound: OutboundClient,
    target: Target,
    *,
    delivery_id: UUID,
    event_id: str,
    event: str,
    number: int,
    body: bytes,
    clock: Clock,
) -> Attempt:
    """Send one event once. A refusal, a time-out and an answer of any status are results."""
    started = clock.wall()
    began = time.perf_counter()
    status: int | None = None
    error: str | None = None
    excerpt: str | None = None
    signed = webhook_headers(target.secrets, event_id, event, str(delivery_id), number, body, int(started.timestamp()))
    try:
        answer = await outbound.post(
            target.url,
            body,
            {**target.headers, **signed},
            timeout=target.limits.timeout_seconds,
            http_allowed=target.http_allowed,
        )
        status = answer.status
        excerpt = answer.body_excerpt.decode("utf-8", "replace").replace("\x00", "\ufffd")
    except (OutboundRefused, OutboundFailed) as problem:
        # The detail may name addresses of our network; the word is enough for whoever configures the webhook.
        error = problem.reason
    elapsed = round((time.perf_counter() - began) * 1000)
    return Attempt(number, instant(started.astimezone(UTC)), elapsed, status, error, excerpt, target.url)
