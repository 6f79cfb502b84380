"""Words of slow-moving resources, so that search and text filters use an index under row-level security.

`ILIKE`, trigrams and full text are not leakproof and scan every row there; equality and ranges over folded words are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from turnus.platform.context import Context
from turnus.platform.db.schema import Base, Folded, mark

MAX_WORD = 64
_WORD = re.compile(r"\w+")
_UMLAUT = re.compile("([aou])e")
_SPECIAL = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "þ": "th", "_": " "})


class Term(Base):
    """One word of one text field of one object."""

    __tablename__ = "term"
    __table_args__ = (Index("ix_term_object", "tenant_id", "object_id"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    resource: Mapped[str] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(Folded, primary_key=True)
    field: Mapped[str] = mapped_column(primary_key=True)
    object_id: Mapped[UUID] = mapped_column(primary_key=True)


mark(Term.__table__, privileges="select, insert, delete")  # type: ignore[arg-type]


def fold(text: str) -> str:
    """Lower case without accents; the form in which text is compared."""
    if text.isascii():
        return text.lower().replace("_", " ")
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_SPECIAL))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def sort_key(text: str | None) -> str | None:
    """Key for German alphabetical order (DIN 5007-1: ä sorts like a), at most 255 characters."""
    return None if text is None else " ".join(fold(text).split())[:255]


def words(text: str) -> set[str]:
    """The folded words of a text (ae, oe, ue as a, o, u), and numbers and addresses once more without punctuation."""
    folded = _WORD.findall(fold(text))
    joined = "".join(folded)
    if len(folded) > 1 and (any(c.isdigit() for c in joined) or "@" in text):
        folded.append(joined)
    return {_UMLAUT.sub(r"\1", word)[:MAX_WORD] for word in folded}


def query_words(text: str) -> list[str]:
    """The words that a search must all match, as prefixes; umlauts may be written as ae, oe, ue."""
    return [_UMLAUT.sub(r"\1", word)[:MAX_WORD] for word in _WORD.findall(fold(text))][:10]


def rows(
    resource: str, object_id: UUID, fields: Mapping[str, str | Iterable[str] | None]
) -> list[tuple[str, str, str, UUID]]:
    """The term rows of one object: (resource, word, field, object)."""
    made = set()
    for field, value in fields.items():
        texts = [value] if isinstance(value, str) else list(value or ())
        made |= {(resource, word, field, object_id) for text in texts for word in words(text)}
    return sorted(made, key=str)


async def replace(
    ctx: Context, resource: str, object_id: UUID, fields: Mapping[str, str | Iterable[str] | None], *, new: bool = False
) -> None:
    """Index an object's texts anew; `new` skips the removal of old words."""
    if not new:
        await remove(ctx, object_id)
    made = rows(resource, object_id, fields)
    if made:
        await ctx.connection.execute(
            "insert into term (tenant_id, resource, word, field, object_id)"
            " select %s, %s, * , %s from unnest(%s::text[], %s::text[])",
            (ctx.tenant_id, resource, object_id, [row[1] for row in made], [row[2] for row in made]),
            prepare=True,
        )


async def remove(ctx: Context, object_id: UUID) -> None:
    """Forget an object's words."""
    await ctx.connection.execute(
        "delete from term where tenant_id = %s and object_id = %s", (ctx.tenant_id, object_id), prepare=True
    )
