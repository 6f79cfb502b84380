"""How a tenant's documents look: options of rendering, not part of the frozen document."""

from __future__ import annotations

from typing import Literal

import msgspec

from turnus.documents.pdf.colour import DEFAULT_ACCENT


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """Logo (SVG, PNG or JPEG bytes), accent and switches. `mark` prints DRAFT or COPY across the page."""

    logo: bytes = b""
    logo_position: Literal["left", "center", "right"] = "left"
    accent: str = DEFAULT_ACCENT
    show_giro_code: bool = True
    show_trace: bool = False
    mark: Literal["", "test", "draft", "copy"] = ""


def logo_suffix(logo: bytes) -> str:
    """File ending of a logo by its first bytes; empty when it is none of SVG, PNG, JPEG."""
    if logo.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if logo.startswith(b"\xff\xd8\xff"):
        return "jpg"
    return "svg" if b"<svg" in logo[:2000] else ""
