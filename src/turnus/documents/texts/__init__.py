"""Words printed on documents, per language; one TOML file each, all with the same keys."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from turnus.documents.model import Language

LANGUAGES: tuple[Language, ...] = ("de", "en")


@cache
def labels(language: Language) -> dict[str, str]:
    """All words of a language by key (`amount_due` → `Zu zahlen`); some hold `{placeholders}`."""
    text = files(__package__).joinpath(f"{language}.toml").read_text(encoding="utf-8")
    return {key: str(value) for key, value in tomllib.loads(text).items()}
