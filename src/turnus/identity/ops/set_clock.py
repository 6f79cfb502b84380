"""Move the business time of a sandbox."""

from __future__ import annotations

from datetime import datetime

from turnus.kernel.errors import InvalidState, ValidationFailed
from turnus.kernel.wire import instant
from turnus.platform.context import Change, Context
from turnus.platform.db.locks import LockOrder, take

_LOCK = "select clock_at from tenant where id = %s for no key update"
_MOVE = "update tenant set clock_at = %s where id = %s"


def require_sandbox(ctx: Context) -> None:
    """Raise InvalidState unless the tenant is a sandbox."""
    if not ctx.tenant.sandbox:
        raise InvalidState("production", ["sandbox"], "Only a sandbox has a clock that can be set.")


async def set_clock(ctx: Context, to: datetime) -> None:
    """Set the business time of a sandbox; it then stands still until it is set again.

    Nothing that falls due in between is done here. `ctx.now()` of this transaction is still the old time.

    Raises:
        InvalidState: the tenant is no sandbox.
        ValidationFailed: time would go back.
    """
    require_sandbox(ctx)
    take(ctx, LockOrder.CONFIGURATION)
    await ctx.flush()
    row = await (await ctx.connection.execute(_LOCK, (ctx.tenant_id,))).fetchone()
    # Of two that move it at once, the second waits here and sees what the first has set.
    now = row[0] if row is not None and row[0] is not None else ctx.now()
    if to < now:
        raise ValidationFailed.at("now", "out_of_range", bounds=f"≥ {instant(now)}")
    await ctx.connection.execute(_MOVE, (to, ctx.tenant_id))
    ctx.log("tenant", ctx.tenant_id, "clock_set", [Change("now", instant(now), instant(to))])
