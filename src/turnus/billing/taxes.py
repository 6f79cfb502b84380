"""The tenant's tax rules for a run: groups and rates, loaded once, looked up often."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select

from turnus.billing.drafts import TaxContext
from turnus.platform.context import Context
from turnus.platform.db.reads import read_rows, together
from turnus.rating.tax import EU, TaxTerms
from turnus.settings.model import Tax, TaxGroup

_groups = read_rows(select(TaxGroup.id, TaxGroup.reverse_charge_type, TaxGroup.exemption))
_rates = read_rows(select(Tax.tax_group_id, Tax.country_code, Tax.valid_from, Tax.rate).order_by(Tax.valid_from.desc()))


class _Rates:
    """Rate rows by group and country, newest first; most specific country first (10-settings D.3 rule 2)."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows: dict[tuple[UUID, str], list[tuple[date, Decimal]]] = {}
        for group, country, valid_from, rate in rows:
            self._rows.setdefault((group, country), []).append((valid_from, rate))
        self._known: dict[tuple[UUID, str, date], Decimal | None] = {}

    def rate_at(self, group: object, country: str, day: date) -> Decimal | None:
        """The rate of a group in a country on a day, in per cent."""
        key = (cast(UUID, group), country, day)
        if key not in self._known:
            self._known[key] = self._find(*key)
        return self._known[key]

    def _find(self, group: UUID, country: str, day: date) -> Decimal | None:
        code = "EL" if country == "GR" else country
        for candidate in (code, "EU_*", "*") if country in EU else (code, "*"):
            for valid_from, rate in self._rows.get((group, candidate), ()):
                if valid_from <= day:
                    return rate.normalize() + 0
        return None


async def load_tax_context(ctx: Context) -> TaxContext:
    """Groups and rates of the tenant, and what the tax depends on at the seller's side."""
    groups, rates = await together(ctx, (_groups, {}), (_rates, {}))
    terms = {
        id: TaxTerms(
            group=id,
            reverse_charge_type=kind,
            has_exemption=bool(exemption and exemption.get("legalBasis")),
            exemption_text=(exemption or {}).get("text") or "",
            exemption_code=(exemption or {}).get("vatexCode") or "",
        )
        for id, kind, exemption in groups
    }
    return TaxContext(
        seller_country=ctx.setting("organisation.countryCode", "DE") or "DE",
        small_business=bool(ctx.setting("organisation.smallBusiness", False)),
        terms=terms.__getitem__,
        rate_at=_Rates(rates).rate_at,
    )
