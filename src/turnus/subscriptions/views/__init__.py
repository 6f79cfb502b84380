"""Read side of the subscriptions area."""

from turnus.subscriptions.views.detail import resolve, subscription, subscriptions
from turnus.subscriptions.views.groups import billing_group, group_list
from turnus.subscriptions.views.items import item_list, subscription_item, subscription_items
from turnus.subscriptions.views.listing import subscription_list

__all__ = [
    "billing_group",
    "group_list",
    "item_list",
    "resolve",
    "subscription",
    "subscription_item",
    "subscription_items",
    "subscription_list",
    "subscriptions",
]
