"""Builders for rating tests: contracts from the machine-readable worked examples, and a run over several days."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from turnus.kernel.money import exponent, minor_to_decimal
from turnus.kernel.time import Interval
from turnus.rating.bill import bill
from turnus.rating.charges import Billed, Charge, as_billed
from turnus.rating.contract import (
    BillingGroup,
    Contract,
    Coupon,
    End,
    Item,
    Measurement,
    Pause,
    Price,
    QuantityStep,
    Tier,
    UsageValue,
)
from turnus.rating.terms import trial_end

_FILE = json.loads((Path(__file__).parent / "data" / "rating-examples.json").read_text(encoding="utf-8"))
EXAMPLES: list[dict[str, Any]] = _FILE["examples"]
DEFAULTS: dict[str, Any] = _FILE["defaults"]


def day(text: str) -> date:
    return date.fromisoformat(text)


def price_from(given: dict[str, Any], **more: Any) -> Price:
    """A price of the examples: major units as strings."""
    tiers = tuple(
        Tier(
            None if tier["upTo"] is None else Decimal(tier["upTo"]),
            Decimal(tier.get("unitAmount", "0")),
            Decimal(tier.get("flatAmount", "0")),
        )
        for tier in given.get("tiers", ())
    )
    return Price(
        calculation_type=given["calculationType"],
        amount=Decimal(given.get("amount", "0")),
        tiers=tiers,
        percent=Decimal(given.get("percent", "0")),
        package_size=Decimal(given.get("packageSize", "1")),
        **more,
    )


def contract_from(inputs: dict[str, Any]) -> Contract:
    """The contract of a `bill` example; absent inputs have the file's defaults."""
    trial, pause, group = inputs.get("trial"), inputs.get("pause"), inputs.get("billingGroup")
    return Contract(
        subscription="S",
        time_zone=inputs.get("timeZone", DEFAULTS["timeZone"]),
        items=tuple(_item({**DEFAULTS["item"], **item}, inputs) for item in inputs["items"]),
        billing_group=BillingGroup(group["type"]) if group else None,
        coupons=tuple(_coupon({**DEFAULTS["coupon"], **coupon}) for coupon in inputs.get("coupons", ())),
        trial_ends_on=trial_end(day(trial["activation"]), Interval.parse(trial["period"])) if trial else None,
        pauses=(_pause(pause),) if pause else (),
    )


def _item(given: dict[str, Any], inputs: dict[str, Any]) -> Item:
    one_time = given["type"] == "one_time"
    end = given.get("end")
    price = price_from(
        given["price"],
        interval=None if one_time else Interval.parse(given["billingInterval"]),
        currency=inputs.get("currencyCode", DEFAULTS["currencyCode"]),
        pay_in_advance=given["payInAdvance"],
        pro_rata=given["proRata"],
        apply_trial=given["applyTrial"],
        free_units=Decimal(given["freeUnits"]),
    )
    return Item(
        id=given["id"],
        price=price,
        start=day(given["start"]),
        quantity=Decimal(given["quantity"]),
        measurement=Measurement(fair_billing=given["fairBilling"], metered=given["measurementType"] == "metered"),
        steps=tuple(
            QuantityStep(
                day(step["from"]),
                Decimal(step["value"]),
                recorded_on=day(step.get("recordedOn", step["from"])),
                invoice_immediately=given["invoiceImmediately"],
            )
            for step in given.get("quantities", ())
        ),
        end=End(day(end["on"]), end.get("creditType"), day(end.get("recordedOn", end["on"]))) if end else None,
        replaces=given.get("replaces"),
    )


def _coupon(given: dict[str, Any]) -> Coupon:
    return Coupon(
        id=given["id"],
        type=given["type"],
        percentage=Decimal(given.get("percentage", "0")),
        amount=Decimal(given.get("fixedAmount", "0")),
        basis=given.get("fixedAmountBasis", "unit"),
        frequency=given["frequency"],
        billing_periods=given.get("billingPeriods"),
        items=tuple(given["items"]),
    )


def _pause(given: dict[str, Any]) -> Pause:
    again = given.get("nextBillingDate")
    return Pause(day(given["on"]), day(given["resumedOn"]), day(again) if again else None, recorded_on=day(given["on"]))


def usage_values(given: Sequence[dict[str, Any]]) -> tuple[UsageValue, ...]:
    return tuple(UsageValue(datetime.fromisoformat(v["at"]), Decimal(v["value"]), v.get("id")) for v in given)


def run(contract: Contract, days: Iterable[date], billed: Sequence[Billed] = ()) -> list[tuple[date, Charge]]:
    """Bill on several days one after the other, each call seeing the charges of those before."""
    rows, found = list(billed), []
    for until in days:
        for charge in bill(contract, rows, until=until).charges:
            rows.append(as_billed(charge))
            found.append((until, charge))
    return found


def charges(contract: Contract, days: Iterable[date], billed: Sequence[Billed] = ()) -> list[Charge]:
    return [charge for _, charge in run(contract, days, billed)]


def net_of(found: Iterable[Charge]) -> int:
    return sum(charge.net for charge in found)


def major(minor: int, currency: str = "EUR") -> str:
    """Minor units as the examples write them."""
    return f"{minor_to_decimal(minor, currency):.{exponent(currency)}f}"


def flat(amount: str = "30.00", interval: str | None = "1M", **more: Any) -> Price:
    return Price("flat_fee", Decimal(amount), Interval.parse(interval) if interval else None, **more)


def per_unit(amount: str = "5.00", interval: str | None = "1M", **more: Any) -> Price:
    return Price("per_unit", Decimal(amount), Interval.parse(interval) if interval else None, **more)


def contract(*items: Item, **more: Any) -> Contract:
    return Contract(subscription="S", items=items, **more)


def days(first: date, last: date, step: int = 1) -> list[date]:
    return [first + timedelta(days=n) for n in range(0, (last - first).days + 1, step)]
