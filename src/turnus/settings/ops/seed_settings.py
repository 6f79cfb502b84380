"""What a new tenant finds configured: number ranges and German tax groups."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from turnus.platform.context import Context
from turnus.settings.model import NumberRange, Tax, TaxGroup
from turnus.settings.ops.change_settings import change_settings

# type: (format, digits, first number - 1)
RANGES: dict[str, tuple[str, int, int]] = {
    "customer": ("{number}", 5, 9999),
    "subscription": ("S-{number}", 8, 0),
    "invoice": ("RE-{number}", 10, 0),
    "credit_note": ("GS-{number}", 10, 0),
    "cancellation": ("ST-{number}", 10, 0),
    "dunning": ("MA-{number}", 10, 0),
    "payment": ("ZA-{number}", 10, 0),
    "datev_debtor": ("{number}", 5, 9999),
    "mandate_reference": ("MNDT-{yearLong}-{number}", 6, 0),
    "offer": ("AN-{number}", 8, 0),
    "proforma": ("PF-{number}", 10, 0),
    "self_billed": ("GU-{number}", 10, 0),
    "collection": ("IN-{number}", 8, 0),
    "sepa_export": ("SEPA-{number}", 8, 0),
}

# German rates (UStG § 12; temporary cut of 2020 by the second Corona tax relief act).
GERMAN_RATES = {
    "standard": [("2007-01-01", "19"), ("2020-07-01", "16"), ("2021-01-01", "19")],
    "reduced": [("2007-01-01", "7"), ("2020-07-01", "5"), ("2021-01-01", "7")],
}


async def seed_settings(ctx: Context) -> None:
    """Number ranges, tax groups and first settings of a new (German) tenant."""
    _number_ranges(ctx)
    standard = _group(ctx, "19%", "REVERSE_CHARGE", "standard", "DE", GERMAN_RATES["standard"])
    _group(ctx, "7%", "REVERSE_CHARGE", "reduced", "DE", GERMAN_RATES["reduced"])
    _group(ctx, "0%", "REVERSE_CHARGE_DEACTIVATED", "standard", "*", [("2007-01-01", "0")])
    await change_settings(ctx, "organisation", {"companyName": ctx.tenant.name[:255]})
    await change_settings(ctx, "billing", {"defaultTaxGroup": str(standard.id)})


def _number_ranges(ctx: Context) -> None:
    now = ctx.now()
    for type, (format, digits, before_first) in RANGES.items():
        ctx.add(
            NumberRange(
                type=type,
                method="sequential",
                format=format,
                min_digits=digits,
                random_length=10,
                current_number=before_first,
                reset="never",
                reset_period="",
                chain_hash=b"\0" * 32,
                chain_length=0,
                created_at=now,
                updated_at=now,
            )
        )


def _group(
    ctx: Context, description: str, reverse_charge: str, type: str, country: str, rates: list[tuple[str, str]]
) -> TaxGroup:
    now = ctx.now()
    group = ctx.add(
        TaxGroup(
            internal_description=description,
            reverse_charge_type=reverse_charge,
            type=type,
            supply_kind=None,
            exemption=None
            if type != "standard" or country != "*"
            else {"legalBasis": "", "vatexCode": None, "text": ""},
            domestic_reverse_charge=False,
            archived=False,
            created_at=now,
            updated_at=now,
        )
    )
    for valid_from, rate in rates:
        ctx.add(
            Tax(
                tax_group_id=group.id,
                description=f"{rate}%",
                code=rate,
                rate=Decimal(rate),
                valid_from=date.fromisoformat(valid_from),
                country_code=country,
            )
        )
    return group
