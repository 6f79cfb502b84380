"""Routes of tax groups and their rates."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.platform.api import delete, get, post, put, router
from turnus.platform.context import Context
from turnus.settings.commands import ResolveTax, TaxFields, TaxGroupFields
from turnus.settings.ops import tax_group as ops
from turnus.settings.ops.resolve_tax import resolve_tax
from turnus.settings.views import tax_groups as views
from turnus.settings.views.tax_groups import ResolvedTax, TaxGroupView, TaxView, tax_group_list

routes = router("Tax groups")
WRITE = "tax-group:write"


@get(routes, "/tax-groups", permission="tax-group:read", summary="List tax groups", listing=tax_group_list)
async def list_tax_groups(ctx: Context) -> dict[str, Any]:
    """Archived groups are left out unless `archived=true` asks for them."""
    return {}


@post(routes, "/tax-groups", permission=WRITE, summary="Create a tax group")
async def create_tax_group(ctx: Context, data: TaxGroupFields) -> TaxGroupView:
    group = await ops.create_tax_group(ctx, data)
    return await views.tax_group(ctx, group.id)


@post(
    routes,
    "/tax-groups/resolve",
    permission="tax-group:read",
    summary="Find the rate of a tax group",
    status=200,
    reads=True,
)
async def resolve(ctx: Context, data: ResolveTax) -> ResolvedTax:
    """The most specific row of the group: the country, else `EU_*`, else `*`; of these the latest that began.

    A member state without a row has its standard rate.
    """
    return await resolve_tax(ctx, data)


@get(routes, "/tax-groups/{group_id}", permission="tax-group:read", summary="Read a tax group")
async def read_tax_group(ctx: Context, group_id: UUID) -> TaxGroupView:
    return await views.tax_group(ctx, group_id)


@put(routes, "/tax-groups/{group_id}", permission=WRITE, summary="Replace a tax group", statuses=(409,))
async def replace_tax_group(ctx: Context, group_id: UUID, data: TaxGroupFields) -> TaxGroupView:
    """Rates with an id are changed, those without are new, those left out are removed."""
    await ops.replace_tax_group(ctx, group_id, data)
    return await views.tax_group(ctx, group_id)


@delete(routes, "/tax-groups/{group_id}", permission=WRITE, summary="Delete a tax group", statuses=(409,))
async def delete_tax_group(ctx: Context, group_id: UUID) -> None:
    """A group that something refers to cannot be deleted; archive it."""
    await ops.delete_tax_group(ctx, group_id)


@put(routes, "/tax-groups/{group_id}/archive", permission=WRITE, summary="Archive a tax group")
async def archive_tax_group(ctx: Context, group_id: UUID) -> TaxGroupView:
    """It can no longer be chosen; what refers to it keeps it."""
    await ops.archive_tax_group(ctx, group_id, archived=True)
    return await views.tax_group(ctx, group_id)


@put(routes, "/tax-groups/{group_id}/unarchive", permission=WRITE, summary="Take a tax group out of the archive")
async def unarchive_tax_group(ctx: Context, group_id: UUID) -> TaxGroupView:
    await ops.archive_tax_group(ctx, group_id, archived=False)
    return await views.tax_group(ctx, group_id)


@post(routes, "/tax-groups/{group_id}/taxes", permission=WRITE, summary="Add a rate to a tax group")
async def add_tax(ctx: Context, group_id: UUID, data: TaxFields) -> TaxView:
    tax = await ops.add_tax(ctx, group_id, data)
    return await views.tax(ctx, group_id, tax.id)


@put(routes, "/tax-groups/{group_id}/taxes/{tax_id}", permission=WRITE, summary="Replace a rate", statuses=(409,))
async def change_tax(ctx: Context, group_id: UUID, tax_id: UUID, data: TaxFields) -> TaxView:
    """A rate that finalised documents use stays as it is; add one with a later day."""
    await ops.change_tax(ctx, group_id, tax_id, data)
    return await views.tax(ctx, group_id, tax_id)


@delete(routes, "/tax-groups/{group_id}/taxes/{tax_id}", permission=WRITE, summary="Remove a rate", statuses=(409,))
async def delete_tax(ctx: Context, group_id: UUID, tax_id: UUID) -> None:
    """Neither a rate that finalised documents use nor the last one of a group."""
    await ops.delete_tax(ctx, group_id, tax_id)
