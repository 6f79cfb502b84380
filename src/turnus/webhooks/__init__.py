"""Webhooks: who wants to be told of which events, and the deliveries to them."""
