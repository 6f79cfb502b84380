"""Routes of settings and of what they choose from."""

from __future__ import annotations

from turnus.platform.api import get, patch, router
from turnus.platform.api.operation import ANY_TOKEN
from turnus.platform.context import Context
from turnus.settings.commands import ChangeSettings
from turnus.settings.ops.change_settings import change_settings
from turnus.settings.views import reference_data
from turnus.settings.views import settings as views
from turnus.settings.views.reference_data import CountriesView, CurrenciesView, LanguagesView, TimeZonesView
from turnus.settings.views.settings import ContextsView, ContextView, SettingsCatalogue

routes = router("Settings")
ACCOUNTING = ("accounting", "datev")


@get(
    routes,
    "/settings",
    permission="settings:read",
    summary="Read settings",
    query={"context[]": "only these contexts, several separated by commas"},
)
async def read_all_settings(ctx: Context, query: dict[str, str]) -> ContextsView:
    """Every setting with its effective value and where that comes from."""
    chosen = query.get("context[]")
    return views.all_settings(ctx, None if chosen is None else list(dict.fromkeys(chosen.split(","))))


@get(routes, "/settings/schema", permission="settings:read", summary="Read the catalogue of settings")
async def read_settings_catalogue(ctx: Context) -> SettingsCatalogue:
    """Every key with type, default and constraints."""
    return views.settings_catalogue()


@get(
    routes,
    "/settings/{context}",
    permission=("settings:read", "accounting-settings:read"),
    summary="Read the settings of a context",
)
async def read_settings(ctx: Context, context: str) -> ContextView:
    """`accounting-settings:read` is enough for the contexts accounting and datev."""
    if context not in ACCOUNTING:
        ctx.require("settings:read")
    return views.context_settings(ctx, context)


@patch(routes, "/settings/{context}", permission="settings:write", summary="Change settings of a context")
async def patch_settings(ctx: Context, context: str, data: ChangeSettings) -> ContextView:
    """Names with their new values; null gives a setting its default back. One wrong value, and nothing changes."""
    await change_settings(ctx, context, data.changes)
    return views.context_settings(ctx, context)


@get(routes, "/currencies", permission="currency:read", summary="List currencies")
async def list_currencies(ctx: Context) -> CurrenciesView:
    """All currencies of ISO 4217; `allowed` ones may be used for prices and customers."""
    return reference_data.all_currencies(ctx)


@get(routes, "/languages", permission=ANY_TOKEN, summary="List languages")
async def list_languages(ctx: Context) -> LanguagesView:
    return reference_data.all_languages()


@get(routes, "/countries", permission=ANY_TOKEN, summary="List countries")
async def list_countries(ctx: Context) -> CountriesView:
    """All countries of ISO 3166-1, with what address and VAT forms need to know."""
    return reference_data.all_countries(ctx)


@get(routes, "/time-zones", permission=ANY_TOKEN, summary="List time zones")
async def list_time_zones(ctx: Context) -> TimeZonesView:
    return reference_data.all_time_zones(ctx)
