"""Errors of Cohere's v2 API."""

from typing import Any

import orjson

from fastgate.translate.answer import Fault, kind_of_status

# Statuses of Cohere's own: an invalid token, a request that its client closed (docs.cohere.com/reference/errors, 2026-11-20).
_KINDS = {498: "authentication", 499: "timeout", 501: "not_supported"}
# Part of a message -> code, so that the error is known for what it is: Cohere tells no codes.
_CODES = (("too many tokens", "context_length_exceeded"), ("context length", "context_length_exceeded"))
_EXCERPT_BYTES = 200


def parse_error(status: int, body: bytes) -> Fault:
    """Return what an answer of status 4xx or 5xx says; never raises."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        told = None
    message = _message(told)
    if not message:
        text = body[:_EXCERPT_BYTES].decode("utf-8", "replace").strip()
        message = f"the provider answered {status}: {text}" if text else f"the provider answered {status}"
    return Fault(status, _KINDS.get(status) or kind_of_status(status), _code(status, message), message)


def _message(told: Any) -> str:
    """Return `message`, or what proxies before Cohere say instead: `error`, `detail`."""
    if not isinstance(told, dict):
        return ""
    for name in ("message", "error", "detail"):
        value = told.get(name)
        if isinstance(value, dict):
            value = value.get("message")
        if isinstance(value, str) and value:
            return value
    return ""


def _code(status: int, message: str) -> str:
    if status != 400:
        return ""
    lower = message.lower()
    return next((code for mark, code in _CODES if mark in lower), "")
