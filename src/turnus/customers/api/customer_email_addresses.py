"""Routes of customers' e-mail addresses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.customers import views
from turnus.customers.commands import EmailFields
from turnus.customers.ops import customer_email_address as ops
from turnus.customers.views import EmailView, email_list
from turnus.platform.api import delete, get, post, put, router
from turnus.platform.commands import NoBody
from turnus.platform.context import Context

routes = router("Customer e-mail addresses")


@get(
    routes,
    "/customers/{customer_id}/email-addresses",
    permission="customer:read",
    summary="List the e-mail addresses of a customer",
    listing=email_list,
)
async def list_email_addresses(ctx: Context, customer_id: str) -> dict[str, Any]:
    """The default one is the login."""
    return {"customer_id": await views.resolve(ctx, customer_id)}


@post(
    routes,
    "/customers/{customer_id}/email-addresses",
    permission="customer:write",
    summary="Add an e-mail address to a customer",
    statuses=(409,),
)
async def create_email_address(ctx: Context, customer_id: str, data: EmailFields) -> EmailView:
    """Flags say which mails go there; the older `type` `TYPE_INVOICE` means `isInvoiceEmail`."""
    id = await views.resolve(ctx, customer_id)
    return await views.email_address(ctx, await ops.create_email_address(ctx, id, data))


@get(routes, "/customer-email-addresses/{email_id}", permission="customer:read", summary="Read an e-mail address")
async def read_email_address(ctx: Context, email_id: UUID) -> EmailView:
    """One e-mail address of a customer."""
    return await views.email_address(ctx, email_id)


@put(
    routes,
    "/customer-email-addresses/{email_id}",
    permission="customer:write",
    summary="Replace an e-mail address",
    statuses=(409,),
)
async def replace_email_address(ctx: Context, email_id: UUID, data: EmailFields) -> EmailView:
    """A changed address counts as not verified and not bounced."""
    await ops.replace_email_address(ctx, email_id, data)
    return await views.email_address(ctx, email_id)


@post(
    routes,
    "/customer-email-addresses/{email_id}/default",
    permission="customer:write",
    summary="Make an e-mail address the login",
    statuses=(409,),
)
async def make_email_address_default(ctx: Context, email_id: UUID, data: NoBody) -> EmailView:
    """The previous login stays as a further address."""
    await ops.make_email_address_default(ctx, email_id)
    return await views.email_address(ctx, email_id)


@delete(
    routes,
    "/customer-email-addresses/{email_id}",
    permission="customer:write",
    summary="Delete an e-mail address",
    statuses=(409,),
)
async def delete_email_address(ctx: Context, email_id: UUID) -> None:
    """The default one cannot go: 409."""
    await ops.delete_email_address(ctx, email_id)
