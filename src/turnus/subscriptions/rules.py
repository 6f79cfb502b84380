"""Pure rules of the subscriptions area: dates, terms, ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Protocol

from turnus.kernel.ids import new_id
from turnus.kernel.time import Interval, local_date, zone
from turnus.rating.contract import Price
from turnus.rating.periods import regular_period
from turnus.rating.terms import Term, notice_of, running_term
from turnus.subscriptions.commands import PeriodFields

RUNNING = ("pending", "active", "canceled")
_LAST_MINUTE = time(23, 59)
_DAY = timedelta(days=1)


class Billed(Protocol):
    """What of an item tells how far it was billed."""

    @property
    def billed_from(self) -> date | None: ...
    @property
    def billed_until(self) -> date | None: ...
    @property
    def anchor(self) -> date | None: ...
    @property
    def anchor_day(self) -> int | None: ...


def local_day(moment: date | datetime, zone_name: str) -> date:
    """A day as given, or the local day of an instant."""
    return local_date(moment, zone_name) if isinstance(moment, datetime) else moment


def end_day(moment: date | datetime, zone_name: str) -> date:
    """The first day that no longer belongs to a contract ended at a moment; 23:59 or later means the next midnight."""
    if not isinstance(moment, datetime):
        return moment
    local = moment.astimezone(zone(zone_name))
    return local.date() + (_DAY if local.time() >= _LAST_MINUTE else timedelta())


def stored_periods(periods: Iterable[PeriodFields]) -> list[dict[str, Any]]:
    """Contract terms as they are kept and shown."""
    return [
        {
            "id": str(new_id()),
            "contractPeriodCount": period.contract_period_count,
            "contractPeriod": str(period.contract_period) if period.contract_period else None,
            "cancellationPeriod": str(period.cancellation_period) if period.cancellation_period else "0D",
            "endAlignment": period.end_alignment,
        }
        for period in periods
    ]


def same_periods(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> bool:
    """Whether two lists of terms agree, apart from their ids."""
    return [{**entry, "id": None} for entry in one] == [{**entry, "id": None} for entry in other]


def terms_of(periods: Sequence[Mapping[str, Any]]) -> list[Term]:
    """Stored contract terms as the engine reads them."""
    return [
        Term(
            length=Interval.parse(entry["contractPeriod"]) if entry["contractPeriod"] else None,
            count=entry["contractPeriodCount"],
            notice=notice_of(entry["cancellationPeriod"] or "0D"),
            alignment=entry["endAlignment"],
        )
        for entry in periods
    ]


def term_on(
    periods: Sequence[Mapping[str, Any]], start: date, day: date
) -> tuple[int, date, date | None, date | None] | None:
    """Number, start, end and last day for notice of the term that runs on a day; None without terms."""
    running = running_term(terms_of(periods), start, max(day, start))
    if running is None:
        return None
    return running.number, running.start, running.end, running.latest_notice


def rerate_from(item: Billed, price: Price, end: date) -> date | None:
    """The first billed period that an end on `end` touches: its charges have to be loaded to credit the rest.

    None for what is never credited by days (one-time prices) and for items that were not billed.
    """
    if price.interval is None or item.billed_from is None or item.billed_until is None:
        return None
    if end >= item.billed_from or item.anchor is None:
        return item.billed_from
    lower, _ = regular_period(item.anchor, item.anchor_day or item.anchor.day, price.interval, end)
    return min(item.billed_from, lower)


Names = tuple[str | None, str | None, str | None]


def missing_address_parts(address: Names, customer: Names, zip: str, city: str) -> list[str]:
    """What keeps an invoice from being made out: full name and address (§ 14 (4) no. 1 UStG).

    Names are company, first and last name, of the address or else of the customer.
    """
    named = any(company or (first and last) for company, first, last in (address, customer))
    parts = (("companyName", named), ("zip", bool(zip)), ("city", bool(city)))
    return [part for part, present in parts if not present]


def text_in(names: Mapping[str, str], language: str) -> str | None:
    """A text in the customer's language, else in German, else in any (00 §9.8)."""
    return names.get(language) or names.get("de") or next(iter(names.values()), None)


def search_fields(
    number: str, name: str | None, po_number: str | None, external_id: str | None, custom_fields: Mapping[str, Any]
) -> dict[str, str | Iterable[str] | None]:
    """The texts by which a subscription is found."""
    fields: dict[str, str | Iterable[str] | None] = {
        "number": number,
        "name": name,
        "poNumber": po_number,
        "externalId": external_id,
    }
    for key, value in custom_fields.items():
        values = value if isinstance(value, list) else [value]
        fields[f"customFields.{key}"] = [
            str(v).lower() if isinstance(v, bool) else str(v) for v in values if v is not None
        ]
    return fields
