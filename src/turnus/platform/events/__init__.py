"""Facts, the outbox they are written to, and the event log that webhooks and polling clients read."""
