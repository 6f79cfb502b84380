"""Rates of tax groups by country and day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from timeit import timeit
from uuid import UUID, uuid4

import pytest

from turnus.settings.tax_rates import GroupTerms, RateRow, TaxTable, is_member, shipped_standard_rate

GROUP, EMPTY = uuid4(), uuid4()


def row(country: str, since: str, rate: str) -> RateRow:
    return RateRow(GROUP, uuid4(), country, Decimal(rate), date.fromisoformat(since), rate, f"{rate}%")


def group(id: UUID, type: str = "standard") -> GroupTerms:
    return GroupTerms(id, "19%", "REVERSE_CHARGE", type, None, None, False)


TABLE = TaxTable(
    [group(GROUP), group(EMPTY, "reduced")],
    [
        row("DE", "2007-01-01", "19"), row("DE", "2020-07-01", "16"), row("DE", "2021-01-01", "19"),
        row("EU_*", "2015-01-01", "18"), row("*", "2010-01-01", "3"), row("EL", "2030-01-01", "5"),
    ],
)  # fmt: skip


@pytest.mark.parametrize(
    ("country", "day", "rate"),
    [
        ("DE", "2020-06-30", "19"),  # the last day before the temporary cut
        ("DE", "2020-07-01", "16"),
        ("DE", "2020-12-31", "16"),
        ("DE", "2021-01-01", "19"),
        ("DE", "2006-12-31", None),  # before every row
        ("FR", "2026-01-01", "18"),  # no row of its own: EU_*
        ("FR", "2014-12-31", "3"),  # EU_* does not hold yet: *
        ("GR", "2029-12-31", "18"),  # the row of Greece comes later
        ("GR", "2030-01-01", "5"),  # GR in addresses is EL in rates
        ("GB", "2020-12-31", "18"),  # EU territory until the end of the transition period
        ("GB", "2021-01-01", "3"),
        ("US", "2026-01-01", "3"),
    ],
)
def test_most_specific_country_and_latest_day_decide(country: str, day: str, rate: str | None) -> None:
    assert TABLE.percent(GROUP, country, date.fromisoformat(day)) == (None if rate is None else Decimal(rate))


def test_group_without_rows_has_no_rate() -> None:
    assert TABLE.rate(EMPTY, "DE", date(2026, 1, 1)) is None
    assert TABLE.rate(uuid4(), "DE", date(2026, 1, 1)) is None


@pytest.mark.parametrize(
    ("country", "day", "rate"),
    [
        ("FR", "2026-01-01", "20"),
        ("EE", "2025-06-30", "22"),
        ("EE", "2025-07-01", "24"),
        ("FI", "2024-09-01", "25.5"),
        ("LU", "2023-06-01", "16"),
        ("IE", "2020-10-01", "21"),
        ("GR", "2026-01-01", "24"),
        ("CH", "2026-01-01", None),
    ],
)
def test_abroad_the_standard_rate_of_the_state_holds_even_for_reduced_groups(
    country: str, day: str, rate: str | None
) -> None:
    found = TABLE.foreign_rate(EMPTY, country, date.fromisoformat(day))
    assert (None if found is None else found.rate) == (None if rate is None else Decimal(rate))
    assert found is None or found.tax_id is None


def test_row_of_the_group_for_the_state_goes_before_the_shipped_table() -> None:
    assert TABLE.foreign_rate(GROUP, "GR", date(2030, 1, 1)).rate == 5  # type: ignore[union-attr]
    assert TABLE.foreign_rate(GROUP, "GR", date(2029, 1, 1)).rate == 24  # type: ignore[union-attr]


def test_every_member_state_has_exactly_one_standard_rate_today() -> None:
    members = [
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU", "IE", "IT", "LT", "LU",
        "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    ]  # fmt: skip
    day = date(2026, 7, 1)
    assert len(members) == 27 and all(is_member(state, day) for state in members)
    assert all(15 <= shipped_standard_rate(state, day) <= 27 for state in members)  # type: ignore[operator]


def test_asking_again_costs_less_than_a_microsecond() -> None:
    day = date(2026, 1, 31)
    TABLE.rate(GROUP, "DE", day)
    fastest = min(timeit(lambda: TABLE.rate(GROUP, "DE", day), number=20_000) for _ in range(5))
    # Three times the aim, so that a busy machine does not fail the test.
    assert fastest / 20_000 < 3e-6
