"""Routes of the settings area."""

from turnus.settings.api import custom_fields, number_ranges, settings

ROUTERS = (settings.routes, number_ranges.routes, custom_fields.routes)
