"""The table of positions as the template wants it: headings, positions, sub-lines, and the sum so far."""

from __future__ import annotations

from typing import Any

from turnus.documents.model import Discount, InvoiceDocument, Position
from turnus.documents.pdf.formats import Formats
from turnus.documents.pdf.style import Style

_KEPT_TOGETHER = 1500
"""Up to this many characters a position stays on one page; longer ones may break, for they could exceed a page."""


def position_rows(document: InvoiceDocument, formats: Formats, style: Style) -> list[dict[str, Any]]:
    """Rows in printed order, the first of a group with its heading.

    A position shows its base, each discount below it negative: the column adds up to the net.
    """
    rows: list[dict[str, Any]] = []
    group, total = "", 0
    for position in document.positions:
        if position.carries_amount:
            total += position.net_minor
        row = _row(position, total, formats, style)
        row["group"] = position.group if position.group != group else ""
        group = position.group
        rows.append(row)
    return rows


def _row(position: Position, total: int, formats: Formats, style: Style) -> dict[str, Any]:
    counts = position.carries_amount
    period = formats.period(position.service_from, position.service_to)
    subs = [
        {"text": _discount(entry, formats), "amount": formats.amount(-entry.amount_minor)}
        for entry in position.discounts
    ]
    if style.show_trace:
        subs += [{"text": step, "amount": ""} for step in position.trace]
    return {
        "number": position.number,
        "name": position.name,
        "details": [part for part in (position.description, period) if part],
        "quantity": formats.number(position.quantity) if counts else "",
        "unit": position.unit_name if counts else "",
        "price": formats.unit_price(position.unit_price) if counts else "",
        "interval": position.price_interval if counts else "",
        "rate": formats.percent(position.tax_rate) if counts and position.tax_rate is not None else "",
        "net": formats.amount(position.base_minor) if counts else "",
        "subs": subs if counts else [],
        "indent": 1 if position.parent else 0,
        "parent": not counts,
        "sum": formats.amount(total),
        "keep": len(position.name) + len(position.description) <= _KEPT_TOGETHER,
    }


def _discount(discount: Discount, formats: Formats) -> str:
    if discount.percent is None:
        return discount.name
    return f"{discount.name} ({formats.percent(discount.percent)})"
