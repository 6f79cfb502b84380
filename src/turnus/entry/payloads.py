"""Which read view is the payload of which kind of object in events (webhooks and `GET /events`)."""

from turnus.customers.views import detail as customers
from turnus.platform.events.payloads import payload_view

payload_view("customer", customers.customers, customers.CustomerView)
