"""What stands in the way of an action on a customer. Areas above add what they know; `entry/bootstrap.py` wires it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

from turnus.platform.context import Context

Blocker = Callable[[Context, UUID], Awaitable[Mapping[str, int]]]
"""Counts of the objects in the way by kind (`{"subscription": 2}`), given the id of a customer or an address."""

archive_blockers: list[Blocker] = []
"""Contracts that run, open invoices, a wallet balance: the customer cannot be archived (01 §1.3)."""
delete_blockers: list[Blocker] = []
"""Documents, payments, bookings, started contracts: the customer cannot be deleted (01 §1.7)."""
currency_blockers: list[Blocker] = []
"""Invoices that are no drafts, contracts that run: the customer's currency cannot change (01 §1.4)."""
address_blockers: list[Blocker] = []
"""References to an address (its id is given): it is archived instead of deleted (01 §2.2)."""


async def found(ctx: Context, blockers: Sequence[Blocker], id: UUID) -> dict[str, int]:
    """Everything in the way, by kind; empty when nothing is."""
    counts: dict[str, int] = {}
    for blocker in blockers:
        for kind, count in (await blocker(ctx, id)).items():
            if count:
                counts[kind] = counts.get(kind, 0) + count
    return counts
