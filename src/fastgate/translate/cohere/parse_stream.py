"""Streams of Cohere's v2 chat, an event at a time."""

from collections.abc import Callable
from typing import Any

import orjson

from fastgate.translate.answer import Fault
from fastgate.translate.cohere.parse_answer import finish_of, logprobs_of, parse_usage, text_of
from fastgate.translate.cohere.words import FINISH
from fastgate.translate.events import (
    Citation,
    Event,
    Failed,
    Finish,
    Start,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStart,
    Unknown,
    UsageSeen,
)
from fastgate.translate.target import Asked, Target

# What a call's deltas become, beside its ordinal: text (the answer's tool), nothing (calls that are left out).
_AS_TEXT = -1
_LEFT_OUT = -2


class CohereParser:
    """Reads one stream; `ended` once message-end was seen."""

    __slots__ = ("_answer", "_asked", "_called", "_calls", "_indexes", "ended")

    def __init__(self, asked: Asked) -> None:
        self.ended = False
        self._asked = asked
        # index of a call, which counts calls alone -> its ordinal, _AS_TEXT or _LEFT_OUT.
        self._indexes: dict[int, int] = {}
        self._calls = 0
        self._called = False
        # The answer's tool: "" not called, "begun", "told" once its first piece came.
        self._answer = ""

    def feed(self, data: bytes) -> list[Event]:
        """Return what the data of one event says. Raise Fault for what cannot be read."""
        if data == b"[DONE]":
            return []
        try:
            told = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise Fault(502, "upstream", "", f"an event of the stream is not JSON: {data[:200].decode('utf-8', 'replace')}") from error
        if not isinstance(told, dict):
            raise Fault(502, "upstream", "", "an event of the stream is no JSON object")
        kind = text_of(told, "type")
        read = _EVENTS.get(kind)
        if read is not None:
            delta = told.get("delta")
            return read(self, told, delta if isinstance(delta, dict) else {})
        message = text_of(told, "message") or text_of(told, "error")
        if message and kind in {"", "error"}:
            return [Failed(status=502, kind="upstream", code="", message=message)]
        return [Unknown(dialect="cohere", value=told)]

    def close(self) -> list[Event]:
        """Return what the end of the connection says: nothing that message-end has not said."""
        return []

    def _on_message_start(self, told: dict[str, Any], _delta: dict[str, Any]) -> list[Event]:
        return [Start(id=text_of(told, "id"))]

    def _on_content(self, told: dict[str, Any], delta: dict[str, Any]) -> list[Event]:
        content = _message(delta).get("content")
        if not isinstance(content, dict):
            return []
        text = text_of(content, "text")
        thought = text_of(content, "thinking")
        events: list[Event] = [ThinkingDelta(text=thought)] if thought else []
        if text:
            logprobs = told.get("logprobs")
            events.append(TextDelta(text=text, logprobs=None if logprobs is None else logprobs_of(logprobs)))
        return events

    def _on_plan(self, _told: dict[str, Any], delta: dict[str, Any]) -> list[Event]:
        # Some versions wrote it beside the message and not into it.
        plan = text_of(_message(delta), "tool_plan") or text_of(delta, "tool_plan")
        return [TextDelta(text=plan)] if plan else []

    def _on_call_start(self, told: dict[str, Any], delta: dict[str, Any]) -> list[Event]:
        call = _call(delta)
        function = call.get("function")
        name, piece = text_of(function, "name"), text_of(function, "arguments")
        index = _index(told)
        if self._asked.answer_tool and name == self._asked.answer_tool:
            self._indexes[index] = _LEFT_OUT if self._answer else _AS_TEXT
            self._answer = self._answer or "begun"
            return self._piece(index, piece)
        if self._asked.one_call and self._calls:
            self._indexes[index] = _LEFT_OUT
            return []
        ordinal = self._indexes[index] = self._calls
        self._calls += 1
        self._called = True
        return [ToolStart(call=ordinal, id=text_of(call, "id"), name=name), *self._piece(index, piece)]

    def _on_call_delta(self, told: dict[str, Any], delta: dict[str, Any]) -> list[Event]:
        index = _index(told)
        if index not in self._indexes:
            raise Fault(502, "upstream", "", "the stream has arguments of a call that was not begun")
        return self._piece(index, text_of(_call(delta).get("function"), "arguments"))

    def _piece(self, index: int, piece: str) -> list[Event]:
        ordinal = self._indexes[index]
        if not piece or ordinal == _LEFT_OUT:
            return []
        if ordinal != _AS_TEXT:
            return [ToolDelta(call=ordinal, arguments=piece)]
        self._answer = "told"
        return [TextDelta(text=piece)]

    def _on_citation(self, _told: dict[str, Any], delta: dict[str, Any]) -> list[Event]:
        citation = _message(delta).get("citations")
        return [Citation(value=citation, dialect="cohere")] if isinstance(citation, dict) else []

    def _on_nothing(self, _told: dict[str, Any], _delta: dict[str, Any]) -> list[Event]:
        return []

    def _on_message_end(self, _told: dict[str, Any], delta: dict[str, Any]) -> list[Event]:
        raw = text_of(delta, "finish_reason")
        error = text_of(delta, "error")
        usage = parse_usage(delta.get("usage"))
        events: list[Event] = [] if usage is None else [UsageSeen(usage=usage)]
        try:
            reason = finish_of("ERROR" if error and raw not in FINISH else raw, self._called, error)
        except Fault as fault:
            return [*events, Failed(status=fault.status, kind=fault.kind, code=fault.code, message=fault.message)]
        self.ended = True
        if self._answer == "begun":
            # The answer's tool was called without arguments: they are {}.
            events.append(TextDelta(text="{}"))
        return [*events, Finish(reason=reason, raw_finish="" if raw in FINISH else raw)]


def stream_parser(target: Target, asked: Asked) -> CohereParser:
    """Return a reader of one stream."""
    return CohereParser(asked)


_P = CohereParser
_EVENTS: dict[str, Callable[[CohereParser, dict[str, Any], dict[str, Any]], list[Event]]] = {
    "content-delta": _P._on_content,
    "content-start": _P._on_content,
    "tool-call-delta": _P._on_call_delta,
    "tool-call-start": _P._on_call_start,
    "tool-plan-delta": _P._on_plan,
    "citation-start": _P._on_citation,
    "message-start": _P._on_message_start,
    "message-end": _P._on_message_end,
    "content-end": _P._on_nothing,
    "tool-call-end": _P._on_nothing,
    "citation-end": _P._on_nothing,
}


def _message(delta: dict[str, Any]) -> dict[str, Any]:
    found = delta.get("message")
    return found if isinstance(found, dict) else {}


def _call(delta: dict[str, Any]) -> dict[str, Any]:
    """Return the call of a delta: one object, which a list holds in some servers' answers."""
    found = _message(delta).get("tool_calls")
    if isinstance(found, list):
        found = found[0] if found else None
    return found if isinstance(found, dict) else {}


def _index(told: dict[str, Any]) -> int:
    index = told.get("index")
    return index if isinstance(index, int) else 0
