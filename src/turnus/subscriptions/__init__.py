"""Contracts: subscriptions and their items."""
