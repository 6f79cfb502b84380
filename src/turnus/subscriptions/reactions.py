"""What the subscriptions area does when something happens below it, and what it has against it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, bindparam, func, select

from turnus.platform.context import Context
from turnus.platform.db.reads import read_scalar
from turnus.platform.events.facts import Fact
from turnus.subscriptions.model import Subscription
from turnus.subscriptions.ops.park_subscriptions import unpark_customers

_s = Subscription
_id = bindparam("id", type_=Uuid)


def _count(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(func.count()).select_from(_s).where(*conditions)


_running = read_scalar(
    _count(_s.customer_id == _id, (_s.status == "active") | (_s.status == "paused") | _s.next_billing_at.is_not(None))
)
_started = read_scalar(_count(_s.customer_id == _id, _s.status != "draft"))
_addressed = read_scalar(_count(_s.invoice_address_id == _id))


async def customer_changed(ctx: Context, fact: Fact) -> None:
    """A changed customer may be billed again: what was parked is tried anew."""
    await unpark_customers(ctx, list(fact.subjects))


async def running_contracts(ctx: Context, customer_id: UUID) -> dict[str, int]:
    """Contracts of a customer that run or still have to be settled."""
    return {"subscription": await _running.first(ctx, id=customer_id) or 0}


async def started_contracts(ctx: Context, customer_id: UUID) -> dict[str, int]:
    """Contracts of a customer that were ever more than a draft."""
    return {"subscription": await _started.first(ctx, id=customer_id) or 0}


async def addressed_contracts(ctx: Context, address_id: UUID) -> dict[str, int]:
    """Contracts that send their invoices to an address."""
    return {"subscription": await _addressed.first(ctx, id=address_id) or 0}
