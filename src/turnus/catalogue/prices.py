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

from turnus.kernel.time import Interval
from turnus.rating.contract import ONE, ZERO, CalculationType, Price, Tier

TIERED = frozenset({"tiered", "volume", "stair_step"})


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
