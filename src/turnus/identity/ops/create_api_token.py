"""Issue an API token."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from turnus.identity.model import ApiToken
from turnus.platform.context import Context
from turnus.platform.crypto import new_token, token_hash
from turnus.platform.tenancy.model import Credential


async def create_api_token(
    ctx: Context,
    name: str,
    permissions: Sequence[str],
    *,
    expires_at: datetime | None = None,
    allowed_ips: Sequence[str] = (),
    rate_limit: int | None = None,
    role_id: UUID | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its secret, which is not stored and can be shown only now.

    `rate_limit` is in requests per minute; None is the standard one, 0 means none. With `role_id` the permissions
    are those of that role. Nobody's rights are checked here; `ops.api_token` does.
    """
    secret = new_token()
    now = ctx.wall()
    token = ctx.add(
        ApiToken(
            name=name,
            prefix=secret[:12],
            role_id=role_id,
            permissions=sorted(permissions),
            allowed_ips=list(allowed_ips),
            rate_limit=rate_limit,
            expires_at=expires_at,
            created_by=ctx.actor.id,
            created_at=now,
            updated_at=now,
        )
    )
    ctx.add(credential_of(token, secret, now))
    ctx.log("api_token", token.id, "created")
    return token, secret


def credential_of(token: ApiToken, secret: str, now: datetime) -> Credential:
    """What lets the holder of the secret in as the token."""
    return Credential(
        hash=token_hash(secret),
        kind="token",
        principal_id=token.id,
        name=token.name,
        permissions=token.permissions,
        rate_limit=token.rate_limit,
        allowed_ips=token.allowed_ips,
        expires_at=token.expires_at,
        created_at=now,
    )
