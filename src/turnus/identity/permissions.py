"""The permission catalogue: every permission with its resource, action and the built-in roles that hold it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files

import msgspec

ALL = "*"
"""Held by the system and by tokens made on the command line: every permission there is and will be."""
ADMINISTRATOR = "Administrator"
BUILT_IN = (ADMINISTRATOR, "Accounting", "User", "Read-only")
_CUSTOMER = "customer"


class Permission(msgspec.Struct, frozen=True):
    """A permission `<resource>:<action>`. `roles` are the built-in roles that hold it, `customer` for end customers."""

    name: str
    resource: str
    action: str
    roles: tuple[str, ...]

    @property
    def reaches_own_data_only(self) -> bool:
        """Whether it is one of end customers, such as `invoice:self:read`."""
        return ":self:" in self.name


def _table(name: str) -> list[dict[str, str]]:
    text = (files("turnus.identity") / "data" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


CATALOGUE: Mapping[str, Permission] = {
    row["permission"]: Permission(row["permission"], row["resource"], row["action"], tuple(row["roles"].split(";")))
    for row in _table("permissions.csv")
}
"""Every permission by name."""

ASSIGNABLE = frozenset(name for name, permission in CATALOGUE.items() if not permission.reaches_own_data_only)
"""What tokens and roles may hold."""

SELF = frozenset(CATALOGUE) - ASSIGNABLE
"""Permissions of end customers, which reach only their own data."""

DEFAULT_ROLES: Mapping[str, frozenset[str]] = {
    role: ASSIGNABLE if role == ADMINISTRATOR else frozenset(p.name for p in CATALOGUE.values() if role in p.roles)
    for role in BUILT_IN
}
"""What the built-in roles hold."""

KEYS_AND_PEOPLE = frozenset(p.name for p in CATALOGUE.values() if p.resource in ("user", "role", "api-token"))
"""What a new token does not hold unless it is asked for: with these it could make keys and roles itself."""


@lru_cache(maxsize=1)
def resource_names() -> Mapping[str, tuple[str, str, str]]:
    """Resource → group, English and German name."""
    return {row["resource"]: (row["group"], row["en"], row["de"]) for row in _table("resources.csv")}


def is_pattern(name: str) -> bool:
    """Whether a role's entry stands for all permissions of a resource (`invoice:*`) that exists."""
    prefix = name.removesuffix("*")
    return name.endswith(":*") and any(known.startswith(prefix) for known in ASSIGNABLE)


def expanded(names: Iterable[str]) -> frozenset[str]:
    """The permissions that a role's entries mean."""
    found: set[str] = set()
    for name in names:
        if name.endswith(":*"):
            found |= {known for known in ASSIGNABLE if known.startswith(name.removesuffix("*"))}
        else:
            found.add(name)
    return frozenset(found)


def lacking(held: frozenset[str], wanted: Iterable[str]) -> list[str]:
    """The wanted permissions that somebody cannot hand on because they do not hold them."""
    return [] if ALL in held else sorted(frozenset(wanted) - held)
