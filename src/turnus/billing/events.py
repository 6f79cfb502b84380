"""What the billing area publishes."""

from turnus.platform.events.facts import event_type

INVOICE_CREATED = event_type("invoice.created", "invoice", "invoice", "A draft or an invoice was created.")
INVOICE_UPDATED = event_type("invoice.updated", "invoice", "invoice", "A draft, or an allowed property, changed.")
INVOICE_REQUIRES_APPROVAL = event_type(
    "invoice.requires_approval", "invoice", "invoice", "A draft waits for manual approval."
)
INVOICE_FINALIZED = event_type(
    "invoice.finalized", "invoice", "invoice", "An invoice has its number and its files and is to be paid."
)
SUBSCRIPTION_BILLED = event_type(
    "subscription.billed", "subscription", "subscription", "A billing run made an invoice for a subscription."
)
BILLING_RUN_COMPLETED = event_type("billing_run.completed", "billing_run", "invoice", "A billing run came to its end.")
