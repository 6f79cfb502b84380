"""Golden files: what leaves the house, kept beside the tests. `TURNUS_UPDATE_GOLDENS=1` writes them anew, for review."""

from __future__ import annotations

import os
from pathlib import Path

from lxml import etree  # type: ignore[import-untyped]

FOLDER = Path(__file__).parents[1] / "documents" / "golden"


def matches(name: str, text: str) -> bool:
    """True when `text` is what the golden file `name` holds."""
    path = FOLDER / name
    if os.environ.get("TURNUS_UPDATE_GOLDENS"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"{name} differs; TURNUS_UPDATE_GOLDENS=1 writes it anew"
    return True


def indented(xml: bytes) -> str:
    """XML laid out for reading; the written form has no white space between elements."""
    tree = etree.fromstring(xml)
    etree.indent(tree)
    return str(etree.tostring(tree, encoding="unicode")) + "\n"
