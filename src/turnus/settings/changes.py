"""What an update changed, for the activity log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.alias_generators import to_camel

from turnus.platform.context import Change


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The properties of `new` that differ from `old`, by their wire names."""
    return [Change(to_camel(name), old.get(name), value) for name, value in new.items() if old.get(name) != value]
