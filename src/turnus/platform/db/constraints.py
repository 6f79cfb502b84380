"""Violated constraints as refusals: what a racing transaction may break between our check and our write."""

from __future__ import annotations

from psycopg import errors
from sqlalchemy.exc import IntegrityError

from turnus.kernel.errors import InUse, ValidationFailed
from turnus.platform.context import Context


async def flush_unique(ctx: Context, path: str) -> None:
    """Write pending rows; a value that somebody took in the meantime is the violation `not_unique` at `path`."""
    try:
        await ctx.flush()
    except IntegrityError as error:
        if isinstance(error.orig, errors.UniqueViolation):
            raise ValidationFailed.at(path, "not_unique") from None
        raise


async def flush_unused(ctx: Context) -> None:
    """Write pending deletions; an object that something refers to stays and is refused as in use."""
    try:
        await ctx.flush()
    except IntegrityError as error:
        if isinstance(error.orig, errors.ForeignKeyViolation | errors.RestrictViolation):
            raise InUse({error.orig.diag.table_name or "reference": 1}) from None
        raise
