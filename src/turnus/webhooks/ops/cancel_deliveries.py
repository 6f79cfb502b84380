"""Cancel the open deliveries of a webhook."""

from __future__ import annotations

from uuid import UUID

from turnus.platform.context import Context

_CANCEL = """
update webhook_delivery set status = 'cancelled', next_attempt_at = null, finished_at = %s
 where tenant_id = %s and webhook_id = %s and status in ('pending', 'retrying')
"""


async def cancel_deliveries(ctx: Context, webhook_id: UUID) -> int:
    """Cancel what waits for a first or further attempt; one that is being sent right now still arrives."""
    await ctx.flush()
    return (await ctx.connection.execute(_CANCEL, (ctx.wall(), ctx.tenant_id, webhook_id))).rowcount
