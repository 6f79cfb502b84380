"""Problem details (RFC 9457): the one place where a refusal becomes an answer."""

from __future__ import annotations

from typing import Any

from turnus.kernel.errors import Problem, ValidationFailed, Violation
from turnus.kernel.wire import encode
from turnus.platform.problem_texts import MESSAGES, TITLES, text

PROBLEM_TYPE = "application/problem+json"


class InvalidInput(ValidationFailed):
    """Malformed JSON, a wrong JSON type, or a query parameter that is unknown or unreadable."""

    code, status = "invalid_input", 400


class Unauthorized(Problem):
    """No, malformed, unknown, expired or revoked token."""

    code, status = "unauthorized", 401


class PreconditionFailed(Problem):
    """`If-Match` names another version than the present one."""

    code, status = "precondition_failed", 412


class RateLimited(Problem):
    """Too many requests; `headers` tell when to come back."""

    code, status = "rate_limited", 429

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__()
        self.headers = headers


class PayloadTooLarge(Problem):
    """The body is larger than allowed."""

    code, status = "payload_too_large", 413


class UnsupportedMediaType(Problem):
    """The content type is not accepted here."""

    code, status = "unsupported_media_type", 415


class _Parameters(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


def message_of(violation: Violation, locale: str) -> str:
    """The text of a violation in a language."""
    parameters = {
        key: ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
        for key, value in violation.parameters.items()
    }
    template = text(MESSAGES, violation.code, locale, violation.message)
    return violation.message or template.format_map(_Parameters(parameters))


def body(problem: Problem, locale: str, request_id: str) -> dict[str, Any]:
    """The members of the problem document."""
    title = text(TITLES, problem.code, locale, problem.code.replace("_", " ").capitalize())
    violations = []
    detail = problem.detail
    if isinstance(problem, ValidationFailed):
        violations = [
            {
                "propertyPath": violation.property_path,
                "message": message_of(violation, locale),
                "code": violation.code,
                "parameters": violation.parameters,
            }
            for violation in problem.violations
        ]
        joined = " ".join(f"{v['propertyPath']}: {v['message']}".removeprefix(": ") for v in violations[:20])
        detail = detail or joined
    detail = detail or title
    document: dict[str, Any] = {
        "type": f"/errors/{problem.code}",
        "title": title,
        "status": problem.status,
        "detail": detail,
        "message": detail,
        "code": problem.code,
        "requestId": request_id,
        **problem.extra,
    }
    if violations:
        document["violations"] = violations
    return document


def rendered(problem: Problem, locale: str, request_id: str) -> bytes:
    """The problem document as JSON."""
    return encode(body(problem, locale, request_id))


def locale_of(accept_language: str | None) -> str:
    """`de` or `en` (default) from an Accept-Language header."""
    best, best_weight = "en", 0.0
    for part in (accept_language or "").split(","):
        tag, _, parameter = part.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        if language not in ("de", "en"):
            continue
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter.strip() else 1.0
        except ValueError:
            continue
        if weight > best_weight:
            best, best_weight = language, weight
    return best
