"""Create many active subscriptions at once: migrations, demos, benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from turnus.catalogue.ops.load_catalogue import Catalogue, load_catalogue
from turnus.customers.model import Customer
from turnus.kernel.errors import ValidationFailed, Violation
from turnus.kernel.ids import new_ids
from turnus.kernel.time import start_of_day
from turnus.platform.context import Context
from turnus.platform.db import terms
from turnus.platform.db.bulk import insert_rows
from turnus.platform.db.locks import LockOrder, take
from turnus.platform.db.reads import read_rows
from turnus.platform.db.terms import fold
from turnus.rating.contract import ONE
from turnus.rating.terms import fixed_end
from turnus.settings.ops.draw_numbers import draw_numbers
from turnus.subscriptions import rules
from turnus.subscriptions.contracts import (
    BillingTerms,
    GroupRow,
    ItemRow,
    SubscriptionRow,
    contract_of,
    first_due_dates,
)
from turnus.subscriptions.events import SUBSCRIPTION_ACTIVATED, SUBSCRIPTION_CREATED
from turnus.subscriptions.model import BillingGroup
from turnus.subscriptions.ops.load_due import billing_terms

_SUBSCRIPTION = [
    ("tenant_id", "uuid"), ("id", "uuid"), ("number", "text"), ("number_folded", "text"), ("external_id", "text"),
    ("name", "text"), ("status", "text"), ("customer_id", "uuid"), ("invoice_address_id", "uuid"),
    ("billing_group_id", "uuid"), ("po_number", "text"), ("contract_start", "date"), ("billing_start", "date"),
    ("contract_end", "date"), ("agreed_end", "date"), ("time_zone", "text"), ("activated_at", "timestamptz"),
    ("next_billing_at", "timestamptz"), ("periods", "jsonb"), ("custom_fields", "jsonb"), ("metadata", "jsonb"),
    ("created_at", "timestamptz"), ("updated_at", "timestamptz"),
]  # fmt: skip
_ITEM = [
    ("tenant_id", "uuid"), ("id", "uuid"), ("subscription_id", "uuid"), ("product_id", "uuid"),
    ("price_plan_id", "uuid"), ("position", "bigint"), ("name", "text"), ("description", "text"),
    ("further_information", "text"), ("status", "text"), ("type", "text"), ("quantity", "numeric"),
    ("start_date", "date"), ("custom_price", "jsonb"), ("periods", "jsonb"), ("next_billing_on", "date"),
    ("activated_at", "timestamptz"), ("created_at", "timestamptz"), ("updated_at", "timestamptz"),
]  # fmt: skip
_TERM = [("tenant_id", "uuid"), ("resource", "text"), ("word", "text"), ("field", "text"), ("object_id", "uuid")]


class ImportedItem(msgspec.Struct, frozen=True, kw_only=True):
    """A line; `custom_price` as stored (exact strings in major units). The name defaults to the product's."""

    price_plan_id: UUID
    quantity: Decimal = ONE
    name: str | None = None
    description: str | None = None
    further_information: str | None = None
    custom_price: dict[str, Any] | None = None


class ImportedSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """A contract that runs: terms count from `start`, billing from `billing_start` (default: the start) on.

    `billing_start` is the first day that this system bills: what lies before it was billed elsewhere. `periods` are
    stored contract terms (`rules.stored_periods`); the end is exclusive.
    """

    customer_id: UUID
    items: Sequence[ImportedItem]
    start: date
    billing_start: date | None = None
    end: date | None = None
    name: str | None = None
    external_id: str | None = None
    po_number: str | None = None
    billing_group_id: UUID | None = None
    invoice_address_id: UUID | None = None
    periods: Sequence[dict[str, Any]] = ()
    custom_fields: dict[str, Any] = {}


class _Made(msgspec.Struct):
    """A row of each table, still without the number."""

    row: ImportedSubscription
    id: UUID
    zone: str
    language: str
    end: date | None
    items: list[ItemRow]
    due: list[date | None]


_ids = bindparam("ids", type_=ARRAY(Uuid))
_customers = read_rows(
    select(Customer.id, Customer.time_zone, Customer.language, Customer.status).where(Customer.id == func.any(_ids))
)
_groups = read_rows(
    select(BillingGroup.id, BillingGroup.type, BillingGroup.custom_day, BillingGroup.custom_month).where(
        BillingGroup.id == func.any(_ids)
    )
)
_plan_products = "select id, product_id from price_plan where id = any(%s) for share"


async def import_subscriptions(
    ctx: Context, rows: Sequence[ImportedSubscription], *, silent: bool = False
) -> list[UUID]:
    """Create active subscriptions with their items as sets, numbers drawn once; ids in the order of the rows.

    The rows are trusted to belong together (an address to its customer, say); foreign keys still hold. `silent` tells
    nobody.

    Raises:
        ValidationFailed: a customer, price plan or billing group does not exist, or a customer is archived.
    """
    if not rows:
        return []
    take(ctx, LockOrder.CONFIGURATION)
    await ctx.flush()
    plans = list({item.price_plan_id for row in rows for item in row.items})
    owners = dict(await (await ctx.connection.execute(_plan_products, (plans,))).fetchall())
    catalogue = await load_catalogue(ctx, plans, set(owners.values()))
    wanted = list({row.customer_id for row in rows})
    customers = {id: (zone, language, status) for id, zone, language, status in await _customers.all(ctx, ids=wanted)}
    group_ids = list({row.billing_group_id for row in rows if row.billing_group_id is not None})
    groups = {row[0]: GroupRow(*row) for row in await _groups.all(ctx, ids=group_ids)} if group_ids else {}
    _check(rows, catalogue, customers, groups)
    made = _made(rows, catalogue, customers, groups, billing_terms(ctx))
    numbers = await draw_numbers(ctx, "subscription", [one.id for one in made])
    await _write(ctx, made, numbers, catalogue)
    ids = [one.id for one in made]
    if not silent:
        ctx.emit(SUBSCRIPTION_CREATED, ids)
        ctx.emit(SUBSCRIPTION_ACTIVATED, ids)
    return ids


def _check(
    rows: Sequence[ImportedSubscription],
    catalogue: Catalogue,
    customers: dict[UUID, tuple[str, str, str]],
    groups: dict[UUID, GroupRow],
) -> None:
    wrong = []
    for index, row in enumerate(rows):
        found = customers.get(row.customer_id)
        if found is None or found[2] == "STATUS_ARCHIVED":
            wrong.append(Violation(f"[{index}].customer", "archived" if found else "not_found"))
        if row.billing_group_id is not None and row.billing_group_id not in groups:
            wrong.append(Violation(f"[{index}].billingGroup", "not_found"))
        wrong += [
            Violation(f"[{index}].items[{n}].pricePlan", "not_found")
            for n, item in enumerate(row.items)
            if item.price_plan_id not in catalogue.plans
        ]
    if wrong:
        raise ValidationFailed(wrong[:100])


def _made(
    rows: Sequence[ImportedSubscription],
    catalogue: Catalogue,
    customers: dict[UUID, tuple[str, str, str]],
    groups: dict[UUID, GroupRow],
    billing: BillingTerms,
) -> list[_Made]:
    ids = new_ids(len(rows))
    item_ids = iter(new_ids(sum(len(row.items) for row in rows)))
    # Contracts that begin alike fall due alike: each kind is rated once.
    known: dict[Any, list[date | None]] = {}
    made = []
    for row, id in zip(rows, ids, strict=True):
        zone, language, _ = customers[row.customer_id]
        begin = row.billing_start or row.start
        end = row.end or fixed_end(rules.terms_of(row.periods), row.start)
        items = [
            _item(item, next(item_ids), id, position, begin, catalogue, language)
            for position, item in enumerate(row.items)
        ]
        key = (begin, end, row.billing_group_id, tuple([item.price_plan_id for item in row.items]))
        due = known.get(key)
        if due is None:
            group = None if row.billing_group_id is None else groups[row.billing_group_id]
            contract = contract_of(_subscription(row, id, zone, begin, end), items, catalogue, group, billing)
            dates = first_due_dates(contract)
            due = known[key] = [dates.get(item.id) for item in items]
        made.append(_Made(row, id, zone, language, end, items, due))
    return made


def _item(
    item: ImportedItem,
    id: UUID,
    subscription_id: UUID,
    position: int,
    begin: date,
    catalogue: Catalogue,
    language: str,
) -> ItemRow:
    product = catalogue.products[catalogue.plans[item.price_plan_id].product_id]
    return ItemRow(
        id=id,
        subscription_id=subscription_id,
        parent_id=None,
        product_id=product.id,
        price_plan_id=item.price_plan_id,
        position=position,
        name=item.name or rules.text_in(product.names, language) or "",
        description=item.description or rules.text_in(product.descriptions, language),
        further_information=item.further_information,
        status="active",
        type=product.type,
        quantity=item.quantity,
        start_date=begin,
        end_date=None,
        trial_ends_on=None,
        custom_price=item.custom_price,
        anchor=None,
        anchor_day=None,
        billed_from=None,
        billed_until=None,
        rerate_from=None,
        next_billing_on=None,
        coupon_periods=None,
    )


def _subscription(row: ImportedSubscription, id: UUID, zone: str, begin: date, end: date | None) -> SubscriptionRow:
    return SubscriptionRow(
        id=id,
        number="",
        name=row.name,
        status="active",
        customer_id=row.customer_id,
        invoice_address_id=row.invoice_address_id,
        billing_group_id=row.billing_group_id,
        po_number=row.po_number,
        contract_start=row.start,
        billing_start=begin,
        contract_end=end,
        time_zone=zone,
        cancelled_at=None,
        cancellation_date=None,
        cancellation_credit_type=None,
        next_billing_at=None,
    )


async def _write(ctx: Context, made: Sequence[_Made], numbers: Sequence[str], catalogue: Catalogue) -> None:
    now, tenant = ctx.now(), ctx.tenant_id
    subscriptions: list[tuple[Any, ...]] = []
    items: list[tuple[Any, ...]] = []
    words: list[tuple[Any, ...]] = []
    for one, number in zip(made, numbers, strict=True):
        row = one.row
        folded = fold(number)
        first = min((day for day in (*one.due, one.end) if day is not None), default=None)
        at: datetime | None = None if first is None else start_of_day(first, one.zone)
        subscriptions.append(
            (tenant, one.id, number, folded, row.external_id, row.name, "active", row.customer_id,
             row.invoice_address_id, row.billing_group_id, row.po_number, row.start, row.billing_start or row.start,
             one.end, one.end, one.zone, now, at, list(row.periods), row.custom_fields, {}, now, now)
        )  # fmt: skip
        today = ctx.today(one.zone)
        items += [
            (tenant, item.id, one.id, item.product_id, item.price_plan_id, item.position, item.name, item.description,
             item.further_information, "active" if item.start_date <= today else "pending", item.type, item.quantity,
             item.start_date, item.custom_price, [], due, now, now, now)
            for item, due in zip(one.items, one.due, strict=True)
        ]  # fmt: skip
        fields = rules.search_fields(number, row.name, row.po_number, row.external_id, row.custom_fields)
        words += [(tenant, *term) for term in terms.rows("subscription", one.id, fields)]
    await insert_rows(ctx.connection, "subscription", _SUBSCRIPTION, subscriptions)
    await insert_rows(ctx.connection, "subscription_item", _ITEM, items)
    await insert_rows(ctx.connection, "term", _TERM, words, conflict="on conflict do nothing")
