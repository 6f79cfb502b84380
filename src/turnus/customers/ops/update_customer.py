"""Change the master data of a customer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.customers import blockers, rules
from turnus.customers.commands import PatchCustomer, ReplaceCustomer
from turnus.customers.errors import refused_races
from turnus.customers.model import Customer
from turnus.customers.ops.check_customers import check_master_data, look_up, vat_id_violations
from turnus.customers.ops.tell_change import lock_customer, tell_change
from turnus.customers.ops.write_customers import NUMBERS
from turnus.customers.vat_ids import normalised_vat_id, validity_before_check
from turnus.kernel.errors import InUse, ValidationFailed, Violation
from turnus.platform.context import Context
from turnus.platform.db import terms
from turnus.platform.db.terms import fold, sort_key
from turnus.settings.custom_fields import Definition, stored, violations
from turnus.settings.ops.draw_numbers import claim_numbers

# Property of the command → column, where nothing has to be derived.
_PLAIN = {
    "first_name": "first_name", "last_name": "last_name", "company_name": "company_name", "gender": "gender",
    "phone": "phone", "tax_exempt": "tax_exempt", "business_proof": "business_proof", "country_code": "country_code",
    "commercial_register_name": "commercial_register_name", "time_zone": "time_zone", "language": "language",
    "commercial_register_number": "commercial_register_number", "customer_group": "customer_group_id",
    "external_id": "external_id", "buyer_reference": "buyer_reference", "leitweg_id": "leitweg_id",
    "peppol_id": "peppol_id", "gln": "gln",
}  # fmt: skip
# These keep their value when they are left out or empty (01 §1.4).
_KEPT = {"customer_number": "number", "datev_id": "datev_id", "currency_code": "currency_code"}


async def replace_customer(ctx: Context, customer_id: UUID, command: ReplaceCustomer) -> None:
    """Give a customer new master data. Number, debtor number and currency stay when the command is silent on them.

    Raises:
        ValidationFailed: a unique value is taken; a reference does not exist; a VAT id or custom field is wrong.
        InUse: the currency cannot change any more.
        TakenMeanwhile: a racing request took one of the unique values.
    """
    await _change(ctx, customer_id, command, partial=False)


async def patch_customer(ctx: Context, customer_id: UUID, command: PatchCustomer) -> None:
    """Change the master data that the command was given (RFC 7396); maps are merged by key. See `replace_customer`."""
    await _change(ctx, customer_id, command, partial=True)


async def _change(ctx: Context, customer_id: UUID, command: ReplaceCustomer, *, partial: bool) -> None:
    customer, before = await lock_customer(ctx, customer_id)
    known = await look_up(ctx, [command])
    emails = [email.email for email in before.email_addresses]
    words = rules.search_fields(customer, emails)
    values = _values(customer, command, known.definitions, partial=partial)

    found = check_master_data(ctx, command, known, customer.id)
    found += _custom_field_violations(customer, command, values, known.definitions, partial=partial)
    if (values["vat_id"], values["country_code"]) != (customer.vat_id, customer.country_code):
        found += vat_id_violations("vatId", values["vat_id"], values["country_code"])
    if found:
        raise ValidationFailed(found)
    if values["currency_code"] != customer.currency_code:
        await _check_currency(ctx, customer.id)

    for type, number in _new_numbers(customer, values):
        # A number that the customer had before is in the journal already.
        if (NUMBERS[type], fold(number)) not in known.objects:
            with refused_races(NUMBERS[type]):
                await claim_numbers(ctx, [(type, number, customer.id)])
    with refused_races():
        for column, value in values.items():
            if getattr(customer, column) != value:
                setattr(customer, column, value)
        await ctx.flush()
    if (new_words := rules.search_fields(customer, emails)) != words:
        await terms.replace(ctx, "customer", customer.id, new_words)
    await tell_change(ctx, customer, before)


async def _check_currency(ctx: Context, customer_id: UUID) -> None:
    if in_the_way := await blockers.found(ctx, blockers.currency_blockers, customer_id):
        raise InUse(in_the_way)


def _values(
    customer: Customer, command: ReplaceCustomer, definitions: list[Definition], *, partial: bool
) -> dict[str, Any]:
    """All columns that the command may change, with the values they shall have."""

    def wanted(field: str, column: str) -> Any:
        return getattr(command, field) if command.given(field) or not partial else getattr(customer, column)

    values = {column: wanted(field, column) for field, column in _PLAIN.items()}
    values |= {column: getattr(command, field) or getattr(customer, column) for field, column in _KEPT.items()}
    vat_id = normalised_vat_id(command.vat_id) if command.given("vat_id") or not partial else customer.vat_id
    values |= {
        "vat_id": vat_id,
        "vat_id_folded": fold(vat_id) if vat_id else None,
        # The result of the last check belongs to the id that was checked.
        "vat_id_valid": customer.vat_id_valid
        if vat_id == customer.vat_id
        else validity_before_check(vat_id, values["country_code"]),
        "number_folded": fold(values["number"]),
        "last_name_key": sort_key(values["last_name"]),
        "company_name_key": sort_key(values["company_name"]),
        "business": rules.is_business(values["company_name"], vat_id),
        "custom_fields": _custom_fields(customer, command, definitions, partial=partial),
        "metadata_": _metadata(customer, command, partial=partial),
    }
    return values


def _custom_fields(
    customer: Customer, command: ReplaceCustomer, definitions: list[Definition], *, partial: bool
) -> dict[str, Any]:
    """Values that the API does not show stay as they are; the others are replaced or merged."""
    shown = {definition.key for definition in definitions if definition.visible_in_api}
    hidden = {key: value for key, value in customer.custom_fields.items() if key not in shown}
    merges = partial and (command.custom_fields or not command.given("custom_fields"))
    old = customer.custom_fields if merges else hidden
    return rules.as_stored(rules.merged(old, stored(command.custom_fields)))


def _metadata(customer: Customer, command: ReplaceCustomer, *, partial: bool) -> dict[str, Any]:
    """Merged by key in a partial change, where an empty map removes all keys (00 §9.8)."""
    if partial and not command.given("metadata"):
        return customer.metadata_
    return rules.merged(customer.metadata_ if partial and command.metadata else {}, command.metadata)


def _custom_field_violations(
    customer: Customer,
    command: ReplaceCustomer,
    values: dict[str, Any],
    definitions: list[Definition],
    *,
    partial: bool,
) -> list[Violation]:
    """Only new values are checked, so that one whose choice was removed can be sent back."""
    if partial and not command.given("custom_fields"):
        return []
    given, old = command.custom_fields, customer.custom_fields
    changed = {key: value for key, value in given.items() if key not in old or old[key] != value}
    found = violations(definitions, changed, "customFields", complete=False)
    required = {d.key for d in definitions if d.required} - {key for key, v in changed.items() if v in (None, "", [])}
    missing = sorted(key for key in required if values["custom_fields"].get(key) in (None, "", []))
    return found + [Violation(f"customFields.{key}", "not_blank") for key in missing]


def _new_numbers(customer: Customer, values: dict[str, Any]) -> list[tuple[str, str]]:
    claims = []
    if values["number_folded"] != customer.number_folded:
        claims.append(("customer", values["number"]))
    if values["datev_id"] is not None and fold(values["datev_id"]) != fold(customer.datev_id or ""):
        claims.append(("datev_debtor", values["datev_id"]))
    return claims
