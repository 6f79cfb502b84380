"""Routes of the settings area."""

from turnus.settings.api import custom_fields, settings

ROUTERS = (settings.routes, custom_fields.routes)
