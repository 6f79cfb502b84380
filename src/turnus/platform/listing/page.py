"""The envelope of a list."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

V = TypeVar("V")


class Pagination(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Where a page stands in its list."""

    total_items: int
    items_per_page: int
    current_page: int
    last_page: int
    page_total_items: int
    next_cursor: str | None | msgspec.UnsetType = msgspec.UNSET


class Meta(msgspec.Struct, frozen=True):
    """What a list says about itself."""

    pagination: Pagination


class Page(msgspec.Struct, Generic[V], frozen=True):
    """A page of a list."""

    data: list[V]
    meta: Meta


def page(
    data: list[V],
    total: int,
    number: int,
    limit: int,
    next_cursor: str | None | msgspec.UnsetType = msgspec.UNSET,
) -> Page[V]:
    """Wrap the rows of page `number`."""
    last = max(1, -(-total // limit)) if limit else 1
    return Page(data, Meta(Pagination(total, limit, number, last, len(data), next_cursor)))
