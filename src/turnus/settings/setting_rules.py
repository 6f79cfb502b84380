"""Rules between settings: what must hold for all of them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from turnus.kernel.errors import Violation

Effective = Callable[[str], Any]


def conflicts(context: str, changes: Mapping[str, Any], effective: Effective) -> list[Violation]:
    """Conflicts of the settings that a change of one context brings about; `effective` gives values after it."""
    found = []
    if context == "localization":
        found += _list_contains(changes, effective, "currencies", "defaultCurrencyCode", "currency_not_allowed")
        found += _list_contains(changes, effective, "languages", "defaultLanguage", "conflicting")
    if (
        context == "accounting"
        and {"deferredRevenue", "postingPerPosition"} & set(changes)
        and effective("accounting.deferredRevenue")
        and not effective("accounting.postingPerPosition")
    ):
        name = "deferredRevenue" if "deferredRevenue" in changes else "postingPerPosition"
        other = {"other": "postingPerPosition" if name == "deferredRevenue" else "deferredRevenue"}
        found.append(Violation(name, "required_with" if name == "deferredRevenue" else "conflicting", parameters=other))
    if context == "organisation" and sum(bool(a.get("default")) for a in effective("organisation.bankAccounts")) > 1:
        found.append(Violation("bankAccounts", "conflicting", parameters={"other": "default"}))
    return found


def _list_contains(changes: Mapping[str, Any], effective: Effective, many: str, one: str, code: str) -> list[Violation]:
    """The tenant's default must be among the values that it allows."""
    chosen = effective(f"localization.{one}")
    if not {many, one} & set(changes) or chosen in effective(f"localization.{many}"):
        return []
    if one in changes:
        return [Violation(one, code, parameters={"other": many})]
    return [Violation(many, "conflicting", parameters={"other": chosen})]
