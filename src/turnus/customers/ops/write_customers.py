"""Write new customers with their addresses, e-mail addresses, numbers and search words: a set, however small."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table

from turnus.customers import rules
from turnus.customers.commands import AddressFields, CreateCustomer
from turnus.customers.errors import refused_races
from turnus.customers.model import Customer, CustomerAddress, CustomerEmail
from turnus.customers.ops.check_customers import country_of
from turnus.customers.vat_ids import normalised_vat_id, validity_before_check
from turnus.kernel.ids import new_id, new_ids
from turnus.platform.context import Context
from turnus.platform.db import terms
from turnus.platform.db.bulk import UNNEST_LIMIT, insert_rows
from turnus.platform.db.terms import fold, sort_key
from turnus.settings.custom_fields import Definition, stored, with_defaults
from turnus.settings.ops.draw_numbers import claim_numbers, draw_numbers
from turnus.settings.values import value

Values = dict[str, Any]
NUMBERS = {"customer": "customerNumber", "datev_debtor": "datevId"}
"""Number ranges and the properties they fill."""
_KINDS = {UUID: "uuid", str: "text", bool: "bool", int: "int8", datetime: "timestamptz", object: "jsonb"}
_TERM_COLUMNS = [
    ("tenant_id", "uuid"),
    ("resource", "text"),
    ("word", "text"),
    ("field", "text"),
    ("object_id", "uuid"),
]


def _columns(table: Table) -> tuple[list[str], list[tuple[str, str]]]:
    """Attribute names, and columns with their SQL types, of a table."""
    columns = [(column.name, _KINDS[column.type.python_type]) for column in table.columns]
    return [{"metadata": "metadata_"}.get(name, name) for name, _ in columns], columns


_CUSTOMER = _columns(Customer.__table__)  # type: ignore[arg-type]
_ADDRESS = _columns(CustomerAddress.__table__)  # type: ignore[arg-type]
_EMAIL = _columns(CustomerEmail.__table__)  # type: ignore[arg-type]


async def write_customers(
    ctx: Context, commands: Sequence[CreateCustomer], ids: Sequence[UUID], definitions: Sequence[Definition]
) -> list[Values]:
    """Insert checked customers; returns the values of their rows, in order.

    The number range is locked last: other creations wait from there to the commit only.

    Raises:
        TakenMeanwhile: a racing request took one of the unique values; the transaction cannot go on.
    """
    customers = [customer_values(ctx, command, id, definitions) for command, id in zip(commands, ids, strict=True)]
    addresses, emails = [], []
    words: list[tuple[Any, ...]] = []
    for command, customer in zip(commands, customers, strict=True):
        addresses += _addresses(ctx, command, customer)
        emails += _emails(ctx, command, customer)
    with refused_races():
        await _number(ctx, commands, customers)
        addressed: dict[UUID, list[str]] = {}
        for email in emails:
            addressed.setdefault(email["customer_id"], []).append(email["email"])
        for customer in customers:
            fields = rules.search_fields(customer, addressed[customer["id"]])
            words += [(ctx.tenant_id, *row) for row in terms.rows("customer", customer["id"], fields)]
        await _insert(ctx, customers, addresses, emails, words)
    return customers


async def _insert(
    ctx: Context, customers: list[Values], addresses: list[Values], emails: list[Values], words: list[tuple[Any, ...]]
) -> None:
    connection = ctx.connection
    sets = [
        ("customer", _CUSTOMER[1], _tuples(_CUSTOMER[0], customers)),
        ("customer_address", _ADDRESS[1], _tuples(_ADDRESS[0], addresses)),
        ("customer_email", _EMAIL[1], _tuples(_EMAIL[0], emails)),
        ("term", _TERM_COLUMNS, words),
    ]
    if max(len(rows) for _, _, rows in sets) <= UNNEST_LIMIT:
        async with connection.pipeline():
            for table, columns, rows in sets:
                await insert_rows(connection, table, columns, rows)
    else:
        # Larger sets are copied, which a pipeline cannot do.
        for table, columns, rows in sets:
            await insert_rows(connection, table, columns, rows)


def _tuples(names: list[str], rows: Sequence[Values]) -> list[tuple[Any, ...]]:
    return [tuple([row[name] for name in names]) for row in rows]


async def _number(ctx: Context, commands: Sequence[CreateCustomer], customers: list[Values]) -> None:
    """Note numbers that were given and draw the others; debtor numbers if there is an account per customer."""
    given = {
        "customer": [(c["id"], command.customer_number) for c, command in zip(customers, commands, strict=True)],
        "datev_debtor": [(c["id"], command.datev_id) for c, command in zip(customers, commands, strict=True)],
    }
    for type, all in given.items():
        with refused_races(NUMBERS[type]):
            await claim_numbers(ctx, [(type, number, id) for id, number in all if number is not None])
    numbers = await _drawn(ctx, "customer", given["customer"])
    for customer in customers:
        customer["number"] = numbers[customer["id"]]
        customer["number_folded"] = fold(numbers[customer["id"]])
    if value(ctx, "accounting.useDebitorAccounts"):
        numbers = await _drawn(ctx, "datev_debtor", given["datev_debtor"])
        for customer in customers:
            customer["datev_id"] = numbers[customer["id"]]


async def _drawn(ctx: Context, type: str, given: list[tuple[UUID, str | None]]) -> dict[UUID, str]:
    missing = [id for id, number in given if number is None]
    drawn = await draw_numbers(ctx, type, missing)
    return {id: number for id, number in given if number is not None} | dict(zip(missing, drawn, strict=True))


def customer_values(ctx: Context, command: CreateCustomer, id: UUID, definitions: Sequence[Definition]) -> Values:
    """The row of a new customer, still without numbers that are drawn."""
    vat_id = normalised_vat_id(command.vat_id)
    country = country_of(ctx, command)
    now = ctx.now()
    language = value(ctx, "localization.defaultLanguage")
    if value(ctx, "localization.detectLanguageByCountry"):
        language = rules.suggested_language(country)
    return {
        "tenant_id": ctx.tenant_id,
        "id": id,
        "number": "",
        "number_folded": "",
        "status": "STATUS_ACTIVE",
        "first_name": command.first_name,
        "last_name": command.last_name,
        "last_name_key": sort_key(command.last_name),
        "company_name": command.company_name,
        "company_name_key": sort_key(command.company_name),
        "business": rules.is_business(command.company_name, vat_id),
        "currency_code": command.currency_code or value(ctx, "localization.defaultCurrencyCode"),
        "country_code": country,
        "time_zone": command.time_zone or value(ctx, "localization.timeZone"),
        "language": command.language or language,
        "vat_id": vat_id,
        "vat_id_folded": fold(vat_id) if vat_id else None,
        "vat_id_valid": validity_before_check(vat_id, country),
        "tax_exempt": command.tax_exempt,
        "business_proof": command.business_proof,
        "datev_id": command.datev_id,
        "commercial_register_name": command.commercial_register_name,
        "commercial_register_number": command.commercial_register_number,
        "gender": command.gender,
        "phone": command.phone,
        "turnover_rank": None,
        "external_id": command.external_id,
        "is_partner": command.is_partner,
        "partner_id": command.partner,
        "parent_id": command.parent_customer_id,
        "customer_group_id": command.customer_group,
        "buyer_reference": command.buyer_reference,
        "leitweg_id": command.leitweg_id,
        "peppol_id": command.peppol_id,
        "gln": command.gln,
        "custom_fields": stored(with_defaults(definitions, command.custom_fields)),
        "metadata_": rules.merged({}, command.metadata),
        "created_at": now,
        "updated_at": now,
        "archived_at": None,
    }


def _addresses(ctx: Context, command: CreateCustomer, customer: Values) -> list[Values]:
    general = AddressFields(
        companyName=command.company_name,
        firstName=command.first_name,
        lastName=command.last_name,
        street=command.street,
        houseNumber=command.house_number,
        zip=command.zip,
        city=command.city,
        addition=command.addition,
    )
    made = [_new_address(ctx, general, customer, "TYPE_DEFAULT")]
    if command.invoice_address is not None:
        made.append(_new_address(ctx, command.invoice_address, customer, "TYPE_INVOICE"))
    return made


def _new_address(ctx: Context, fields: AddressFields, customer: Values, type: str) -> Values:
    now = ctx.now()
    return {
        "tenant_id": ctx.tenant_id,
        "id": new_id(),
        "customer_id": customer["id"],
        "type": type,
        "is_default": True,
        "status": "active",
        **address_values(fields, country=customer["country_code"], vat_id=customer["vat_id"]),
        "created_at": now,
        "updated_at": now,
    }


def address_values(fields: AddressFields, *, country: str, vat_id: str | None) -> Values:
    """The columns of an address; country and, unless it is sent, VAT id come from the customer."""
    return {
        "company_name": fields.company_name,
        "salutation": fields.salutation,
        "first_name": fields.first_name,
        "last_name": fields.last_name,
        "street": fields.street,
        "house_number": fields.house_number,
        "addition": fields.addition,
        "zip": fields.zip,
        "city": fields.city,
        "state": fields.state,
        "country_code": fields.country_code or country,
        "vat_id": normalised_vat_id(fields.vat_id) if fields.given("vat_id") else vat_id,
        "cost_centre": fields.cost_centre,
    }


def receiver_name(customer: Any) -> str | None:
    """The name that mails to a customer are addressed to when none was given."""
    first, last, company = (
        (customer["first_name"], customer["last_name"], customer["company_name"])
        if isinstance(customer, dict)
        else (customer.first_name, customer.last_name, customer.company_name)
    )
    return " ".join(part for part in (first, last) if part) or company


def _emails(ctx: Context, command: CreateCustomer, customer: Values) -> list[Values]:
    """The login, and the address for invoices if it is another one."""
    now = ctx.now()
    invoice = command.invoice_email
    same = invoice is not None and fold(invoice) == fold(command.email)
    wanted = [(command.email, True, same)]
    if invoice is not None and not same:
        wanted.append((invoice, False, True))
    return [
        {
            "tenant_id": ctx.tenant_id,
            "id": id,
            "customer_id": customer["id"],
            "email": email,
            "email_folded": fold(email),
            "receiver_name": receiver_name(customer),
            "is_default": is_default,
            "is_invoice_email": for_invoices,
            "is_dunning_email": False,
            "status": "active",
            "verified_at": None,
            "created_at": now,
            "updated_at": now,
        }
        for id, (email, is_default, for_invoices) in zip(new_ids(len(wanted)), wanted, strict=True)
    ]
