"""Find the rate of a tax group in a country on a day."""

from __future__ import annotations

from turnus.kernel.errors import Problem, ValidationFailed
from turnus.kernel.wire import number
from turnus.platform.context import Context
from turnus.settings.commands import ResolveTax
from turnus.settings.ops.load_tax_rates import load_tax_table
from turnus.settings.views.tax_groups import ResolvedTax


class TaxRateMissing(Problem):
    """The group has no rate for that country and day."""

    code, status = "tax_rate_missing", 422


async def resolve_tax(ctx: Context, command: ResolveTax) -> ResolvedTax:
    """The rate by the rows of the group; in another member state without such a row its standard rate.

    Who owes the tax and whether a supply is exempt is not decided here.

    Raises:
        ValidationFailed: there is no such group.
        TaxRateMissing: no row holds.
    """
    table = await load_tax_table(ctx)
    group = table.groups.get(command.tax_group)
    if group is None:
        raise ValidationFailed.at("taxGroup", "not_found")
    day = command.date or ctx.today()
    row = table.rate(group.id, command.country_code, day) or table.foreign_rate(group.id, command.country_code, day)
    if row is None:
        raise TaxRateMissing(taxGroup=str(group.id), countryCode=command.country_code, date=day.isoformat())
    from_table = row.tax_id is None
    return ResolvedTax(
        tax_group=group.id,
        country_code=command.country_code,
        date=day.isoformat(),
        rate=number(row.rate),
        category="E" if group.exemption is not None else "S" if row.rate else "Z",
        source="eu_table" if from_table else "group",
        tax_id=row.tax_id,
        tax_country_code=row.country_code,
        code=row.code,
        description=row.description,
        note=(group.exemption or {}).get("text") or None,
        warning="reduced_rate_unknown" if from_table and group.type == "reduced" else None,
    )
