"""Change a number range, and try a change out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from turnus.kernel.errors import NotFound, ValidationFailed, Violation
from turnus.platform.context import Context
from turnus.platform.db.locks import LockOrder, lock
from turnus.settings.changes import changed
from turnus.settings.commands import PatchNumberRange
from turnus.settings.model import NUMBER_RANGE_TYPES, NumberRange
from turnus.settings.number_ranges import Range, period_of, range_violations
from turnus.settings.ops.draw_numbers import free_numbers
from turnus.settings.values import value

_FIELDS = ("method", "format", "current_number", "min_digits", "random_length", "reset")
# How the reason of a broken rule is called in the texts.
_PARAMETER = {
    "invalid_format": "form", "conflicting": "other", "required_with": "other", "too_long": "maximum",
    "invalid_choice": "choices", "out_of_range": "bounds",
}  # fmt: skip
EXAMPLES = 3


async def change_number_range(ctx: Context, type: str, command: PatchNumberRange) -> None:
    """Change how numbers are made from now on. Numbers that are in use are skipped, whatever the counter says.

    Raises:
        NotFound: there is no range of this type.
        ValidationFailed: the range would break its type's rules.
    """
    found = await _find(ctx, type)
    # Who draws numbers waits here, so that the counter is not set while one is given.
    range = await lock(ctx, NumberRange, LockOrder.NUMBER_RANGE, found.id)
    values = _given(command)
    draft = _draft(ctx, range, values)
    _check(ctx, draft)
    changes = changed({name: getattr(range, name) for name in values}, values)
    if not changes:
        return
    for name, new in values.items():
        setattr(range, name, new)
    range.reset_period = draft.reset_period
    range.updated_at = ctx.now()
    ctx.log("number_range", range.id, "updated", changes)


async def preview_numbers(ctx: Context, type: str, command: PatchNumberRange) -> list[str]:
    """The next numbers if the range were changed so; nothing is written.

    Raises:
        NotFound: there is no range of this type.
        ValidationFailed: the range would break its type's rules.
    """
    draft = _draft(ctx, await _find(ctx, type), _given(command))
    _check(ctx, draft)
    names = ["10000"] * EXAMPLES
    return [drawn.number for drawn in await free_numbers(ctx, draft, EXAMPLES, ctx.today(), names)]


async def _find(ctx: Context, type: str) -> NumberRange:
    if type not in NUMBER_RANGE_TYPES:
        raise NotFound()
    of_type = select(NumberRange).where(NumberRange.tenant_id == ctx.tenant_id, NumberRange.type == type)
    found = await ctx.session.scalar(of_type)
    if found is None:
        raise NotFound()
    return found


def _given(command: PatchNumberRange) -> dict[str, Any]:
    return {name: getattr(command, name) for name in _FIELDS if command.given(name)}


def _draft(ctx: Context, range: NumberRange, values: dict[str, Any]) -> Range:
    names = ("type", "method", "format", "min_digits", "random_length", "current_number", "reset", "reset_period")
    draft = Range(*(values.get(name, getattr(range, name)) for name in names))
    if "reset" in values or "current_number" in values:
        # A counter that was just set, or that learns to be reset, runs on until the next period begins.
        draft.reset_period = period_of(draft.reset, ctx.today())
    return draft


def _check(ctx: Context, draft: Range) -> None:
    found = [
        Violation(path, code, parameters={_PARAMETER[code]: reason} if code in _PARAMETER else {})
        for path, code, reason in range_violations(draft, value(ctx, "datev.accountLength"))
    ]
    if found:
        raise ValidationFailed(found)
