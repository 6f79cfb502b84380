"""The delivery of events to webhooks: claimed by leases, sent outside of any transaction, recorded in bulk."""
