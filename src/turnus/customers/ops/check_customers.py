"""What creation and change of customers check against the database: one round trip, however many they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Text, Uuid, bindparam, cast, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import ARRAY

from turnus.customers.commands import CreateCustomer, MasterData
from turnus.customers.model import Customer, CustomerEmail, CustomerGroup
from turnus.customers.vat_ids import fits_country, normalised_vat_id
from turnus.kernel.errors import Violation
from turnus.platform.context import Context
from turnus.platform.db.reads import read_rows, together
from turnus.platform.db.terms import fold
from turnus.settings.custom_fields import Definition, violations, with_defaults
from turnus.settings.model import NumberIssued
from turnus.settings.ops.load_custom_fields import definitions_of
from turnus.settings.values import value


class Known(msgspec.Struct):
    """What exists of the values that some customers shall have.

    `objects` maps (property, folded value) to the object that has it, `archived` holds ids of archived customers.
    """

    objects: dict[tuple[str, str], UUID]
    archived: set[UUID]
    definitions: list[Definition]


def _texts(name: str) -> Any:
    return func.any(bindparam(name, type_=ARRAY(Text)))


def _ids(name: str) -> Any:
    return func.any(bindparam(name, type_=ARRAY(Uuid)))


_lookup = read_rows(
    union_all(
        select(literal("email"), cast(CustomerEmail.email_folded, Text), CustomerEmail.customer_id, literal("")).where(
            CustomerEmail.is_default, CustomerEmail.email_folded == _texts("emails")
        ),
        select(
            literal("customerNumber"), cast(NumberIssued.number_folded, Text), NumberIssued.object_id, literal("")
        ).where(NumberIssued.space == "customer", NumberIssued.number_folded == _texts("numbers")),
        select(literal("datevId"), cast(NumberIssued.number_folded, Text), NumberIssued.object_id, literal("")).where(
            NumberIssued.space == "datev_debtor", NumberIssued.number_folded == _texts("datev_ids")
        ),
        select(literal("externalId"), Customer.external_id, Customer.id, literal("")).where(
            Customer.external_id == _texts("external_ids")
        ),
        select(literal("group"), literal(""), CustomerGroup.id, literal("")).where(CustomerGroup.id == _ids("groups")),
        select(literal("customer"), literal(""), Customer.id, Customer.status).where(Customer.id == _ids("customers")),
    )
)


async def look_up(ctx: Context, commands: Sequence[MasterData]) -> Known:
    """Which of the values in the commands are taken, which of the objects they name exist."""
    created = [command for command in commands if isinstance(command, CreateCustomer)]
    parameters = {
        "emails": [fold(c.email) for c in created],
        "numbers": [fold(c.customer_number) for c in commands if c.customer_number],
        "datev_ids": [fold(c.datev_id) for c in commands if c.datev_id],
        "external_ids": [c.external_id for c in commands if c.external_id],
        "groups": list({c.customer_group for c in commands if c.customer_group}),
        "customers": list({id for c in created for id in (c.partner, c.parent_customer_id) if id}),
    }
    rows, definitions = await together(ctx, (_lookup, parameters), (definitions_of, {"entity_type": "customer"}))
    known = Known({}, set(), definitions)
    for kind, key, id, status in rows:
        if kind in ("group", "customer"):
            known.objects[kind, str(id)] = id
            if status == "STATUS_ARCHIVED":
                known.archived.add(id)
        else:
            known.objects[kind, key] = id
    return known


def check_master_data(ctx: Context, command: MasterData, known: Known, own_id: UUID) -> list[Violation]:
    """Violations of uniqueness, references and tenant settings, all together. `own_id` may have its own values."""
    found = []
    if command.currency_code and command.currency_code not in value(ctx, "localization.currencies"):
        found.append(Violation("currencyCode", "currency_not_allowed"))
    for path, wanted in unique_values(command):
        if known.objects.get((path, wanted), own_id) != own_id:
            found.append(Violation(path, "not_unique"))
    if command.customer_group and ("group", str(command.customer_group)) not in known.objects:
        found.append(Violation("customerGroup", "not_found"))
    if command.contact_person is not None:
        found.append(Violation("contactPerson", "not_found"))
    return found


def check_creation(ctx: Context, command: CreateCustomer, known: Known, own_id: UUID) -> list[Violation]:
    """Violations of a new customer: what all master data must obey, and what only a creation can name."""
    found = check_master_data(ctx, command, known, own_id)
    country = country_of(ctx, command)
    found += vat_id_violations("vatId", command.vat_id, country)
    for path, id in (("partner", command.partner), ("parentCustomerId", command.parent_customer_id)):
        if id is not None and ("customer", str(id)) not in known.objects:
            found.append(Violation(path, "not_found"))
        elif id in known.archived:
            found.append(Violation(path, "archived"))
    if command.invoice_address is not None:
        invoice_country = command.invoice_address.country_code or country
        found += vat_id_violations("invoiceAddress.vatId", command.invoice_address.vat_id, invoice_country)
    custom_fields = with_defaults(known.definitions, command.custom_fields)
    return found + violations(known.definitions, custom_fields, "customFields")


def country_of(ctx: Context, command: CreateCustomer) -> str:
    """The country of a new customer: as sent, else the tenant's usual one."""
    return command.country_code or str(value(ctx, "customer.defaultCountry"))


def unique_values(command: MasterData) -> list[tuple[str, str]]:
    """What no other customer may have: (property, folded value)."""
    values = [
        ("customerNumber", command.customer_number and fold(command.customer_number)),
        ("datevId", command.datev_id and fold(command.datev_id)),
        ("externalId", command.external_id),
    ]
    if isinstance(command, CreateCustomer):
        values.append(("email", fold(command.email)))
    return [(path, wanted) for path, wanted in values if wanted]


def vat_id_violations(path: str, vat_id: str | None, country: str) -> list[Violation]:
    """Whether a VAT id has the form and check digits of its country."""
    normalised = normalised_vat_id(vat_id)
    if vat_id is None or (normalised is not None and fits_country(normalised, country)):
        return []
    return [Violation(path, "invalid_vat_id")]
