"""Pure rules of the customers area."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from turnus.customers.model import Customer


def is_business(company_name: str | None, vat_id: str | None) -> bool:
    """A customer with a company name or a VAT id is a business (01 §1.5)."""
    return bool(company_name or vat_id)


def normalised_vat_id(vat_id: str | None) -> str | None:
    """Upper case without blanks, dots and hyphens."""
    return "".join(c for c in vat_id.upper() if c not in " .-") or None if vat_id else None


def search_fields(customer: Customer, emails: Iterable[str]) -> Mapping[str, str | Iterable[str] | None]:
    """The texts by which a customer is found."""
    fields: dict[str, str | Iterable[str] | None] = {
        "customerNumber": customer.number,
        "companyName": customer.company_name,
        "firstName": customer.first_name,
        "lastName": customer.last_name,
        "phone": customer.phone,
        "vatId": customer.vat_id,
        "datevId": customer.datev_id,
        "externalId": customer.external_id,
        "email": list(emails),
    }
    for name, values in (("customFields", customer.custom_fields), ("metadata", customer.metadata_)):
        fields |= {f"{name}.{key}": list(_texts(value)) for key, value in values.items()}
    return fields


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif value is not None:
        yield str(value).lower() if isinstance(value, bool) else str(value)
