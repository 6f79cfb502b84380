"""The demo's customers: real German places with their population, as public buyers of a software vendor."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec

from turnus.customers.commands import CreateCustomer
from turnus.documents.einvoice.leitweg import check_digits
from turnus.platform.commands import validate
from turnus.platform.db.terms import fold

FILE = Path(__file__).parents[4] / "examples" / "german-cities.csv"
PUBLIC_FROM = 20_000
"""Places of this size want XRechnung; smaller ones take ZUGFeRD."""

# Leading digits of made-up postal codes by state.
_REGIONS = {
    "Sachsen": "01", "Berlin": "10", "Brandenburg": "14", "Mecklenburg-Vorpommern": "18", "Hamburg": "20",
    "Schleswig-Holstein": "24", "Bremen": "28", "Niedersachsen": "30", "Sachsen-Anhalt": "39",
    "Nordrhein-Westfalen": "44", "Rheinland-Pfalz": "55", "Hessen": "60", "Saarland": "66",
    "Baden-Württemberg": "70", "Bayern": "80", "Thüringen": "99",
}  # fmt: skip


class City(msgspec.Struct, frozen=True):
    """A place. `thousands` is its population in units of 1,000."""

    geonameid: int
    name: str
    state: str
    population: int

    @property
    def thousands(self) -> Decimal:
        """Population in thousands."""
        return Decimal(self.population) / 1000


class CitiesMissing(Exception):
    """The file with the cities is not there; the text is one line."""


def cities(limit: int | None = None) -> list[City]:
    """All places, largest first.

    Raises:
        CitiesMissing: the program was installed without its examples.
    """
    if not FILE.is_file():
        raise CitiesMissing(f"The demo needs {FILE.name} in the folder examples of the source tree.")
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = [
            City(int(row["geonameid"]), row["name"], row["state"], int(row["population"]))
            for row in csv.DictReader(file)
        ]
    return rows[:limit]


def customer_of(city: City) -> CreateCustomer:
    """A place as a customer. Street, postal code, e-mail address and Leitweg-ID are made up."""
    domain = "".join(c for c in fold(city.name) if c.isalnum()) or "ort"
    body = {
        "email": f"rechnung@{domain}-{city.geonameid}.example",
        "companyName": f"Stadt {city.name}"[:255],
        "street": "Rathausplatz",
        "houseNumber": "1",
        "zip": f"{_REGIONS.get(city.state, '99')}{city.geonameid % 1000:03d}",
        "city": city.name,
        "language": "de",
        "externalId": f"geonames:{city.geonameid}",
        "metadata": {"population": str(city.population), "state": city.state},
    }
    if city.population >= PUBLIC_FROM:
        address = f"99{city.geonameid}-{domain[:20].upper() or 'ORT'}"
        if address.isascii():
            body["leitwegId"] = f"{address}-{check_digits(address)}"
    return validate(CreateCustomer, body)


def batches(rows: list[City], size: int) -> Iterator[list[City]]:
    """Slices of a list."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
