"""Pure rules of definitions of custom fields: what a definition must be like in itself (10 §F.2)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from turnus.kernel.errors import Violation
from turnus.settings.custom_fields import Definition, choice_values, is_usable_regex, violations

SELECTIONS = ("select", "multi_select")
_RULES = {
    "text": ("minLength", "maxLength", "regex"),
    "list": ("minLength", "maxLength", "regex"),
    "number": ("min", "max"),
}


def definition_violations(
    type: str, choices: Sequence[Any], default: Any, validation: dict[str, Any]
) -> list[Violation]:
    """What is wrong with a definition whose parts are well-formed each for itself."""
    found = _choice_violations(type, choices)
    wrong_rules = _validation_violations(type, validation)
    found += wrong_rules
    if default is not None and not wrong_rules:
        definition = Definition("defaultValue", type, choice_values(choices), validation=validation)
        found += [
            Violation(v.property_path.removeprefix("."), v.code, parameters=v.parameters)
            for v in violations([definition], {"defaultValue": default}, "", complete=False)
        ]
    return found


def _choice_violations(type: str, choices: Sequence[Any]) -> list[Violation]:
    if type not in SELECTIONS:
        return [Violation("choices", "conflicting", parameters={"other": type})] if choices else []
    if not choices:
        return [Violation("choices", "not_blank")]
    values = choice_values(choices)
    return [
        Violation(f"choices[{index}]", "not_unique") for index, value in enumerate(values) if value in values[:index]
    ]


def _validation_violations(type: str, validation: dict[str, Any]) -> list[Violation]:
    found = [
        Violation(f"validation.{name}", "conflicting", parameters={"other": type})
        for name in validation
        if name not in _RULES.get(type, ())
    ]
    for low, high in (("minLength", "maxLength"), ("min", "max")):
        if low in validation and high in validation and _exact(validation[low]) > _exact(validation[high]):
            bounds = f"≤ {_exact(validation[high])}"
            found.append(Violation(f"validation.{low}", "out_of_range", parameters={"bounds": bounds}))
    if "regex" in validation and not is_usable_regex(validation["regex"]):
        form = "regular expression without look-around"
        found.append(Violation("validation.regex", "invalid_format", parameters={"form": form}))
    return found


def _exact(value: Any) -> Decimal:
    return Decimal(str(value))
