"""Builders: customers and their contracts in one sentence, and what can be said of their invoices.

acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
await world.travel_to("2026-06-16")
acme.has_invoices(["30.00"])
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from kit.world import World
from turnus.catalogue.model import Measurement, PricePlan, Product, Unit
from turnus.catalogue.ops.load_catalogue import load_catalogue
from turnus.kernel.money import minor_to_decimal
from turnus.kernel.time import local_date, start_of_day
from turnus.platform.context import Context
from turnus.platform.db.terms import fold
from turnus.subscriptions.contracts import contract_of, first_due_dates
from turnus.subscriptions.model import BillingGroup, Subscription, SubscriptionItem

_serial = count(1)


@dataclass(frozen=True)
class Line:
    """What a line costs. `price` is net per interval (`every`, None: once), gross with `gross`."""

    name: str
    price: str
    every: str | None = "1M"
    quantity: str = "1"
    per_unit: bool = False
    arrears: bool = False
    gross: bool = False
    pro_rata: bool = True
    tax: str = "19%"
    currency: str = "EUR"


@dataclass
class CustomerBuilder:
    """A customer that is not there yet: await it, or subscribe it to something.

    Options are properties of `POST /customers` in Python's spelling, beside `vat_id_valid`.
    """

    world: World
    name: str
    options: dict[str, Any]

    def __await__(self) -> Generator[Any, None, Payer]:
        return self._create().__await__()

    async def subscribed_to(self, name: str, **terms: Any) -> Payer:
        """Create the customer and give it a running contract; see `Payer.subscribed_to`."""
        customer = await self._create()
        await customer.subscribed_to(name, **terms)
        return customer

    async def _create(self) -> Payer:
        body = {
            "companyName": self.name,
            "email": f"{fold(self.name).replace(' ', '.')}.{next(_serial)}@example.com",
            "street": "Marktplatz",
            "houseNumber": "7",
            "zip": "28195",
            "city": "Bremen",
        }
        options = dict(self.options)
        vat_id_valid = options.pop("vat_id_valid", None)
        body |= {_camel(key): value for key, value in options.items()}
        async with self.world.prepares():
            answer = await self.world.client.post("/customers", json=body)
            assert answer.status_code == 201, answer.text
        id = UUID(answer.json()["id"])
        if vat_id_valid is not None:
            # What the confirmation service of the tax office would have said.
            async with self.world.work() as ctx:
                await ctx.connection.execute("update customer set vat_id_valid = %s where id = %s", (vat_id_valid, id))
        return Payer(self.world, self.name, id, answer.json()["customerNumber"])


@dataclass
class Payer:
    """A customer of the story."""

    world: World
    name: str
    id: UUID
    number: str
    subscriptions: list[UUID] = field(default_factory=list)

    async def subscribed_to(
        self,
        name: str,
        *,
        on: str,
        monthly: str | None = None,
        yearly: str | None = None,
        setup: str | None = None,
        group: str | None = None,
        group_day: int | None = None,
        po_number: str | None = None,
        until: str | None = None,
        **line: Any,
    ) -> UUID:
        """An active contract that begins `on`: one line of `name`, with `setup` a one-time fee beside it.

        `monthly`/`yearly` is the price, or `price` and `every`; `group` a type of billing group (`start_of_month`,
        `custom` with `group_day`); other words are fields of `Line`. Returns the subscription's id.
        """
        price, every = (monthly, "1M") if monthly else (yearly, "1Y") if yearly else (None, None)
        if price is not None:
            line |= {"price": price, "every": every}
        lines = [Line(name=name, **line)]
        if setup is not None:
            lines.append(Line("Einrichtung", setup, every=None, tax=lines[0].tax, gross=lines[0].gross))
        async with self.world.prepares():
            id = await _subscribe(
                self,
                lines,
                on=date.fromisoformat(on),
                until=None if until is None else date.fromisoformat(until),
                group=group,
                group_day=group_day,
                po_number=po_number,
            )
        self.subscriptions.append(id)
        return id

    async def cancelled_now(self, credit_type: str | None = None) -> None:
        """The newest contract ends with the business day on which this is called; prepaid time is credited."""
        await _cancel(self, self.subscriptions[-1], credit_type)

    def invoices(self) -> list[dict[str, Any]]:
        """Numbers and sums of its documents with their lines, in the order in which they were numbered."""
        found = self.world.look(
            "select id, number, type, status, currency_code, net_minor, tax_minor, gross_minor from invoice"
            " where customer_id = %s order by finalization_date nulls last, number, id",
            self.id,
        )
        names = ("id", "number", "type", "status", "currency", "net", "tax", "gross")
        documents = [dict(zip(names, row, strict=True)) for row in found]
        for document in documents:
            for name in ("net", "tax", "gross"):
                document[name] = f"{minor_to_decimal(document[name], document['currency']):f}"
            document["lines"] = [
                f"{minor_to_decimal(row[0], document['currency']):f}"
                for row in self.world.look(
                    "select base_minor - discount_minor from invoice_position where invoice_id = %s order by position",
                    document["id"],
                )
            ]
        return documents

    def has_invoices(self, *lines: list[str]) -> None:
        """Assert its documents by the amounts of their lines (after discount; gross for gross prices)."""
        assert [document["lines"] for document in self.invoices()] == list(lines)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


async def _subscribe(
    customer: Payer,
    lines: list[Line],
    *,
    on: date,
    until: date | None,
    group: str | None,
    group_day: int | None,
    po_number: str | None,
) -> UUID:
    zone = "Europe/Berlin"
    async with customer.world.work() as ctx:
        now = ctx.now()
        number = f"S-{next(_serial):08d}"
        grouped = None
        if group is not None:
            grouped = ctx.add(
                BillingGroup(
                    customer_id=customer.id, name=group, type=group, custom_day=group_day, created_at=now,
                    updated_at=now,
                )
            )  # fmt: skip
        subscription = ctx.add(
            Subscription(
                number=number, number_folded=fold(number), status="active", customer_id=customer.id,
                billing_group_id=grouped.id if grouped else None, po_number=po_number, contract_start=on,
                billing_start=on, contract_end=until, agreed_end=until, time_zone=zone, activated_at=now, periods=[],
                custom_fields={}, metadata_={}, created_at=now, updated_at=now,
            )
        )  # fmt: skip
        items = []
        for position, line in enumerate(lines, 1):
            product, plan = await _sold(customer.world, ctx, line)
            items.append(
                ctx.add(
                    SubscriptionItem(
                        subscription_id=subscription.id, product_id=product, price_plan_id=plan, position=position,
                        name=line.name, status="active" if on <= ctx.today(zone) else "pending", type="product",
                        quantity=Decimal(line.quantity), start_date=on, periods=[], created_at=now, updated_at=now,
                    )
                )
            )  # fmt: skip
        await ctx.flush()
        catalogue = await load_catalogue(ctx, {i.price_plan_id for i in items}, {i.product_id for i in items})
        due = first_due_dates(contract_of(subscription, items, catalogue, grouped))
        for item in items:
            item.next_billing_on = due.get(item.id)
        first = min(day for day in due.values() if day is not None)
        subscription.next_billing_at = start_of_day(first, zone)
        return subscription.id


async def _cancel(customer: Payer, subscription: UUID, credit_type: str | None) -> None:
    async with customer.world.work() as ctx:
        today = local_date(ctx.now(), "Europe/Berlin")
        await ctx.connection.execute(
            "update subscription set cancelled_at = %s, cancellation_date = %s, contract_end = %s,"
            " cancellation_credit_type = %s, next_billing_at = %s where id = %s",
            (ctx.now(), today, today, credit_type, start_of_day(today, "Europe/Berlin"), subscription),
        )
        await ctx.connection.execute(
            "update subscription_item set rerate_from = billed_from, end_date = %s where subscription_id = %s",
            (today, subscription),
        )


async def _sold(world: World, ctx: Context, line: Line) -> tuple[UUID, UUID]:
    """Product and price plan of a line, made when first sold."""
    key = f"sold {line}"
    if key in world.names:
        return world.names[key]  # type: ignore[no-any-return]
    now = ctx.now()
    product = ctx.add(
        Product(
            translations={"de": {"name": line.name}}, name_key=fold(line.name), type="product",
            measurement_id=await _quantity(ctx), tax_group_id=await _tax_group(ctx, line.tax),
            invoice_visibility="always", is_archived=False, custom_fields={}, metadata_={}, created_at=now,
            updated_at=now,
        )
    )  # fmt: skip
    plan = ctx.add(
        PricePlan(
            product_id=product.id, status="active", version=1, type="recurring" if line.every else "one_time",
            calculation_type="per_unit" if line.per_unit else "flat_fee", apply_trial=True,
            pay_in_advance=not line.arrears, pro_rata=line.pro_rata, billing_interval=line.every,
            currency_code=line.currency, price={"amount": line.price}, tax_included=line.gross, custom=False,
            free_units=Decimal(0), created_at=now, updated_at=now,
        )
    )  # fmt: skip
    await ctx.flush()
    world.names[key] = (product.id, plan.id)
    return product.id, plan.id


async def _quantity(ctx: Context) -> UUID:
    row = await (await ctx.connection.execute("select id from measurement where code = 'quantity'")).fetchone()
    if row is not None:
        return row[0]  # type: ignore[no-any-return]
    now = ctx.now()
    unit = ctx.add(Unit(translations={"de": {"name": "Stück"}}, code="C62", created_at=now, updated_at=now))
    measurement = ctx.add(
        Measurement(
            unit_id=unit.id, code="quantity", aggregation_type="last_value", type="recurring", fair_billing=True,
            rounding_mode="none", rounding_precision=0, filters=[], group_by=[], created_at=now, updated_at=now,
        )
    )  # fmt: skip
    await ctx.flush()
    return measurement.id


async def _tax_group(ctx: Context, description: str) -> UUID:
    cursor = await ctx.connection.execute("select id from tax_group where internal_description = %s", (description,))
    row = await cursor.fetchone()
    assert row is not None, f"there is no tax group {description}"
    return row[0]  # type: ignore[no-any-return]
