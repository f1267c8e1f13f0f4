"""Anthropic messages."""

import orjson

REQUEST_ID_FIELD = "request-id"

# Kind of fastgate.errors -> `error.type` (docs.anthropic.com/en/api/errors, 2026-11-20).
_TYPES = {
    "authentication": "authentication_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "request_too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
    "timeout": "timeout_error",
    "overloaded": "overloaded_error",
    "upstream": "api_error",
    "not_supported": "api_error",
    "internal_error": "api_error",
}


def build_error(status: int, kind: str, code: str, message: str) -> bytes:
    """Return the body of an error answer."""
    return orjson.dumps({"type": "error", "error": {"type": _TYPES.get(kind, "invalid_request_error"), "message": message}})


def build_error_event(status: int, kind: str, code: str, message: str) -> bytes:
    """Return the event that tells a stream's reader that it broke."""
    return b"event: error\ndata: " + build_error(status, kind, code, message) + b"\n\n"
