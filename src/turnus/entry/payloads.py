"""Which read view is the payload of which kind of object in events (webhooks and `GET /events`)."""

from turnus.billing.views import InvoiceView, invoices
from turnus.catalogue.views.measurements import MeasurementView, measurements
from turnus.catalogue.views.price_plans import PricePlanView, price_plans
from turnus.catalogue.views.products import ProductView, products
from turnus.customers.views import detail as customers
from turnus.platform.events.payloads import payload_view
from turnus.subscriptions.views.detail import SubscriptionView, subscriptions
from turnus.subscriptions.views.items import ItemView, subscription_items

payload_view("customer", customers.customers, customers.CustomerView)
payload_view("measurement", measurements, MeasurementView)
payload_view("product", products, ProductView)
payload_view("price_plan", price_plans, PricePlanView)
payload_view("subscription", subscriptions, SubscriptionView)
payload_view("subscription_item", subscription_items, ItemView)
payload_view("invoice", invoices, InvoiceView)
