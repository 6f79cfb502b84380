"""What areas above have against actions on objects below, and how they react to what happens there."""

from turnus.customers import blockers
from turnus.customers.events import CUSTOMER_UPDATED
from turnus.platform.events.facts import react
from turnus.subscriptions import reactions as subscriptions

blockers.archive_blockers.append(subscriptions.running_contracts)
blockers.currency_blockers.append(subscriptions.running_contracts)
blockers.delete_blockers.append(subscriptions.started_contracts)
blockers.address_blockers.append(subscriptions.addressed_contracts)
react(CUSTOMER_UPDATED, subscriptions.customer_changed)
