"""Every filter and order that a list declares is answered from an index, under row-level security.

Asked of the planner itself, for all lists of all areas. A list that fails here needs an index
`(tenant_id, <column>, …)` of exactly the column's type in its `model.py`; an order of a nullable column needs a second
one with `<column> desc nulls last, id desc`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from kit.filled import TENANT, fill, filled_database
from turnus.entry.bootstrap import ROUTERS
from turnus.platform.api.operation import Operation
from turnus.platform.db.reads import Read
from turnus.platform.listing import KeyValue, ListOf, Words
from turnus.platform.listing.filters import Filter, Related

LISTS = [
    operation for router in ROUTERS for operation in router.operations if operation.listing is not None
]  # fmt: skip
ZONE = "Europe/Berlin"
_PARAMETER = re.compile(r"%\((\w+)\)s(?:::([A-Za-z ]+(?:\[\])?))?")
_ANY = "0189dead-0000-7000-8000-000000000000"
"""Value of the parameters of a list's source. Ids are not cast in the statement; as a string this is also a text."""
_SAMPLES: dict[str, Any] = {
    "BIGINT": 100,
    "INTEGER": 100,
    "BOOLEAN": True,
    "NUMERIC": Decimal(1),
    "DATE": datetime(2026, 1, 15, tzinfo=UTC).date(),
    "TIMESTAMP WITH TIME ZONE": datetime(2026, 1, 15, tzinfo=UTC),
}
Plan = dict[str, Any]


def path_of(operation: Operation) -> str:
    """A list in the test's name."""
    return operation.path


@dataclass
class Planner:
    """Asks what the application's role would do; tables get their rows when a list first needs them."""

    admin: psycopg.Connection[Any]
    reader: psycopg.Connection[Any]
    filled: set[str] = field(default_factory=set)

    def prepare(self, reads: Sequence[Read[Any]]) -> None:
        """Fill the tables of some reads."""
        present = {row[0] for row in self.admin.execute("select relname from pg_class where relkind in ('r', 'p')")}
        needed = {word for read in reads for word in re.findall(r"\w+", read.sql)} & present - self.filled
        fill(self.admin, sorted(needed))
        self.filled |= needed

    def explain(self, read: Read[Any], values: dict[str, Any]) -> Plan:
        """The plan of a compiled read; parameters of its source that nobody gave get a value of their type."""
        self.prepare([read])
        given = {**read.defaults, **values}
        for name, kind in _PARAMETER.findall(read.sql):
            if name not in given:
                kind = kind.upper().partition(" AS ")[0].strip()
                given[name] = [_SAMPLES.get(kind[:-2], _ANY)] if kind.endswith("[]") else _SAMPLES.get(kind, _ANY)
        found = self.reader.execute("explain (format json) " + read.sql, given).fetchone()
        assert found is not None
        return found[0][0]["Plan"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def planner() -> Iterator[Planner]:
    """A planner for which sequential scans and sorts are expensive."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with (
        filled_database(f"turnus_filled_{worker}_{os.getpid()}") as url,
        psycopg.connect(url, autocommit=True) as admin,
        psycopg.connect(url, autocommit=True) as reader,
    ):
        reader.execute(
            "select set_config('app.tenant_id', %s, false), set_config('role', 'turnus_app', false)", (str(TENANT),)
        )
        for setting in ("enable_seqscan = off", "enable_sort = off", "timezone = 'UTC'", "jit = off"):
            reader.execute(f"set {setting}")
        yield Planner(admin, reader)


def _listing(operation: Operation) -> ListOf[Any]:
    assert operation.listing is not None
    return operation.listing


def _filter_queries(listing: ListOf[Any]) -> list[tuple[str, str, str, str]]:
    """(filter, operator, query string, column that an index condition must name)."""
    queries = []
    for filter in listing.filters.values():
        if isinstance(filter, KeyValue):
            queries.append((filter.name, "[key]", f"{filter.name}[key]=x", "word"))
            continue
        for operator in filter.indexed:
            if operator not in filter.operators:
                continue
            inner = filter.inner if isinstance(filter, Related) else filter
            column = "word" if isinstance(inner, Words) else _column_name(inner.column)
            key = f"{filter.name}[{operator}]" if operator else filter.name
            queries.append((filter.name, operator, f"{key}={_sample(filter)}", column))
    if listing.search:
        queries.append(("search", "", "search=muell", "word"))
    return queries


def _sample(filter: Filter) -> str:
    """A value that few rows have: the first of several words is the usual one, which an index may leave out."""
    choices = getattr(filter, "choices", ())
    return choices[-1] if choices else filter.sample()


def _column_name(column: Any) -> str:
    clause = column.__clause_element__() if hasattr(column, "__clause_element__") else column
    return str(getattr(clause, "name", None) or str(clause).rpartition(".")[2])


def nodes(plan: Plan) -> Iterator[Plan]:
    """All nodes of a plan."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def _uses_index(plan: Plan, column: str) -> bool:
    word = re.compile(rf'(?<![\w.]){re.escape(column)}(?!\w)|\.{re.escape(column)}(?!\w)|"{re.escape(column)}"')
    return any(word.search(node.get("Index Cond", "")) for node in nodes(plan))


def _is_scoped(plan: Plan) -> bool:
    """Whether the list is that of one object (a customer's addresses), and just its rows are read from an index."""
    return any(_ANY in node.get("Index Cond", "") for node in nodes(plan))


def _values(query: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for bound in query.bounds:
        values |= bound.values
    return values


def _short(plan: Plan) -> str:
    return "; ".join(
        " ".join(str(node[k]) for k in ("Node Type", "Index Name", "Index Cond", "Filter") if k in node)
        for node in nodes(plan)
    )


@pytest.mark.parametrize("operation", LISTS, ids=path_of)
def test_every_filter_uses_an_index(planner: Planner, operation: Operation) -> None:
    listing = _listing(operation)
    missing = []
    for filter, operator, text, column in _filter_queries(listing):
        query = listing.parse(text, ZONE)
        plan = planner.explain(listing.statements(query)[1], _values(query))
        if not (_uses_index(plan, column) or _is_scoped(plan)):
            missing.append(f"{filter}[{operator}] by {column}: {_short(plan)}")
    assert missing == []


@pytest.mark.parametrize("operation", LISTS, ids=path_of)
def test_every_order_uses_an_index_both_ways(planner: Planner, operation: Operation) -> None:
    listing = _listing(operation)
    assert listing.default_order[0] in listing.orders
    missing = []
    for order in listing.orders:
        for way in ("asc", "desc"):
            query = listing.parse(f"order[{order}]={way}", ZONE)
            plan = planner.explain(listing.statements(query)[0], {"limit_": 30, "offset_": 0})
            if _sorts_all(plan) and not _is_scoped(plan):
                missing.append(f"{order} {way}: {_short(plan)}")
    assert missing == []


def _sorts_all(plan: Plan) -> bool:
    """Whether the rows of the list are sorted before the limit, not read in order. A sort of equal keys is fine."""
    node = plan
    while True:
        if node["Node Type"] == "Sort":
            return True
        inner = [child for child in node.get("Plans", ()) if child.get("Parent Relationship") == "Outer"]
        if not inner:
            return False
        node = inner[0]


def test_every_kind_of_list_is_among_the_tested_ones() -> None:
    assert "/customers" in {operation.path for operation in LISTS}
    assert {"companyName", "search", "customFields", "emailAddresses.email"} <= {
        name for name, *_ in _filter_queries(_listing(next(o for o in LISTS if o.path == "/customers")))
    }
