"""Form and check digits of VAT ids."""

from __future__ import annotations

import pytest

from turnus.customers.vat_ids import fits_country, is_known_invalid, normalised_vat_id


@pytest.mark.parametrize(
    ("vat_id", "country"),
    [
        ("DE123456788", "DE"), ("ATU12345675", "AT"), ("FR40303265045", "FR"), ("IE6388047V", "IE"),
        ("NL004495445B01", "NL"), ("EL123456783", "GR"), ("FR40303265045", "MC"), ("XI980780684", "GB"),
        ("GB980780684", "GB"), ("CHE107787577", "CH"), ("CHE107787577IVA", "CH"), ("CHE107787577MWST", "LI"),
        ("NO995525828MVA", "NO"), ("DE123456789", "DE"), ("123456789", "US"), ("DE1", "US"),
    ],
)  # fmt: skip
def test_ids_of_their_country_fit(vat_id: str, country: str) -> None:
    assert fits_country(vat_id, country)


@pytest.mark.parametrize(
    ("vat_id", "country"),
    [
        ("123456788", "DE"),  # no prefix
        ("DE12345678", "DE"),
        ("DE123456788", "AT"),  # another country's
        ("DE123456788", "US"),
        ("GR123456783", "GR"),  # Greece is EL
        ("XI980780684", "IE"),
        ("CHE107787576", "CH"),
        ("NO995525827MVA", "NO"),
        ("DE١٢٣٤٥٦٧٨٨", "DE"),
        ("DE123456788\n", "DE"),
        ("", "DE"),
        ("X" * 200, "US"),
    ],
)
def test_others_do_not(vat_id: str, country: str) -> None:
    assert not fits_country(vat_id, country)


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("de 123 456 788", "DE123456788"),
        ("CHE-107.787.577", "CHE107787577"),
        (" .- ", None),
        (None, None),
    ],
)
def test_blanks_dots_and_hyphens_do_not_count(written: str | None, normalised: str | None) -> None:
    assert normalised_vat_id(written) == normalised


def test_wrong_check_digit_of_the_union_is_known_to_be_invalid_without_asking() -> None:
    assert is_known_invalid("DE123456789", "DE")
    assert not is_known_invalid("DE123456788", "DE")
    assert not is_known_invalid("123456789", "US")
