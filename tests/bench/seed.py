"""Data for benchmarks, made by set-based SQL."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from turnus.catalogue.model import Measurement, PricePlan, Product, Unit
from turnus.entry.bootstrap import new_tenant
from turnus.platform.clock import SystemClock
from turnus.platform.context import Context
from turnus.platform.db.pool import Database
from turnus.platform.work import tenant_work

ORGANISATION = {
    "organisation.companyName": "Bench GmbH",
    "organisation.street": "Hauptstraße",
    "organisation.houseNumber": "1",
    "organisation.zip": "10115",
    "organisation.city": "Berlin",
    "organisation.vatId": "DE136695976",
    "organisation.email": "rechnung@bench.example",
    "organisation.phone": "+49 30 1234567",
    "organisation.bankAccounts": [{"iban": "DE02120300000000202051", "bic": "BYLADEM1001", "bankName": "DKB"}],
}

# Ids in the order of time, as the application makes them.
_NEW_ID = (
    "(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '70008'"
    " || lpad(to_hex(nextval('bench_id')), 15, '0'))::uuid"
)
_CUSTOMERS = """
with c as (
  insert into customer (tenant_id, id, number, number_folded, status, company_name, company_name_key, business,
    currency_code, country_code, time_zone, language, tax_exempt, is_partner, custom_fields, metadata, created_at,
    updated_at)
  select %(tenant)s, {new_id}, 'K' || n, 'k' || n, 'STATUS_ACTIVE', 'Firma ' || n, 'firma ' || n, true, 'EUR',
    'DE', 'Europe/Berlin', 'de', 'auto', false, '{}', '{}', %(now)s, %(now)s
  from generate_series(%(first)s::int, %(last)s::int) n
  returning id, number),
a as (
  insert into customer_address (tenant_id, id, customer_id, type, is_default, status, company_name, street,
    house_number, zip, city, country_code, created_at, updated_at)
  select %(tenant)s, {new_id}, id, 'TYPE_DEFAULT', true, 'active', 'Firma ' || number, 'Weg', '1', '10115',
    'Berlin', 'DE', %(now)s, %(now)s from c)
insert into customer_email (tenant_id, id, customer_id, email, email_folded, receiver_name, is_default,
  is_invoice_email, is_dunning_email, status, created_at, updated_at)
select %(tenant)s, {new_id}, id, number || '@bench.example', lower(number) || '@bench.example', number, true,
  false, false, 'active', %(now)s, %(now)s from c
"""
_SUBSCRIPTIONS = """
with s as (
  insert into subscription (tenant_id, id, number, number_folded, status, customer_id, contract_start, billing_start,
    time_zone, activated_at, next_billing_at, periods, custom_fields, metadata, created_at, updated_at)
  select %(tenant)s, {new_id}, c.number || '-' || n, lower(c.number) || '-' || n, 'active', c.id, %(start)s,
    %(start)s, 'Europe/Berlin', %(now)s, %(start)s::timestamp at time zone 'Europe/Berlin', '[]', '{}', '{}', %(now)s,
    %(now)s
  from customer c, generate_series(1, %(each)s::int) n
  where c.id not in (select customer_id from subscription)
  returning id)
insert into subscription_item (tenant_id, id, subscription_id, product_id, price_plan_id, position, name, status, type,
  quantity, start_date, periods, next_billing_on, created_at, updated_at)
select %(tenant)s, {new_id}, id, %(product)s, %(plan)s, 1, 'Basis', 'active', 'product', 1, %(start)s, '[]',
  %(start)s, %(now)s, %(now)s from s
"""


async def bench_tenant(database: Database, settings: dict[str, object] | None = None) -> UUID:
    """A tenant that may issue invoices."""
    id = await new_tenant(database, f"Bench {uuid4()}", sandbox=True)
    async with tenant_work(database, id) as ctx:
        await ctx.connection.execute(
            "update tenant set settings = settings || %s where id = %s", (Jsonb(ORGANISATION | (settings or {})), id)
        )
    return id


async def _catalogue(ctx: Context) -> tuple[UUID, UUID]:
    cursor = await ctx.connection.execute("select id from tax_group where internal_description = '19%'")
    row = await cursor.fetchone()
    assert row is not None
    now = ctx.now()
    cursor = await ctx.connection.execute("select id from measurement where code = 'quantity'")
    found = await cursor.fetchone()
    if found:
        measurement_id = found[0]
    else:
        unit = ctx.add(Unit(translations={"de": {"name": "Stück"}}, code="C62", created_at=now, updated_at=now))
        measurement_id = ctx.add(
            Measurement(
                unit_id=unit.id, code="quantity", aggregation_type="last_value", type="recurring", fair_billing=True,
                rounding_mode="none", rounding_precision=0, filters=[], group_by=[], created_at=now, updated_at=now,
            )
        ).id  # fmt: skip
    product = ctx.add(
        Product(
            translations={"de": {"name": "Basis"}}, name_key="basis", type="product", measurement_id=measurement_id,
            tax_group_id=row[0], invoice_visibility="always", is_archived=False, custom_fields={}, metadata_={},
            created_at=now, updated_at=now,
        )
    )  # fmt: skip
    plan = ctx.add(
        PricePlan(
            product_id=product.id, status="active", version=1, type="recurring", calculation_type="flat_fee",
            apply_trial=True, pay_in_advance=True, pro_rata=True, billing_interval="1M", currency_code="EUR",
            price={"amount": "49.90"}, tax_included=False, custom=False, free_units=Decimal(0), created_at=now,
            updated_at=now,
        )
    )  # fmt: skip
    await ctx.flush()
    return product.id, plan.id


async def due_subscriptions(database: Database, tenant_id: UUID, customers: int, each: int = 1) -> None:
    """Customers with `each` subscriptions of 49.90 a month, due since the first of this month."""
    async with tenant_work(database, tenant_id) as ctx:
        product, plan = await _catalogue(ctx)
        now = SystemClock().wall()
        parameters = {
            "tenant": tenant_id, "now": now, "first": 1, "last": customers, "each": each, "product": product,
            "plan": plan, "start": now.date().replace(day=1),
        }  # fmt: skip
        await ctx.connection.execute("create temp sequence if not exists bench_id")
        await ctx.connection.execute(_CUSTOMERS.replace("{new_id}", _NEW_ID), parameters)
        await ctx.connection.execute(_SUBSCRIPTIONS.replace("{new_id}", _NEW_ID), parameters)
