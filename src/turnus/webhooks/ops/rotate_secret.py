"""Give a webhook a new secret."""

from __future__ import annotations

from uuid import UUID

from turnus.platform.context import Context
from turnus.platform.db.locks import LockOrder, lock
from turnus.platform.signing import new_webhook_secret
from turnus.webhooks import rules
from turnus.webhooks.model import Webhook
from turnus.webhooks.secrets import seal_secret


async def rotate_secret(ctx: Context, id: UUID) -> None:
    """Sign with a new secret; for 24 hours also with the one before. Raises NotFound."""
    webhook = await lock(ctx, Webhook, LockOrder.CONFIGURATION, id)
    webhook.previous_secret = webhook.secret
    webhook.previous_secret_until = ctx.wall() + rules.OLD_SECRET_KEPT
    webhook.secret = seal_secret(ctx.services.cipher, ctx.tenant_id, id, new_webhook_secret())
    webhook.updated_at = ctx.now()
    ctx.log("webhook", id, "secret_rotated")
