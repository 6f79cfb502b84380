"""Switch a webhook off because it does not answer."""

from __future__ import annotations

from uuid import UUID

from turnus.platform.context import Change, Context
from turnus.platform.db.locks import LockOrder, lock
from turnus.webhooks.model import Webhook
from turnus.webhooks.ops.cancel_deliveries import cancel_deliveries


async def disable_webhook(ctx: Context, id: UUID, why: str) -> None:
    """Switch a webhook off after too many failures, or because its receiver is gone; `why` goes into the activity log.

    Raises NotFound. Harmless when it is off already.
    """
    webhook = await lock(ctx, Webhook, LockOrder.CONFIGURATION, id)
    if not webhook.enabled:
        return
    webhook.enabled, webhook.disabled_reason, webhook.updated_at = False, "failures", ctx.now()
    await cancel_deliveries(ctx, id)
    ctx.log("webhook", id, "disabled", [Change("enabled", True, False), Change("reason", None, why)])
