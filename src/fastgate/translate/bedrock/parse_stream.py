"""Converse's streams, a frame at a time."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

import orjson

from fastgate.translate.answer import Fault
from fastgate.translate.bedrock.errors import parse_exception
from fastgate.translate.bedrock.frames import parse_frame
from fastgate.translate.bedrock.parse_answer import finish_of, parse_usage, raw_finish_of, stop_sequence_of
from fastgate.translate.events import (
    Citation,
    Event,
    Failed,
    Finish,
    ImageOut,
    RedactedThinking,
    Start,
    TextDelta,
    ThinkingDelta,
    ThinkingSignature,
    ToolDelta,
    ToolStart,
    Unknown,
    UsageSeen,
)
from fastgate.translate.target import Asked, Target

# What a block's deltas become, beside the ordinal of a call: text (the answer's tool), nothing (calls that are left out).
_AS_TEXT = -1
_LEFT_OUT = -2


class ConverseParser:
    """Reads one stream; `ended` once messageStop was seen. Usage comes after it, and may be missing."""

    __slots__ = ("_answer", "_asked", "_blocks", "_called", "_calls", "_failed", "_images", "_opened", "ended")

    def __init__(self, asked: Asked) -> None:
        self.ended = False
        self._asked = asked
        # contentBlockIndex of a toolUse -> ordinal of the call, _AS_TEXT or _LEFT_OUT.
        self._blocks: dict[Any, int] = {}
        self._calls = 0
        # The answer's tool: "" not called, "begun", "told" once its first piece came.
        self._answer = ""
        # The caller was told of a call.
        self._called = False
        # contentBlockIndex of an image -> its format and its pieces, base64 each.
        self._images: dict[Any, tuple[str, list[str]]] = {}
        # Told when usage has come, or the end: an error is the last word of a stream.
        self._failed: Failed | None = None
        self._opened = False

    def feed(self, data: bytes) -> list[Event]:
        """Return what one complete frame says. Raise Fault for what cannot be read."""
        headers, payload = parse_frame(data)
        if headers.get(":message-type", "event") != "event":
            self.ended = False
            return [parse_exception(headers, payload)]
        kind = _word(headers.get(":event-type"))
        try:
            told = orjson.loads(payload) if payload else {}
        except orjson.JSONDecodeError as error:
            raise Fault(502, "upstream", "", f"the payload of a {kind} frame is not JSON") from error
        if not isinstance(told, dict):
            raise Fault(502, "upstream", "", f"the payload of a {kind} frame is no JSON object")
        read = _EVENTS.get(kind)
        return [Unknown(dialect="bedrock", value={"type": kind, **told})] if read is None else read(self, told)

    def close(self) -> list[Event]:
        """Return what the end of the connection says."""
        failed, self._failed = self._failed, None
        return [] if failed is None else [failed]

    def _on_message_start(self, _told: dict[str, Any]) -> list[Event]:
        if self._opened:
            return []
        self._opened = True
        return [Start()]

    def _on_block_start(self, told: dict[str, Any]) -> list[Event]:
        start = told.get("start")
        if not isinstance(start, dict):
            return []
        index = told.get("contentBlockIndex")
        call = start.get("toolUse")
        if isinstance(call, dict) and call.get("type") != "server_tool_use":
            return self._on_call(_key(index), call)
        image = start.get("image")
        if isinstance(image, dict):
            self._images[_key(index)] = (_text(image, "format") or "png", [])
            return []
        if start:
            self._blocks[_key(index)] = _LEFT_OUT
            return [Unknown(dialect="bedrock", value={"type": "contentBlockStart", **told})]
        return []

    def _on_call(self, index: Any, call: dict[str, Any]) -> list[Event]:
        asked = self._asked
        name = _text(call, "name")
        if asked.answer_tool and name == asked.answer_tool:
            self._blocks[index] = _LEFT_OUT if self._answer else _AS_TEXT
            self._answer = self._answer or "begun"
            return []
        if asked.no_calls or (asked.one_call and self._calls):
            self._blocks[index] = _LEFT_OUT
            return []
        ordinal = self._blocks[index] = self._calls
        self._calls += 1
        self._called = True
        return [ToolStart(call=ordinal, id=_text(call, "toolUseId"), name=asked.renamed.get(name, name))]

    def _on_delta(self, told: dict[str, Any]) -> list[Event]:
        delta = told.get("delta")
        if not isinstance(delta, dict):
            return []
        text = delta.get("text")
        if isinstance(text, str):
            return [TextDelta(text=text)] if text else []
        for kind, value in delta.items():
            read = _DELTAS.get(kind)
            if read is not None and isinstance(value, dict):
                return read(self, _key(told.get("contentBlockIndex")), value)
        return [Unknown(dialect="bedrock", value={"type": "contentBlockDelta", **told})]

    def _on_call_delta(self, index: Any, value: dict[str, Any]) -> list[Event]:
        piece = _text(value, "input")
        ordinal = self._blocks.get(index)
        if ordinal is None:
            raise Fault(502, "upstream", "", "the stream has arguments of a call that was not begun")
        if not piece or ordinal == _LEFT_OUT:
            return []
        if ordinal != _AS_TEXT:
            return [ToolDelta(call=ordinal, arguments=piece)]
        self._answer = "told"
        return [TextDelta(text=piece)]

    def _on_thought(self, _index: Any, value: dict[str, Any]) -> list[Event]:
        text, signature, redacted = _text(value, "text"), _text(value, "signature"), _text(value, "redactedContent")
        events: list[Event] = []
        if text:
            events.append(ThinkingDelta(text=text))
        if signature:
            events.append(ThinkingSignature(signature=signature, dialect="bedrock"))
        if redacted:
            events.append(RedactedThinking(redacted=redacted, dialect="bedrock"))
        return events

    def _on_citation(self, _index: Any, value: dict[str, Any]) -> list[Event]:
        return [Citation(value=value, dialect="bedrock")]

    def _on_image(self, index: Any, value: dict[str, Any]) -> list[Event]:
        source = value.get("source")
        piece = _text(source, "bytes") if isinstance(source, dict) else ""
        if piece:
            self._images.setdefault(index, ("png", []))[1].append(piece)
        return []

    def _on_block_stop(self, told: dict[str, Any]) -> list[Event]:
        index = _key(told.get("contentBlockIndex"))
        image = self._images.pop(index, None)
        if image is None or not image[1]:
            return []
        return [ImageOut(media_type=f"image/{image[0]}", data=image[1][0] if len(image[1]) == 1 else _join(image[1]))]

    def _on_message_stop(self, told: dict[str, Any]) -> list[Event]:
        raw = _text(told, "stopReason")
        try:
            reason = finish_of(raw, self._called)
        except Fault as fault:
            self._failed = Failed(status=fault.status, kind=fault.kind, code=fault.code, message=fault.message)
            return []
        self.ended = True
        # An answer's tool that was called without arguments: they are {}.
        open_ends: list[Event] = [TextDelta(text="{}")] if self._answer == "begun" else []
        return [*open_ends, Finish(reason=reason, stop_sequence=stop_sequence_of(told), raw_finish=raw_finish_of(raw))]

    def _on_metadata(self, told: dict[str, Any]) -> list[Event]:
        usage = parse_usage(told.get("usage"))
        events: list[Event] = [] if usage is None else [UsageSeen(usage=usage)]
        return events + self.close()


def stream_parser(target: Target, asked: Asked) -> ConverseParser:
    """Return a reader of one stream."""
    return ConverseParser(asked)


_P = ConverseParser
_EVENTS: dict[str, Callable[[ConverseParser, dict[str, Any]], list[Event]]] = {
    "contentBlockDelta": _P._on_delta,
    "contentBlockStart": _P._on_block_start,
    "contentBlockStop": _P._on_block_stop,
    "messageStart": _P._on_message_start,
    "messageStop": _P._on_message_stop,
    "metadata": _P._on_metadata,
}
_DELTAS: dict[str, Callable[[ConverseParser, Any, dict[str, Any]], list[Event]]] = {
    "toolUse": _P._on_call_delta,
    "reasoningContent": _P._on_thought,
    "citation": _P._on_citation,
    "image": _P._on_image,
}


def _join(pieces: list[str]) -> str:
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece) for piece in pieces)).decode()
    except binascii.Error as error:
        raise Fault(502, "upstream", "", "a piece of an image is not base64") from error


def _key(index: Any) -> int:
    return index if isinstance(index, int) else 0


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _text(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""
