"""Lists: one declarative description per resource, which answers requests, documents itself and is tested against indexes."""

from turnus.platform.listing.description import ListOf, Order
from turnus.platform.listing.filters import (
    Choice,
    Code,
    Flag,
    InstantFilter,
    KeyValue,
    NumberFilter,
    Reference,
    Words,
)
from turnus.platform.listing.page import Page, Pagination

__all__ = [
    "Choice",
    "Code",
    "Flag",
    "InstantFilter",
    "KeyValue",
    "ListOf",
    "NumberFilter",
    "Order",
    "Page",
    "Pagination",
    "Reference",
    "Words",
]
