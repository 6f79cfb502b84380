"""Load all tax groups and rates of the tenant."""

from __future__ import annotations

from turnus.platform.context import Context
from turnus.platform.db.reads import from_, read, shape, together
from turnus.settings.model import Tax, TaxGroup
from turnus.settings.tax_rates import GroupTerms, RateRow, TaxTable

_groups = read(
    from_(TaxGroup),
    shape(
        GroupTerms,
        id=TaxGroup.id,
        description=TaxGroup.internal_description,
        reverse_charge_type=TaxGroup.reverse_charge_type,
        type=TaxGroup.type,
        supply_kind=TaxGroup.supply_kind,
        exemption=TaxGroup.exemption,
        domestic_reverse_charge=TaxGroup.domestic_reverse_charge,
    ),
)
_rates = read(
    from_(Tax),
    shape(
        RateRow,
        group_id=Tax.tax_group_id,
        tax_id=Tax.id,
        country_code=Tax.country_code,
        rate=Tax.rate,
        valid_from=Tax.valid_from,
        code=Tax.code,
        description=Tax.description,
    ),
)


async def load_tax_table(ctx: Context) -> TaxTable:
    """The rates of all tax groups, archived ones included, in one round trip."""
    groups, rates = await together(ctx, (_groups, {}), (_rates, {}))
    return TaxTable(groups, rates)
