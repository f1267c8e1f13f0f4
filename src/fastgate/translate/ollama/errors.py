"""Errors: `{"error": "text"}`, in a stream as a line of its own (docs.ollama.com/api/errors, 2026-11-20)."""

from typing import Any

import orjson

from fastgate.translate.answer import Fault, kind_of_status

# The server itself sends no such field: it is the gateway's.
REQUEST_ID_FIELD = "x-request-id"

_EXCERPT = 200
# What a message holds -> the code that fallbacks for larger contexts look for (llm/server.go, server/routes.go).
_CONTEXT_WORDS = ("context length", "context window", "context size")


def build_error(status: int, kind: str, code: str, message: str, param: str = "") -> bytes:
    """Return the body of an error answer: the dialect says its text alone."""
    return orjson.dumps({"error": message})


def build_error_event(status: int, kind: str, code: str, message: str, param: str = "") -> bytes:
    """Return the event that tells a stream's reader that it broke."""
    return build_error(status, kind, code, message, param) + b"\n"


def parse_error(status: int, body: bytes) -> Fault:
    """Return what an answer of status 4xx or 5xx says; never raises."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = None
    error = said.get("error") if isinstance(said, dict) else None
    return fault_of(status, error if error else body[:_EXCERPT].decode("utf-8", "replace"))


def fault_of(status: int, error: Any) -> Fault:
    """Return the fault for the value of `error`: a text, or an object where something else answers in the server's place."""
    code = ""
    if isinstance(error, dict):
        code = str(error["code"]) if isinstance(error.get("code"), str) else ""
        error = error.get("message") or orjson.dumps(error, default=str).decode()
    message = error if isinstance(error, str) else str(error)
    lowered = message.lower()
    if not code and any(words in lowered for words in _CONTEXT_WORDS):
        code = "context_length_exceeded"
    return Fault(status, kind_of_status(status), code, message or f"status {status} without a message")


def unreadable(body: bytes, why: str) -> Fault:
    """Return the fault for an answer that is not the dialect's."""
    excerpt = body[:_EXCERPT].decode("utf-8", "replace")
    return Fault(502, "upstream", "", f"the provider's answer cannot be read: {why}: {excerpt!r}")
