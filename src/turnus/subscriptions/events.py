"""What the subscriptions area publishes."""

from turnus.platform.events.facts import event_type

SUBSCRIPTION_CREATED = event_type(
    "subscription.created", "subscription", "subscription", "A subscription was created, normally as a draft."
)
SUBSCRIPTION_ACTIVATED = event_type(
    "subscription.activated", "subscription", "subscription", "A draft or offer became active."
)
SUBSCRIPTION_UPDATED = event_type(
    "subscription.updated", "subscription", "subscription", "A property of a subscription changed."
)
SUBSCRIPTION_CANCELED = event_type(
    "subscription.canceled", "subscription", "subscription", "A cancellation was declared; the end may lie ahead."
)
SUBSCRIPTION_TERMINATED = event_type(
    "subscription.terminated", "subscription", "subscription", "A contract ended: its effective date was reached."
)
SUBSCRIPTION_TRIAL_STARTED = event_type(
    "subscription.trial_started", "subscription", "subscription", "An activation began a trial."
)
SUBSCRIPTION_ITEM_TERMINATED = event_type(
    "subscription_item.terminated", "subscription_item", "subscription", "One item of a subscription ended."
)
