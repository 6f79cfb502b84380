"""Create many customers at once: imports, demo, migration from another system."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from turnus.customers.commands import CreateCustomer
from turnus.customers.events import CUSTOMER_CREATED
from turnus.customers.ops.check_customers import Known, check_creation, look_up, unique_values
from turnus.customers.ops.write_customers import write_customers
from turnus.kernel.errors import ValidationFailed, Violation
from turnus.kernel.ids import new_id, new_ids
from turnus.platform.context import Change, Context

RowViolations = tuple[int, list[Violation]]


class ImportRefused(ValidationFailed):
    """Some rows break rules; nothing was written. `rows` has the violations by row index."""

    def __init__(self, rows: Sequence[RowViolations]) -> None:
        self.rows = list(rows)
        placed = [
            Violation(f"[{index}].{violation.property_path}", violation.code, violation.message, violation.parameters)
            for index, found in rows
            for violation in found
        ]
        super().__init__(placed)


async def check_import(ctx: Context, rows: Sequence[CreateCustomer]) -> list[RowViolations]:
    """What is wrong with the rows of an import, by index, rows that clash with each other included; writes nothing."""
    return _violations(ctx, rows, await look_up(ctx, rows))


async def import_customers(ctx: Context, rows: Sequence[CreateCustomer]) -> list[UUID]:
    """New customers in the order of the rows; their ids. All or none.

    One entry of the activity log (`customer_import`) and one fact tell of all of them.

    Raises:
        ImportRefused: rows break rules; `rows` of the refusal says which and how.
        TakenMeanwhile: a racing request took one of the unique values.
    """
    if not rows:
        return []
    known = await look_up(ctx, rows)
    if wrong := _violations(ctx, rows, known):
        raise ImportRefused(wrong)
    ids = new_ids(len(rows))
    written = await write_customers(ctx, rows, ids, known.definitions)
    ctx.emit(CUSTOMER_CREATED, ids)
    facts = {
        "count": len(ids),
        "firstCustomerNumber": written[0]["number"],
        "lastCustomerNumber": written[-1]["number"],
    }
    ctx.log("customer_import", new_id(), "created", [Change(name, None, value) for name, value in facts.items()])
    return ids


def _violations(ctx: Context, rows: Sequence[CreateCustomer], known: Known) -> list[RowViolations]:
    own = new_id()
    seen: set[tuple[str, str]] = set()
    wrong = []
    for index, command in enumerate(rows):
        found = check_creation(ctx, command, known, own)
        reported = {violation.property_path for violation in found if violation.code == "not_unique"}
        for key in unique_values(command):
            if key in seen and key[0] not in reported:
                found.append(Violation(key[0], "not_unique"))
            seen.add(key)
        if found:
            wrong.append((index, found))
    return wrong
