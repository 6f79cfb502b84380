"""The project's pages, cut into what can be checked."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.md")],
    key=lambda page: page.relative_to(ROOT),
)
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
_PUNCTUATION = re.compile(r"[^\w\- ]")


def text_of(page: Path) -> str:
    """The page."""
    return page.read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Its code blocks in a language, without indentation."""
    found = []
    for indent, kind, code in _FENCE.findall(text):
        if kind == language:
            found.append("\n".join(line.removeprefix(indent) for line in code.splitlines()) + "\n")
    return found


def links(text: str) -> list[str]:
    """The targets of its links and pictures."""
    return [one or other for one, other in _LINK.findall(_FENCE.sub("", text))]


def anchors(text: str) -> set[str]:
    """The names that its headings can be reached by."""
    titles = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {_PUNCTUATION.sub("", re.sub(r"[`*]", "", title).lower()).strip().replace(" ", "-") for title in titles}


def section(text: str, title: str) -> str:
    """What stands below a heading of the second level."""
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
