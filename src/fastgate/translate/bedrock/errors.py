"""Errors of Converse: the exceptions of a stream, and bodies of status 4xx and 5xx."""

from typing import Any

import orjson

from fastgate.translate.answer import Fault, kind_of_status
from fastgate.translate.events import Failed

# :exception-type of a frame, lower case without "exception" -> status (botocore's bedrock-runtime, 2026-11-20).
_STATUS = {
    "validation": 400,
    "accessdenied": 403,
    "resourcenotfound": 404,
    "modeltimeout": 408,
    "modelerror": 424,
    "modelstreamerror": 424,
    "throttling": 429,
    "modelnotready": 429,
    "servicequotaexceeded": 429,
    "internalserver": 500,
    "serviceunavailable": 503,
}
# Part of a message of status 403 that speaks of the key and not of rights.
_KEY_MARKS = ("security token", "signature", "credential", "api key", "access key", "bearer token")
# Part of a message of status 400 -> code, so that it is known for what it is where the provider has no code.
_CODES = (
    ("too long", "context_length_exceeded"),
    ("too many input tokens", "context_length_exceeded"),
    ("context window", "context_length_exceeded"),
    ("context limit", "context_length_exceeded"),
    ("maximum context length", "context_length_exceeded"),
)
_EXCERPT_BYTES = 200


def parse_error(status: int, body: bytes) -> Fault:
    """Return what an answer of status 4xx or 5xx says; never raises. Its type stands in x-amzn-ErrorType, which is not seen here."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        text = body[:_EXCERPT_BYTES].decode("utf-8", "replace").strip()
        message = f"the provider answered {status}: {text}" if text else f"the provider answered {status}"
        return Fault(status, kind_of_status(status), "", message)
    message = _text(told, "message") or _text(told, "Message") or f"the provider answered {status}"
    kind = kind_of_status(status)
    if status == 403 and any(mark in message.lower() for mark in _KEY_MARKS):
        kind = "authentication"
    return Fault(status, kind, _code(status, message, _text(told, "__type")), message)


def failed_by(exception: str, message: str, status: int = 0) -> Failed:
    """Return the event for an exception in a stream; *status* is the model's own, if it told one."""
    name = exception.rpartition("#")[2]
    found = status or _STATUS.get(name.lower().removesuffix("exception"), 502)
    code = _code(found, message, name)
    return Failed(status=found, kind=kind_of_status(found), code=code, message=message or name or "the stream failed")


def parse_exception(headers: dict[str, Any], payload: bytes) -> Failed:
    """Return what a frame of message-type exception or error says."""
    if headers.get(":message-type") == "error":
        return failed_by(str(headers.get(":error-code", "")), str(headers.get(":error-message", "")))
    try:
        told = orjson.loads(payload)
    except orjson.JSONDecodeError:
        told = {}
    if not isinstance(told, dict):
        told = {}
    status = told.get("originalStatusCode")
    message = _text(told, "message") or _text(told, "Message") or _text(told, "originalMessage")
    known = status if isinstance(status, int) and 400 <= status <= 599 else 0
    return failed_by(str(headers.get(":exception-type", "")), message, known)


def _code(status: int, message: str, told: str) -> str:
    if status == 400:
        lower = message.lower()
        for mark, code in _CODES:
            if mark in lower:
                return code
    return told.rpartition("#")[2]


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""
