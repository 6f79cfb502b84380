"""Every worked example, by number and case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from turnus.kernel.money import Money
from turnus.kernel.rounding import round_minor
from turnus.kernel.time import Interval, add_interval, start_of_day
from turnus.rating.aggregation import UsageEvent, aggregate, carried_quantity, deduplicate, steps_from_values
from turnus.rating.charges import Charge
from turnus.rating.contract import (
    BillingGroup,
    Coupon,
    End,
    Item,
    Measurement,
    QuantityStep,
    UsageTotal,
    UsageValue,
)
from turnus.rating.conversion import convert_charge
from turnus.rating.instant import instant_charges
from turnus.rating.key_figures import total_contract_value
from turnus.rating.periods import period_starts
from turnus.rating.pricing import calculate, display_price
from turnus.rating.proration import used_seconds
from turnus.rating.tax import TaxDecision, TaxedLine, tax_lines
from turnus.rating.terms import Term, next_possible_end, notice_of, trial_end
from unit.rating.builders import (
    EXAMPLES,
    charges,
    contract,
    contract_from,
    day,
    flat,
    major,
    per_unit,
    price_from,
    run,
    usage_values,
)


def of_kind(*kinds: str) -> Any:
    chosen = [example for example in EXAMPLES if example["kind"] in kinds]
    return pytest.mark.parametrize("example", chosen, ids=[f"{e['id']}-{e['case']}" for e in chosen])


@of_kind("bill")
def test_bill(example: dict[str, Any]) -> None:
    inputs, expected = example["inputs"], example["expected"]

    found = run(contract_from(inputs), [day(text) for text in inputs["runs"]])

    assert [
        {
            "run": until.isoformat(),
            "item": charge.item,
            "kind": charge.kind,
            "from": charge.service_from.isoformat(),
            "to": charge.service_to.isoformat(),
            "base": major(charge.base),
            "discount": major(charge.discount),
            "net": major(charge.net),
        }
        for until, charge in found
    ] == expected["positions"]


@pytest.mark.parametrize(
    "example",
    [example for example in EXAMPLES if "documents" in example["expected"]],
    ids=lambda example: f"{example['id']}-{example['case']}",
)
def test_documents_of_the_runs(example: dict[str, Any]) -> None:
    """Zero documents off: a document whose lines are all 0.00 is not made, one whose lines cancel out is an invoice."""
    inputs = example["inputs"]
    found = run(contract_from(inputs), [day(text) for text in inputs["runs"]])

    documents = []
    for until in dict.fromkeys(until for until, _ in found):
        nets = [charge.net for on, charge in found if on == until]
        if any(nets):
            kind = "TYPE_CREDIT_NOTE" if sum(nets) < 0 else "TYPE_INVOICE"
            documents.append({"run": until.isoformat(), "type": kind, "net": major(sum(nets))})

    assert documents == example["expected"]["documents"]


@of_kind("price")
def test_price(example: dict[str, Any]) -> None:
    inputs = example["inputs"]
    price = price_from(inputs["price"], free_units=Decimal(inputs["freeUnits"]), currency=inputs["currencyCode"])
    numerator, denominator = inputs.get("prorationFactor", ("1", "1"))

    net = calculate(price, Decimal(inputs["quantity"]), (int(numerator), int(denominator)))

    assert major(net, inputs["currencyCode"]) == example["expected"]["net"]


@of_kind("aggregate")
def test_aggregate(example: dict[str, Any]) -> None:
    inputs = example["inputs"]
    values, (start, end) = usage_values(inputs["values"]), map(day, inputs["interval"])

    if inputs["type"] == "metered":
        quantity = aggregate(inputs["aggregationType"], values, start, end, "Europe/Berlin")
    else:
        quantity = carried_quantity(inputs["aggregationType"], values, end, "Europe/Berlin")
        assert steps_from_values(inputs["aggregationType"], values, "Europe/Berlin")[-1].value == quantity

    assert quantity == Decimal(example["expected"]["quantity"])


@of_kind("discount_invoice_basis")
def test_discount_invoice_basis(example: dict[str, Any]) -> None:
    inputs, expected = example["inputs"], example["expected"]
    percentages = [
        Coupon(id=f"pct{n}", type="percentage", percentage=Decimal(text))
        for n, text in enumerate(inputs["percentages"])
    ]
    fixed = Coupon(id="fix", type="fixed_amount", amount=Decimal(inputs["fixedAmount"]), basis="invoice")
    items = [Item(id=n, price=flat(amount), start=day("2025-06-01")) for n, amount in enumerate(inputs["positions"])]

    found = charges(contract(*items, coupons=(*percentages, fixed)), [day("2025-06-01")])

    assert [major(_taken(c, "fix")) for c in found] == expected["fixedShares"]
    assert [major(c.discount - _taken(c, "fix")) for c in found] == expected["percentDiscounts"]
    assert [major(c.net) for c in found] == expected["nets"]


@of_kind("display_price")
def test_display_price(example: dict[str, Any]) -> None:
    inputs = example["inputs"]

    shown = display_price(
        Decimal(inputs["amount"]),
        Interval.parse(inputs["billingInterval"]),
        Interval.parse(inputs["showPricePerInterval"]),
    )

    assert str(shown) == example["expected"]["amount"]


@of_kind("invoice_totals")
def test_invoice_totals(example: dict[str, Any]) -> None:
    inputs = example["inputs"]
    amounts = [Money.of(text, "EUR").minor for text in inputs["positions"]]
    rate = Decimal(inputs["taxRate"])
    decision = TaxDecision("domestic", "S" if rate else "AE", rate, "standard")

    taxed = tax_lines([TaxedLine(amount, inputs["taxIncluded"], decision) for amount in amounts])

    assert {
        "positionNets": [major(net) for net in taxed.nets],
        "net": major(taxed.net_minor),
        "tax": major(taxed.tax_minor),
        "gross": major(taxed.net_minor + taxed.tax_minor),
    } == example["expected"]


@of_kind("metered_period")
def test_metered_period(example: dict[str, Any]) -> None:
    inputs, expected = example["inputs"], example["expected"]
    regular, billed = inputs.get("regularDays", 30), inputs.get("billedDays", 30)
    assert regular == 30
    start = day("2025-07-01") - timedelta(days=billed)
    minimum = inputs.get("minimumAmount")
    item = Item(
        id="A",
        price=price_from(
            inputs["price"],
            pay_in_advance=False,
            pro_rata=inputs.get("proRata", True),
            free_units=Decimal(inputs["freeUnits"]),
            minimum_amount=Decimal(minimum) if minimum else None,
        ),
        start=start,
        measurement=Measurement(metered=True, aggregation="sum", fair_billing=inputs.get("fairBilling", True)),
        totals=(UsageTotal(start, day("2025-07-01"), Decimal(inputs["usage"]), 1),),
        visibility=inputs.get("invoiceVisibility", "always"),
    )

    (charge,) = charges(contract(item, billing_group=BillingGroup("start_of_month")), [day("2025-07-01")])

    assert major(charge.net) == expected["net"]
    assert charge.kind == "usage"
    assert (charge.service_from, charge.service_to) == (start, day("2025-07-01"))
    assert charge.printed is expected.get("printed", True)


@of_kind("instant_metered")
def test_instant_metered(example: dict[str, Any]) -> None:
    """Value by value, and the same through the billing function: one call a day, the end of the interval last."""
    inputs, expected = example["inputs"], example["expected"]
    minimum = inputs.get("minimumAmount")
    price = price_from(
        inputs["price"],
        free_units=Decimal(inputs["freeUnits"]),
        minimum_amount=Decimal(minimum) if minimum else None,
    )
    start, end = day("2025-06-01"), day("2025-07-01")
    values = tuple(
        UsageValue(datetime(2025, 6, n, 10, tzinfo=UTC), Decimal(text)) for n, text in enumerate(inputs["values"], 2)
    )

    single, top_up = instant_charges(price, inputs["aggregationType"], values, start, end, "Europe/Berlin")

    assert [major(charge) for charge in single] == expected["charges"]
    assert major(top_up) == expected.get("trueUp", "0.00")
    assert major(sum(single) + top_up) == expected["total"]

    measurement = Measurement(metered=True, aggregation=inputs["aggregationType"])
    item = Item(id="A", price=price, start=start, measurement=measurement, values=values, end=End(end))
    billed = run(contract(item), [*(value.at.date() for value in values), end])
    by_day = {until: charge.net for until, charge in billed}
    assert [major(by_day.get(value.at.date(), 0)) for value in values] == expected["charges"]
    assert major(by_day.get(end, 0)) == expected.get("trueUp", "0.00")
    assert all(charge.kind == "usage" for _, charge in billed)


@of_kind("periods")
def test_periods(example: dict[str, Any]) -> None:
    inputs, starts = example["inputs"], example["expected"]["starts"]

    found = period_starts(day(inputs["anchor"]), Interval.parse(inputs["interval"]), inputs["firstIndex"], len(starts))

    assert [start.isoformat() for start in found] == starts


@of_kind("instants")
def test_instants(example: dict[str, Any]) -> None:
    inputs, expected = example["inputs"], example["expected"]
    anchor, interval = day(inputs["anchor"]), Interval.parse(inputs["interval"])

    lower, upper = period_starts(anchor, interval, 0, 2)

    assert start_of_day(lower, inputs["timeZone"]).isoformat() == expected["fromUtc"]
    assert start_of_day(upper, inputs["timeZone"]).isoformat() == expected["toUtc"]
    assert (upper - lower).days == expected["days"]


@of_kind("proration_second")
def test_proration_second(example: dict[str, Any]) -> None:
    inputs, expected = example["inputs"], example["expected"]
    start, end = map(day, inputs["period"])
    used_from, used_to = datetime.fromisoformat(inputs["usedFrom"]), datetime.fromisoformat(inputs["usedTo"])

    used, whole = used_seconds(used_from, used_to, (start, end), inputs["timeZone"])

    assert [str(used), str(whole)] == [expected["usedSeconds"], expected["periodSeconds"]]
    assert major(round_minor(Fraction(inputs["amount"]) * Fraction(used, whole), 2)) == expected["net"]
    # The same through the billing function: a quantity that begins inside the period at that instant.
    at = used_from.replace(tzinfo=ZoneInfo(inputs["timeZone"]))
    item = Item(
        id="A",
        price=per_unit(inputs["amount"], pay_in_advance=False),
        start=start,
        quantity=Decimal(0),
        steps=(QuantityStep(used_from.date(), Decimal(1), at=at),),
    )
    (charge,) = charges(contract(item, proration_mode="second", time_zone=inputs["timeZone"]), [end])
    assert major(charge.net) == expected["net"]


@of_kind("contract_end")
def test_contract_end(example: dict[str, Any]) -> None:
    inputs, expected = example["inputs"], example["expected"]
    terms = [
        Term(
            Interval.parse(entry["contractPeriod"]) if entry["contractPeriod"] else None,
            entry["contractPeriodCount"],
            notice_of(entry["cancellationPeriod"]),
            entry["endAlignment"],
        )
        for entry in inputs["periods"]
    ]
    billed_to = inputs.get("billedTo")

    end = next_possible_end(
        terms,
        day(inputs["contractStart"]),
        day(inputs["noticeReceivedOn"]),
        billed_to=day(billed_to) if billed_to else None,
    )

    assert end == day(expected["end"])
    assert end - timedelta(days=1) == day(expected["lastDay"])


@of_kind("trial")
def test_trial(example: dict[str, Any]) -> None:
    inputs, expected = example["inputs"], example["expected"]
    revoked = inputs.get("revokedOn")
    activation = day(inputs["activation"])

    ends_on = trial_end(
        activation,
        Interval.parse(inputs["trial"]),
        extra_days=inputs.get("extendDays", 0),
        revoked_on=day(revoked) if revoked else None,
    )

    assert ends_on == day(expected["trialEndsOn"])
    item = Item(id="A", price=flat(), start=activation)
    (charge,) = charges(contract(item, trial_ends_on=ends_on), [activation, ends_on - timedelta(days=1), ends_on])
    assert charge.service_from == day(expected["billingStart"])


@of_kind("usage_dedup")
def test_usage_dedup(example: dict[str, Any]) -> None:
    sent = [
        UsageEvent(event["transactionId"], datetime.fromisoformat(event["timestamp"]), Decimal(event["value"]))
        for event in example["inputs"]["events"]
    ]

    accepted, duplicates = deduplicate(sent)

    assert {
        "accepted": len(accepted),
        "duplicates": duplicates,
        "sum": str(sum(event.value for event in accepted)),
    } == example["expected"]


@of_kind("tcv")
def test_total_contract_value(example: dict[str, Any]) -> None:
    inputs = example["inputs"]
    start, term, discount = day("2025-01-01"), Interval.parse(inputs["term"]), inputs["discount"]
    recurring = Item(id="A", price=flat(inputs["amount"], inputs["billingInterval"]), start=start)
    one_off = Item(id="O", price=flat(inputs["oneTime"], None), start=start)
    coupons = ()
    if discount:
        coupons = (
            Coupon(
                id="pct",
                type="percentage",
                percentage=Decimal(discount["percentage"]),
                frequency="limited",
                billing_periods=discount["billingPeriods"],
                items=("A",),
            ),
        )

    value = total_contract_value(contract(recurring, one_off, coupons=coupons), add_interval(start, term))

    assert major(value["EUR"]) == example["expected"]["tcv"]


@of_kind("convert")
def test_convert(example: dict[str, Any]) -> None:
    inputs = example["inputs"]
    quotes = {currency: Decimal(quote) for currency, quote in inputs["quotesPerEur"].items()}

    converted = [
        convert_charge(
            Money.of(given["base"], inputs["from"]).minor,
            [Money.of(given["discount"], inputs["from"]).minor],
            inputs["from"],
            inputs["to"],
            quotes,
        )
        for given in inputs["charges"]
    ]

    assert [{"base": major(c.base), "discount": major(c.discount), "net": major(c.net)} for c in converted] == example[
        "expected"
    ]["charges"]


def test_no_example_is_left_out() -> None:
    """Every record has a kind that a test above reads, and the numbers are complete."""
    kinds = {example["kind"] for example in EXAMPLES}
    assert kinds == {
        *("aggregate", "bill", "contract_end", "convert", "discount_invoice_basis", "display_price", "instant_metered"),
        *("instants", "invoice_totals", "metered_period", "periods", "price", "proration_second", "tcv", "trial"),
        "usage_dedup",
    }
    numbers = [f"C{n}" for n in range(1, 31)] + [f"S{n}" for n in range(1, 55)]
    assert sorted({example["id"] for example in EXAMPLES}) == sorted(numbers)


def _taken(charge: Charge, coupon: str) -> int:
    return sum(discount.amount for discount in charge.discounts if discount.coupon == coupon)
