"""Routes of the catalogue."""

from turnus.catalogue.api import measurements, price_plans, products, units

ROUTERS = (units.routes, measurements.routes, products.routes, price_plans.routes)
