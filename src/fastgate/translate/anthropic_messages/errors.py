"""Errors of Anthropic messages, written and read. https://platform.claude.com/docs/en/api/errors"""

from typing import Any

import orjson

from fastgate.translate.answer import Fault, kind_of_status

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
# Statuses with a type of their own, which no kind stands for.
_TYPES_OF_STATUS = {402: "billing_error", 409: "conflict_error"}

# `error.type` -> kind, and the status of an error that came without one: in a stream, or in a 200.
_MEANINGS = {
    "invalid_request_error": ("invalid_request", 400),
    "authentication_error": ("authentication", 401),
    "billing_error": ("permission", 402),
    "permission_error": ("permission", 403),
    "not_found_error": ("not_found", 404),
    "conflict_error": ("invalid_request", 409),
    "request_too_large": ("request_too_large", 413),
    "rate_limit_error": ("rate_limit", 429),
    "timeout_error": ("timeout", 504),
    "api_error": ("upstream", 500),
    "overloaded_error": ("overloaded", 529),
}

# Anthropic has no codes; what its message begins with tells errors apart that fallbacks treat apart. Message -> kind, code.
_SPOKEN = (
    ("prompt is too long", "invalid_request", "context_length_exceeded"),
    ("input length and `max_tokens` exceed context limit", "invalid_request", "context_length_exceeded"),
    # A spend cap comes as 400: another try does not help, another deployment does.
    ("You have reached your specified API usage limits", "permission", "insufficient_quota"),
    ("Your credit balance is too low", "permission", "insufficient_quota"),
)

EXCERPT_CHARACTERS = 200


def build_error(status: int, kind: str, code: str, message: str, param: str = "") -> bytes:
    """Return the body of an error answer; *param* stands before the message, as Anthropic writes it, unless the message names it."""
    if param and param not in message:
        message = f"{param}: {message}"
    named = _TYPES_OF_STATUS.get(status) or _TYPES.get(kind, "invalid_request_error")
    return orjson.dumps({"type": "error", "error": {"type": named, "message": message}})


def build_error_event(status: int, kind: str, code: str, message: str, param: str = "") -> bytes:
    """Return the event that tells a stream's reader that it broke."""
    return b"event: error\ndata: " + build_error(status, kind, code, message, param) + b"\n\n"


def parse_error(status: int, body: bytes) -> Fault:
    """Return what an answer of status 4xx or 5xx says; never raises."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    fault = fault_of(parsed, status)
    return fault or Fault(status, kind_of_status(status), "", excerpt(body) or f"the provider answered {status} without a message")


def fault_of(parsed: Any, status: int = 0) -> Fault | None:
    """Return the error that a parsed body or event tells; None if it tells none. *status* is 0 where its type has to say it."""
    if not isinstance(parsed, dict):
        return None
    # `{"message"}` is what Bedrock and some gateways in between say.
    error = parsed.get("error", parsed.get("message"))
    if isinstance(error, str) and error:
        error = {"message": error}
    if not isinstance(error, dict):
        return None
    message, named, code, param = (_text(error.get(member)) for member in ("message", "type", "code", "param"))
    kind, usual = _MEANINGS.get(named, ("", 502))
    status = status or usual
    for spoken, spoken_kind, spoken_code in _SPOKEN:
        if message.startswith(spoken):
            kind, code = spoken_kind, code or spoken_code
    return Fault(status, kind or kind_of_status(status), code, message or named or f"the provider answered {status}", param)


def excerpt(body: bytes) -> str:
    """Return the beginning of what could not be read, on one line."""
    return " ".join(body[: 4 * EXCERPT_CHARACTERS].decode("utf-8", "replace").split())[:EXCERPT_CHARACTERS]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
