"""What an end customer's own token may reach."""

from __future__ import annotations

from uuid import UUID

from turnus.kernel.errors import NotFound
from turnus.platform.context import Context


def check_own(ctx: Context, customer_id: UUID, permission: str) -> None:
    """Raise NotFound unless the permission is held or the customer is the one who asks (01 §9.3).

    Routes that also accept a `:self:` permission call this: other customers do not exist for its holder.
    """
    if not ctx.may(permission) and (ctx.actor.kind != "customer" or ctx.actor.id != customer_id):
        raise NotFound()
