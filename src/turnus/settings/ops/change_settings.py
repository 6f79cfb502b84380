"""Change the settings of a context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from turnus.kernel.errors import NotFound, ValidationFailed, Violation
from turnus.platform.context import Change, Context
from turnus.platform.db.locks import LockOrder, take
from turnus.settings.references import target_violation
from turnus.settings.schema import Setting, catalogue, contexts
from turnus.settings.setting_rules import conflicts
from turnus.settings.setting_types import checked
from turnus.settings.values import effective

_LOCK = "select settings from tenant where id = %s for no key update"
_WRITE = "update tenant set settings = %s where id = %s"


async def change_settings(ctx: Context, context: str, changes: Mapping[str, Any]) -> None:
    """Set settings of a context by name; None gives one its default back. Later reads of `ctx` see the new values.

    Raises:
        NotFound: there is no such context.
        ValidationFailed: with every violation; nothing is changed then.
    """
    known = contexts().get(context)
    if known is None:
        raise NotFound()
    stored = await _locked(ctx)
    new = dict(stored)
    found: list[Violation] = []
    for name, value in changes.items():
        setting = known.get(name)
        if setting is None:
            found.append(Violation(name[:100], "unknown_property"))
        elif value is None and not setting.read_only:
            new.pop(setting.key, None)
        else:
            accepted, wrong = checked(setting, value)
            found += wrong or await _reference_violations(ctx, setting, accepted)
            new[setting.key] = accepted
    if not found:
        found = conflicts(context, changes, lambda key: effective(catalogue()[key], ctx.tenant, new))
    if found:
        raise ValidationFailed(found)
    differing = [key for key in {**stored, **new} if stored.get(key) != new.get(key)]
    if differing:
        await ctx.connection.execute(_WRITE, (Jsonb(new), ctx.tenant_id))
        ctx.log("settings", ctx.tenant_id, "updated", [Change(key, stored.get(key), new.get(key)) for key in differing])
    ctx.tenant.settings.clear()
    ctx.tenant.settings.update(new)


async def _locked(ctx: Context) -> dict[str, Any]:
    """The tenant's own values. Two changes at once: the second waits here, else it would undo the first."""
    take(ctx, LockOrder.CONFIGURATION)
    await ctx.flush()
    row = await (await ctx.connection.execute(_LOCK, (ctx.tenant_id,))).fetchone()
    assert row is not None, "the tenant of a transaction exists"
    return dict(row[0])


async def _reference_violations(ctx: Context, setting: Setting, value: Any) -> list[Violation]:
    if setting.type != "reference":
        return []
    code = await target_violation(ctx, setting.target or "", UUID(value))
    return [] if code is None else [Violation(setting.name, code)]
