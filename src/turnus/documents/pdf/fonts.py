"""The one font family of all documents (Source Sans Pro, from its package) and what it can write.

PDF/A forbids text without glyphs, and no system font may step in, so characters the family lacks are replaced before.
The e-invoice inside keeps the original spelling.
"""

from __future__ import annotations

import struct
import unicodedata
from functools import cache
from importlib.util import find_spec
from pathlib import Path

FACES = ("Regular", "Semibold", "Bold")
"""What the template uses. The italics lack Greek and Cyrillic."""

REPLACEMENT = "?"


def font_files() -> list[Path]:
    """The TrueType files of the faces in use.

    Raises:
        FileNotFoundError: the package `font-source-sans-pro` is missing or incomplete.
    """
    spec = find_spec("font_source_sans_pro")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("package font-source-sans-pro is not installed")
    folder = Path(spec.submodule_search_locations[0], "files")
    files = [folder / f"SourceSansPro-{face}.ttf" for face in FACES]
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(f"package font-source-sans-pro does not hold {file.name}")
    return files


@cache
def covered() -> frozenset[int]:
    """Code points that every face has a glyph for, line feed and tab included."""
    sets = [_code_points(file.read_bytes()) for file in font_files()]
    return frozenset.intersection(*sets) | {ord("\n"), ord("\t")}


def printable(text: str) -> str:
    """`text` in characters the family has: composed, else decomposed to what is there, else a question mark."""
    known = covered()
    composed = unicodedata.normalize("NFC", text)
    if all(map(known.__contains__, map(ord, composed))):
        return composed
    return "".join(character if ord(character) in known else _nearest(character) for character in composed)


def _nearest(character: str) -> str:
    known = covered()
    if unicodedata.category(character) in ("Mn", "Cc", "Cf"):
        return ""
    parts = [part for part in unicodedata.normalize("NFKD", character) if unicodedata.category(part) != "Mn"]
    if parts and all(ord(part) in known for part in parts):
        return "".join(parts)
    return " " if character.isspace() else REPLACEMENT


def _code_points(font: bytes) -> frozenset[int]:
    """What the character map of a TrueType file covers (formats 4 and 12 of the `cmap` table)."""
    count = struct.unpack_from(">H", font, 4)[0]
    tables = {font[12 + 16 * i : 16 + 16 * i]: struct.unpack_from(">I", font, 20 + 16 * i)[0] for i in range(count)}
    base = tables[b"cmap"]
    found: set[int] = set()
    for index in range(struct.unpack_from(">H", font, base + 2)[0]):
        start = base + struct.unpack_from(">I", font, base + 8 + 8 * index)[0]
        kind = struct.unpack_from(">H", font, start)[0]
        if kind == 4:
            found.update(_format_4(font, start))
        elif kind == 12:
            for group in range(struct.unpack_from(">I", font, start + 12)[0]):
                first, last = struct.unpack_from(">II", font, start + 16 + 12 * group)
                found.update(range(first, last + 1))
    return frozenset(found)


def _format_4(font: bytes, start: int) -> set[int]:
    doubled = struct.unpack_from(">H", font, start + 6)[0]
    segments = range(0, doubled, 2)
    found: set[int] = set()
    for at in segments:
        last = struct.unpack_from(">H", font, start + 14 + at)[0]
        first = struct.unpack_from(">H", font, start + 16 + doubled + at)[0]
        delta = struct.unpack_from(">h", font, start + 16 + 2 * doubled + at)[0]
        offset_at = start + 16 + 3 * doubled + at
        offset = struct.unpack_from(">H", font, offset_at)[0]
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code
            if offset:
                glyph = struct.unpack_from(">H", font, offset_at + offset + 2 * (code - first))[0]
                if glyph == 0:
                    continue
            if (glyph + delta) & 0xFFFF:
                found.add(code)
    return found
