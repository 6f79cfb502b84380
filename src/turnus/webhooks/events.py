"""What the webhooks area publishes."""

from turnus.platform.events.facts import event_type

WEBHOOK_TEST = event_type("webhook.test", "webhook", "webhook", "A test call of one webhook was requested.")
"""Sent to the one webhook under test, never to others that want it."""
