"""Effective values of settings: what the tenant set, else the default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from turnus.platform.context import Context
from turnus.platform.tenancy.enter import TenantInfo
from turnus.settings.schema import Setting, catalogue

_TENANT: dict[str, Callable[[TenantInfo], str]] = {
    "@tenant.slug": lambda tenant: tenant.slug,
    "@tenant.name": lambda tenant: tenant.name,
}
_TYPED: dict[str, Callable[[str], Any]] = {"decimal": Decimal, "date": date.fromisoformat, "reference": UUID}


def default_of(setting: Setting, tenant: TenantInfo, stored: Mapping[str, Any]) -> Any:
    """The value that holds while the tenant sets none. A copy of an own value, where it is another setting's."""
    default = setting.default
    if isinstance(default, str) and default.startswith("@"):
        if default in _TENANT:
            return _TENANT[default](tenant)
        return effective(catalogue()[default[1:]], tenant, stored)
    return default


def effective(setting: Setting, tenant: TenantInfo, stored: Mapping[str, Any]) -> Any:
    """The value in force, as JSON. `stored` are the tenant's own values by full key."""
    return stored[setting.key] if setting.key in stored else default_of(setting, tenant, stored)


def value(ctx: Context, key: str) -> Any:
    """The value in force of a setting (`invoice.dueDays`): decimals as Decimal, dates as date, references as UUID.

    Lists and objects belong to the catalogue: read them, do not change them. An unknown key is a KeyError.
    """
    setting = catalogue()[key]
    found = effective(setting, ctx.tenant, ctx.tenant.settings)
    typed = _TYPED.get(setting.type)
    return found if typed is None or found is None else typed(str(found))


def text_in(translated: Any, language: str) -> str:
    """A text setting in a language: the language, else German, else any; a plain string is all of them."""
    if isinstance(translated, str):
        return translated
    texts = translated or {}
    return str(texts.get(language) or texts.get("de") or next(iter(texts.values()), ""))
