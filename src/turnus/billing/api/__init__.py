"""Routes of the billing area."""

from turnus.billing.api import invoices

ROUTERS = (invoices.routes,)
