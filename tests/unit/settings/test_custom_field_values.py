"""Values of custom fields against their definitions."""

from __future__ import annotations

from decimal import Decimal
from time import perf_counter
from typing import Any

import pytest

from turnus.settings.custom_fields import Definition, matches, violations, visible, with_defaults

FIELDS = [
    Definition("note", "text", validation={"maxLength": 5, "regex": "[a-z]*"}),
    Definition("seats", "number", validation={"min": 1, "max": 99.5}),
    Definition("since", "date"),
    Definition("tier", "select", choices=("g", "s"), required=True, default="s"),
    Definition("tags", "multi_select", choices=("x", "y")),
    Definition("names", "list"),
    Definition("vip", "checkbox"),
]


def found(values: dict[str, Any], *, complete: bool = False) -> list[tuple[str, str]]:
    return [(v.property_path, v.code) for v in violations(FIELDS, values, "customFields", complete=complete)]


def test_values_of_every_type_fit() -> None:
    values = {
        "note": "abc", "seats": Decimal("99.5"), "since": "2026-02-28", "tier": "g", "tags": ["x", "y"],
        "names": ["Anna", ""], "vip": False,
    }  # fmt: skip
    assert found(values, complete=True) == []


@pytest.mark.parametrize(
    ("key", "value", "path", "code"),
    [
        ("note", "abcdef", "note", "too_long"),
        ("note", "ABC", "note", "invalid_format"),
        ("note", "a\x00", "note", "invalid_characters"),
        ("note", 1, "note", "invalid_type"),
        ("seats", "5", "seats", "invalid_type"),
        ("seats", True, "seats", "invalid_type"),
        ("seats", Decimal("0.5"), "seats", "out_of_range"),
        ("seats", Decimal("1E+999999"), "seats", "invalid_decimal"),
        ("since", "2026-02-29", "since", "invalid_date"),
        ("since", "1.2.2026", "since", "invalid_date"),
        ("tier", "b", "tier", "invalid_choice"),
        ("tags", ["x", "z"], "tags[1]", "invalid_choice"),
        ("tags", "x", "tags", "invalid_type"),
        ("names", [1], "names[0]", "invalid_type"),
        ("vip", "true", "vip", "invalid_type"),
        ("colour", "red", "colour", "unknown_property"),
    ],
)
def test_value_that_does_not_fit_is_named(key: str, value: Any, path: str, code: str) -> None:
    assert found({key: value}) == [(f"customFields.{path}", code)]


def test_required_field_may_be_left_out_of_a_partial_change_but_not_emptied() -> None:
    assert found({}) == []
    assert found({"tier": None}) == [("customFields.tier", "not_blank")]
    assert found({}, complete=True) == [("customFields.tier", "not_blank")]


def test_new_object_gets_defaults_and_hidden_values_stay_hidden() -> None:
    assert with_defaults(FIELDS, {"vip": None}) == {"tier": "s"}
    assert visible(FIELDS, {"tier": "g", "gone": 1}) == {"tier": "g"}


def test_hostile_regex_is_matched_in_linear_time() -> None:
    # Python's re would need longer than the age of the universe.
    began = perf_counter()
    assert not matches("(a+)+b", "a" * 10_000)
    assert perf_counter() - began < 1
