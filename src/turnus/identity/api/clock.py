"""Routes of the test clock."""

from __future__ import annotations

from turnus.identity.commands import MoveClock
from turnus.identity.ops.set_clock import require_sandbox, set_clock
from turnus.identity.views.clock import ClockView, sandbox_clock
from turnus.platform.api import get, post, router
from turnus.platform.context import Context

routes = router("Sandbox")


@get(routes, "/sandbox/clock", permission="settings:read", summary="Read the test clock", statuses=(409,))
async def read_clock(ctx: Context) -> ClockView:
    """Only a sandbox has one."""
    require_sandbox(ctx)
    return await sandbox_clock(ctx)


@post(routes, "/sandbox/clock", permission="settings:write", summary="Set the test clock", status=200, statuses=(409,))
async def move_clock(ctx: Context, data: MoveClock) -> ClockView:
    """Business time, which then stands still. It never goes back."""
    await set_clock(ctx, data.now)
    return await sandbox_clock(ctx)
