"""Nobody hands on more than they hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from turnus.identity.permissions import ASSIGNABLE, is_pattern, lacking
from turnus.kernel.errors import Violation
from turnus.platform.context import Context, Forbidden


def unknown_permissions(names: Sequence[str], *, patterns: bool = False) -> list[Violation]:
    """Names that are no permission a token or role may hold; `patterns` allows `<resource>:*`."""
    return [
        Violation(f"permissions[{index}]", "invalid_choice", parameters={"choices": "GET /permissions"})
        for index, name in enumerate(names)
        if name not in ASSIGNABLE and not (patterns and is_pattern(name))
    ]


def require_all(ctx: Context, permissions: Iterable[str]) -> None:
    """Raise Forbidden, with what is missing, unless the actor holds all of the permissions."""
    missing = lacking(ctx.permissions, permissions)
    if missing:
        raise Forbidden(requiredPermissions=missing)
