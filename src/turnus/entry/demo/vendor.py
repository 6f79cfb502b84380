"""The demo's tenant: a municipal software vendor with its catalogue and the contracts of its customers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from turnus.catalogue.commands import CreateMeasurement, PricePlanFields, ProductFields, UnitFields
from turnus.catalogue.ops.measurement import create_measurement
from turnus.catalogue.ops.price_plan import create_price_plan
from turnus.catalogue.ops.product import create_product
from turnus.catalogue.ops.unit import create_unit
from turnus.customers.ops.import_customers import import_customers
from turnus.entry.demo.cities import City, batches, customer_of
from turnus.platform.commands import validate
from turnus.platform.context import Context
from turnus.platform.db.pool import Database
from turnus.platform.work import tenant_work
from turnus.settings.ops.change_settings import change_settings
from turnus.subscriptions.ops.import_subscriptions import ImportedItem, ImportedSubscription, import_subscriptions

NAME = "Amtsblick Software GmbH"
SLUG = "amtsblick-software-gmbh"
BATCH = 1000

ORGANISATION: dict[str, Any] = {
    "companyName": NAME,
    "street": "Am Stadtgraben",
    "houseNumber": "12",
    "zip": "48143",
    "city": "Münster",
    "countryCode": "DE",
    "taxNumber": "337/5012/3456",
    "vatId": "DE136695976",
    "email": "rechnung@amtsblick.example",
    "phone": "+49 251 4906-0",
    "website": "https://www.amtsblick.example",
    "commercialRegisterName": "Amtsgericht Münster",
    "commercialRegisterNumber": "HRB 24680",
    "managingDirectors": "Dr. Hanna Vogel, Jens Petersen",
    "bankAccounts": [
        {
            "accountHolder": NAME,
            "iban": "DE02120300000000202051",
            "bic": "BYLADEM1001",
            "bankName": "Deutsche Kreditbank",
            "default": True,
        }
    ],
}


class Prices(msgspec.Struct, frozen=True):
    """The price plans of the demo."""

    base: UUID
    inhabitants: UUID
    setup: UUID


async def set_up(ctx: Context) -> Prices:
    """Master data of the vendor, its products and prices."""
    await change_settings(ctx, "organisation", ORGANISATION)
    await change_settings(ctx, "billing", {"showGiroCode": True})
    row = await (await ctx.connection.execute("select id from tax_group where internal_description = '19%'")).fetchone()
    assert row is not None
    tax = str(row[0])
    unit = await create_unit(
        ctx,
        validate(
            UnitFields,
            {"translations": {"de": {"name": "× 1.000 Einw."}, "en": {"name": "× 1,000 inh."}}, "code": "C62"},
        ),
    )
    await ctx.flush()
    measurement = await create_measurement(
        ctx,
        validate(
            CreateMeasurement,
            {
                "unit": str(unit.id),
                "code": "inhabitants",
                "aggregationType": "last_value",
                "type": "recurring",
                "description": "Einwohner in Tausend",
            },
        ),
    )
    await ctx.flush()
    base = await _product(ctx, tax, "Bürgerportal Basis", "Citizen portal, base fee", "BP-100", "product", None)
    size = await _product(
        ctx, tax, "Einwohnerstaffel", "Per 1,000 inhabitants", "BP-200", "product", str(measurement.id)
    )
    once = await _product(ctx, tax, "Einrichtung und Schulung", "Set-up and training", "BP-900", "charge", None)
    tiers = [
        {"upTo": "10", "unitAmount": "9.80"},
        {"upTo": "50", "unitAmount": "7.40"},
        {"upTo": "250", "unitAmount": "5.60"},
        {"upTo": None, "unitAmount": "3.90"},
    ]
    monthly = {"type": "recurring", "billingInterval": "1M", "currencyCode": "EUR"}
    return Prices(
        base=await _price(ctx, base, {**monthly, "calculationType": "flat_fee", "price": {"amount": "149.00"}}),
        inhabitants=await _price(ctx, size, {**monthly, "calculationType": "tiered", "price": {"tiers": tiers}}),
        setup=await _price(
            ctx,
            once,
            {"type": "one_time", "calculationType": "flat_fee", "currencyCode": "EUR", "price": {"amount": "490.00"}},
        ),
    )


async def _product(
    ctx: Context, tax: str, german: str, english: str, number: str, type: str, measurement: str | None
) -> UUID:
    body = {
        "translations": {"de": {"name": german}, "en": {"name": english}},
        "type": type,
        "taxGroup": tax,
        "number": number,
        "measurement": measurement,
    }
    product = await create_product(ctx, validate(ProductFields, body))
    await ctx.flush()
    return product.id


async def _price(ctx: Context, product: UUID, body: dict[str, Any]) -> UUID:
    return (await create_price_plan(ctx, validate(PricePlanFields, {"product": str(product), **body}))).id


async def take_in(
    database: Database, tenant_id: UUID, cities: list[City], prices: Prices, start: date, tell: Callable[[int], None]
) -> None:
    """Import the places as customers, each with a contract from `start` on."""
    done = 0
    for batch in batches(cities, BATCH):
        async with tenant_work(database, tenant_id) as ctx:
            ids = await import_customers(ctx, [customer_of(city) for city in batch])
        async with tenant_work(database, tenant_id) as ctx:
            rows = [
                ImportedSubscription(
                    customer_id=id,
                    start=start,
                    name="Bürgerportal",
                    po_number=f"BP-{city.geonameid}",
                    items=[
                        ImportedItem(price_plan_id=prices.base),
                        ImportedItem(price_plan_id=prices.inhabitants, quantity=city.thousands),
                        ImportedItem(price_plan_id=prices.setup),
                    ],
                )
                for id, city in zip(ids, batch, strict=True)
            ]
            await import_subscriptions(ctx, rows)
        done += len(batch)
        tell(done)
