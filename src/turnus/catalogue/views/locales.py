"""The language in which translated texts are shown: `?locale=`, else the tenant's."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Text, bindparam, true

from turnus.catalogue.rules import resolved
from turnus.kernel.errors import Violation
from turnus.platform.context import Context
from turnus.platform.db.reads import Converted, convert
from turnus.platform.listing.filters import Bound, Filter, Unreadable
from turnus.platform.problems import InvalidInput

_LOCALE = re.compile(r"[a-z]{2}(-[A-Z]{2})?")
LOCALE_QUERY = {"locale": "Language of names and descriptions; default: the tenant's."}


class LocaleParameter(Filter):
    """Chooses the language of the texts in a list; filters nothing."""

    operators = ("",)
    indexed = ()

    def __init__(self) -> None:
        super().__init__("locale", None)
        self.operators = ("",)

    def sample(self) -> str:
        return "de"

    def bind(self, operator: str, texts: list[str], index: int, zone: str) -> Bound:
        if not _LOCALE.fullmatch(texts[-1]):
            raise Unreadable("a language such as de, en or de-AT")
        return Bound("locale", true(), {"locale": texts[-1]})

    def parameters(self) -> list[str]:
        return ["locale"]


def default_locale(ctx: Context) -> str:
    """The tenant's language."""
    return str(ctx.setting("localization.defaultLanguage", "de"))


def locales(ctx: Context, locale: str | None = None) -> dict[str, Any]:
    """Parameters of reads with translated texts."""
    tenant = default_locale(ctx)
    return {"locale": locale or tenant, "tenant_locale": tenant}


def chosen(query: dict[str, str] | None) -> str | None:
    """The language asked for in a query string; raises InvalidInput when it is none."""
    locale = (query or {}).get("locale")
    if locale is not None and not _LOCALE.fullmatch(locale):
        raise InvalidInput([Violation("locale", "invalid_parameter", parameters={"reason": "de, en, de-AT …"})])
    return locale


def translated(field: str, translations: Any) -> Converted:
    """A text column of a view, resolved from a translations column."""
    wanted = bindparam("locale", type_=Text)
    tenant = bindparam("tenant_locale", type_=Text)
    return convert(lambda texts, locale, default: resolved(texts, field, locale, default), translations, wanted, tenant)
