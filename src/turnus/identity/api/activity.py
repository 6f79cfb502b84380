"""Routes of the activity log."""

from __future__ import annotations

from typing import Any

from turnus.identity.views.activity import activity_list
from turnus.platform.api import get, router
from turnus.platform.context import Context

routes = router("Activity log")


@get(
    routes,
    "/activity-log",
    permission="activity-log:read",
    summary="List the activity log",
    listing=activity_list,
)
async def list_activity(ctx: Context) -> dict[str, Any]:
    """Who did what to which object, newest first; `actor` is the id of a user, token or customer."""
    return {}
