"""Errors of the Gemini API: as its callers read them, and as its providers tell them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from fastgate.translate.answer import Fault, kind_of_status
from fastgate.translate.events import Failed
from fastgate.translate.gemini.words import either

# The field that carries the request's id in answers. Google has none; this is what other callers look for.
REQUEST_ID_FIELD = "x-request-id"

# Kind of fastgate.errors -> `status` (google.rpc.Code; ai.google.dev/gemini-api/docs/troubleshooting, 2026-11-24).
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "invalid_request": "INVALID_ARGUMENT",
        "request_too_large": "INVALID_ARGUMENT",
        "authentication": "UNAUTHENTICATED",
        "permission": "PERMISSION_DENIED",
        "not_found": "NOT_FOUND",
        "rate_limit": "RESOURCE_EXHAUSTED",
        "timeout": "DEADLINE_EXCEEDED",
        "upstream": "UNAVAILABLE",
        "overloaded": "UNAVAILABLE",
        "not_supported": "UNIMPLEMENTED",
        "internal_error": "INTERNAL",
    }
)
# `status` -> kind and the HTTP status, where an error comes without one.
_MEANINGS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "INVALID_ARGUMENT": ("invalid_request", 400),
        "FAILED_PRECONDITION": ("invalid_request", 400),
        "OUT_OF_RANGE": ("invalid_request", 400),
        "UNAUTHENTICATED": ("authentication", 401),
        "PERMISSION_DENIED": ("permission", 403),
        "NOT_FOUND": ("not_found", 404),
        "ABORTED": ("timeout", 409),
        "ALREADY_EXISTS": ("invalid_request", 409),
        "RESOURCE_EXHAUSTED": ("rate_limit", 429),
        "CANCELLED": ("upstream", 499),
        "INTERNAL": ("upstream", 500),
        "UNKNOWN": ("upstream", 500),
        "DATA_LOSS": ("upstream", 500),
        "UNIMPLEMENTED": ("not_supported", 501),
        "UNAVAILABLE": ("overloaded", 503),
        "DEADLINE_EXCEEDED": ("timeout", 504),
    }
)
_EXCERPT = 200


def build_error(status: int, kind: str, code: str, message: str, param: str = "") -> bytes:
    """Return the body of an error answer."""
    # 529 is Anthropic's own.
    number = 503 if status == 529 else status
    error: dict[str, Any] = {"code": number, "message": message, "status": _WORDS.get(kind, "INVALID_ARGUMENT")}
    details: list[dict[str, Any]] = []
    if param:
        violation = {"field": param, "description": message}
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]})
    if code and code != error["status"]:
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code})
    if details:
        error["details"] = details
    return orjson.dumps({"error": error})


def build_error_event(status: int, kind: str, code: str, message: str, param: str = "") -> bytes:
    """Return the event that tells a stream's reader that it broke."""
    return b"data: " + build_error(status, kind, code, message, param) + b"\r\n\r\n"


def unreadable(body: bytes, why: str) -> Fault:
    """Return the fault of an answer that is not what Google sends."""
    excerpt = body[:_EXCERPT].decode("utf-8", "replace")
    return Fault(502, "upstream", "", f"the provider's answer cannot be read: {why}; it begins: {excerpt}")


def parse_error(status: int, body: bytes) -> Fault:
    """Return what an answer of status 4xx or 5xx says; never raises."""
    error = find_error(_loads(body))
    if error is None:
        excerpt = body[:_EXCERPT].decode("utf-8", "replace").strip()
        return Fault(status, kind_of_status(status), "", excerpt or f"the provider answered {status} without a body")
    return read_error(error, status)


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def find_error(value: Any) -> dict[str, Any] | None:
    """Return the error object of an answer, which may be the one element of an array; None if it holds none."""
    if type(value) is list and value:
        value = value[0]
    error = value.get("error") if type(value) is dict else None
    if type(error) is str:
        return {"message": error}
    return error if type(error) is dict else None


def read_error(error: dict[str, Any], status: int = 0) -> Fault:
    """Return what an error object says; *status* is that of the answer, 0 if the error came in an answer that began well."""
    said = error.get("status")
    word = said if type(said) is str else ""
    kind, usual = _MEANINGS.get(word, ("", 502))
    if not status:
        number = error.get("code")
        status = number if type(number) is int and 400 <= number < 600 else usual
    text = error.get("message")
    message = text if type(text) is str and text else f"the provider answered {word or status} without a message"
    fault = Fault(status, kind or kind_of_status(status), word, message)
    details = error.get("details")
    for detail in details if type(details) is list else []:
        if type(detail) is dict:
            _read_detail(fault, detail)
    # Google has no code for it: "The input token count (1050000) exceeds the maximum number of tokens allowed (1048576)".
    if fault.kind == "invalid_request" and "exceeds the maximum number of tokens" in message:
        fault.code = "context_length_exceeded"
    return fault


def _read_detail(fault: Fault, detail: dict[str, Any]) -> None:
    """google.rpc error_details: RetryInfo, QuotaFailure, ErrorInfo, BadRequest."""
    delay = either(detail, "retryDelay", "retry_delay")
    if type(delay) is str:
        fault.retry_after_s = _seconds(delay)
    violations = detail.get("violations")
    for violation in violations if type(violations) is list else []:
        quota = violation.get("quotaId") if type(violation) is dict else None
        if type(quota) is str and "PerDay" in quota:
            # Waiting for a day is no retry: other deployments are to be tried.
            fault.code = "insufficient_quota"
    if detail.get("reason") == "API_KEY_INVALID":
        # Told as 400 INVALID_ARGUMENT.
        fault.kind = "authentication"
        fault.status = 401
    fields = detail.get("fieldViolations")
    if type(fields) is list and fields and type(fields[0]) is dict and type(fields[0].get("field")) is str:
        fault.param = fields[0]["field"]


def _seconds(duration: str) -> float | None:
    """Return the seconds of a Duration in Protocol Buffers' JSON: "37s", "0.5s"."""
    number = duration.removesuffix("s")
    if not number or len(number) > 20 or not number.isascii() or not number.replace(".", "", 1).isdigit():
        return None
    return float(number)


def failed(fault: Fault) -> Failed:
    """Return the event that says the same as *fault*."""
    return Failed(status=fault.status, kind=fault.kind, code=fault.code, message=fault.message)
