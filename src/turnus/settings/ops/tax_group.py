"""Create, change, archive and delete tax groups and their rates."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from turnus.kernel.errors import InUse, InvalidState, NotFound, ValidationFailed, Violation
from turnus.kernel.ids import new_id
from turnus.platform.context import Change, Context
from turnus.platform.db.constraints import flush_unique, flush_unused
from turnus.platform.db.locks import LockOrder, lock
from turnus.settings.changes import changed
from turnus.settings.commands import TaxFields, TaxGroupFields, TaxOfGroup
from turnus.settings.model import Tax, TaxGroup
from turnus.settings.references import usages

_RATE = ("country_code", "valid_from", "rate", "code", "description")


async def create_tax_group(ctx: Context, command: TaxGroupFields) -> TaxGroup:
    """A new tax group with at least one rate.

    Raises:
        ValidationFailed: two rates of a country begin on the same day.
    """
    _check_once([(row.country_code, row.valid_from) for row in command.taxes])
    now = ctx.now()
    group = TaxGroup(id=new_id(), archived=False, created_at=now, updated_at=now, **_columns(command))
    ctx.add(group)
    for row in command.taxes:
        ctx.add(Tax(tax_group_id=group.id, **_rate(row)))
    await ctx.flush()
    ctx.log("tax_group", group.id, "created")
    return group


async def replace_tax_group(ctx: Context, group_id: UUID, command: TaxGroupFields) -> None:
    """Replace a group; rates with an id are changed, those without are new, those left out go.

    Raises:
        InUse: a rate that finalised documents use would change or go.
        ValidationFailed: a rate is unknown, or two of a country begin on the same day.
    """
    group = await lock(ctx, TaxGroup, LockOrder.CONFIGURATION, group_id)
    present = {tax.id: tax for tax in await _taxes(ctx, group_id)}
    _check_rows(command.taxes, present)
    wanted = {row.id: _rate(row) for row in command.taxes if row.id is not None}
    differing = [id for id, new in wanted.items() if _differs(present[id], new)]
    gone = [id for id in present if id not in wanted]
    await _refuse_if_used(ctx, [*differing, *gone])
    changes = changed({name: getattr(group, name) for name in _columns(command)}, _columns(command))
    for name, new in _columns(command).items():
        setattr(group, name, new)
    for id in gone:
        changes.append(Change("taxes", _logged(present[id]), None))
        await ctx.session.delete(present[id])
    await _move_aside(ctx, [present[id] for id in differing], wanted)
    for id in differing:
        changes.append(Change("taxes", _logged(present[id]), wanted[id]))
        _assign(present[id], wanted[id])
    for row in command.taxes:
        if row.id is None:
            changes.append(Change("taxes", None, _rate(row)))
            ctx.add(Tax(tax_group_id=group.id, **_rate(row)))
    _touch(ctx, group, changes)
    await flush_unused(ctx)


async def archive_tax_group(ctx: Context, group_id: UUID, *, archived: bool) -> None:
    """Take a group out of choice, or back. What refers to it keeps it."""
    group = await lock(ctx, TaxGroup, LockOrder.CONFIGURATION, group_id)
    if group.archived == archived:
        return
    group.archived = archived
    group.updated_at = ctx.now()
    ctx.log("tax_group", group.id, "archived" if archived else "unarchived")


async def delete_tax_group(ctx: Context, group_id: UUID) -> None:
    """Delete a group that nobody uses.

    Raises:
        InUse: something refers to the group or to one of its rates; archive it then.
    """
    group = await lock(ctx, TaxGroup, LockOrder.CONFIGURATION, group_id)
    found = await usages(ctx, "tax_group", [group_id])
    if ctx.setting("billing.defaultTaxGroup", None) == str(group_id):
        found["setting"] = 1
    if found:
        raise InUse(found)
    await _refuse_if_used(ctx, [tax.id for tax in await _taxes(ctx, group_id)])
    await ctx.session.delete(group)
    await flush_unused(ctx)
    ctx.log("tax_group", group_id, "deleted")


async def add_tax(ctx: Context, group_id: UUID, command: TaxFields) -> Tax:
    """A further rate of a group.

    Raises:
        ValidationFailed: the country has a rate from that day on already.
    """
    group = await lock(ctx, TaxGroup, LockOrder.CONFIGURATION, group_id)
    tax = ctx.add(Tax(id=new_id(), tax_group_id=group.id, **_rate(command)))
    await flush_unique(ctx, "validFrom")
    _touch(ctx, group, [Change("taxes", None, _rate(command))])
    return tax


async def change_tax(ctx: Context, group_id: UUID, tax_id: UUID, command: TaxFields) -> None:
    """Replace a rate of a group.

    Raises:
        InUse: finalised documents use it; add a rate with a later day instead.
        ValidationFailed: the country has another rate from that day on.
    """
    group, tax = await _tax_of(ctx, group_id, tax_id)
    new = _rate(command)
    if not _differs(tax, new):
        return
    await _refuse_if_used(ctx, [tax_id])
    changes = [Change("taxes", _logged(tax), new)]
    _assign(tax, new)
    await flush_unique(ctx, "validFrom")
    _touch(ctx, group, changes)


async def delete_tax(ctx: Context, group_id: UUID, tax_id: UUID) -> None:
    """Remove a rate of a group.

    Raises:
        InUse: finalised documents use it.
        InvalidState: it is the group's last.
    """
    group, tax = await _tax_of(ctx, group_id, tax_id)
    await _refuse_if_used(ctx, [tax_id])
    if len(await _taxes(ctx, group_id)) == 1:
        raise InvalidState("last", ["one of several"], "A tax group keeps at least one rate.")
    _touch(ctx, group, [Change("taxes", _logged(tax), None)])
    await ctx.session.delete(tax)
    await flush_unused(ctx)


async def _tax_of(ctx: Context, group_id: UUID, tax_id: UUID) -> tuple[TaxGroup, Tax]:
    """The group's lock also guards its rates: of two that delete the last two rates, one waits here."""
    group = await lock(ctx, TaxGroup, LockOrder.CONFIGURATION, group_id)
    for tax in await _taxes(ctx, group_id):
        if tax.id == tax_id:
            return group, tax
    raise NotFound()


async def _taxes(ctx: Context, group_id: UUID) -> Sequence[Tax]:
    of_group = select(Tax).where(Tax.tenant_id == ctx.tenant_id, Tax.tax_group_id == group_id)
    return (await ctx.session.scalars(of_group.execution_options(populate_existing=True))).all()


async def _refuse_if_used(ctx: Context, tax_ids: Sequence[UUID]) -> None:
    found = await usages(ctx, "tax", tax_ids) if tax_ids else {}
    if found:
        raise InUse(found)


def _check_rows(rows: Sequence[TaxOfGroup], present: dict[UUID, Tax]) -> None:
    ids = [row.id for row in rows]
    found = []
    for index, id in enumerate(ids):
        if id is not None and id not in present:
            found.append(Violation(f"taxes[{index}].id", "not_found"))
        elif id is not None and id in ids[:index]:
            found.append(Violation(f"taxes[{index}].id", "not_unique"))
    _check_once([(row.country_code, row.valid_from) for row in rows], found)


def _check_once(keys: Sequence[Any], found: Sequence[Violation] = ()) -> None:
    twice = [
        Violation(f"taxes[{index}].validFrom", "not_unique") for index, key in enumerate(keys) if key in keys[:index]
    ]
    if found or twice:
        raise ValidationFailed([*found, *twice])


async def _move_aside(ctx: Context, taxes: Sequence[Tax], wanted: dict[UUID, dict[str, Any]]) -> None:
    """Free the places of rates that change country or day: two that swap them would collide on the way."""
    moving = [tax for tax in taxes if any(getattr(tax, name) != wanted[tax.id][name] for name in _RATE[:2])]
    await flush_unused(ctx)
    old = {tax.id: tax.country_code for tax in moving}
    for tax in moving:
        tax.country_code = f"moving {tax.id}"
    await ctx.flush()
    for tax in moving:
        tax.country_code = old[tax.id]


def _columns(command: TaxGroupFields) -> dict[str, Any]:
    exemption = command.exemption
    return {
        "internal_description": command.internal_description,
        "reverse_charge_type": command.reverse_charge_type,
        "type": command.type,
        "supply_kind": command.supply_kind,
        "exemption": None if exemption is None else exemption.model_dump(by_alias=True),
        "domestic_reverse_charge": command.domestic_reverse_charge,
    }


def _rate(command: TaxFields) -> dict[str, Any]:
    plain = f"{command.rate.normalize():f}"
    return {
        "country_code": command.country_code,
        "valid_from": command.valid_from,
        "rate": command.rate,
        "code": plain if command.code is None else command.code,
        "description": f"{plain}%" if command.description is None else command.description,
    }


def _differs(tax: Tax, new: dict[str, Any]) -> bool:
    return any(getattr(tax, name) != new[name] for name in _RATE)


def _logged(tax: Tax) -> dict[str, Any]:
    values = {name: getattr(tax, name) for name in _RATE}
    return {**values, "rate": Decimal(values["rate"]).normalize()}


def _assign(tax: Tax, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(tax, name, value)


def _touch(ctx: Context, group: TaxGroup, changes: Sequence[Change]) -> None:
    if changes:
        group.updated_at = ctx.now()
        ctx.log("tax_group", group.id, "updated", changes)
