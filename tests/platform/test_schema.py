"""Texts for every code that the source can answer, and the shape of tables that the platform relies on."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Table

import turnus
from turnus.entry.models import metadata
from turnus.kernel.errors import Problem, Violation
from turnus.platform.db.schema import is_tenant_table
from turnus.platform.problem_texts import MESSAGES, TITLES
from turnus.platform.problems import message_of

SOURCE = Path(turnus.__file__).parent
SMALL = {"measurement", "product", "price_plan"}
"""Tables of which a tenant has hundreds of rows: reading them all costs less than an index more at every write."""
VIOLATION_CALLS = {"Violation": 1, "refuse": 0, "_error": 0, "at": 1, "violation": 1, "broken": 1}
"""Calls that make a violation, and which of their positional arguments is its code."""


def _trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        if "migrations" not in path.parts:
            yield str(path.relative_to(SOURCE)), ast.parse(path.read_text())


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def problem_codes() -> dict[str, str]:
    """Every problem code of the source, and where it stands."""
    found: dict[str, str] = {}
    for path, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _called(node) == "Problem":
                code = next((_text(keyword.value) for keyword in node.keywords if keyword.arg == "code"), None)
                if code is not None:
                    found.setdefault(code, path)
    problems: list[type[Problem]] = [Problem, *_subclasses(Problem)]
    for problem in problems:
        found.setdefault(problem.code, problem.__module__)
    return found


def _subclasses(kind: type[Problem]) -> Iterator[type[Problem]]:
    for found in kind.__subclasses__():
        yield found
        yield from _subclasses(found)


def violation_codes() -> dict[str, str]:
    """Every literal violation code of the source, and where it stands."""
    found: dict[str, str] = {}
    for path, tree in _trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or _called(node) not in VIOLATION_CALLS:
                continue
            position = VIOLATION_CALLS[_called(node)]
            given = node.args[position] if len(node.args) > position else None
            given = given or next((keyword.value for keyword in node.keywords if keyword.arg == "code"), None)
            code = _text(given)
            if code is not None and re.fullmatch(r"[a-z][a-z_]+", code):
                found.setdefault(code, path)
    return found


@pytest.fixture(scope="module", autouse=True)
def _all_imported() -> None:
    for module in pkgutil.walk_packages(turnus.__path__, "turnus."):
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def test_every_problem_has_a_title_in_both_languages() -> None:
    codes = problem_codes()
    assert {"not_found", "idempotency_key_reused", "tenant_suspended", "internal_error"} <= set(codes)
    assert {code: place for code, place in codes.items() if code not in TITLES} == {}


def test_every_violation_has_a_message_in_both_languages() -> None:
    codes = violation_codes()
    assert {"not_null", "unknown_parameter", "invalid_email", "not_unique"} <= set(codes)
    assert {code: place for code, place in codes.items() if code not in MESSAGES} == {}


@pytest.mark.parametrize("table", [TITLES, MESSAGES], ids=["titles", "messages"])
def test_texts_are_whole_and_both_languages_name_the_same_parameters(table: dict[str, tuple[str, str]]) -> None:
    for code, (english, german) in table.items():
        assert english.strip() == english != "", code
        assert german.strip() == german != "", code
        assert set(re.findall(r"{(\w+)}", english)) == set(re.findall(r"{(\w+)}", german)), code


def test_a_message_without_its_parameters_still_reads() -> None:
    for code in MESSAGES:
        for locale in ("de", "en"):
            assert message_of(Violation("x", code), locale)


def test_every_index_and_key_of_a_tenant_table_begins_with_the_tenant() -> None:
    """A unique index without the tenant would tell one tenant what another has; others are of no use to it."""
    wrong = []
    for table in metadata.tables.values():
        if not is_tenant_table(table) or table.info.get("global_"):
            continue
        assert next(iter(table.primary_key.columns)).name == "tenant_id", table.name
        wrong += [f"{table.name}.{name}" for name, first in _unique(table) if first != "tenant_id"]
    assert wrong == []


def _unique(table: Table) -> Iterator[tuple[str, str]]:
    for index in table.indexes:
        if index.unique:
            yield str(index.name), next(iter(index.columns)).name


def test_every_foreign_key_has_an_index_that_finds_its_rows() -> None:
    """Without one, deleting the target scans the table."""
    missing = []
    for table in metadata.tables.values():
        keys = [[c.name for c in index.columns] for index in table.indexes]
        keys.append([c.name for c in table.primary_key.columns])
        for constraint in () if table.name in SMALL else table.foreign_key_constraints:
            columns = set(constraint.column_keys)
            if columns == {"tenant_id"} or "tenant_id" not in columns:
                continue
            if not any(set(key[: len(columns)]) == columns for key in keys):
                missing.append(f"{table.name} ({', '.join(constraint.column_keys)})")
    assert missing == []
