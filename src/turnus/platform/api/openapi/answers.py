"""Answers of operations: every status they can have, with its body and headers."""

from __future__ import annotations

from typing import Any

from turnus.platform.api.openapi.schemas import REFERENCE, Schemas
from turnus.platform.api.operation import PUBLIC, Operation
from turnus.platform.problems import PROBLEM_TYPE

Response = dict[str, Any]
Header = dict[str, Any]

HEADERS: dict[str, Header] = {
    "X-Request-Id": {"description": "Id of the request, the caller's or a new one.", "schema": {"type": "string"}},
    "ETag": {"description": "Version of the representation, for `If-Match` and `If-None-Match`.",
             "schema": {"type": "string"}},
    "RateLimit-Limit": {"description": "Requests per minute.", "schema": {"type": "integer"}},
    "RateLimit-Remaining": {"description": "Requests that would pass right now.", "schema": {"type": "integer"}},
    "RateLimit-Reset": {"description": "Seconds until the full burst is available.", "schema": {"type": "integer"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": '`Bearer error="invalid_token"`', "schema": {"type": "string"}},
    "Idempotent-Replayed": {"description": "`true` on a stored answer.", "schema": {"type": "string"}},
}  # fmt: skip
_RATE = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")

REFUSALS: dict[int, tuple[str, str]] = {
    # status: (name of the component, description)
    400: ("InvalidInput", "Malformed JSON, a wrong JSON type, an unknown or unreadable parameter (`invalid_input`)."),
    401: ("Unauthorized", "No, unknown, expired or revoked token (`unauthorized`)."),
    402: ("PaymentFailed", "The payment failed (`payment_failed`)."),
    403: ("Forbidden", "The permission is missing (`forbidden`, with `requiredPermissions`), the address is not allowed"
                       " (`ip_not_allowed`) or the tenant is suspended (`tenant_suspended`)."),
    404: ("NotFound", "There is no such object (`not_found`)."),
    405: ("MethodNotAllowed", "The path has no such method (`method_not_allowed`)."),
    406: ("NotAcceptable", "The wanted format is not available (`not_acceptable`)."),
    409: ("Conflict", "Impossible in the present state (`invalid_state`, `in_use`, `not_unique`) or the first request"
                      " with this key still runs (`request_in_progress`)."),
    410: ("Gone", "The link or token has expired (`gone`)."),
    412: ("PreconditionFailed", "`If-Match` names another version than the present one (`precondition_failed`)."),
    413: ("PayloadTooLarge", "The body is larger than allowed (`payload_too_large`)."),
    415: ("UnsupportedMediaType", "The content type is not accepted (`unsupported_media_type`)."),
    422: ("ValidationFailed", "Rules are broken (`validation_failed`, with `violations`) or the idempotency key was"
                              " used with another body (`idempotency_key_reused`)."),
    423: ("PeriodClosed", "The accounting period is closed (`period_closed`)."),
    428: ("PreconditionRequired", "`If-Match` is required here (`precondition_required`)."),
    429: ("RateLimited", "Too many requests (`rate_limited`)."),
    501: ("FeatureDisabled", "The function is switched off for this tenant (`feature_disabled`)."),
    502: ("ProviderError", "A payment or bank provider failed (`provider_error`)."),
    503: ("Unavailable", "Try again shortly (`unavailable`)."),
}  # fmt: skip


def statuses(operation: Operation, *, tagged: bool, guarded: bool) -> list[int]:
    """Every status beyond success that the operation can answer."""
    found = {401, 403, 429, 503, *operation.statuses}
    body = operation.method != "GET"
    if tagged:
        found.add(304)
    if operation.listing is not None:
        found.add(400)
    if operation.body is not None or operation.query_parameters:
        found |= {400, 422}
    if operation.path_parameters or operation.query_parameters or PUBLIC in operation.permissions:
        found.add(404)
    if body:
        found |= {413, 415}
    if body and operation.method != "DELETE":
        found |= {400, 409, 422}
    if operation.method == "DELETE":
        found.add(409)
    if guarded:
        found.add(412)
    return sorted(found - {operation.status})


def responses(operation: Operation, schemas: Schemas, *, tagged: bool, guarded: bool) -> dict[str, Response]:
    """The `responses` of an operation."""
    made = {str(operation.status): _success(operation, schemas, tagged)}
    for status in statuses(operation, tagged=tagged, guarded=guarded):
        if status == 304:
            made["304"] = {"description": "The caller has the current version.", "headers": _headers("ETag")}
        elif status < 400:
            made[str(status)] = _success(operation, schemas, tagged)
        else:
            made[str(status)] = {"$ref": f"#/components/responses/{_refusal_name(status)}"}
    return made


def response_components(used: set[int]) -> dict[str, Response]:
    """The refusals that operations refer to."""
    return {_refusal_name(status): _refusal(status) for status in sorted(used) if status >= 400}


def header_components() -> dict[str, Header]:
    """The answer headers that operations refer to."""
    return {name.replace("-", ""): found for name, found in HEADERS.items()}


def _refusal_name(status: int) -> str:
    return REFUSALS[status][0] if status in REFUSALS else f"Status{status}"


def _headers(*names: str) -> dict[str, Header]:
    return {
        name: {"$ref": f"#/components/headers/{name.replace('-', '')}"} for name in (*names, "X-Request-Id")
    }  # fmt: skip


def _refusal(status: int) -> Response:
    extra = {401: ("WWW-Authenticate",), 429: (*_RATE, "Retry-After"), 503: ("Retry-After",)}.get(status, ())
    text = REFUSALS[status][1] if status in REFUSALS else "A refusal."
    content = {PROBLEM_TYPE: {"schema": {"$ref": REFERENCE + "Problem"}}}
    return {"description": text, "headers": _headers(*extra), "content": content}


def _success(operation: Operation, schemas: Schemas, tagged: bool) -> Response:
    names = [*_RATE]
    if tagged or (operation.method in ("POST", "PUT", "PATCH") and _versioned(operation)):
        names.append("ETag")
    if operation.method in ("POST", "PUT", "PATCH"):
        names.append("Idempotent-Replayed")
    text = {201: "Created.", 202: "Accepted; the work goes on in the background.", 204: "Done."}.get(
        operation.status, "The page." if operation.listing is not None else "The result."
    )
    made: Response = {"description": text, "headers": _headers(*names)}
    schema = schemas.answer(operation)
    if schema is not None:
        made["content"] = {operation.produces: {"schema": schema}}
    elif operation.produces != "application/json":
        made["content"] = {operation.produces: {"schema": {"type": "string", "format": "binary"}}}
    elif operation.status != 204 and _answers_bytes(operation):
        made["content"] = {operation.produces: {"schema": {}}}
    return made


def _answers_bytes(operation: Operation) -> bool:
    return operation.result is not None and operation.result is not type(None)


def _versioned(operation: Operation) -> bool:
    return operation.listing is None and "updated_at" in getattr(operation.result, "__struct_fields__", ())


def answers_etag(operation: Operation) -> bool:
    """Whether a GET of the operation has an `ETag`."""
    return operation.method == "GET" and _versioned(operation)
