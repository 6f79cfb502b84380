"""Read side of the customers area."""

from turnus.customers.views.addresses import AddressView, address, address_list
from turnus.customers.views.detail import CustomerView, customer, customer_by_key, customers, resolve
from turnus.customers.views.emails import EmailView, email_address, email_list
from turnus.customers.views.groups import GroupView, group, group_list
from turnus.customers.views.listing import customer_list

__all__ = [
    "AddressView",
    "CustomerView",
    "EmailView",
    "GroupView",
    "address",
    "address_list",
    "customer",
    "customer_by_key",
    "customer_list",
    "customers",
    "email_address",
    "email_list",
    "group",
    "group_list",
    "resolve",
]
