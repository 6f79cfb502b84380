"""Prices as stored and as rated. Pure.

A stored price is the `price` object of its model with exact decimal strings in major units:
`{"amount": "29.00"}`, `{"tiers": [{"upTo": "10", "unitAmount": "8.00", "flatAmount": "0"}, …]}`,
`{"percent": "2.5", …}`, `{"amount": "9.00", "packageSize": "100", "roundUp": true}` (03 §6.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol, cast
from uuid import UUID

import msgspec

from turnus.catalogue.commands import PriceFields, TierFields
from turnus.kernel.errors import Violation
from turnus.kernel.money import exponent
from turnus.kernel.time import Interval
from turnus.kernel.wire import number
from turnus.rating.contract import ONE, ZERO, CalculationType, Price, Tier

# What each model's price object holds; the first is required.
_MEMBERS = {
    "flat_fee": ("amount",),
    "per_unit": ("amount",),
    "tiered": ("tiers",),
    "volume": ("tiers",),
    "stair_step": ("tiers",),
    "percentage": ("percent", "fixedPerEvent", "min", "max"),
    "package": ("amount", "packageSize", "roundUp"),
}
_AMOUNTS = {"amount": "decimal", "fixedPerEvent": "fixedPerEventDecimal", "min": "minDecimal", "max": "maxDecimal"}
_TIER_AMOUNTS = {"unitAmount": "unitDecimal", "flatAmount": "flatDecimal"}


class PriceTerms(Protocol):
    """The columns of a price plan that decide what it costs."""

    @property
    def id(self) -> UUID: ...
    @property
    def calculation_type(self) -> str: ...
    @property
    def billing_interval(self) -> str | None: ...
    @property
    def currency_code(self) -> str: ...
    @property
    def pay_in_advance(self) -> bool: ...
    @property
    def pro_rata(self) -> bool: ...
    @property
    def apply_trial(self) -> bool: ...
    @property
    def free_units(self) -> Decimal | None: ...
    @property
    def price(self) -> dict[str, Any]: ...
    @property
    def minimum_amount(self) -> Decimal | None: ...
    @property
    def maximum_amount(self) -> Decimal | None: ...
    @property
    def tax_included(self) -> bool: ...


class PriceRow(msgspec.Struct, frozen=True):
    """A price plan as a read brings it."""

    id: UUID
    calculation_type: str
    billing_interval: str | None
    currency_code: str
    pay_in_advance: bool
    pro_rata: bool
    apply_trial: bool
    free_units: Decimal | None
    price: dict[str, Any]
    minimum_amount: Decimal | None
    maximum_amount: Decimal | None
    tax_included: bool


def rating_price(row: PriceTerms, custom_price: Mapping[str, Any] | None = None) -> Price:
    """What the rating engine reads. A custom price replaces the amounts of the plan, never its rhythm or currency."""
    amounts = custom_price or row.price
    return Price(
        calculation_type=cast(CalculationType, row.calculation_type),
        interval=Interval.parse(row.billing_interval) if row.billing_interval else None,
        currency=row.currency_code,
        pay_in_advance=row.pay_in_advance,
        pro_rata=row.pro_rata,
        apply_trial=row.apply_trial,
        free_units=row.free_units or ZERO,
        minimum_amount=row.minimum_amount,
        maximum_amount=row.maximum_amount,
        tax_included=row.tax_included,
        id=row.id,
        **_amounts(amounts),
    )


def customised(price: Price, custom_price: Mapping[str, Any]) -> Price:
    """A price with the amounts of a custom price."""
    return msgspec.structs.replace(price, **_amounts(custom_price))


def parse_price(
    calculation_type: str, fields: PriceFields, path: str = "price"
) -> tuple[dict[str, Any], list[Violation]]:
    """The price to store, and what is wrong with it: members of another model, missing ones, gaps between tiers."""
    allowed = _MEMBERS[calculation_type]
    given = {name: value for name, value in fields.model_dump(by_alias=True).items() if value is not None}
    wrong = [
        Violation(f"{path}.{name}", "conflicting", parameters={"other": calculation_type})
        for name in given
        if name not in allowed
    ]
    if allowed[0] not in given:
        wrong.append(Violation(f"{path}.{allowed[0]}", "not_null"))
    if calculation_type == "package" and "packageSize" not in given:
        wrong.append(Violation(f"{path}.packageSize", "not_null"))
    if fields.round_up is False:
        wrong.append(Violation(f"{path}.roundUp", "invalid_choice", parameters={"choices": ["true"]}))
    if fields.min is not None and fields.max is not None and fields.min > fields.max:
        wrong.append(Violation(f"{path}.min", "out_of_range", parameters={"bounds": f"≤ {plain(fields.max)}"}))
    if fields.tiers is not None and "tiers" in allowed:
        wrong += _tier_violations(calculation_type, fields.tiers, f"{path}.tiers")
    stored: dict[str, Any] = {name: plain(given[name]) for name in allowed if isinstance(given.get(name), Decimal)}
    if "tiers" in allowed:
        stored["tiers"] = [_stored_tier(tier) for tier in fields.tiers or ()]
    if calculation_type == "package":
        stored["roundUp"] = True
    return stored, wrong


def _tier_violations(calculation_type: str, tiers: list[TierFields], path: str) -> list[Violation]:
    wrong = [] if tiers else [Violation(path, "too_short", parameters={"minimum": 1})]
    below = ZERO
    for index, tier in enumerate(tiers):
        place = f"{path}[{index}]"
        last = index == len(tiers) - 1
        if last and tier.up_to is not None:
            wrong.append(Violation(f"{place}.upTo", "invalid_choice", parameters={"choices": ["null"]}))
        elif not last and tier.up_to is None:
            wrong.append(Violation(f"{place}.upTo", "not_null"))
        elif tier.up_to is not None and tier.up_to <= below:
            wrong.append(Violation(f"{place}.upTo", "out_of_range", parameters={"bounds": f"> {plain(below)}"}))
        below = tier.up_to if tier.up_to is not None else below
        if calculation_type == "stair_step":
            if tier.unit_amount:
                wrong.append(Violation(f"{place}.unitAmount", "conflicting", parameters={"other": calculation_type}))
            if tier.flat_amount is None:
                wrong.append(Violation(f"{place}.flatAmount", "not_null"))
        elif tier.unit_amount is None and tier.flat_amount is None:
            wrong.append(Violation(f"{place}.unitAmount", "not_null"))
    return wrong


def _stored_tier(tier: TierFields) -> dict[str, Any]:
    return {
        "upTo": None if tier.up_to is None else plain(tier.up_to),
        "unitAmount": plain(tier.unit_amount or ZERO),
        "flatAmount": plain(tier.flat_amount or ZERO),
    }


def shown_price(stored: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """A stored price on the wire: amounts as numbers in minor units, beside each the exact decimal in major units."""
    shown: dict[str, Any] = {}
    for name, value in stored.items():
        if name == "tiers":
            shown["tiers"] = [_shown_tier(tier, currency) for tier in value]
        elif name in _AMOUNTS:
            shown |= _both(name, _AMOUNTS[name], value, currency)
        elif isinstance(value, str):
            shown[name] = number(Decimal(value))
        else:
            shown[name] = value
    return shown


def _shown_tier(tier: Mapping[str, Any], currency: str) -> dict[str, Any]:
    up_to = tier.get("upTo")
    shown: dict[str, Any] = {"upTo": None if up_to is None else number(Decimal(up_to))}
    for name, exact in _TIER_AMOUNTS.items():
        shown |= _both(name, exact, tier.get(name) or "0", currency)
    return shown


def _both(name: str, exact: str, value: str | None, currency: str) -> dict[str, Any]:
    if value is None:
        return {name: None, exact: None}
    amount, digits = Decimal(value), exponent(currency)
    padded = amount if -cast(int, amount.as_tuple().exponent) >= digits else amount.quantize(ONE.scaleb(-digits))
    return {name: number(amount.scaleb(digits)), exact: format(padded, "f")}


def plain(value: Decimal) -> str:
    """A decimal as text, without exponent and without zeros at its end."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _amounts(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "amount": _number(stored.get("amount"), ZERO),
        "tiers": tuple(_tier(tier) for tier in stored.get("tiers", ())),
        "percent": _number(stored.get("percent"), ZERO),
        "fixed_per_value": _number(stored.get("fixedPerEvent"), ZERO),
        "value_minimum": _optional(stored.get("min")),
        "value_maximum": _optional(stored.get("max")),
        "package_size": _number(stored.get("packageSize"), ONE),
    }


def _tier(stored: Mapping[str, Any]) -> Tier:
    return Tier(
        _optional(stored.get("upTo")),
        _number(stored.get("unitAmount"), ZERO),
        _number(stored.get("flatAmount"), ZERO),
    )


def _number(text: Any, default: Decimal) -> Decimal:
    return default if text is None else Decimal(str(text))


def _optional(text: Any) -> Decimal | None:
    return None if text is None else Decimal(str(text))
