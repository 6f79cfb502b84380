"""The tenant's tax rules for a run: groups and rates, loaded once, looked up often."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import cast
from uuid import UUID

from turnus.billing.drafts import TaxContext
from turnus.platform.context import Context
from turnus.rating.tax import TaxTerms
from turnus.settings.ops.load_tax_rates import load_tax_table


async def load_tax_context(ctx: Context) -> TaxContext:
    """Groups and rates of the tenant, and what the tax depends on at the seller's side."""
    table = await load_tax_table(ctx)
    rounded: dict[tuple[UUID, str, date], Decimal | None] = {}

    def rate_at(group: object, country: str, day: date) -> Decimal | None:
        key = (cast(UUID, group), country, day)
        if key not in rounded:
            rate = table.percent(*key)
            # 19.000000000000 from the database prints as 19; +0 keeps 20 from becoming 2E+1.
            rounded[key] = None if rate is None else rate.normalize() + 0
        return rounded[key]

    terms = {
        group.id: TaxTerms(
            group=group.id,
            reverse_charge_type=group.reverse_charge_type,
            has_exemption=bool(group.exemption and group.exemption.get("legalBasis")),
            exemption_text=(group.exemption or {}).get("text") or "",
            exemption_code=(group.exemption or {}).get("vatexCode") or "",
        )
        for group in table.groups.values()
    }
    return TaxContext(
        seller_country=ctx.setting("organisation.countryCode", "DE") or "DE",
        small_business=bool(ctx.setting("organisation.smallBusiness", False)),
        terms=terms.__getitem__,
        rate_at=rate_at,
    )
