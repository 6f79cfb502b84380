"""What settings may refer to, and who refers to configuration: hooks that the owning areas fill in at start-up.

Lower areas do not know upper ones. An area that owns a kind of object registers how a reference to it is checked; an
area that uses configuration registers how it counts its uses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from sqlalchemy import Uuid, bindparam, select

from turnus.platform.context import Context
from turnus.platform.db.reads import read_scalar
from turnus.settings.model import TaxGroup

TargetCheck = Callable[[Context, UUID], Awaitable[str | None]]
UsageCheck = Callable[[Context, Sequence[UUID]], Awaitable[dict[str, int]]]

_archived = read_scalar(select(TaxGroup.archived).where(TaxGroup.id == bindparam("id", type_=Uuid)))


async def _tax_group(ctx: Context, id: UUID) -> str | None:
    archived = await _archived.first(ctx, id=id)
    return "not_found" if archived is None else "archived" if archived else None


_targets: dict[str, TargetCheck] = {"tax_group": _tax_group}
_usages: dict[str, list[UsageCheck]] = {}


def register_target(kind: str, check: TargetCheck) -> None:
    """Say how a setting's reference to a kind of object is checked: None or the violation's code."""
    _targets[kind] = check


async def target_violation(ctx: Context, kind: str, id: UUID) -> str | None:
    """What is wrong with a reference. Objects of a kind that nobody owns do not exist."""
    check = _targets.get(kind)
    return "not_found" if check is None else await check(ctx, id)


def register_usage(kind: str, check: UsageCheck) -> None:
    """Say how often an area uses objects of a kind (`tax`, `tax_group`): kind of user → count, without zeros.

    For `tax`, only uses by finalised documents count (10 §D.3 rule 6).
    """
    _usages.setdefault(kind, []).append(check)


async def usages(ctx: Context, kind: str, ids: Sequence[UUID]) -> dict[str, int]:
    """Who uses any of the objects."""
    found: dict[str, int] = {}
    for check in _usages.get(kind, ()):
        for user, count in (await check(ctx, ids)).items():
            if count:
                found[user] = found.get(user, 0) + count
    return found
