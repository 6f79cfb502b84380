"""Tenants, API tokens, roles and permissions."""
