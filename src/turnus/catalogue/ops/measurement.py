"""Create, change and delete measurements."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import exists, select

from turnus.catalogue.commands import ChangeMeasurement, CreateMeasurement
from turnus.catalogue.events import MEASUREMENT_CREATED
from turnus.catalogue.model import Measurement, Unit
from turnus.catalogue.ops.seed_catalogue import QUANTITY
from turnus.catalogue.rules import ALLOWED_TYPES
from turnus.catalogue.uses import uses_of
from turnus.kernel.errors import InUse, ValidationFailed, Violation
from turnus.platform.context import Context
from turnus.platform.db.constraints import flush_unique, flush_unused
from turnus.platform.db.locks import LockOrder, lock
from turnus.platform.work import change


async def create_measurement(ctx: Context, command: CreateMeasurement) -> Measurement:
    """A new measurement.

    Raises:
        ValidationFailed: the code is taken, there is no such unit, or the aggregation does not allow the type.
    """
    allowed = ALLOWED_TYPES[command.aggregation_type]
    type = command.type or allowed[0]
    wrong = []
    if type not in allowed:
        wrong.append(Violation("type", "invalid_choice", parameters={"choices": list(allowed)}))
    if not await ctx.session.scalar(select(exists().where(Unit.tenant_id == ctx.tenant_id, Unit.id == command.unit))):
        wrong.append(Violation("unit", "not_found"))
    if await _taken(ctx, command.code):
        wrong.append(Violation("code", "not_unique"))
    if wrong:
        raise ValidationFailed(wrong)
    now = ctx.now()
    measurement = ctx.add(
        Measurement(
            unit_id=command.unit,
            code=command.code,
            name=command.name,
            description=command.description,
            aggregation_type=command.aggregation_type,
            type=type,
            fair_billing=command.fair_billing,
            rounding_mode=command.rounding_mode,
            rounding_precision=command.rounding_precision,
            event_name=None,
            value_property=None,
            filters=[],
            group_by=[],
            created_at=now,
            updated_at=now,
        )
    )
    await flush_unique(ctx, "code")
    ctx.emit(MEASUREMENT_CREATED, [measurement.id])
    ctx.log("measurement", measurement.id, "created")
    return measurement


async def change_measurement(ctx: Context, measurement_id: UUID, command: ChangeMeasurement) -> Measurement:
    """Change code and description.

    Raises:
        ValidationFailed: the code is taken, or it is the built-in `quantity`, whose code stays.
    """
    measurement = await lock(ctx, Measurement, LockOrder.CONFIGURATION, measurement_id)
    if command.code != measurement.code:
        if measurement.code == QUANTITY:
            raise ValidationFailed.at("code", "read_only")
        if await _taken(ctx, command.code):
            raise ValidationFailed.at("code", "not_unique")
    changes = [
        change(name, getattr(measurement, name), getattr(command, name))
        for name in ("code", "description")
        if getattr(measurement, name) != getattr(command, name)
    ]
    measurement.code, measurement.description = command.code, command.description
    measurement.updated_at = ctx.now()
    await flush_unique(ctx, "code")
    ctx.log("measurement", measurement.id, "updated", changes)
    return measurement


async def delete_measurement(ctx: Context, measurement_id: UUID) -> None:
    """Delete a measurement.

    Raises:
        InUse: products count by it, or it is the built-in `quantity`.
    """
    measurement = await lock(ctx, Measurement, LockOrder.CONFIGURATION, measurement_id)
    uses = await uses_of(ctx, "measurement", measurement_id)
    if measurement.code == QUANTITY:
        uses = {**uses, "tenant": 1}
    if uses:
        raise InUse(uses)
    await ctx.session.delete(measurement)
    await flush_unused(ctx)
    ctx.log("measurement", measurement_id, "deleted")


async def _taken(ctx: Context, code: str) -> bool:
    same = exists().where(Measurement.tenant_id == ctx.tenant_id, Measurement.code == code)
    return bool(await ctx.session.scalar(select(same)))
