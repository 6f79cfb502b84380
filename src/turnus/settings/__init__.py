"""Configuration of a tenant: settings, number ranges, tax groups, custom fields."""
