"""Requests of every caller's dialect as bytes, and answers without what chance and clock put into them."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from tests.support.wire import Response, request

_HI = [{"role": "user", "content": "hi"}]
_TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("weather", "clock")]
_MESSAGE_TOOLS = [{"name": name, "input_schema": {"type": "object"}} for name in ("weather", "clock")]
_RESPONSE_TOOLS = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in ("weather", "clock")]
_DECLARED = [{"functionDeclarations": [{"name": name, "parameters": {"type": "OBJECT"}} for name in ("weather", "clock")]}]

# Caller -> target of a whole answer, of a stream, body; MODEL stands for the model.
RAW: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", "/v1/chat/completions", {"messages": _HI, "tools": _TOOLS}),
    "completions": ("/v1/completions", "/v1/completions", {"prompt": "hi"}),
    "responses": ("/v1/responses", "/v1/responses", {"input": "hi", "tools": _RESPONSE_TOOLS}),
    "messages": ("/v1/messages", "/v1/messages", {"messages": _HI, "max_tokens": 4000, "tools": _MESSAGE_TOOLS}),
    "gemini": (
        "/v1beta/models/MODEL:generateContent",
        "/v1beta/models/MODEL:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "tools": _DECLARED},
    ),
    "gemini array": (
        "/v1/models/MODEL%3AgenerateContent",
        "/v1/models/MODEL%3AstreamGenerateContent",
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "tools": _DECLARED},
    ),
    "ollama": ("/api/chat", "/api/chat", {"messages": _HI, "tools": _TOOLS}),
    "generate": ("/api/generate", "/api/generate", {"prompt": "hi"}),
}

_CHANCE = re.compile(rb"[0-9a-f]{24,26}(?![0-9a-f])")
_CLOCK = re.compile(rb'("(?:created|created_at|completed_at|total_duration|eval_duration)": ?)("[^"]*"|[0-9.]+)')


def build(caller: str, model: str, *, stream: bool, more: Mapping[str, object] | None = None, key: str | None = "sk-master") -> bytes:
    """Return a request's bytes."""
    whole, streamed, base = RAW[caller]
    body = {**base, **(more or {})}
    if not caller.startswith("gemini"):
        body |= {"model": model, "stream": stream}
    target = (streamed if stream else whole).replace("MODEL", model)
    return request(target, orjson.dumps(body), key=key)


def settled(body: bytes) -> bytes:
    """Return *body* without ids that were made here, and without times."""
    return _CLOCK.sub(rb"\g<1>0", _CHANCE.sub(b"ID", body))


def error_of(caller: str, answer: Response) -> tuple[str, str]:
    """Return type (Google: status) and message of an error in the caller's dialect, its form checked."""
    told = answer.json()
    if caller in ("ollama", "generate"):
        assert set(told) == {"error"}
        assert isinstance(told["error"], str)
        return "", told["error"]
    error = told["error"]
    assert isinstance(error, dict)
    if caller == "messages":
        assert told["type"] == "error"
        return error["type"], error["message"]
    if caller.startswith("gemini"):
        assert error["code"] == answer.status
        return error["status"], error["message"]
    assert set(error) == {"message", "type", "param", "code"}
    return error["type"], error["message"]


def stream_error(caller: str, body: bytes) -> str:
    """Return the message of the error that ends a stream, and see to it that nothing there looks like a complete end."""
    for end in (b"[DONE]", b"message_stop", b"response.completed", b'"done":true', b'"finish_reason":"', b'"finishReason"'):
        assert end not in body.replace(b"data: [DO", b""), body
    if caller in ("ollama", "generate"):
        return str(orjson.loads(body.rstrip(b"\n").rpartition(b"\n")[2])["error"])
    if caller == "gemini array":
        last = orjson.loads(body)[-1]
        return str(last["error"]["message"])
    data = [line[5:] for line in body.split(b"\n") if line.startswith(b"data:")]
    last = orjson.loads(data[-1])
    if last.get("type") == "response.failed":
        return str(last["response"]["error"]["message"])
    return str((last.get("error") or last)["message"])
