"""Dates and terms of contracts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest

from turnus.kernel.time import Interval
from turnus.rating.contract import Price
from turnus.subscriptions import rules

ZONE = "Europe/Berlin"


class Row(msgspec.Struct):
    billed_from: date | None = None
    billed_until: date | None = None
    anchor: date | None = None
    anchor_day: int | None = None


MONTHLY = Price("flat_fee", Decimal(30))


def test_an_instant_counts_as_the_local_day_of_the_contract() -> None:
    late = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)
    assert rules.local_day(late, ZONE) == date(2026, 3, 1)
    assert rules.local_day(date(2026, 2, 28), ZONE) == date(2026, 2, 28)


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        (datetime(2026, 6, 21, 22, 0, tzinfo=UTC), date(2026, 6, 22)),
        (datetime(2026, 6, 21, 10, 0, tzinfo=UTC), date(2026, 6, 21)),
        (datetime(2026, 6, 21, 21, 58, tzinfo=UTC), date(2026, 6, 21)),
        (datetime(2026, 6, 21, 21, 59, tzinfo=UTC), date(2026, 6, 22)),
    ],
)
def test_an_end_at_23_59_means_the_following_midnight(moment: datetime, end: date) -> None:
    assert rules.end_day(moment, ZONE) == end


@pytest.mark.parametrize(
    ("row", "end", "expected"),
    [
        (Row(), date(2026, 6, 10), None),
        (Row(date(2026, 6, 1), date(2026, 7, 1), date(2026, 1, 1), 1), date(2026, 6, 21), date(2026, 6, 1)),
        (Row(date(2026, 7, 1), date(2026, 8, 1), date(2026, 1, 1), 1), date(2026, 6, 21), date(2026, 6, 1)),
        (Row(date(2026, 3, 31), date(2026, 4, 30), date(2026, 1, 31), 31), date(2026, 3, 30), date(2026, 2, 28)),
    ],
)
def test_an_end_re_rates_from_the_first_period_that_it_touches(row: Row, end: date, expected: date | None) -> None:
    assert rules.rerate_from(row, MONTHLY, end) == expected


def test_one_time_charges_are_never_re_rated() -> None:
    once = Price("flat_fee", Decimal(50), interval=None)
    assert rules.rerate_from(Row(date(2026, 6, 1), date(2026, 6, 1)), once, date(2026, 6, 1)) is None


def test_the_running_term_and_its_last_day_for_notice() -> None:
    periods = [
        {"id": "1", "contractPeriodCount": 1, "contractPeriod": "12M", "cancellationPeriod": "3M",
         "endAlignment": "term_end"},
        {"id": "2", "contractPeriodCount": None, "contractPeriod": "1M", "cancellationPeriod": "0D",
         "endAlignment": "term_end"},
    ]  # fmt: skip
    start = date(2025, 1, 1)
    assert rules.term_on(periods, start, date(2025, 6, 1)) == (1, start, date(2026, 1, 1), date(2025, 9, 30))
    assert rules.term_on(periods, start, date(2026, 2, 10)) == (
        3,
        date(2026, 2, 1),
        date(2026, 3, 1),
        date(2026, 2, 28),
    )
    assert rules.term_on([], start, start) is None
    assert rules.terms_of(periods)[1].notice is None
    assert rules.terms_of(periods)[0].length == Interval(12, "M")


def test_texts_are_taken_in_the_customers_language_else_in_german_else_in_any() -> None:
    assert rules.text_in({"de": "Stück", "en": "piece"}, "en") == "piece"
    assert rules.text_in({"de": "Stück"}, "en") == "Stück"
    assert rules.text_in({"fr": "pièce"}, "en") == "pièce"
    assert rules.text_in({}, "en") is None
