"""Routes of the subscriptions area."""

from turnus.subscriptions.api import billing_groups, subscription_items, subscriptions

ROUTERS = (subscriptions.routes, subscription_items.routes, billing_groups.routes)
