"""Roles and permissions as the API shows them."""

from __future__ import annotations

from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam, func, select

from turnus.identity.model import Membership, Role
from turnus.identity.permissions import CATALOGUE, Permission, resource_names
from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import convert, from_, read, shape
from turnus.platform.listing import Flag, InstantFilter, ListOf, Order


class RoleView(msgspec.Struct, frozen=True, rename="camel"):
    """A role. `invoice:*` among its permissions stands for all of that resource."""

    id: UUID
    name: str
    description: str | None
    is_system: bool
    permissions: list[str]
    users_count: int
    created_at: str
    updated_at: str


class PermissionView(msgspec.Struct, frozen=True, rename="camel"):
    """A permission. `assignable` ones may be given to tokens and roles; `roles` are the built-in roles that hold it."""

    name: str
    resource: str
    action: str
    group: str
    label: str
    description: str
    assignable: bool
    roles: list[str]


class PermissionsView(msgspec.Struct, frozen=True):
    """The permission catalogue."""

    data: list[PermissionView]


_r = Role
_users = (
    select(func.count())
    .where(Membership.tenant_id == _r.tenant_id, Membership.role_id == _r.id)
    .correlate(_r)
    .scalar_subquery()
)
_shape = shape(
    RoleView,
    id=_r.id,
    name=_r.name,
    description=_r.description,
    is_system=_r.is_system,
    permissions=_r.permissions,
    users_count=_users,
    created_at=convert(instant, _r.created_at),
    updated_at=convert(instant, _r.updated_at),
)
role_list = ListOf(
    "role",
    _shape,
    from_(_r),
    id=_r.id,
    filters=[Flag("isSystem", _r.is_system), InstantFilter("createdAt", _r.created_at, nullable=False)],
    orders=[Order("name", _r.name), Order("createdAt", _r.created_at)],
    default_order=("name", "asc"),
)
_one = read(from_(_r).where(_r.id == bindparam("id", type_=Uuid)), _shape)


async def role(ctx: Context, id: UUID) -> RoleView:
    """A role; raises NotFound."""
    return await _one.one(ctx, id=id)


# Action → English and German: what a permission is called, and what it allows.
_ACTIONS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "read": (("read", "lesen"), ("List and read.", "Auflisten und lesen.")),
    "write": (("write", "schreiben"), ("Create, change, delete and act on.", "Anlegen, ändern, löschen, bedienen.")),
    "delete": (("delete", "löschen"), ("Delete for good.", "Endgültig löschen.")),
    "merge": (("merge", "zusammenführen"), ("Merge two into one.", "Zwei zu einem zusammenführen.")),
    "export": (("export", "ausgeben"), ("Write to files.", "In Dateien ausgeben.")),
    "anonymize": (("anonymise", "anonymisieren"), ("Remove personal data.", "Personenbezogene Daten entfernen.")),
    "plan:switch": (
        ("switch plans", "Tarif wechseln"),
        ("Switch to another plan.", "Den Tarif wechseln."),
    ),
    "add": (("add", "hinzufügen"), ("Add without further changes.", "Hinzufügen, ohne zu ändern.")),
    "migrate": (("migrate", "übernehmen"), ("Take over from another provider.", "Von anderen Anbietern übernehmen.")),
    "refund": (("refund", "erstatten"), ("Pay money back.", "Geld zurückzahlen.")),
    "cancel": (("cancel", "kündigen, stornieren"), ("Cancel.", "Kündigen oder stornieren.")),
    "finalize": (("finalise", "festschreiben"), ("Finalise drafts.", "Entwürfe festschreiben.")),
    "approve": (("approve", "freigeben"), ("Approve what waits.", "Wartendes freigeben.")),
    "send": (("send", "versenden"), ("Send to customers.", "An Kunden versenden.")),
    "write-off": (("write off", "ausbuchen"), ("Write off what stays unpaid.", "Uneinbringliches ausbuchen.")),
    "execute": (("execute", "ausführen"), ("Start runs.", "Läufe starten.")),
    "pay": (("pay", "bezahlen"), ("Pay.", "Bezahlen.")),
    "top-up": (("top up", "aufladen"), ("Top up.", "Aufladen.")),
}
_OWN = (" (own)", " (eigene)")


def all_permissions(ctx: Context) -> PermissionsView:
    """The catalogue in the reader's language."""
    language = 1 if ctx.locale == "de" else 0
    return PermissionsView([_permission(permission, language) for permission in CATALOGUE.values()])


def _permission(permission: Permission, language: int) -> PermissionView:
    own = permission.reaches_own_data_only
    group, *names = resource_names()[permission.resource]
    action, description = _ACTIONS[permission.action.removeprefix("self:")]
    return PermissionView(
        name=permission.name,
        resource=permission.resource,
        action=permission.action,
        group=group,
        label=f"{names[language]}{_OWN[language] if own else ''}: {action[language]}",
        description=f"{names[language]}: {description[language]}",
        assignable=not own,
        roles=list(permission.roles),
    )
