"""What a new tenant finds in its catalogue: the usual units and the built-in measurement `quantity`."""

from __future__ import annotations

from turnus.catalogue.model import Measurement, Unit
from turnus.platform.context import Context

# German, English, UN/ECE Recommendation 20.
UNITS = [
    ("Stück", "piece", "C62"),
    ("Stunde", "hour", "HUR"),
    ("Tag", "day", "DAY"),
    ("Monat", "month", "MON"),
    ("GB", "GB", "E34"),
    ("Benutzer", "user", "C62"),
]
QUANTITY = "quantity"


async def seed_catalogue(ctx: Context) -> None:
    """Units and the measurement that counts pieces or seats."""
    now = ctx.now()
    units = [
        ctx.add(
            Unit(
                translations={"de": {"name": german}, "en": {"name": english}},
                code=code,
                created_at=now,
                updated_at=now,
            )
        )
        for german, english, code in UNITS
    ]
    ctx.add(
        Measurement(
            unit_id=units[0].id,
            code=QUANTITY,
            name=None,
            description=None,
            aggregation_type="last_value",
            type="recurring",
            fair_billing=True,
            rounding_mode="none",
            rounding_precision=0,
            event_name=None,
            value_property=None,
            filters=[],
            group_by=[],
            created_at=now,
            updated_at=now,
        )
    )
