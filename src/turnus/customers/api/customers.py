"""Routes of customers."""

from __future__ import annotations

from typing import Any

from turnus.customers import views
from turnus.customers.access import check_own
from turnus.customers.commands import CreateCustomer, PatchCustomer, ReplaceCustomer
from turnus.customers.ops.archive_customer import archive_customer, unarchive_customer
from turnus.customers.ops.create_customer import create_customer
from turnus.customers.ops.delete_customer import delete_customer
from turnus.customers.ops.update_customer import patch_customer, replace_customer
from turnus.customers.views import CustomerView, customer_list
from turnus.platform.api import delete, get, patch, post, put, router
from turnus.platform.commands import NoBody
from turnus.platform.context import Context

routes = router("Customers")


@get(routes, "/customers", permission="customer:read", summary="List customers", listing=customer_list)
async def list_customers(ctx: Context) -> dict[str, Any]:
    """Archived customers are left out unless `status[]=STATUS_ARCHIVED` asks for them."""
    return {}


@post(routes, "/customers", permission="customer:write", summary="Create a customer", statuses=(409,))
async def create(ctx: Context, data: CreateCustomer) -> CustomerView:
    """The e-mail address becomes the login and must be unique. Number and default address are made."""
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
    found = await views.customer_by_key(ctx, customer_id)
    check_own(ctx, found.id, "customer:read")
    return found


@put(
    routes,
    "/customers/{customer_id}",
    permission="customer:write",
    summary="Replace a customer's master data",
    statuses=(409,),
)
async def replace(ctx: Context, customer_id: str, data: ReplaceCustomer) -> CustomerView:
    """What is left out becomes empty, except number, debtor number and currency. Addresses have routes of their own."""
    id = await views.resolve(ctx, customer_id)
    await replace_customer(ctx, id, data)
    return await views.customer(ctx, id)


@patch(
    routes,
    "/customers/{customer_id}",
    permission="customer:write",
    summary="Change a customer's master data",
    statuses=(409,),
)
async def change(ctx: Context, customer_id: str, data: PatchCustomer) -> CustomerView:
    """JSON Merge Patch (RFC 7396): only what is sent changes. Custom fields and metadata are merged by key."""
    id = await views.resolve(ctx, customer_id)
    await patch_customer(ctx, id, data)
    return await views.customer(ctx, id)


@put(
    routes,
    "/customers/{customer_id}/archive",
    permission="customer:write",
    summary="Archive a customer",
    statuses=(409,),
)
async def archive(ctx: Context, customer_id: str, data: NoBody) -> CustomerView:
    """Refused while contracts, open invoices or active child customers are in the way; the answer lists them."""
    id = await views.resolve(ctx, customer_id)
    await archive_customer(ctx, id)
    return await views.customer(ctx, id)


@put(routes, "/customers/{customer_id}/unarchive", permission="customer:write", summary="Unarchive a customer")
async def unarchive(ctx: Context, customer_id: str, data: NoBody) -> CustomerView:
    """The customer is active again."""
    id = await views.resolve(ctx, customer_id)
    await unarchive_customer(ctx, id)
    return await views.customer(ctx, id)


@delete(
    routes,
    "/customers/{customer_id}",
    permission=("customer:write", "customer:delete"),
    summary="Delete a customer",
    statuses=(409,),
)
async def remove(ctx: Context, customer_id: str) -> None:
    """Only a customer without documents, payments and contracts; archive the others."""
    await delete_customer(ctx, await views.resolve(ctx, customer_id))
