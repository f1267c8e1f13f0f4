"""OpenAI chat completions, and every OpenAI operation that shares its errors."""

import orjson

# The field that carries the request's id in answers.
REQUEST_ID_FIELD = "x-request-id"

# Kind of fastgate.errors -> `type` of OpenAI's error object (platform.openai.com/docs/guides/error-codes, 2026-11-20).
_TYPES = {
    "authentication": "authentication_error",
    "permission": "permission_error",
    "not_found": "invalid_request_error",
    "rate_limit": "rate_limit_error",
    "timeout": "timeout_error",
    "upstream": "upstream_error",
    "overloaded": "overloaded_error",
    "not_supported": "not_supported_error",
    "internal_error": "internal_server_error",
}


def build_error(status: int, kind: str, code: str, message: str) -> bytes:
    """Return the body of an error answer."""
    error = {"message": message, "type": _TYPES.get(kind, "invalid_request_error"), "param": _PARAMS.get(code), "code": code}
    return orjson.dumps({"error": error})


def build_error_event(status: int, kind: str, code: str, message: str) -> bytes:
    """Return the event that tells a stream's reader that it broke."""
    return b"data: " + build_error(status, kind, code, message) + b"\n\n"


_PARAMS = {"model_not_found": "model"}
