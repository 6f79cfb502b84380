"""Customers: who is billed, with addresses, e-mail addresses and groups."""
