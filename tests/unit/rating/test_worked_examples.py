"""Every worked example, by number and case."""

from __future__ import annotations

from typing import Any

import pytest

from unit.rating.builders import EXAMPLES, contract_from, day, major, run


def of_kind(*kinds: str) -> Any:
    chosen = [example for example in EXAMPLES if example["kind"] in kinds]
    return pytest.mark.parametrize("example", chosen, ids=[f"{e['id']}-{e['case']}" for e in chosen])


@of_kind("bill")
def test_bill(example: dict[str, Any]) -> None:
    inputs, expected = example["inputs"], example["expected"]

    found = run(contract_from(inputs), [day(text) for text in inputs["runs"]])

    assert [
        {
            "run": until.isoformat(),
            "item": charge.item,
            "kind": charge.kind,
            "from": charge.service_from.isoformat(),
            "to": charge.service_to.isoformat(),
            "base": major(charge.base),
            "discount": major(charge.discount),
            "net": major(charge.net),
        }
        for until, charge in found
    ] == expected["positions"]
