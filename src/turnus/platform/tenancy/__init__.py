"""Tenants, credentials and how a transaction enters one of them."""
