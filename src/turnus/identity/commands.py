"""Request bodies of the identity area."""

from __future__ import annotations

import ipaddress
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from turnus.platform.commands import Command, Count, Id, Instant, Name, Text, refuse


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value.strip(), strict=False))
    except ValueError:
        raise refuse("invalid_format", form="192.0.2.0/24, 2001:db8::/32") from None


def _not_blank(value: str) -> str:
    if not value.strip():
        raise refuse("not_blank")
    return value.strip()


Networks = Annotated[list[Annotated[Text, Field(max_length=64), AfterValidator(_network)]], Field(max_length=100)]
"""Addresses and networks in CIDR notation; none means everywhere."""
PermissionNames = Annotated[list[Annotated[Text, Field(max_length=100)]], Field(max_length=1000)]
TokenName = Annotated[Text, Field(max_length=100), AfterValidator(_not_blank)]


class CreateApiToken(Command):
    """A new token. Without permissions and role it gets those of its creator, except for users, roles and tokens."""

    name: TokenName
    expires_at: Instant | None = None
    permissions: PermissionNames | None = None
    role_id: Id | None = None
    allowed_ips: Networks = []


class ChangeApiToken(Command):
    """What may be changed of a token."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | frozenset(
        ["prefix", "permissions", "roleId", "expiresAt", "lastUsedAt", "lastUsedIp", "revokedAt"]
    )

    name: TokenName = ""
    allowed_ips: Networks = []


class RotateApiToken(Command):
    """For how many hours the old secret works beside the new one."""

    overlap_hours: Annotated[Count, Field(ge=0, le=72)] = 0


class RoleFields(Command):
    """A role: a name and its permissions; `invoice:*` stands for all of a resource."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | {"isSystem", "usersCount"}

    name: Annotated[Name, AfterValidator(_not_blank)]
    description: Annotated[Text, Field(max_length=1000)] | None = None
    permissions: PermissionNames


class MoveClock(Command):
    """The new business time of a sandbox."""

    READ_ONLY: ClassVar[frozenset[str]] = Command.READ_ONLY | {"isSet", "wallTime"}

    now: Instant
