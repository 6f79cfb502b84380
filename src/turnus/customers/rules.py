"""Pure rules of the customers area."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from turnus.customers.model import Customer
from turnus.kernel.wire import encode
from turnus.platform.context import Change

# Properties of the representation that follow from others.
_DERIVED = frozenset(
    {"businessCustomer", "name", "defaultAddress", "defaultInvoiceAddress", "defaultEmailAddress"}
    | {"defaultInvoiceEmailAddress", "defaultPaymentMethod"}
)
_COLLECTIONS = ("addresses", "emailAddresses")


def is_business(company_name: str | None, vat_id: str | None) -> bool:
    """A customer with a company name or a VAT id is a business (01 §1.5)."""
    return bool(company_name or vat_id)


def suggested_language(country: str) -> str:
    """German for Germany, Austria and Switzerland, else English (01 §1.4)."""
    return "de" if country in ("DE", "AT", "CH") else "en"


def merged(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A map after a merge patch: null removes a key (RFC 7396)."""
    return {key: value for key, value in {**stored, **given}.items() if value is not None}


def as_stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """A map as it comes back from the database, for comparison."""
    found: dict[str, Any] = msgspec.json.decode(encode(values))
    return found


def search_fields(customer: Customer | Mapping[str, Any], emails: Iterable[str]) -> dict[str, Any]:
    """The texts by which a customer is found."""
    column = customer.__getitem__ if isinstance(customer, Mapping) else customer.__getattribute__
    fields: dict[str, str | Iterable[str] | None] = {
        "customerNumber": column("number"),
        "companyName": column("company_name"),
        "firstName": column("first_name"),
        "lastName": column("last_name"),
        "phone": column("phone"),
        "vatId": column("vat_id"),
        "datevId": column("datev_id"),
        "externalId": column("external_id"),
        "email": sorted(set(emails)),
    }
    for name, values in (("customFields", column("custom_fields")), ("metadata", column("metadata_"))):
        fields |= {f"{name}.{key}": list(_texts(value)) for key, value in values.items()}
    return fields


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, msgspec.Raw):
        yield bytes(value).decode()
    elif value is not None:
        yield str(value).lower() if isinstance(value, bool) else str(value)


def previous(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The changed properties of a representation with their old values, as webhooks show them (10 §H.4)."""
    return {key: old for key, old in before.items() if key != "updatedAt" and after.get(key) != old}


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The differences of two representations, for the activity log: one per property.

    Those of addresses and e-mail addresses are named `addresses.<id>.street`.
    """
    found = []
    for key, old in before.items():
        if key in _COLLECTIONS:
            found += _collection_changes(key, old, after[key])
        elif key != "updatedAt" and key not in _DERIVED and after[key] != old:
            found.append(Change(key, old, after[key]))
    return found


def _collection_changes(
    name: str, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> list[Change]:
    old_by_id, new_by_id = ({row["id"]: row for row in rows} for rows in (before, after))
    found = [Change(f"{name}.{id}", row, None) for id, row in old_by_id.items() if id not in new_by_id]
    for id, row in new_by_id.items():
        old = old_by_id.get(id)
        if old is None:
            found.append(Change(f"{name}.{id}", None, row))
            continue
        changed = [key for key in row if key not in ("updatedAt", "formatted") and row[key] != old[key]]
        found += [Change(f"{name}.{id}.{key}", old[key], row[key]) for key in changed]
    return found
