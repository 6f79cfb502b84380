"""Routes of the identity area."""

from turnus.identity.api import activity, api_tokens, clock, roles

ROUTERS = (api_tokens.routes, roles.routes, activity.routes, clock.routes)
