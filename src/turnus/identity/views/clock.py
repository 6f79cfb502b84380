"""The test clock of a sandbox."""

from __future__ import annotations

import msgspec
from sqlalchemy import Uuid, bindparam, select

from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import read_scalar
from turnus.platform.tenancy.model import Tenant


class ClockView(msgspec.Struct, frozen=True, rename="camel"):
    """Business time `now`, whether it was set, and real time."""

    now: str
    is_set: bool
    wall_time: str


_set_to = read_scalar(select(Tenant.clock_at).where(Tenant.id == bindparam("id", type_=Uuid)))


async def sandbox_clock(ctx: Context) -> ClockView:
    """The clock as it stands in this transaction."""
    set_to = await _set_to.first(ctx, id=ctx.tenant_id)
    return ClockView(instant(set_to or ctx.wall()), set_to is not None, instant(ctx.wall()))
