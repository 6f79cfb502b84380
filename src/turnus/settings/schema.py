"""The catalogue of settings: every key with type, default and constraints, read once from `data/settings.csv`.

`constraints` of a row are words: `min=`, `max=` (of numbers; else of lengths), `choices=a|b`, `format=` (see
`setting_types`), `of=` (the kind of object a reference names), `nullable` (there is no value by default) and
`read-only`. A default that begins with `@` is the value of another setting or of the tenant.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

import msgspec

SettingType = Literal["boolean", "integer", "decimal", "string", "text", "enum", "list", "object", "date", "reference"]


class Setting(msgspec.Struct, frozen=True):
    """A key of the catalogue. `minimum` and `maximum` bound numbers, else the length of texts and lists."""

    context: str
    name: str
    type: SettingType
    default: Any
    minimum: Decimal | None
    maximum: Decimal | None
    choices: tuple[str, ...]
    format: str | None
    target: str | None
    read_only: bool
    customer_overridable: bool
    meaning: str

    @property
    def key(self) -> str:
        """The full key, `context.name`."""
        return f"{self.context}.{self.name}"


def _setting(row: Mapping[str, str]) -> Setting:
    context, _, name = row["key"].partition(".")
    words = dict(word.partition("=")[::2] for word in row["constraints"].split())
    return Setting(
        context=context,
        name=name,
        type=row["type"],  # type: ignore[arg-type]
        default=msgspec.json.decode(row["default"]),
        minimum=Decimal(words["min"]) if "min" in words else None,
        maximum=Decimal(words["max"]) if "max" in words else None,
        choices=tuple(words["choices"].split("|")) if "choices" in words else (),
        format=words.get("format"),
        target=words.get("of"),
        read_only="read-only" in words,
        customer_overridable=row["customer_overridable"] == "yes",
        meaning=row["meaning"],
    )


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Setting]:
    """All settings by full key, in the order of the catalogue."""
    text = (files("turnus.settings") / "data" / "settings.csv").read_text(encoding="utf-8")
    settings = [_setting(row) for row in csv.DictReader(text.splitlines())]
    return MappingProxyType({setting.key: setting for setting in settings})


@lru_cache(maxsize=1)
def contexts() -> Mapping[str, Mapping[str, Setting]]:
    """The settings of each context by name."""
    grouped: dict[str, dict[str, Setting]] = {}
    for setting in catalogue().values():
        grouped.setdefault(setting.context, {})[setting.name] = setting
    return MappingProxyType(grouped)
