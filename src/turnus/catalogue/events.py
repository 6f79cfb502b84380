"""What the catalogue publishes."""

from turnus.platform.events.facts import event_type

MEASUREMENT_CREATED = event_type("measurement.created", "measurement", "catalogue", "A measurement was created.")
PRODUCT_CREATED = event_type("product.created", "product", "catalogue", "A product was created.")
PRODUCT_UPDATED = event_type("product.updated", "product", "catalogue", "A product changed.")
PRODUCT_ARCHIVED = event_type("product.archived", "product", "catalogue", "A product was archived.")
PRODUCT_DELETED = event_type("product.deleted", "product", "catalogue", "A product was deleted.")
PRICE_PLAN_CREATED = event_type("price_plan.created", "price_plan", "catalogue", "A price plan was created.")
PRICE_PLAN_UPDATED = event_type("price_plan.updated", "price_plan", "catalogue", "A price plan changed.")
PRICE_PLAN_ACTIVATED = event_type("price_plan.activated", "price_plan", "catalogue", "A draft price may be sold.")
PRICE_PLAN_ARCHIVED = event_type("price_plan.archived", "price_plan", "catalogue", "A price plan was archived.")
