"""Issue, change, rotate and revoke API tokens, within the rights of who does it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from turnus.identity.commands import ChangeApiToken, CreateApiToken
from turnus.identity.model import ApiToken, Role
from turnus.identity.ops.create_api_token import create_api_token, credential_of
from turnus.identity.ops.permission_checks import require_all, unknown_permissions
from turnus.identity.permissions import ALL, ASSIGNABLE, KEYS_AND_PEOPLE, expanded
from turnus.kernel.errors import NotFound, ValidationFailed, Violation
from turnus.platform.context import Change, Context
from turnus.platform.crypto import new_token
from turnus.platform.db.locks import LockOrder, lock, take

_SYNCHRONISE = "update credential set name = %s, allowed_ips = %s where kind = 'token' and principal_id = %s"
_EXPIRE = (
    "update credential set expires_at = least(expires_at, %s) where kind = 'token' and principal_id = %s and hash <> %s"
)
_REVOKE = "delete from credential where kind = 'token' and principal_id = %s"


async def issue_api_token(ctx: Context, command: CreateApiToken) -> tuple[ApiToken, str]:
    """A new token and its secret, which is shown only now.

    Raises:
        ValidationFailed: a permission or the role is unknown, both are given, or the token would have expired already.
        Forbidden: the token would have permissions that its creator lacks.
    """
    found = unknown_permissions(command.permissions or [])
    role = await _role(ctx, command.role_id)
    if command.role_id is not None and role is None:
        found.append(Violation("roleId", "not_found"))
    if command.role_id is not None and command.permissions is not None:
        found.append(Violation("roleId", "conflicting", parameters={"other": "permissions"}))
    if command.expires_at is not None and command.expires_at <= ctx.wall():
        found.append(Violation("expiresAt", "out_of_range", parameters={"bounds": f"> {ctx.wall():%Y-%m-%dT%H:%MZ}"}))
    if found:
        raise ValidationFailed(found)
    permissions = _permissions(ctx, command, role)
    require_all(ctx, permissions)
    return await create_api_token(
        ctx,
        command.name,
        sorted(permissions),
        expires_at=command.expires_at,
        allowed_ips=command.allowed_ips,
        role_id=command.role_id,
    )


async def change_api_token(ctx: Context, token_id: UUID, command: ChangeApiToken) -> None:
    """Rename a token or change where it may be used from.

    Raises:
        NotFound: there is no such token, or it was revoked.
    """
    token = await _locked(ctx, token_id)
    changes = []
    for name, wire in (("name", "name"), ("allowed_ips", "allowedIps")):
        old, new = getattr(token, name), getattr(command, name)
        if command.given(name) and old != new:
            setattr(token, name, new)
            changes.append(Change(wire, old, new))
    if changes:
        token.updated_at = ctx.wall()
        await ctx.connection.execute(_SYNCHRONISE, (token.name, token.allowed_ips, token.id))
        ctx.log("api_token", token.id, "updated", changes)


async def rotate_api_token(ctx: Context, token_id: UUID, overlap_hours: int) -> tuple[ApiToken, str]:
    """A new secret for a token; the old one works for some hours more.

    Raises:
        NotFound: there is no such token, or it was revoked.
        Forbidden: the token holds permissions that the actor lacks, who would gain them with the new secret.
    """
    token = await _locked(ctx, token_id)
    require_all(ctx, token.permissions)
    now = ctx.wall()
    secret = new_token()
    token.prefix = secret[:12]
    token.updated_at = now
    credential = ctx.add(credential_of(token, secret, now))
    await ctx.flush()
    if overlap_hours:
        until = now + timedelta(hours=overlap_hours)
        await ctx.connection.execute(_EXPIRE, (until, token.id, credential.hash))
    else:
        await ctx.connection.execute(f"{_REVOKE} and hash <> %s", (token.id, credential.hash))
    ctx.log("api_token", token.id, "rotated", [Change("overlapHours", None, overlap_hours)])
    return token, secret


async def revoke_api_token(ctx: Context, token_id: UUID) -> None:
    """End a token at once: its next request is refused.

    Raises:
        NotFound: there is no such token, or it was revoked already.
    """
    token = await _locked(ctx, token_id)
    token.revoked_at = token.updated_at = ctx.wall()
    await ctx.connection.execute(_REVOKE, (token.id,))
    ctx.log("api_token", token.id, "revoked")


async def _locked(ctx: Context, token_id: UUID) -> ApiToken:
    token = await lock(ctx, ApiToken, LockOrder.CONFIGURATION, token_id)
    if token.revoked_at is not None:
        raise NotFound()
    return token


async def _role(ctx: Context, id: UUID | None) -> Role | None:
    """The role of a new token, shared with others: whoever changes it waits for the token and then reaches it too."""
    if id is None:
        return None
    take(ctx, LockOrder.CONFIGURATION)
    one = select(Role).where(Role.tenant_id == ctx.tenant_id, Role.id == id).with_for_update(read=True)
    return await ctx.session.scalar(one)


def _permissions(ctx: Context, command: CreateApiToken, role: Role | None) -> frozenset[str]:
    if role is not None:
        return expanded(role.permissions)
    if command.permissions is not None:
        return frozenset(command.permissions)
    return (ASSIGNABLE if ALL in ctx.permissions else ctx.permissions & ASSIGNABLE) - KEYS_AND_PEOPLE
