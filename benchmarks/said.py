"""What an answer says, in either dialect: before a translated scenario each target is asked once, and has to say what the upstream says."""

import http.client
import re
from typing import Any

import orjson
from msgspec import Struct

from benchmarks.bodies import KEY
from benchmarks.process import LOOPBACK
from benchmarks.scenarios import Dialect

PATHS: dict[Dialect, str] = {"openai_chat": "/v1/chat/completions", "anthropic_messages": "/v1/messages"}
_FIELDS: dict[Dialect, dict[str, str]] = {
    "openai_chat": {"Authorization": f"Bearer {KEY}"},
    "anthropic_messages": {"x-api-key": KEY, "anthropic-version": "2023-06-01"},
}
_FINISHES = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length"}


class Said(Struct, kw_only=True):
    """Without the times in it."""

    thinking: str = ""
    text: str = ""
    # Index -> name and arguments.
    calls: dict[int, list[str]] = {}
    finish: str = ""


class Seen(Struct, frozen=True):
    """One answer: what it says, and the numbers that every further one must have too."""

    said: Said
    body_bytes: int
    # Server-sent events, and times in them; 0: it was no stream.
    events: int
    deltas: int


def ask(port: int, dialect: Dialect, body: bytes, stream: bool, name: str) -> Seen:
    """Send one request and read its answer; raise RuntimeError if it is none."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
    connection.request("POST", PATHS[dialect], body, {"Content-Type": "application/json", **_FIELDS[dialect]})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{name} answered {answer.status}: {text[:2000]!r}")
    plain = re.sub(rb"@\d{20}", b"@", text)
    said = Said()
    if not stream:
        read_whole = _read_whole_message if dialect == "anthropic_messages" else _read_whole_completion
        read_whole(said, orjson.loads(plain))
        return Seen(said, len(text), 0, 0)
    read = _read_message_event if dialect == "anthropic_messages" else _read_chunk
    for line in plain.splitlines():
        if line.startswith(b"data: {"):
            read(said, orjson.loads(line[6:]))
    return Seen(said, len(text), text.count(b"\n\n"), text.count(b"@"))


def _read_whole_completion(said: Said, answer: dict[str, Any]) -> None:
    choice = answer["choices"][0]
    said.text, said.finish = choice["message"]["content"], choice["finish_reason"]


def _read_whole_message(said: Said, answer: dict[str, Any]) -> None:
    said.text = "".join(block["text"] for block in answer["content"] if block["type"] == "text")
    said.finish = _FINISHES[answer["stop_reason"]]


def _read_chunk(said: Said, chunk: dict[str, Any]) -> None:
    for choice in chunk["choices"]:
        delta = choice.get("delta") or {}
        said.thinking += delta.get("reasoning_content") or ""
        said.text += delta.get("content") or ""
        for call in delta.get("tool_calls") or []:
            function = call["function"]
            _add_call(said, call["index"], function.get("name") or "", function.get("arguments") or "")
        said.finish = choice.get("finish_reason") or said.finish


def _read_message_event(said: Said, event: dict[str, Any]) -> None:
    block, delta = event.get("content_block") or {}, event.get("delta") or {}
    if block.get("type") == "tool_use":
        _add_call(said, event["index"], block["name"], "")
    kind = delta.get("type")
    if kind == "thinking_delta":
        said.thinking += delta["thinking"]
    elif kind == "text_delta":
        said.text += delta["text"]
    elif kind == "input_json_delta":
        _add_call(said, event["index"], "", delta["partial_json"])
    if event["type"] == "message_delta":
        said.finish = _FINISHES[delta["stop_reason"]]


def _add_call(said: Said, index: int, name: str, arguments: str) -> None:
    call = said.calls.setdefault(index, ["", ""])
    call[0] += name
    call[1] += arguments


def check_same(name: str, said: Said, expected: Said) -> None:
    """Raise RuntimeError if a target says something else than the upstream; calls are numbered as each dialect does."""
    for member in ("thinking", "text", "finish"):
        if getattr(said, member) != getattr(expected, member):
            raise RuntimeError(f"{name}: {member} is {getattr(said, member)[:300]!r}, expected {getattr(expected, member)[:300]!r}")
    calls, wanted = ([call for _, call in sorted(each.calls.items())] for each in (said, expected))
    if calls != wanted:
        raise RuntimeError(f"{name}: calls are {str(calls)[:300]}, expected {str(wanted)[:300]}")
