"""API tokens as the API shows them; never their secrets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam

from turnus.identity.model import ApiToken
from turnus.kernel.wire import instant
from turnus.platform.context import Context
from turnus.platform.db.reads import convert, from_, read, shape
from turnus.platform.listing import InstantFilter, ListOf, Order, Reference


class ApiTokenView(msgspec.Struct, frozen=True, rename="camel"):
    """A token. `prefix` are the first characters of its secret, by which its holder recognises it."""

    id: UUID
    name: str
    prefix: str
    permissions: list[str]
    role_id: UUID | None
    expires_at: str | None
    last_used_at: str | None
    last_used_ip: str | None
    allowed_ips: list[str]
    created_by: UUID | None
    created_at: str
    updated_at: str
    revoked_at: str | None


class IssuedApiToken(ApiTokenView, frozen=True, rename="camel", kw_only=True):
    """A token with its secret, which is shown only now."""

    token: str


def _optional(value: Any) -> str | None:
    return None if value is None else instant(value)


_t = ApiToken
_shape = shape(
    ApiTokenView,
    id=_t.id,
    name=_t.name,
    prefix=_t.prefix,
    permissions=_t.permissions,
    role_id=_t.role_id,
    expires_at=convert(_optional, _t.expires_at),
    last_used_at=convert(_optional, _t.last_used_at),
    last_used_ip=_t.last_used_ip,
    allowed_ips=_t.allowed_ips,
    created_by=_t.created_by,
    created_at=convert(instant, _t.created_at),
    updated_at=convert(instant, _t.updated_at),
    revoked_at=convert(_optional, _t.revoked_at),
)
api_token_list = ListOf(
    "api_token",
    _shape,
    from_(_t),
    id=_t.id,
    filters=[
        InstantFilter("createdAt", _t.created_at, nullable=False),
        InstantFilter("revokedAt", _t.revoked_at),
        Reference("roleId", _t.role_id),
    ],
    orders=[Order("createdAt", _t.created_at)],
    # Written so that no index is tempted: most tokens are in use.
    defaults={"revokedAt": _t.revoked_at.is_(None).is_not(False)},
)
_one = read(from_(_t).where(_t.id == bindparam("id", type_=Uuid), _t.revoked_at.is_(None)), _shape)


async def api_token(ctx: Context, id: UUID) -> ApiTokenView:
    """A token that is not revoked; raises NotFound."""
    return await _one.one(ctx, id=id)


async def issued_api_token(ctx: Context, id: UUID, secret: str) -> IssuedApiToken:
    """A token with its secret."""
    return IssuedApiToken(**msgspec.structs.asdict(await api_token(ctx, id)), token=secret)
