"""What creation and change of a customer check against the database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import exists, select

from turnus.customers.commands import CreateCustomer, MasterData
from turnus.customers.model import Customer, CustomerGroup
from turnus.kernel.errors import Violation
from turnus.platform.context import Context


async def check_master_data(ctx: Context, command: MasterData, *, customer_id: UUID | None) -> list[Violation]:
    """Violations of uniqueness, references and tenant settings, all together."""
    violations = []
    if command.currency_code and command.currency_code not in ctx.setting("localization.currencies", ["EUR"]):
        violations.append(Violation("currencyCode", "currency_not_allowed"))
    for path, column, value in (
        ("datevId", Customer.datev_id, command.datev_id),
        ("externalId", Customer.external_id, command.external_id),
    ):
        if value is not None and await _other_has(ctx, column, value, customer_id):
            violations.append(Violation(path, "not_unique"))
    if command.customer_group is not None and not await _exists(ctx, CustomerGroup, command.customer_group):
        violations.append(Violation("customerGroup", "not_found"))
    if command.contact_person is not None:
        violations.append(Violation("contactPerson", "not_found"))
    if isinstance(command, CreateCustomer):
        for path, id in (("partner", command.partner), ("parentCustomerId", command.parent_customer_id)):
            if id is not None and not await _exists(ctx, Customer, id):
                violations.append(Violation(path, "not_found"))
    return violations


async def _other_has(ctx: Context, column: Any, value: Any, customer_id: UUID | None) -> bool:
    other = exists().where(Customer.tenant_id == ctx.tenant_id, column == value)
    if customer_id is not None:
        other = other.where(Customer.id != customer_id)
    return bool(await ctx.session.scalar(select(other)))


async def _exists(ctx: Context, kind: Any, id: UUID) -> bool:
    return bool(await ctx.session.scalar(select(exists().where(kind.tenant_id == ctx.tenant_id, kind.id == id))))
