"""Request bodies of the webhooks area."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from turnus.platform.commands import Command, Flag, Instant, OptionalName, Text, refuse
from turnus.platform.http import MAX_URL_LENGTH, check_headers
from turnus.webhooks.rules import MAX_HEADERS

MASKED = "***"
"""What the API shows of a header's value; sent back it leaves the value as it is."""

DeliveryStatus = Literal["pending", "retrying", "delivered", "failed", "cancelled"]


def _headers(value: dict[str, str | None]) -> dict[str, str | None]:
    if len(value) > MAX_HEADERS:
        raise refuse("too_long", maximum=MAX_HEADERS)
    if len({name.lower() for name in value}) != len(value):
        raise refuse("conflicting", other="the same header")
    if any(len(name) > 100 or len(text or "") > 1000 for name, text in value.items()):
        raise refuse("too_long", maximum=1000)
    if check_headers({name: text or "" for name, text in value.items()}) is not None or _ours(value):
        raise refuse("invalid_format", form="a header that is not set by the sender, printable ASCII")
    return value


def _ours(value: dict[str, str | None]) -> bool:
    return any(name.lower().startswith(("x-webhook-", "webhook-")) or name.lower() == "content-type" for name in value)


Headers = Annotated[dict[str, str | None], AfterValidator(_headers)]
Url = Annotated[Text, Field(min_length=1, max_length=MAX_URL_LENGTH)]
Patterns = Annotated[list[Annotated[Text, Field(min_length=1, max_length=100)]], Field(min_length=1, max_length=500)]


class WebhookFields(Command):
    """A webhook: events are names of the catalogue, `invoice.*` or `*`."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | {
        "secret", "previousSecretValidUntil", "disabledReason", "lastDeliveryAt", "lastSuccessAt", "failureCount",
    }  # fmt: skip

    url: Url
    events: Patterns
    enabled: Flag = True
    version: Literal["v1"] = "v1"
    name: OptionalName = None
    description: OptionalName = None
    headers: Headers = {}


class PatchWebhook(WebhookFields):
    """Changes of a webhook (RFC 7396): only what is sent changes; a header set to null is removed."""

    url: Url = ""
    events: Patterns = []


class SendTest(Command):
    """Which event to send an invented example of; `webhook.test` when absent."""

    event: Annotated[Text, Field(max_length=100)] | None = None


class RedeliverMany(Command):
    """Deliver again what was to be delivered in a span of time (both ends included), by default what failed."""

    from_: Annotated[Instant, Field(alias="from")]
    to: Instant
    status: DeliveryStatus = "failed"
