"""Pure rules of customers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnus.customers import rules
from turnus.customers.views.addresses import formatted
from turnus.customers.views.emails import email_type
from turnus.customers.views.parts import display_name, visible
from turnus.platform.context import Change

MAPS = st.dictionaries(st.sampled_from("abcde"), st.none() | st.integers() | st.text(max_size=3))


def test_differences_name_each_changed_property_of_collections() -> None:
    before = {
        "phone": None,
        "name": "A",
        "updatedAt": "1",
        "addresses": [{"id": "1", "city": "Ulm", "updatedAt": "1"}, {"id": "2", "city": "Bonn", "updatedAt": "1"}],
        "emailAddresses": [],
    }
    after = {
        "phone": "+49",
        "name": "B",
        "updatedAt": "2",
        "addresses": [{"id": "1", "city": "Kiel", "updatedAt": "2"}, {"id": "3", "city": "Jena", "updatedAt": "2"}],
        "emailAddresses": [],
    }
    assert rules.changes(before, after) == [
        Change("phone", None, "+49"),
        Change("addresses.2", before["addresses"][1], None),
        Change("addresses.1.city", "Ulm", "Kiel"),
        Change("addresses.3", None, after["addresses"][1]),
    ]
    assert rules.previous(before, after) == {"phone": None, "name": "A", "addresses": before["addresses"]}
    assert rules.previous(before, before) == {}


@given(MAPS, MAPS)
def test_merge_patch_sets_what_is_given_and_removes_nulls(stored: dict[str, Any], patch: dict[str, Any]) -> None:
    merged = rules.merged(stored, patch)
    assert None not in merged.values()
    assert merged == rules.merged(merged, patch)
    for key in "abcde":
        assert merged.get(key) == (patch[key] if key in patch else stored.get(key))


@pytest.mark.parametrize(
    ("company", "vat_id", "business"),
    [("Acme", None, True), (None, "DE123456788", True), (None, None, False), ("", "", False)],
)
def test_company_name_or_vat_id_make_a_business(company: str | None, vat_id: str | None, business: bool) -> None:
    assert rules.is_business(company, vat_id) is business


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("Acme", "Ada", "Lovelace", "a@b.de"), "Acme"),
        ((None, "Ada", "Lovelace", "a@b.de"), "Ada Lovelace"),
        ((None, None, "Lovelace", "a@b.de"), "Lovelace"),
        ((None, None, None, "a@b.de"), "a@b.de"),
        ((None, None, None, None), ""),
    ],
)
def test_display_name_is_company_then_person_then_email(parts: tuple[str | None, ...], name: str) -> None:
    assert display_name(*parts) == name


def test_address_block_leaves_out_what_is_missing_and_names_foreign_countries() -> None:
    assert formatted(None, None, None, None, "", "", "", "", "DE") == []
    assert formatted("Acme", "Ada", None, "2. OG", "Ring", "1", "1010", "Wien", "AT") == [
        "Acme", "Ada", "2. OG", "Ring 1", "1010 Wien", "AT",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("for_invoices", "default", "type"),
    [(True, False, "TYPE_INVOICE"), (True, True, "TYPE_COMPANY"), (False, False, "TYPE_COMPANY")],
)
def test_older_type_of_an_email_address_follows_from_its_flags(for_invoices: bool, default: bool, type: str) -> None:
    assert email_type(for_invoices, default) == type


def test_hidden_custom_fields_are_left_out() -> None:
    values = {"a": 1, "b": 2}
    assert visible(values, None) is values
    assert visible(values, ["b", "c"]) == {"a": 1}
