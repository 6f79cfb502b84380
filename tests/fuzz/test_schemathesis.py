"""Whatever is sent to a declared operation, the answer is a declared one and never our fault.

About ten requests per operation by default, `TURNUS_FUZZ_EXAMPLES=100` for a long run. New routes are in by themselves.
"""

from __future__ import annotations

import os
import random
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup

from fuzz.fuzzing import Case, Sandbox, reaches_operation, sandbox
from turnus.entry.bootstrap import ROUTERS
from turnus.platform.api.openapi import document

CONFIGURATION = {
    "generation": {"with-security-parameters": False, "allow-x00": True},
}


def _schema() -> Any:
    described = document([o for r in ROUTERS for o in r.operations], version="0", server_url="/")
    config = schemathesis.Config.from_dict(CONFIGURATION)
    return schemathesis.openapi.from_dict(described, config=config)


SCHEMA = _schema()
# The usual run stays short however many operations there are.
USUAL = max(4, min(10, 1500 // SCHEMA.statistic.operations.total))
EXAMPLES = int(os.environ.get("TURNUS_FUZZ_EXAMPLES") or USUAL)
load_all_checks()
CONFORMANCE: list[Any] = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    )
]


def _operations() -> list[Any]:
    """All operations: what creates objects first, so that the others find some; what deletes last."""
    found = [result.ok() for result in SCHEMA.get_all_operations()]
    order = {"post": 0, "get": 1, "put": 2, "patch": 3, "delete": 4}
    return sorted(found, key=lambda o: (order[o.method.lower()], o.path.count("{"), o.path))


@pytest.fixture(scope="module")
def tenant(database_url: str) -> Iterator[Sandbox]:
    """A fresh sandbox tenant."""
    with sandbox(database_url) as found:
        yield found


@pytest.mark.parametrize("operation", _operations(), ids=lambda o: f"{o.method.upper()} {o.path}")
def test_every_answer_is_a_declared_one(tenant: Sandbox, operation: Any) -> None:
    chance = random.Random(zlib.crc32(operation.label.encode()))
    wrong: dict[str, str] = {}

    def attempt(case: Case) -> None:
        answer = tenant.send(case, chance)
        if not reaches_operation(case, answer):
            assert answer.status_code < 500, answer.text
            return
        try:
            case.validate_response(answer, checks=CONFORMANCE)
        except (Failure, FailureGroup) as failure:
            # Collected, not raised: shrinking against a database that has changed meanwhile finds nothing.
            found = failure.exceptions if isinstance(failure, FailureGroup) else [failure]
            for one in found:
                request = f"{answer.request.method} {answer.request.url} {answer.request.content[:500]!r}"
                wrong.setdefault(f"{type(one).__name__} {answer.status_code}", f"{request} → {answer.text[:500]} {one}")

    for mode, share in ((GenerationMode.POSITIVE, EXAMPLES // 2), (GenerationMode.NEGATIVE, EXAMPLES - EXAMPLES // 2)):
        limits = settings(
            max_examples=max(1, share),
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        fuzzed: Any = limits(given(operation.as_strategy(generation_mode=mode))(attempt))  # type: ignore[no-untyped-call]
        fuzzed()
    assert wrong == {}
