"""Routes of customers."""

from __future__ import annotations

from typing import Any

from turnus.customers import views
from turnus.customers.commands import CreateCustomer
from turnus.customers.ops.create_customer import create_customer
from turnus.customers.views import CustomerView, customer_list
from turnus.platform.api import get, post, router
from turnus.platform.context import Context

routes = router("Customers")


@get(routes, "/customers", permission="customer:read", summary="List customers", listing=customer_list)
async def list_customers(ctx: Context) -> dict[str, Any]:
    """Archived customers are left out unless `status[]=STATUS_ARCHIVED` asks for them."""
    return {}


@post(routes, "/customers", permission="customer:write", summary="Create a customer")
async def create(ctx: Context, data: CreateCustomer) -> CustomerView:
    customer = await create_customer(ctx, data)
    return await views.customer(ctx, customer.id)


@get(
    routes,
    "/customers/{customer_id}",
    permission=("customer:read", "customer:self:read"),
    summary="Read a customer",
)
async def read(ctx: Context, customer_id: str) -> CustomerView:
    """The id may also be the customer's external id."""
    return await views.customer_by_key(ctx, customer_id)
