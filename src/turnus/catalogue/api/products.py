"""Routes of products."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from turnus.catalogue import views
from turnus.catalogue.commands import ProductFields
from turnus.catalogue.ops import product as ops
from turnus.catalogue.views.locales import LOCALE_QUERY, chosen, locales
from turnus.catalogue.views.products import ProductView
from turnus.platform.api import delete, get, post, put, router
from turnus.platform.context import Context

routes = router("Products")
_PATH = "/catalogue/products"


@get(routes, _PATH, permission="product:read", summary="List products", listing=views.product_list)
async def list_products(ctx: Context) -> dict[str, Any]:
    """Archived products are left out unless `showArchived=true`, those of type `plan` unless `type=plan`."""
    return locales(ctx)


@get(routes, _PATH + "/{product_id}", permission="product:read", summary="Read a product", query=LOCALE_QUERY)
async def read_product(ctx: Context, product_id: UUID, query: dict[str, str] | None = None) -> ProductView:
    return await views.product(ctx, product_id, chosen(query))


@post(routes, _PATH, permission="product:write", summary="Create a product")
async def create_product(ctx: Context, data: ProductFields) -> ProductView:
    product = await ops.create_product(ctx, data)
    return await views.product(ctx, product.id)


@put(routes, _PATH + "/{product_id}", permission="product:write", summary="Replace a product", statuses=(409,))
async def replace_product(ctx: Context, product_id: UUID, data: ProductFields) -> ProductView:
    """Type and measurement of a product that is sold cannot change."""
    await ops.change_product(ctx, product_id, data)
    return await views.product(ctx, product_id)


@put(
    routes,
    _PATH + "/{product_id}/archive",
    permission="product:write",
    summary="Archive a product",
    statuses=(409,),
)
async def archive_product(ctx: Context, product_id: UUID) -> ProductView:
    """No new sales; running items go on."""
    await ops.archive_product(ctx, product_id)
    return await views.product(ctx, product_id)


@put(
    routes,
    _PATH + "/{product_id}/unarchive",
    permission="product:write",
    summary="Put a product on sale again",
    statuses=(409,),
)
async def unarchive_product(ctx: Context, product_id: UUID) -> ProductView:
    await ops.unarchive_product(ctx, product_id)
    return await views.product(ctx, product_id)


@delete(routes, _PATH + "/{product_id}", permission="product:write", summary="Delete a product", statuses=(409,))
async def delete_product(ctx: Context, product_id: UUID) -> None:
    """Only one that was never sold; its prices go with it."""
    await ops.delete_product(ctx, product_id)
