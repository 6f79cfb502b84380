"""Routes of the settings area."""

from turnus.settings.api import custom_fields, number_ranges, settings, tax_groups

ROUTERS = (settings.routes, number_ranges.routes, tax_groups.routes, custom_fields.routes)
