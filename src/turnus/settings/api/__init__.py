"""Routes of the settings area."""

from turnus.settings.api import custom_fields

ROUTERS = (custom_fields.routes,)
