"""Routes of the customers area."""

from turnus.customers.api import customer_addresses, customer_email_addresses, customer_groups, customers

ROUTERS = (
    customers.routes,
    customer_addresses.routes,
    customer_email_addresses.routes,
    customer_groups.routes,
)
