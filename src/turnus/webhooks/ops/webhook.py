"""Create, change and delete webhooks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from turnus.kernel.errors import ValidationFailed, Violation
from turnus.kernel.ids import new_id
from turnus.platform.context import Change, Context
from turnus.platform.db.locks import LockOrder, lock
from turnus.platform.db.reads import read_scalar
from turnus.platform.events.facts import catalogue
from turnus.platform.signing import new_webhook_secret
from turnus.webhooks import rules
from turnus.webhooks.commands import MASKED, PatchWebhook, WebhookFields
from turnus.webhooks.model import Webhook
from turnus.webhooks.ops.cancel_deliveries import cancel_deliveries
from turnus.webhooks.secrets import open_headers, seal_headers, seal_secret

_count = read_scalar(select(func.count()).select_from(Webhook))


async def create_webhook(ctx: Context, command: WebhookFields) -> Webhook:
    """A new webhook with a secret of its own. The same URL and event may be wanted twice.

    Raises:
        ValidationFailed: the URL cannot be called, an event is unknown, or there are too many webhooks.
    """
    # Racing creations would both count below the limit.
    await ctx.connection.execute(
        "select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"webhooks {ctx.tenant_id}",)
    )
    violations = _violations(ctx, command.url, command.events)
    if (await _count.first(ctx) or 0) >= rules.MAX_WEBHOOKS:
        violations.append(Violation("", "limit_reached", parameters={"maximum": rules.MAX_WEBHOOKS}))
    if violations:
        raise ValidationFailed(violations)
    id, cipher, now = new_id(), ctx.services.cipher, ctx.now()
    headers = {name: value for name, value in command.headers.items() if value is not None}
    webhook = ctx.add(
        Webhook(
            id=id,
            name=command.name,
            description=command.description,
            url=command.url,
            events=list(dict.fromkeys(command.events)),
            enabled=command.enabled,
            version=command.version,
            secret=seal_secret(cipher, ctx.tenant_id, id, new_webhook_secret()),
            headers=seal_headers(cipher, ctx.tenant_id, id, headers),
            header_names=list(headers),
            disabled_reason=None if command.enabled else "user",
            failure_count=0,
            created_at=now,
            updated_at=now,
        )
    )
    ctx.log("webhook", id, "created")
    return webhook


async def replace_webhook(ctx: Context, id: UUID, command: WebhookFields) -> None:
    """Replace what can be edited; what was left out gets its default. Raises NotFound, ValidationFailed."""
    webhook = await lock(ctx, Webhook, LockOrder.CONFIGURATION, id)
    if violations := _violations(ctx, command.url, command.events):
        raise ValidationFailed(violations)
    kept = open_headers(ctx.services.cipher, ctx.tenant_id, id, webhook.headers)
    headers = _merged({}, command.headers, kept)
    values = {name: getattr(command, name) for name in ("url", "events", "enabled", "name", "description")}
    await _change(ctx, webhook, values, headers, kept)


async def patch_webhook(ctx: Context, id: UUID, command: PatchWebhook) -> None:
    """Change what was sent. Raises NotFound, ValidationFailed."""
    webhook = await lock(ctx, Webhook, LockOrder.CONFIGURATION, id)
    fields = ("url", "events", "enabled", "name", "description")
    values = {name: getattr(command, name) for name in fields if command.given(name)}
    if violations := _violations(ctx, values.get("url"), values.get("events", [])):
        raise ValidationFailed(violations)
    kept = open_headers(ctx.services.cipher, ctx.tenant_id, id, webhook.headers)
    headers = _merged(kept, command.headers, kept)
    if len(headers) > rules.MAX_HEADERS:
        raise ValidationFailed.at("headers", "too_long", maximum=rules.MAX_HEADERS)
    await _change(ctx, webhook, values, headers, kept)


async def delete_webhook(ctx: Context, id: UUID) -> None:
    """Delete a webhook; open deliveries are cancelled, the log of the others stays. Raises NotFound."""
    webhook = await lock(ctx, Webhook, LockOrder.CONFIGURATION, id)
    await cancel_deliveries(ctx, id)
    await ctx.session.delete(webhook)
    ctx.log("webhook", id, "deleted", [Change("url", webhook.url, None)])


def _violations(ctx: Context, url: str | None, events: list[str]) -> list[Violation]:
    found = []
    if url is not None:
        reason = ctx.services.outbound.check(url, http_allowed=ctx.tenant.sandbox)
        if reason is not None:
            found.append(Violation("url", "invalid_url", parameters={"reason": reason}))
    known = sorted(catalogue)
    found += [
        Violation(f"events[{number}]", "invalid_choice", parameters={"choices": known})
        for number in rules.unknown_patterns(events, known)
    ]
    return found


def _merged(base: dict[str, str], sent: dict[str, str | None], kept: dict[str, str]) -> dict[str, str]:
    headers = dict(base)
    for name, value in sent.items():
        # Names of headers know no case.
        stored = next((old for old in kept if old.lower() == name.lower()), None)
        if stored is not None:
            headers.pop(stored, None)
        if value == MASKED and stored is not None:
            headers[name] = kept[stored]
        elif value is not None:
            headers[name] = value
    return headers


async def _change(
    ctx: Context, webhook: Webhook, values: dict[str, Any], headers: dict[str, str], kept: dict[str, str]
) -> None:
    changes = []
    if "events" in values:
        values["events"] = list(dict.fromkeys(values["events"]))
    for name, value in values.items():
        if (old := getattr(webhook, name)) != value:
            changes.append(Change(name, old, value))
            setattr(webhook, name, value)
    if headers != kept:
        changes.append(Change("headers", sorted(kept), sorted(headers)))
        webhook.headers = seal_headers(ctx.services.cipher, ctx.tenant_id, webhook.id, headers)
        webhook.header_names = list(headers)
    if not changes:
        return
    if any(change.property == "enabled" for change in changes):
        webhook.disabled_reason = None if webhook.enabled else "user"
        if webhook.enabled:
            webhook.failure_count, webhook.failing_since = 0, None
        else:
            await cancel_deliveries(ctx, webhook.id)
    webhook.updated_at = ctx.now()
    ctx.log("webhook", webhook.id, "updated", changes)
