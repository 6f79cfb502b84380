"""The tenant's accent, made dark enough to be read on white."""

from __future__ import annotations

import re

MINIMUM_CONTRAST = 4.5
"""Text on its ground (WCAG 2.2, 1.4.3)."""

DEFAULT_ACCENT = "#1f4b6e"
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


def readable(accent: str) -> str:
    """`accent` (`#rrggbb`), darkened step by step until its contrast on white is at least 4.5 : 1; no colour: the default."""
    if not _HEX.fullmatch(accent):
        return DEFAULT_ACCENT
    red, green, blue = (int(accent[start : start + 2], 16) for start in (1, 3, 5))
    while contrast_on_white(red, green, blue) < MINIMUM_CONTRAST:
        red, green, blue = (channel * 24 // 25 for channel in (red, green, blue))
    return f"#{red:02x}{green:02x}{blue:02x}"


def contrast_on_white(red: int, green: int, blue: int) -> float:
    """Contrast ratio of an sRGB colour against white, 1 to 21."""
    parts = [_linear(channel / 255) for channel in (red, green, blue)]
    luminance = 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    return 1.05 / (luminance + 0.05)


def _linear(channel: float) -> float:
    return float(channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4)
