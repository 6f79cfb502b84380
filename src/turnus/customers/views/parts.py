"""What several views of customers share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, or_, select

from turnus.settings.model import CustomField


def display_name(company: str | None, first_name: str | None, last_name: str | None, email: str | None) -> str:
    """What a customer is called: company, else person, else e-mail address."""
    return company or " ".join(part for part in (first_name, last_name) if part) or email or ""


hidden_fields = (
    select(func.array_agg(CustomField.key))
    .where(
        CustomField.entity_type == "customer",
        or_(CustomField.status == "deleted", CustomField.visible_in_api.is_(False)),
    )
    .scalar_subquery()
)
"""Keys of the custom fields that answers leave out: computed once per statement, whatever its number of rows."""


def visible(values: dict[str, Any], hidden: list[str] | None) -> dict[str, Any]:
    """Values of custom fields without those whose definition was deleted or is not shown in the API."""
    return values if hidden is None else {key: value for key, value in values.items() if key not in hidden}
