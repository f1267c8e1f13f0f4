"""Errors of OpenAI Responses: written for callers, read from providers."""

from typing import Any

import orjson

from fastgate.translate.answer import Fault, kind_of_status
from fastgate.translate.openai_chat import errors as openai_chat
from fastgate.translate.openai_responses.words import STATUS_OF_CODE

REQUEST_ID_FIELD = openai_chat.REQUEST_ID_FIELD
build_error = openai_chat.build_error

# Characters of an unreadable body that a message shows.
_EXCERPT = 200
# The status says who must act; these say it better (section "Error codes" of platform.openai.com/docs/guides/error-codes, 2026-11-20).
_BETTER_CODES = frozenset({"server_is_overloaded", "slow_down"})


def build_error_event(status: int, kind: str, code: str, message: str, param: str = "") -> bytes:
    """Return the event that tells a stream's reader that it broke; its members are flat."""
    event = {"type": "error", "code": code, "message": message, "param": param or None}
    return b"event: error\ndata: " + orjson.dumps(event) + b"\n\n"


def parse_error(status: int, body: bytes) -> Fault:
    """Return what an answer of status 4xx or 5xx says; never raises."""
    error = _error_of(body)
    if error is None:
        said = excerpt(body)
        return Fault(status, kind_of_status(status), "", said or f"the provider answered {status} without a word")
    code = _code_of(error)
    kind = STATUS_OF_CODE[code][1] if code in _BETTER_CODES else kind_of_status(status)
    message = words_of(error.get("message")) or f"the provider answered {status}"
    return Fault(status, kind, code, message, words_of(error.get("param")))


def fault_of(error: dict[str, Any]) -> Fault:
    """Return what an error object says that came with status 200: in an answer that failed, or in a stream."""
    code = _code_of(error)
    status, kind = STATUS_OF_CODE.get(code) or STATUS_OF_CODE.get(words_of(error.get("type")), (502, "upstream"))
    message = words_of(error.get("message")) or "the provider failed without a word"
    return Fault(status, kind, code, message, words_of(error.get("param")))


def broken(what: str, body: bytes) -> Fault:
    """Return the fault of an answer that cannot be read."""
    return Fault(502, "upstream", "", f"the provider's answer cannot be read: {what}; it begins {excerpt(body)!r}")


def excerpt(body: bytes) -> str:
    """Return the beginning of a body as text."""
    return body[:_EXCERPT].decode("utf-8", "replace").strip()


def words_of(value: object) -> str:
    """Return a string, or a number as one; "" for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _code_of(error: dict[str, Any]) -> str:
    """Return the provider's code; a status in its place is none."""
    code = words_of(error.get("code"))
    return "" if len(code) == 3 and code.isdigit() else code


def _error_of(body: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict):
        return None
    error = found.get("error", found)
    if isinstance(error, str):
        return {"message": error}
    # Old vLLM: flat, {"object": "error", "message", "type", "code"}.
    return error if isinstance(error, dict) and "message" in error else None
