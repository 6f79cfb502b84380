"""Settings as the API shows them: effective values, where they come from, and the catalogue."""

from __future__ import annotations

from typing import Any

import msgspec

from turnus.kernel.errors import NotFound
from turnus.kernel.wire import number
from turnus.platform.context import Context
from turnus.settings.schema import Setting, contexts
from turnus.settings.values import default_of, effective


class SettingView(msgspec.Struct, frozen=True, rename="camel"):
    """A setting's effective value, from `source` tenant or default; without an own one `inherited_value` would hold."""

    key: str
    value: Any
    source: str
    inherited_value: Any
    type: str
    choices: list[str] | None
    customer_overridable: bool
    read_only: bool


class ContextView(msgspec.Struct, frozen=True, rename="camel"):
    """All settings of a context by name."""

    context: str
    settings: dict[str, SettingView]


class ContextsView(msgspec.Struct, frozen=True):
    """Several contexts."""

    data: list[ContextView]


class SettingDescription(msgspec.Struct, frozen=True, rename="camel"):
    """A key of the catalogue. `minimum` and `maximum` bound numbers, else the length of texts and lists."""

    key: str
    type: str
    default: Any
    choices: list[str] | None
    minimum: Any
    maximum: Any
    format: str | None
    reference_to: str | None
    customer_overridable: bool
    read_only: bool
    description: str


class ContextDescription(msgspec.Struct, frozen=True, rename="camel"):
    """The keys of a context."""

    context: str
    settings: list[SettingDescription]


class SettingsCatalogue(msgspec.Struct, frozen=True):
    """The catalogue of all settings."""

    data: list[ContextDescription]


def _view(ctx: Context, setting: Setting) -> SettingView:
    stored = ctx.tenant.settings
    return SettingView(
        key=setting.name,
        value=effective(setting, ctx.tenant, stored),
        source="tenant" if setting.key in stored else "default",
        inherited_value=default_of(setting, ctx.tenant, stored),
        type=setting.type,
        choices=list(setting.choices) or None,
        customer_overridable=setting.customer_overridable,
        read_only=setting.read_only,
    )


def context_settings(ctx: Context, context: str) -> ContextView:
    """The settings of a context; raises NotFound for an unknown one."""
    known = contexts().get(context)
    if known is None:
        raise NotFound()
    return ContextView(context, {name: _view(ctx, setting) for name, setting in known.items()})


def all_settings(ctx: Context, chosen: list[str] | None = None) -> ContextsView:
    """The settings of all contexts, or of the chosen ones; raises NotFound for an unknown one."""
    return ContextsView([context_settings(ctx, context) for context in (contexts() if chosen is None else chosen)])


def settings_catalogue() -> SettingsCatalogue:
    """Every setting with its type, default and constraints."""
    return SettingsCatalogue(
        [
            ContextDescription(context, [_description(s) for s in known.values()])
            for context, known in contexts().items()
        ]
    )


def _description(setting: Setting) -> SettingDescription:
    return SettingDescription(
        key=setting.name,
        type=setting.type,
        default=setting.default,
        choices=list(setting.choices) or None,
        minimum=None if setting.minimum is None else number(setting.minimum),
        maximum=None if setting.maximum is None else number(setting.maximum),
        format=setting.format,
        reference_to=setting.target,
        customer_overridable=setting.customer_overridable,
        read_only=setting.read_only,
        description=setting.meaning,
    )
