"""What the customers area publishes."""

from turnus.platform.events.facts import event_type

CUSTOMER_CREATED = event_type("customer.created", "customer", "customer", "A customer was created.")
CUSTOMER_UPDATED = event_type(
    "customer.updated", "customer", "customer", "Master data, an address, an e-mail address or a custom field changed."
)
CUSTOMER_ARCHIVED = event_type("customer.archived", "customer", "customer", "A customer was archived.")
CUSTOMER_UNARCHIVED = event_type("customer.unarchived", "customer", "customer", "An archived customer is active again.")
CUSTOMER_DELETED = event_type("customer.deleted", "customer", "customer", "A customer was deleted.")
