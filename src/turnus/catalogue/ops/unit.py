"""Create, change and delete units."""

from __future__ import annotations

from uuid import UUID

from turnus.catalogue.commands import UnitFields
from turnus.catalogue.model import Unit
from turnus.catalogue.rules import stored_translations
from turnus.catalogue.uses import uses_of
from turnus.kernel.errors import InUse
from turnus.platform.context import Context
from turnus.platform.db.constraints import flush_unused
from turnus.platform.db.locks import LockOrder, lock
from turnus.platform.work import change


async def create_unit(ctx: Context, command: UnitFields) -> Unit:
    """A new unit of measure."""
    now = ctx.now()
    unit = ctx.add(
        Unit(translations=stored_translations(command.translations), code=command.code, created_at=now, updated_at=now)
    )
    ctx.log("unit", unit.id, "created")
    return unit


async def change_unit(ctx: Context, unit_id: UUID, command: UnitFields) -> Unit:
    """Change names and code of a unit; issued documents keep theirs."""
    unit = await lock(ctx, Unit, LockOrder.CONFIGURATION, unit_id)
    translations = stored_translations(command.translations)
    changes = [
        change(name, old, new)
        for name, old, new in (("translations", unit.translations, translations), ("code", unit.code, command.code))
        if old != new
    ]
    unit.translations, unit.code, unit.updated_at = translations, command.code, ctx.now()
    ctx.log("unit", unit.id, "updated", changes)
    return unit


async def delete_unit(ctx: Context, unit_id: UUID) -> None:
    """Delete a unit.

    Raises:
        InUse: a measurement or a position of a document refers to it.
    """
    unit = await lock(ctx, Unit, LockOrder.CONFIGURATION, unit_id)
    uses = await uses_of(ctx, "unit", unit_id)
    if uses:
        raise InUse(uses)
    await ctx.session.delete(unit)
    # A measurement that is created just now keeps the unit: its foreign key decides.
    await flush_unused(ctx)
    ctx.log("unit", unit_id, "deleted")
