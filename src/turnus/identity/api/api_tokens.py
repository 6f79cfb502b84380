"""Routes of API tokens."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.identity.commands import ChangeApiToken, CreateApiToken, RotateApiToken
from turnus.identity.ops import api_token as ops
from turnus.identity.views import api_tokens as views
from turnus.identity.views.api_tokens import ApiTokenView, IssuedApiToken, api_token_list
from turnus.platform.api import delete, get, patch, post, put, router
from turnus.platform.context import Context

routes = router("API tokens")
WRITE = "api-token:write"


@get(routes, "/api-tokens", permission="api-token:read", summary="List API tokens", listing=api_token_list)
async def list_api_tokens(ctx: Context) -> dict[str, Any]:
    """Revoked tokens are left out unless `revokedAt[empty]=false` asks for them."""
    return {}


@post(routes, "/api-tokens", permission=WRITE, summary="Issue an API token")
async def issue_api_token(ctx: Context, data: CreateApiToken) -> IssuedApiToken:
    """The answer holds the secret as `token`; it is never shown again.

    A token gets no permission that its creator lacks (403). Without permissions and role it gets those of its creator
    except for users, roles and tokens.
    """
    token, secret = await ops.issue_api_token(ctx, data)
    return await views.issued_api_token(ctx, token.id, secret)


@get(routes, "/api-tokens/{token_id}", permission="api-token:read", summary="Read an API token")
async def read_api_token(ctx: Context, token_id: UUID) -> ApiTokenView:
    return await views.api_token(ctx, token_id)


@patch(routes, "/api-tokens/{token_id}", permission=WRITE, summary="Change an API token")
async def change_api_token(ctx: Context, token_id: UUID, data: ChangeApiToken) -> ApiTokenView:
    """Name and allowed addresses; only what is sent changes."""
    await ops.change_api_token(ctx, token_id, data)
    return await views.api_token(ctx, token_id)


@put(routes, "/api-tokens/{token_id}", permission=WRITE, summary="Change an API token (as PATCH)")
async def replace_api_token(ctx: Context, token_id: UUID, data: ChangeApiToken) -> ApiTokenView:
    """Another spelling of PATCH: only what is sent changes."""
    await ops.change_api_token(ctx, token_id, data)
    return await views.api_token(ctx, token_id)


@post(routes, "/api-tokens/{token_id}/rotate", permission=WRITE, summary="Give an API token a new secret")
async def rotate_api_token(ctx: Context, token_id: UUID, data: RotateApiToken) -> IssuedApiToken:
    """The old secret works for `overlapHours` more (default 0: it ends at once)."""
    token, secret = await ops.rotate_api_token(ctx, token_id, data.overlap_hours)
    return await views.issued_api_token(ctx, token.id, secret)


@delete(routes, "/api-tokens/{token_id}", permission=WRITE, summary="Revoke an API token")
async def revoke_api_token(ctx: Context, token_id: UUID) -> None:
    """The token's next request is refused."""
    await ops.revoke_api_token(ctx, token_id)
