"""Builders: customers and their contracts in one sentence, and what can be said of their invoices.

acme = await world.customer("Acme").subscribed_to("Basic", monthly="30.00", on="2026-06-01")
await world.travel_to("2026-06-16")
acme.has_invoices(["30.00"])
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from kit.world import World
from turnus.kernel.money import minor_to_decimal
from turnus.kernel.wire import encode
from turnus.platform.db.terms import fold

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
            made = await _created(self.world, "/customers", body)
        id = UUID(made["id"])
        if vat_id_valid is not None:
            # What the confirmation service of the tax office would have said.
            async with self.world.work() as ctx:
                await ctx.connection.execute("update customer set vat_id_valid = %s where id = %s", (vat_id_valid, id))
        return Payer(self.world, self.name, id, made["customerNumber"])


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
                on=on,
                until=until,
                group=group,
                group_day=group_day,
                po_number=po_number,
            )
        self.subscriptions.append(id)
        return id

    async def cancelled_now(self, credit_type: str | None = None) -> None:
        """The newest contract ends with the business day on which this is called; prepaid time is credited."""
        body = {"cancellationDateType": "immediate", "creditType": credit_type}
        answer = await self.world.client.put(f"/subscriptions/{self.subscriptions[-1]}/cancel", json=body)
        assert answer.status_code == 200, answer.text

    def invoices(self) -> list[dict[str, Any]]:
        """Numbers and sums of its documents with their lines, in the order in which they were numbered."""
        found = self.world.look(
            "select id, number, type, status, currency_code, net_minor, tax_minor, gross_minor from invoice"
            " where customer_id = %s order by finalization_date nulls last, id",
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
    on: str,
    until: str | None,
    group: str | None,
    group_day: int | None,
    po_number: str | None,
) -> UUID:
    world = customer.world
    grouped = None
    if group is not None:
        terms = {"customer": str(customer.id), "name": group, "type": group, "customDay": group_day}
        grouped = (await _created(world, "/billing-groups", terms))["id"]
    items: list[Any] = [
        {"pricePlan": await _sold(world, line), "quantity": Decimal(line.quantity), "name": line.name} for line in lines
    ]
    body: dict[str, Any] = {
        "customer": str(customer.id), "items": items, "startDate": on, "contractEnd": until, "poNumber": po_number,
        "billingGroup": grouped, "activate": True,
    }  # fmt: skip
    return UUID((await _created(world, "/subscriptions", body))["id"])


async def _sold(world: World, line: Line) -> str:
    """Id of the price of a line; product and price are made when first sold."""
    key = f"sold {line}"
    if key not in world.names:
        groups = world.look("select id from tax_group where internal_description = %s", line.tax)
        assert groups, f"there is no tax group {line.tax}"
        product = {"translations": {"de": {"name": line.name}}, "taxGroup": str(groups[0][0])}
        plan = {
            "product": (await _created(world, "/catalogue/products", product))["id"],
            "status": "active",
            "type": "recurring" if line.every else "one_time",
            "calculationType": "per_unit" if line.per_unit else "flat_fee",
            "payInAdvance": not line.arrears,
            "proRata": line.pro_rata,
            "billingInterval": line.every,
            "currencyCode": line.currency,
            "price": {"amount": line.price},
            "taxIncluded": line.gross,
        }
        world.names[key] = (await _created(world, "/price-plans", plan))["id"]
    return str(world.names[key])


async def _created(world: World, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await world.client.post(path, content=encode(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found
