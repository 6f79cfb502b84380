"""Read side of the catalogue."""

from turnus.catalogue.views.measurements import measurement, measurement_list, measurements
from turnus.catalogue.views.price_plans import price_plan, price_plan_list, price_plans
from turnus.catalogue.views.products import product, product_list, products
from turnus.catalogue.views.units import unit, unit_list

__all__ = [
    "measurement",
    "measurement_list",
    "measurements",
    "price_plan",
    "price_plan_list",
    "price_plans",
    "product",
    "product_list",
    "products",
    "unit",
    "unit_list",
]
