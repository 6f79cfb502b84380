"""Pure rules of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from turnus.catalogue.commands import NameText, ProductText

# Which types an aggregation allows, the usual one first (03 §2.1).
ALLOWED_TYPES: dict[str, tuple[str, ...]] = {
    "count": ("metered",),
    "count_unique": ("metered",),
    "sum": ("metered", "recurring"),
    "max": ("metered",),
    "min": ("metered",),
    "last_value": ("recurring", "metered"),
    "average": ("metered",),
    "weighted_average": ("metered",),
}
FALLBACK = "de"


def resolved(translations: Mapping[str, Mapping[str, Any]], field: str, *locales: str) -> str | None:
    """A translated text in the first of some languages that has it, else in German, else in any (00 §9.8)."""
    for locale in (*locales, FALLBACK):
        for candidate in (locale, locale.partition("-")[0]):
            found = translations.get(candidate, {}).get(field)
            if found:
                return str(found)
    return next((str(inner[field]) for inner in translations.values() if inner.get(field)), None)


def stored_translations(given: Mapping[str, NameText | ProductText]) -> dict[str, Any]:
    """Translations as they are kept: absent texts left out."""
    return {
        locale: {name: value for name, value in inner.model_dump().items() if value is not None}
        for locale, inner in given.items()
    }


def search_fields(
    translations: Mapping[str, Mapping[str, Any]],
    custom_fields: Mapping[str, Any],
    **others: str | None,
) -> Mapping[str, str | Iterable[str] | None]:
    """The texts by which a product is found."""
    fields: dict[str, str | Iterable[str] | None] = {
        "name": [inner["name"] for inner in translations.values() if inner.get("name")],
        "description": [inner["description"] for inner in translations.values() if inner.get("description")],
        **others,
    }
    return fields | {f"customFields.{key}": list(texts_of(value)) for key, value in custom_fields.items()}


def texts_of(value: Any) -> Iterable[str]:
    """A JSON value as texts to search for."""
    if isinstance(value, list):
        for inner in value:
            yield from texts_of(inner)
    elif value is not None:
        yield str(value).lower() if isinstance(value, bool) else str(value)
