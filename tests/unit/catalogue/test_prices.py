"""Prices as sent, stored, shown and rated."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from turnus.catalogue.commands import PriceFields
from turnus.catalogue.prices import PriceRow, customised, parse_price, rating_price, shown_price
from turnus.kernel.errors import ValidationFailed
from turnus.kernel.time import Interval
from turnus.kernel.wire import decode, encode
from turnus.platform.commands import validate
from turnus.rating.pricing import billable_units, parts

PLAN = UUID("01890000-0000-7000-8000-000000000001")


def fields(**price: Any) -> PriceFields:
    return validate(PriceFields, price)


def stored(kind: str, **price: Any) -> dict[str, Any]:
    made, wrong = parse_price(kind, fields(**price))
    assert wrong == []
    return made


def found(kind: str, **price: Any) -> list[tuple[str, str]]:
    return [(v.property_path, v.code) for v in parse_price(kind, fields(**price))[1]]


def row(kind: str, price: dict[str, Any], **others: Any) -> PriceRow:
    values: dict[str, Any] = {
        "id": PLAN, "calculation_type": kind, "billing_interval": "1M", "currency_code": "EUR", "pay_in_advance": True,
        "pro_rata": True, "apply_trial": True, "free_units": None, "price": price, "minimum_amount": None,
        "maximum_amount": None, "tax_included": False,
    }  # fmt: skip
    return PriceRow(**(values | others))


def cost(kind: str, quantity: str, **price: Any) -> Decimal:
    rated = rating_price(row(kind, stored(kind, **price)))
    split = parts(rated, billable_units(Decimal(quantity), rated.free_units))
    total = split.variable + split.fixed
    return Decimal(total.numerator) / Decimal(total.denominator)


T = [{"upTo": 10, "unitAmount": "10.00"}, {"upTo": 50, "unitAmount": "8.00"}, {"upTo": None, "unitAmount": "6.00"}]
S = [{"upTo": 10, "flatAmount": 50}, {"upTo": 50, "flatAmount": 150}, {"upTo": None, "flatAmount": 300}]


@pytest.mark.parametrize(
    ("example", "kind", "quantity", "price", "expected"),
    [
        ("C1", "flat_fee", "3", {"amount": "29.00"}, "29"),
        ("C2", "per_unit", "10", {"amount": 5}, "50"),
        ("C3", "tiered", "60", {"tiers": T}, "480"),
        ("C4", "volume", "60", {"tiers": T}, "360"),
        ("C5", "stair_step", "11", {"tiers": S}, "150"),
        ("C10", "package", "101", {"amount": "9.00", "packageSize": 100}, "18"),
        ("C13", "per_unit", "12345", {"amount": "0.0015"}, "18.5175"),
    ],
)
def test_a_price_as_sent_is_rated_like_the_worked_example(
    example: str, kind: str, quantity: str, price: dict[str, Any], expected: str
) -> None:
    assert cost(kind, quantity, **price) == Decimal(expected), example


def test_amounts_are_stored_exactly_and_shown_in_minor_units_with_the_exact_decimal_beside() -> None:
    price = stored("per_unit", amount="0.00123")
    assert price == {"amount": "0.00123"}
    assert decode(encode(shown_price(price, "EUR"))) == {"amount": Decimal("0.123"), "decimal": "0.00123"}
    assert decode(encode(shown_price({"amount": "29"}, "EUR"))) == {"amount": 2900, "decimal": "29.00"}
    assert decode(encode(shown_price({"amount": "1000"}, "JPY"))) == {"amount": 1000, "decimal": "1000"}


def test_tiers_show_both_forms_of_every_amount() -> None:
    shown = decode(encode(shown_price(stored("tiered", tiers=T[:1] + T[2:]), "EUR")))
    assert shown == {
        "tiers": [
            {"upTo": 10, "unitAmount": 1000, "unitDecimal": "10.00", "flatAmount": 0, "flatDecimal": "0.00"},
            {"upTo": None, "unitAmount": 600, "unitDecimal": "6.00", "flatAmount": 0, "flatDecimal": "0.00"},
        ]
    }


@pytest.mark.parametrize(
    ("kind", "price"),
    [
        ("flat_fee", {"amount": "29.5"}),
        ("tiered", {"tiers": T}),
        ("stair_step", {"tiers": S}),
        ("percentage", {"percent": "2.5", "fixedPerEvent": "0.10", "min": "1", "max": 3}),
        ("package", {"amount": "9.00", "packageSize": "100"}),
    ],
)
@pytest.mark.parametrize("currency", ["EUR", "JPY", "TND"])
def test_what_is_shown_can_be_sent_back_and_means_the_same(kind: str, price: dict[str, Any], currency: str) -> None:
    before = stored(kind, **price)
    assert stored(kind, **decode(encode(shown_price(before, currency)))) == before


def test_an_amount_that_contradicts_its_decimal_is_refused() -> None:
    with pytest.raises(ValidationFailed) as refused:
        fields(amount=3500, decimal="29.00")
    assert [v.code for v in refused.value.violations] == ["conflicting"]


@pytest.mark.parametrize(
    ("kind", "price", "wrong"),
    [
        ("flat_fee", {}, [("price.amount", "not_null")]),
        ("flat_fee", {"amount": 1, "percent": 2}, [("price.percent", "conflicting")]),
        ("tiered", {"tiers": []}, [("price.tiers", "too_short")]),
        ("tiered", {"tiers": [{"upTo": 5, "unitAmount": 1}]}, [("price.tiers[0].upTo", "invalid_choice")]),
        (
            "volume",
            {"tiers": [{"unitAmount": 1}, {"upTo": 3, "unitAmount": 1}, {"upTo": 3, "unitAmount": 1}, {}]},
            [
                ("price.tiers[0].upTo", "not_null"),
                ("price.tiers[2].upTo", "out_of_range"),
                ("price.tiers[3].unitAmount", "not_null"),
            ],
        ),
        (
            "stair_step",
            {"tiers": [{"upTo": 1, "unitAmount": 2, "flatAmount": 1}, {}]},
            [("price.tiers[0].unitAmount", "conflicting"), ("price.tiers[1].flatAmount", "not_null")],
        ),
        ("percentage", {"percent": 1, "min": 3, "max": 2}, [("price.min", "out_of_range")]),
        (
            "package",
            {"amount": 1, "roundUp": False},
            [("price.packageSize", "not_null"), ("price.roundUp", "invalid_choice")],
        ),
    ],
)
def test_everything_wrong_with_a_price_is_named_by_its_place(
    kind: str, price: dict[str, Any], wrong: list[tuple[str, str]]
) -> None:
    assert found(kind, **price) == wrong


@pytest.mark.parametrize("amount", ["1,50", "1E+999999", "-1", "NaN", True, "0.1234567890123"])
def test_an_amount_that_is_no_plain_decimal_from_zero_on_is_refused(amount: Any) -> None:
    with pytest.raises(ValidationFailed):
        fields(amount=amount)


def test_the_rating_price_carries_the_terms_of_the_plan() -> None:
    plan = row(
        "per_unit", {"amount": "5"}, billing_interval="1Y", pay_in_advance=False, pro_rata=False,
        free_units=Decimal(3), minimum_amount=Decimal(10), maximum_amount=Decimal(90), tax_included=True,
        currency_code="CHF", apply_trial=False,
    )  # fmt: skip
    price = rating_price(plan)
    assert (price.id, price.amount, price.interval, price.currency) == (PLAN, Decimal(5), Interval(1, "Y"), "CHF")
    assert (price.pay_in_advance, price.pro_rata, price.apply_trial, price.tax_included) == (False, False, False, True)
    assert (price.free_units, price.minimum_amount, price.maximum_amount) == (Decimal(3), Decimal(10), Decimal(90))
    assert rating_price(row("flat_fee", {"amount": "5"}, billing_interval=None)).interval is None


def test_a_custom_price_replaces_the_amounts_and_nothing_else() -> None:
    plan = row("per_unit", {"amount": "5"}, free_units=Decimal(3))
    assert rating_price(plan, {"amount": "4"}) == customised(rating_price(plan), {"amount": "4"})
    assert rating_price(plan, {"amount": "4"}).amount == Decimal(4)
    assert rating_price(plan, {"amount": "4"}).free_units == Decimal(3)
