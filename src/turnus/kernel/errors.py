"""Named refusals. Areas subclass `Problem`; one handler of the platform turns them into RFC 9457 bodies."""

from __future__ import annotations

from typing import Any

import msgspec


class Violation(msgspec.Struct, frozen=True, rename="camel"):
    """One broken rule of a request: where (`positions[0].unitPrice`), what (a stable code) and the parameters of its text."""

    property_path: str
    code: str
    message: str = ""
    parameters: dict[str, Any] = {}


class Problem(Exception):
    """A refusal with a stable `code` and an HTTP `status`; `extra` becomes members of the problem body."""

    code: str = "internal_error"
    status: int = 500

    def __init__(self, detail: str = "", *, code: str | None = None, status: int | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.status = status or type(self).status
        self.extra = extra


class NotFound(Problem):
    """Unknown id or path, or an object of another tenant."""

    code, status = "not_found", 404


class InvalidState(Problem):
    """The action is impossible in the object's current state."""

    code, status = "invalid_state", 409

    def __init__(self, current: str, allowed: list[str], detail: str = "") -> None:
        super().__init__(detail, currentState=current, allowedStates=allowed)


class InUse(Problem):
    """The object is referenced; `references` maps a kind of object to how many refer to it."""

    code, status = "in_use", 409

    def __init__(self, references: dict[str, int]) -> None:
        super().__init__(references=[{"type": kind, "count": count} for kind, count in references.items()])


class ValidationFailed(Problem):
    """The body breaks rules; every violation is reported."""

    code, status = "validation_failed", 422

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__()
        self.violations = violations

    @classmethod
    def at(cls, path: str, code: str, **parameters: Any) -> ValidationFailed:
        """A single violation."""
        return cls([Violation(path, code, parameters=parameters)])
