"""Routes of number ranges."""

from __future__ import annotations

from typing import Any

from turnus.platform.api import get, patch, post, router
from turnus.platform.context import Context
from turnus.settings.commands import PatchNumberRange
from turnus.settings.ops.number_range import change_number_range, preview_numbers
from turnus.settings.views import number_ranges as views
from turnus.settings.views.number_ranges import NumberExamples, NumberRangeView, number_range_list

routes = router("Number ranges")


@get(
    routes,
    "/number-ranges",
    permission="number-range:read",
    summary="List number ranges",
    listing=number_range_list,
)
async def list_number_ranges(ctx: Context) -> dict[str, Any]:
    return {"today": ctx.today()}


@get(routes, "/number-ranges/{type}", permission="number-range:read", summary="Read a number range")
async def read_number_range(ctx: Context, type: str) -> NumberRangeView:
    return await views.number_range(ctx, type)


@patch(routes, "/number-ranges/{type}", permission="number-range:write", summary="Change a number range")
async def patch_number_range(ctx: Context, type: str, data: PatchNumberRange) -> NumberRangeView:
    """A number that was ever given is never given again: the counter may be set back, numbers in use are skipped."""
    await change_number_range(ctx, type, data)
    return await views.number_range(ctx, type)


@post(
    routes,
    "/number-ranges/{type}/preview",
    permission="number-range:read",
    summary="Preview a number range",
    status=200,
)
async def preview_number_range(ctx: Context, type: str, data: PatchNumberRange) -> NumberExamples:
    """The next three numbers if the range were changed as the body says; nothing is written."""
    return NumberExamples(await preview_numbers(ctx, type, data))
