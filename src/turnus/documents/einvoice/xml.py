"""Writing XML by plain functions: an element without content is no element (PEPPOL-EN16931-R008), text is escaped."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold at all."""

_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;", ord("\r"): None}


def escape(text: str) -> str:
    """`text` for an XML 1.0 document, without the characters it cannot carry."""
    return _FORBIDDEN.sub("", text).translate(_ESCAPES)


def leaf(tag: str, text: str, **attributes: str) -> str:
    """`<tag a="…">text</tag>`, or nothing when the text is blank."""
    if not text or text.isspace():
        return ""
    head = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
    return f"<{tag}{head}>{escape(text)}</{tag}>"


def node(tag: str, *children: str) -> str:
    """`<tag>children</tag>`, or nothing when all children are nothing."""
    content = "".join(children)
    return f"<{tag}>{content}</{tag}>" if content else ""


def number(value: Decimal) -> str:
    """A decimal without exponent and superfluous zeros (`Decimal("1.500")` → `1.5`)."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def day(tag: str, value: date | None, string: str = "udt:DateTimeString") -> str:
    """A date in format 102 (`20261231`) inside `tag`."""
    if value is None:
        return ""
    return f'<{tag}><{string} format="102">{value:%Y%m%d}</{string}></{tag}>'
