"""Routes of customer addresses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.customers import views
from turnus.customers.access import check_own
from turnus.customers.commands import AddressFields
from turnus.customers.ops import customer_address as ops
from turnus.customers.views import AddressView, address_list
from turnus.platform.api import delete, get, post, put, router
from turnus.platform.commands import NoBody
from turnus.platform.context import Context

routes = router("Customer addresses")


@get(
    routes,
    "/customers/{customer_id}/addresses",
    permission=("customer:read", "customer:self:read"),
    summary="List the addresses of a customer",
    listing=address_list,
)
async def list_addresses(ctx: Context, customer_id: str) -> dict[str, Any]:
    """Archived ones included, unless `status=active` is asked for."""
    id = await views.resolve(ctx, customer_id)
    check_own(ctx, id, "customer:read")
    return {"customer_id": id}


@post(
    routes,
    "/customers/{customer_id}/addresses",
    permission=("customer:write", "customer:self:write"),
    summary="Add an address to a customer",
)
async def create_address(ctx: Context, customer_id: str, data: AddressFields) -> AddressView:
    """It becomes the default of its type. Country and VAT id that are left out come from the customer."""
    id = await views.resolve(ctx, customer_id)
    check_own(ctx, id, "customer:write")
    return await views.address(ctx, await ops.create_address(ctx, id, data))


@get(routes, "/customer-addresses/{address_id}", permission="customer:read", summary="Read an address")
async def read_address(ctx: Context, address_id: UUID) -> AddressView:
    """`formatted` is the block to print."""
    return await views.address(ctx, address_id)


@put(routes, "/customer-addresses/{address_id}", permission="customer:write", summary="Replace an address")
async def replace_address(ctx: Context, address_id: UUID, data: AddressFields) -> AddressView:
    """A type that is left out stays. Documents keep the address they were made with."""
    await ops.replace_address(ctx, address_id, data)
    return await views.address(ctx, address_id)


@post(
    routes,
    "/customer-addresses/{address_id}/default",
    permission="customer:write",
    summary="Make an address the default of its type",
    statuses=(409,),
)
async def make_address_default(ctx: Context, address_id: UUID, data: NoBody) -> AddressView:
    """The previous default of that type loses the flag."""
    await ops.make_address_default(ctx, address_id)
    return await views.address(ctx, address_id)


@put(
    routes,
    "/customer-addresses/{address_id}/unset-default",
    permission="customer:write",
    summary="Let an invoice address be the default no more",
)
async def unset_address_default(ctx: Context, address_id: UUID, data: NoBody) -> AddressView:
    """The default address serves for invoices again. A general address keeps the flag: 422."""
    await ops.unset_address_default(ctx, address_id)
    return await views.address(ctx, address_id)


@delete(
    routes,
    "/customer-addresses/{address_id}/default",
    permission="customer:write",
    summary="Let an invoice address be the default no more (alias)",
    status=200,
    statuses=(422,),
)
async def delete_address_default(ctx: Context, address_id: UUID) -> AddressView:
    """Same as `PUT …/unset-default`."""
    await ops.unset_address_default(ctx, address_id)
    return await views.address(ctx, address_id)


@put(
    routes,
    "/customer-addresses/{address_id}/archive",
    permission="customer:write",
    summary="Archive an address",
    statuses=(409,),
)
async def archive_address(ctx: Context, address_id: UUID, data: NoBody) -> AddressView:
    """Contracts that name it keep it. The default general address cannot be archived."""
    await ops.archive_address(ctx, address_id)
    return await views.address(ctx, address_id)


@put(routes, "/customer-addresses/{address_id}/unarchive", permission="customer:write", summary="Unarchive an address")
async def unarchive_address(ctx: Context, address_id: UUID, data: NoBody) -> AddressView:
    """It does not become a default."""
    await ops.unarchive_address(ctx, address_id)
    return await views.address(ctx, address_id)


@delete(
    routes,
    "/customer-addresses/{address_id}",
    permission="customer:write",
    summary="Delete an address",
    statuses=(409,),
)
async def delete_address(ctx: Context, address_id: UUID) -> None:
    """An address that something refers to is archived instead. The default general address stays: 409."""
    await ops.delete_address(ctx, address_id)
