"""Errors of OpenAI chat completions, and of every OpenAI operation that shares them."""

from typing import Any

import orjson

from fastgate.translate.answer import KIND_OF_STATUS, Fault, kind_of_status

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
_PARAMS = {"model_not_found": "model"}

# `type` or `code` of an error inside an answer of status 200 -> the status it would have had.
_STATUS_OF_WORD = {
    "invalid_request_error": 400,
    "BadRequestError": 400,
    "context_length_exceeded": 400,
    "content_filter": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "model_not_found": 404,
    "not_found_error": 404,
    "NotFoundError": 404,
    "timeout_error": 504,
    "insufficient_quota": 429,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "tokens": 429,
    "requests": 429,
    "overloaded": 503,
    "overloaded_error": 503,
    "service_unavailable": 503,
    "unavailable_error": 503,
    "server_error": 500,
    "api_error": 500,
    "InternalServerError": 500,
}
# Longest piece of an unreadable body that goes into a message.
_EXCERPT = 300


def build_error(status: int, kind: str, code: str, message: str, param: str = "") -> bytes:
    """Return the body of an error answer."""
    named = param or _PARAMS.get(code)
    return orjson.dumps(
        {"error": {"message": message, "type": _TYPES.get(kind, "invalid_request_error"), "param": named, "code": code or None}}
    )


def build_error_event(status: int, kind: str, code: str, message: str, param: str = "") -> bytes:
    """Return the event that tells a stream's reader that it broke."""
    return b"data: " + build_error(status, kind, code, message, param) + b"\n\n"


def parse_error(status: int, body: bytes) -> Fault:
    """Return what an answer of status 4xx or 5xx says; never raises."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Fault(status, kind_of_status(status), "", excerpt(body) or f"the provider answered {status} without a message")
    # Google's endpoint may answer with a list of one.
    if isinstance(value, list) and value:
        value = value[0]
    return _fault(value if isinstance(value, dict) else {"message": excerpt(body)}, status)


def find_error(value: dict[str, Any]) -> Fault | None:
    """Return the error that an answer of status 200, or a chunk of a stream, carries; None if it carries none."""
    if value.get("error"):
        return _fault(value, 0)
    groq = value.get("x_groq")
    if isinstance(groq, dict) and groq.get("error"):
        return _fault(groq, 0)
    choices = value.get("choices")
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict) and choice.get("error"):
                return _fault(choice, 0)
        return None
    # Flat: vLLM's {"object": "error", "message", "type", "code"}, FastAPI's {"detail"}.
    return _fault(value, 0) if value.get("object") == "error" or "message" in value or "detail" in value else None


def unreadable(body: bytes, expected: str) -> Fault:
    """Return the fault of a 2xx answer that is not what the dialect says."""
    return Fault(502, "upstream", "", f"the provider's answer cannot be read: expected {expected}, found {excerpt(body) or 'nothing'}")


def excerpt(body: bytes) -> str:
    """Return the begin of a body as text."""
    text = bytes(body[:_EXCERPT]).decode("utf-8", "replace").strip()
    return f"{text}..." if len(body) > _EXCERPT else text


def _fault(value: dict[str, Any], status: int) -> Fault:
    """Return the fault that *value* tells: nested under `error`, flat, or in words alone. Status 0 is not known."""
    error = value.get("error")
    source = error if isinstance(error, dict) else value
    code, kind_word, param = source.get("code"), source.get("type"), source.get("param")
    message = _message(source, error)
    if status == 0:
        status = _status(code, source.get("status"), kind_word)
    kind = KIND_OF_STATUS.get(status) or kind_of_status(status)
    said = message or "the provider failed without a message"
    return Fault(status, kind, _code(code), said, param if isinstance(param, str) else "")


def _message(source: dict[str, Any], error: object) -> str:
    found = error if isinstance(error, str) else source.get("message") or source.get("detail") or source.get("error") or source
    if isinstance(found, dict) and "detail" in found:
        found = found["detail"]
    # FastAPI's validation: [{"loc": [...], "msg": ...}].
    if isinstance(found, list):
        found = "; ".join(str(one["msg"]) if isinstance(one, dict) and "msg" in one else _words(one) for one in found)
    text = found if isinstance(found, str) else _words(found)
    # OpenRouter says "Provider returned error" and the provider's own words here (openrouter.ai/docs/api-reference/errors, 2026-11).
    metadata = source.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return f"{text}: {raw[:_EXCERPT]}" if isinstance(raw, str) and raw and raw not in text else text


def _words(value: object) -> str:
    return excerpt(orjson.dumps(value))


def _code(code: object) -> str:
    """Return the provider's code; a status in its place is none."""
    if isinstance(code, int) and not isinstance(code, bool):
        return "" if 100 <= code < 600 else str(code)
    return "" if not isinstance(code, str) or (code.isdigit() and len(code) == 3) else code


def _status(*words: object) -> int:
    for word in words:
        if isinstance(word, str):
            if word in _STATUS_OF_WORD:
                return _STATUS_OF_WORD[word]
            word = int(word) if word.isascii() and word.isdigit() and len(word) == 3 else 0  # noqa: PLW2901 - "429" for 429
        if isinstance(word, int) and 400 <= word < 600:
            return word
    return 502
