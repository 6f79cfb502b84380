"""Which rate of a tax group holds in a country on a day (10 §D.3); pure, and fast enough for a billing run."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Any
from uuid import UUID

import msgspec


class RateRow(msgspec.Struct, frozen=True):
    """A rate in per cent from a day on. `tax_id` is None for a rate of the shipped table."""

    group_id: UUID
    tax_id: UUID | None
    country_code: str
    rate: Decimal
    valid_from: date
    code: str
    description: str


class GroupTerms(msgspec.Struct, frozen=True):
    """What a tax group says beside its rates."""

    id: UUID
    description: str
    reverse_charge_type: str
    type: str
    supply_kind: str | None
    exemption: dict[str, Any] | None
    domestic_reverse_charge: bool


def tax_country(country: str) -> str:
    """A country as tax rates name it: Greece, `GR` in addresses, is `EL`."""
    return "EL" if country == "GR" else country


@lru_cache(maxsize=1)
def _members() -> Mapping[str, tuple[date, date]]:
    return {row["country"]: _validity(row) for row in _table("eu-members.csv")}


def is_member(country: str, day: date) -> bool:
    """Whether a country (either spelling of Greece) is EU territory for VAT on a day; XI for goods."""
    first, last = _members().get(tax_country(country), (date.max, date.min))
    return first <= day <= last


@lru_cache(maxsize=1)
def _shipped() -> Mapping[tuple[str, str], list[tuple[date, date, Decimal]]]:
    rates: dict[tuple[str, str], list[tuple[date, date, Decimal]]] = {}
    for row in _table("eu-vat-rates.csv"):
        if row["rate"]:
            rates.setdefault((row["country"], row["rate_kind"]), []).append((*_validity(row), Decimal(row["rate"])))
    return rates


def shipped_standard_rate(country: str, day: date) -> Decimal | None:
    """The standard VAT rate of a member state on a day, by the shipped table; None when it does not know."""
    for first, last, rate in _shipped().get((tax_country(country), "standard"), []):
        if first <= day <= last:
            return rate
    return None


def _table(name: str) -> list[dict[str, str]]:
    text = (files("turnus.settings") / "data" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _validity(row: Mapping[str, str]) -> tuple[date, date]:
    last = date.fromisoformat(row["valid_to"]) if row["valid_to"] else date.max
    return date.fromisoformat(row["valid_from"]), last


class TaxTable:
    """All tax groups and rates of a tenant. Answers are remembered: asking again costs a dictionary look-up."""

    def __init__(self, groups: Iterable[GroupTerms], rows: Iterable[RateRow]) -> None:
        self.groups = {group.id: group for group in groups}
        self._rows: dict[tuple[UUID, str], list[RateRow]] = {}
        for row in sorted(rows, key=lambda row: row.valid_from, reverse=True):
            self._rows.setdefault((row.group_id, row.country_code), []).append(row)
        self._known: dict[tuple[UUID, str, date], RateRow | None] = {}
        self._known_abroad: dict[tuple[UUID, str, date], RateRow | None] = {}

    def rate(self, group_id: UUID, country: str, day: date) -> RateRow | None:
        """The group's own row for a country on a day: the country itself, else `EU_*`, else `*`; of these the latest.

        `day` is the last day of the service (§ 27 (1) UStG).
        """
        key = (group_id, country, day)
        try:
            return self._known[key]
        except KeyError:
            found = self._known[key] = self._rate(group_id, tax_country(country), day)
            return found

    def foreign_rate(self, group_id: UUID, country: str, day: date) -> RateRow | None:
        """The rate that another member state asks for: the group's row for just this country, else its standard rate.

        A reduced group without a row of its own bears the standard rate: the scope of reduced rates differs by state.
        """
        key = (group_id, country, day)
        try:
            return self._known_abroad[key]
        except KeyError:
            found = self._known_abroad[key] = self._foreign_rate(group_id, tax_country(country), day)
            return found

    def percent(self, group_id: UUID, country: str, day: date) -> Decimal | None:
        """The rate in per cent of the group's own row; see `rate`."""
        row = self.rate(group_id, country, day)
        return None if row is None else row.rate

    def _rate(self, group_id: UUID, country: str, day: date) -> RateRow | None:
        codes = (country, "EU_*", "*") if is_member(country, day) else (country, "*")
        return next((row for code in codes if (row := self._latest(group_id, code, day)) is not None), None)

    def _latest(self, group_id: UUID, code: str, day: date) -> RateRow | None:
        return next((row for row in self._rows.get((group_id, code), ()) if row.valid_from <= day), None)

    def _foreign_rate(self, group_id: UUID, country: str, day: date) -> RateRow | None:
        own = self._latest(group_id, country, day)
        if own is not None or group_id not in self.groups or not is_member(country, day):
            return own
        rate = shipped_standard_rate(country, day)
        if rate is None:
            return None
        return RateRow(group_id, None, country, rate, day, f"{rate.normalize():f}", f"{rate.normalize():f}%")
