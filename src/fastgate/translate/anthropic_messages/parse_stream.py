"""A provider's stream -> events. One state: which block is open under which index."""

from collections.abc import Callable
from typing import Any

import orjson
from msgspec import Struct, field

from fastgate.translate.answer import Fault, Usage
from fastgate.translate.anthropic_messages.errors import excerpt, fault_of
from fastgate.translate.anthropic_messages.parse_answer import finish_of
from fastgate.translate.anthropic_messages.usage import USAGE_MEMBERS, parse_usage
from fastgate.translate.anthropic_messages.words import DIALECT, TIERS_SERVED
from fastgate.translate.events import (
    Citation,
    Event,
    Failed,
    Finish,
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


class OpenCall(Struct):
    """A tool_use block that is open."""

    # Ordinal among the calls; -1 for the answer tool, whose input is the answer's text.
    call: int
    # `input` of the block's start, where a server says it there at once.
    given: dict[str, Any] = field(default_factory=dict)
    any_piece: bool = False


class MessagesStreamParser:
    """Reads one stream of this dialect. `ended`: message_stop was seen."""

    def __init__(self, asked: Asked) -> None:
        self.ended = False
        self._asked = asked
        self._calls: dict[int, OpenCall] = {}
        # Indexes of open blocks that only this dialect knows; their events are passed on as they are.
        self._opaque: set[int] = set()
        self._calls_seen = 0
        self._usage: Usage | None = None
        self._finished = False
        # Text in a stream whose answer may still come as the answer tool's input; None where none may.
        self._held: list[Event] | None = [] if asked.answer_tool else None
        # The answer tool was called: what is said around the answer is not part of it.
        self._answered = False

    def feed(self, data: bytes) -> list[Event]:
        """Return what one event says; *data* is the value of its data lines. Raise Fault for what cannot be read."""
        try:
            said = orjson.loads(data)
            kind = said["type"]
            read = _EVENTS.get(kind)
            if read is not None:
                return read(self, said)
            return self._read_other(said)
        except orjson.JSONDecodeError:
            if data.strip() in (b"", b"[DONE]"):
                return []
            raise Fault(502, "upstream", "", f"an event of the provider's stream is not JSON: {excerpt(data)}") from None
        except (KeyError, TypeError, AttributeError):
            # What the dialect promises is not there: a member is missing, or is of another type.
            return self._read_broken(data)

    def close(self) -> list[Event]:
        """Return what the end of the connection says: text that was held is an answer after all."""
        return self._let_go()

    def _read_other(self, said: dict[str, Any]) -> list[Event]:
        if "error" in said and said["type"] not in _EVENTS:
            return self._read_error(said)
        return [Unknown(dialect=DIALECT, value=said)]

    def _read_broken(self, data: bytes) -> list[Event]:
        fault = fault_of(orjson.loads(data))
        if fault is None:
            raise Fault(502, "upstream", "", f"an event of the provider's stream cannot be read: {excerpt(data)}")
        return [_failed(fault)]

    def _read_error(self, said: dict[str, Any]) -> list[Event]:
        fault = fault_of(said) or Fault(502, "upstream", "", "the provider's stream ended with an error that it did not name")
        return [_failed(fault)]

    def _read_ping(self, said: dict[str, Any]) -> list[Event]:
        return []

    def _read_start(self, said: dict[str, Any]) -> list[Event]:
        message = said["message"]
        usage = message.get("usage") or {}
        identity = message.get("id")
        start = Start(id=identity if isinstance(identity, str) else "", service_tier=TIERS_SERVED.get(str(usage.get("service_tier")), ""))
        if not usage:
            return [start]
        self._usage = parse_usage(usage, self._usage)
        return [start, UsageSeen(usage=self._usage)]

    def _read_block(self, said: dict[str, Any]) -> list[Event]:
        index, block = said["index"], said["content_block"]
        read = _BLOCKS.get(block["type"])
        if read is None:
            self._opaque.add(index)
            return [Unknown(dialect=DIALECT, value=said)]
        return read(self, index, block)

    def _start_text(self, index: int, block: dict[str, Any]) -> list[Event]:
        events: list[Event] = []
        if block.get("text"):
            events.append(TextDelta(text=_string(block["text"])))
        events.extend(Citation(value=_object(citation), dialect=DIALECT) for citation in block.get("citations") or ())
        return self._hold(events)

    def _start_thinking(self, index: int, block: dict[str, Any]) -> list[Event]:
        events: list[Event] = []
        if block.get("thinking"):
            events.append(ThinkingDelta(text=_string(block["thinking"])))
        if block.get("signature"):
            events.append(ThinkingSignature(signature=_string(block["signature"]), dialect=DIALECT))
        return events

    def _start_redacted(self, index: int, block: dict[str, Any]) -> list[Event]:
        return [RedactedThinking(redacted=_string(block["data"]), dialect=DIALECT)]

    def _start_call(self, index: int, block: dict[str, Any]) -> list[Event]:
        name = _string(block["name"])
        given = _object(block.get("input") or {})
        if name == self._asked.answer_tool:
            self._calls[index] = OpenCall(-1, given=given)
            self._answered = True
            return []
        call = self._calls_seen
        self._calls_seen += 1
        self._calls[index] = OpenCall(call, given=given)
        extra = {member: value for member, value in block.items() if member not in _CALL_MEMBERS}
        name = self._asked.renamed.get(name, name)
        identity = block.get("id")
        identity = identity if isinstance(identity, str) else ""
        return [*self._let_go(), ToolStart(call=call, id=identity, name=name, extra=extra)]

    def _read_delta(self, said: dict[str, Any]) -> list[Event]:
        delta = said["delta"]
        kind = delta["type"]
        if kind == "text_delta":
            text = _string(delta["text"])
            if self._held is None:
                return [TextDelta(text=text)] if text else []
            return self._hold([TextDelta(text=text)] if text else [])
        if said["index"] in self._opaque:
            return [Unknown(dialect=DIALECT, value=said)]
        read = _DELTAS.get(kind)
        return [Unknown(dialect=DIALECT, value=said)] if read is None else read(self, said["index"], delta)

    def _read_json(self, index: int, delta: dict[str, Any]) -> list[Event]:
        piece = _string(delta["partial_json"])
        if not piece:
            return []
        call = self._calls[index]
        call.any_piece = True
        return [TextDelta(text=piece) if call.call < 0 else ToolDelta(call=call.call, arguments=piece)]

    def _read_thinking(self, index: int, delta: dict[str, Any]) -> list[Event]:
        text = _string(delta["thinking"])
        return [ThinkingDelta(text=text)] if text else []

    def _read_signature(self, index: int, delta: dict[str, Any]) -> list[Event]:
        signature = _string(delta["signature"])
        return [ThinkingSignature(signature=signature, dialect=DIALECT)] if signature else []

    def _read_citation(self, index: int, delta: dict[str, Any]) -> list[Event]:
        return self._hold([Citation(value=_object(delta["citation"]), dialect=DIALECT)])

    def _read_block_end(self, said: dict[str, Any]) -> list[Event]:
        index = said["index"]
        if index in self._opaque:
            self._opaque.discard(index)
            return [Unknown(dialect=DIALECT, value=said)]
        call = self._calls.pop(index, None)
        if call is None:
            return []
        if call.any_piece:
            return []
        whole = _dump(call.given)
        return [TextDelta(text=whole) if call.call < 0 else ToolDelta(call=call.call, arguments=whole)]

    def _read_message_delta(self, said: dict[str, Any]) -> list[Event]:
        events: list[Event] = []
        delta, usage = _object(said.get("delta") or {}), _object(said.get("usage") or {})
        if delta.get("stop_reason"):
            events = self._finish(delta["stop_reason"], delta.get("stop_sequence"))
        if usage:
            self._usage = parse_usage(usage, self._usage)
            events.append(UsageSeen(usage=self._usage))
        # stop_details, container, counts of server tools, ...: for a caller of this dialect.
        rest: dict[str, Any] = {member: value for member, value in said.items() if member not in _DELTA_EVENT_MEMBERS}
        for member, value, known in (("delta", delta, _STOP_MEMBERS), ("usage", usage, USAGE_MEMBERS)):
            unread = {name: each for name, each in value.items() if name not in known and each is not None}
            if unread:
                rest[member] = unread
        if rest:
            events.append(Unknown(dialect=DIALECT, value={"type": "message_delta", **rest}))
        return events

    def _read_end(self, said: dict[str, Any]) -> list[Event]:
        self.ended = True
        return [] if self._finished else self._finish("", None)

    def _finish(self, reason: Any, sequence: Any) -> list[Event]:
        self._finished = True
        finish, raw = finish_of(reason, self._calls_seen > 0)
        stop_sequence = sequence if isinstance(sequence, str) else ""
        return [*self._let_go(), Finish(reason=finish, stop_sequence=stop_sequence, raw_finish=raw)]

    def _hold(self, events: list[Event]) -> list[Event]:
        if self._held is None:
            return events
        self._held.extend(events)
        return []

    def _let_go(self) -> list[Event]:
        if self._answered:
            return []
        held, self._held = self._held, None
        return held or []


def stream_parser(target: Target, asked: Asked) -> MessagesStreamParser:
    """Return a reader of one stream."""
    return MessagesStreamParser(asked)


def _failed(fault: Fault) -> Event:
    return Failed(status=fault.status, kind=fault.kind, code=fault.code, message=fault.message)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _dump(value: dict[str, Any]) -> str:
    return orjson.dumps(value).decode() if value else "{}"


_CALL_MEMBERS = frozenset({"type", "id", "name", "input"})
_DELTA_EVENT_MEMBERS = frozenset({"type", "delta", "usage"})
_STOP_MEMBERS = frozenset({"stop_reason", "stop_sequence"})

_EVENTS: dict[str, Callable[[MessagesStreamParser, dict[str, Any]], list[Event]]] = {
    "content_block_delta": MessagesStreamParser._read_delta,
    "content_block_start": MessagesStreamParser._read_block,
    "content_block_stop": MessagesStreamParser._read_block_end,
    "message_start": MessagesStreamParser._read_start,
    "message_delta": MessagesStreamParser._read_message_delta,
    "message_stop": MessagesStreamParser._read_end,
    "ping": MessagesStreamParser._read_ping,
    "error": MessagesStreamParser._read_error,
}
_BLOCKS: dict[str, Callable[[MessagesStreamParser, int, dict[str, Any]], list[Event]]] = {
    "text": MessagesStreamParser._start_text,
    "thinking": MessagesStreamParser._start_thinking,
    "redacted_thinking": MessagesStreamParser._start_redacted,
    "tool_use": MessagesStreamParser._start_call,
}
_DELTAS: dict[str, Callable[[MessagesStreamParser, int, dict[str, Any]], list[Event]]] = {
    "input_json_delta": MessagesStreamParser._read_json,
    "thinking_delta": MessagesStreamParser._read_thinking,
    "signature_delta": MessagesStreamParser._read_signature,
    "citations_delta": MessagesStreamParser._read_citation,
}
