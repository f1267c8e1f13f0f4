"""Events -> a stream of this dialect, as its callers read it.

Law 1: message_start is first and is written with the first content or the end, so that it can tell usage that is known by then.
Law 2: blocks never overlap. While a call's arguments may still grow, everything else waits behind it (`_waiting`).
Law 3: message_delta and message_stop come once, at the end; after a failure nothing comes that looks like one.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import orjson

from fastgate.translate.answer import Usage
from fastgate.translate.anthropic_messages.build_answer import build_stop, failed, image_block, message_id, seal_of_call, sealed
from fastgate.translate.anthropic_messages.errors import build_error_event
from fastgate.translate.anthropic_messages.usage import build_usage
from fastgate.translate.anthropic_messages.words import DIALECT, TIERS_SHOWN
from fastgate.translate.conversation import ChatRequest
from fastgate.translate.events import (
    AudioDelta,
    Citation,
    Event,
    Failed,
    Finish,
    ImageOut,
    RedactedThinking,
    RefusalDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    ThinkingSignature,
    ToolDelta,
    ToolStart,
    Unknown,
    UsageSeen,
)
from fastgate.translate.target import Naming

# Allowed anywhere behind message_start.
PING = b'event: ping\ndata: {"type":"ping"}\n\n'

_MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":'


def _event(name: str, said: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(said))


class MessagesStreamBuilder:
    """Writes one stream for a caller of this dialect."""

    CONTENT_TYPE: ClassVar[bytes] = b"text/event-stream; charset=utf-8"
    # The pieces of a call tell where it ends; nothing of texts is needed later.
    ABSORBS: ClassVar[frozenset[type]] = frozenset({ToolDelta})

    def __init__(self, request: ChatRequest, naming: Naming) -> None:
        self._request = request
        self._naming = naming
        self._started = False
        self._done = False
        # Kind of the open block (text, thinking, call, opaque), "" if none is; and its index, that of the last one else.
        self._open = ""
        self._index = -1
        # What stands before the text of a delta of the open block; `}}` and a blank line stand behind it.
        self._before = b""
        # A signature was written: the next thought is another block.
        self._signed = False
        self._start = Start()
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        # Of this dialect's own message_delta, beside stop and usage.
        self._rest: dict[str, Any] = {}
        # The open call, its arguments so far, and the events that wait for its end.
        self._call: ToolStart | None = None
        self._pieces: list[str] = []
        self._waiting: list[Event] = []
        self._calls: set[int] = set()

    def add(self, event: Event) -> bytes:
        """Take the next event; return the bytes to send now, b"" for none."""
        kind = type(event)
        if kind is TextDelta and self._open == "text" and event.choice == 0:  # type: ignore[union-attr]
            text = event.text  # type: ignore[union-attr]
            return self._before + orjson.dumps(text) + b"}}\n\n" if text else b""
        write = _WRITERS.get(kind)
        if write is None or getattr(event, "choice", False):
            # Other alternatives cannot be shown, and Failed comes to `fail`.
            return b""
        if self._call is not None and kind not in _BESIDE:
            return self._behind_call(event)
        return write(self, event)

    def end(self) -> bytes:
        """Return what completes the stream, once: what is open is closed, then finish, usage and the terminator."""
        if self._done:
            return b""
        out = self._close_block()
        while self._waiting:
            out += self._replay() + self._close_block()
        finish = self._finish or Finish(reason="stop")
        if finish.reason == "error":
            fault = failed(finish.raw_finish)
            return out + self.fail(Failed(status=fault.status, kind=fault.kind, code=fault.code, message=fault.message))
        self._done = True
        delta = build_stop(finish, self._request, bool(self._calls), False)
        said: dict[str, Any] = {"type": "message_delta", "delta": delta, "usage": build_usage(self._usage)}
        for member, value in self._rest.items():
            if isinstance(value, dict) and isinstance(said.get(member), dict):
                said[member].update(value)
            else:
                said.setdefault(member, value)
        return self._begin() + out + _event("message_delta", said) + _MESSAGE_STOP

    def fail(self, failed: Failed) -> bytes:
        """Return what tells that the stream broke, once; nothing that looks like a complete end."""
        if self._done:
            return b""
        self._done = True
        return build_error_event(failed.status, failed.kind, failed.code, failed.message)

    def absorb(self, event: Event) -> None:
        """Take note of a delta whose bytes were written without `add`: the pieces of the open call."""
        if type(event) is ToolDelta and self._call is not None:
            self._pieces.append(event.arguments)

    # --- blocks

    def _begin(self) -> bytes:
        """Return message_start, once."""
        if self._started:
            return b""
        self._started = True
        usage = build_usage(self._usage)
        usage["output_tokens"] = 0
        tier = TIERS_SHOWN.get(self._start.service_tier)
        if tier:
            usage["service_tier"] = tier
        message: dict[str, Any] = {
            "id": message_id(self._start.id, self._naming),
            "type": "message",
            "role": "assistant",
            "model": self._naming.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        return _event("message_start", {"type": "message_start", "message": message})

    def _open_block(self, kind: str, block: dict[str, Any], delta: bytes = b"") -> bytes:
        """Close the open block and open another; *delta* is how the deltas of the new one begin."""
        out = self._begin() + self._close_block()
        self._open = kind
        self._index += 1
        self._before = _DELTA % self._index + delta
        self._signed = False
        return out + _event("content_block_start", {"type": "content_block_start", "index": self._index, "content_block": block})

    def _close_block(self) -> bytes:
        if not self._open:
            return b""
        out = b""
        if self._call is not None:
            if self._call.custom:
                # Free text: it comes whole, as the one member of the object that `input` has to be.
                given = orjson.dumps({"input": "".join(self._pieces)}).decode()
                out = self._before + orjson.dumps(given) + b"}}\n\n"
            self._call = None
        self._open = ""
        return out + b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n' % self._index

    def _whole_block(self, block: dict[str, Any]) -> bytes:
        return self._open_block("whole", block) + self._close_block()

    # --- events

    def _write_text(self, event: Any) -> bytes:
        text = event.text
        if not text:
            return b""
        out = b"" if self._open == "text" else self._open_text()
        return out + self._before + orjson.dumps(text) + b"}}\n\n"

    def _open_text(self) -> bytes:
        return self._open_block("text", {"type": "text", "text": ""}, b'"text_delta","text":')

    def _write_thinking(self, event: Any) -> bytes:
        text = event.text
        if not text:
            return b""
        out = b"" if self._open == "thinking" and not self._signed else self._open_thinking()
        return out + self._before + orjson.dumps(text) + b"}}\n\n"

    def _open_thinking(self) -> bytes:
        return self._open_block("thinking", {"type": "thinking", "thinking": "", "signature": ""}, b'"thinking_delta","thinking":')

    def _write_signature(self, event: Any) -> bytes:
        return self._sign(sealed(event.dialect, event.id, event.signature)) if event.signature else b""

    def _sign(self, signature: str) -> bytes:
        out = b"" if self._open == "thinking" and not self._signed else self._open_thinking()
        self._signed = True
        return out + _DELTA % self._index + b'"signature_delta","signature":' + orjson.dumps(signature) + b"}}\n\n"

    def _write_redacted(self, event: Any) -> bytes:
        return self._whole_block({"type": "redacted_thinking", "data": sealed(event.dialect, "", event.redacted)})

    def _write_citation(self, event: Any) -> bytes:
        if event.dialect != DIALECT:
            return b""
        out = b"" if self._open == "text" else self._open_text()
        return out + _DELTA % self._index + b'"citations_delta","citation":' + orjson.dumps(event.value) + b"}}\n\n"

    def _write_image(self, event: Any) -> bytes:
        return self._whole_block(image_block(event.media_type, event.data))

    def _write_audio(self, event: Any) -> bytes:
        transcript = event.value.get("transcript")
        return self._write_text(TextDelta(text=transcript)) if isinstance(transcript, str) else b""

    def _write_call(self, event: Any) -> bytes:
        if event.call in self._calls:
            return b""
        out = self._sign(seal_of_call(event.signature)) if event.signature else b""
        self._calls.add(event.call)
        block = {
            "type": "tool_use",
            "id": event.id or self._naming.make_id("toolu_", len(self._calls)),
            "name": event.name,
            "input": {},
            **event.extra,
        }
        out += self._open_block("call", block, b'"input_json_delta","partial_json":')
        self._call = event
        self._pieces = []
        return out

    def _write_piece(self, event: Any) -> bytes:
        """A piece of the open call; of another one that has not begun or is over it is nothing that could be said."""
        call, piece = self._call, event.arguments
        if call is None or call.call != event.call or not piece:
            return b""
        self._pieces.append(piece)
        return b"" if call.custom else self._before + orjson.dumps(piece) + b"}}\n\n"

    def _behind_call(self, event: Event) -> bytes:
        """Take an event while a call is open: it waits unless it is that call's own, or the call's arguments are complete."""
        call = self._call
        if type(event) is ToolDelta and call is not None and event.call == call.call:
            out = self._write_piece(event)
            # Looked at only where something waits, and only where an object can have ended.
            if self._waiting and event.arguments.rstrip().endswith("}") and self._is_complete():
                out += self._close_block() + self._replay()
            return out
        if not self._is_complete():
            self._waiting.append(event)
            return b""
        out = self._close_block() + self._replay()
        return out + self.add(event)

    def _is_complete(self) -> bool:
        """Return whether the open call's arguments are a whole JSON value. None yet may still come; free text has no end."""
        if self._call is None or self._call.custom or not self._pieces:
            return False
        joined = "".join(self._pieces)
        self._pieces = [joined]
        if not joined.rstrip().endswith("}"):
            return False
        try:
            orjson.loads(joined)
        except orjson.JSONDecodeError:
            return False
        return True

    def _replay(self) -> bytes:
        waiting, self._waiting = self._waiting, []
        return b"".join([self.add(event) for event in waiting])

    # --- what is kept for the end

    def _note_start(self, event: Any) -> bytes:
        self._start = event
        return b""

    def _note_usage(self, event: Any) -> bytes:
        self._usage = event.usage
        return b""

    def _note_finish(self, event: Any) -> bytes:
        self._finish = event
        return b""

    def _write_unknown(self, event: Any) -> bytes:
        """Pass on an event of a block that this dialect alone knows, under the index that it has here."""
        value = event.value
        kind = value.get("type")
        if event.dialect != DIALECT:
            return b""
        if kind == "content_block_start":
            return self._open_block("opaque", value.get("content_block") or {})
        if kind == "content_block_delta" and self._open == "opaque":
            return _event(kind, {**value, "index": self._index})
        if kind == "content_block_stop" and self._open == "opaque":
            return self._close_block()
        if kind == "message_delta":
            self._rest.update({member: part for member, part in value.items() if member != "type"})
        return b""


def stream_builder(request: ChatRequest, naming: Naming) -> MessagesStreamBuilder:
    """Return a writer of one stream."""
    return MessagesStreamBuilder(request, naming)


# Events that say nothing to be shown now, and so need not wait behind an open call.
_BESIDE = frozenset({Start, UsageSeen, Finish})

_WRITERS: dict[type, Callable[[MessagesStreamBuilder, Any], bytes]] = {
    TextDelta: MessagesStreamBuilder._write_text,
    RefusalDelta: MessagesStreamBuilder._write_text,
    ThinkingDelta: MessagesStreamBuilder._write_thinking,
    ThinkingSignature: MessagesStreamBuilder._write_signature,
    RedactedThinking: MessagesStreamBuilder._write_redacted,
    Citation: MessagesStreamBuilder._write_citation,
    ImageOut: MessagesStreamBuilder._write_image,
    AudioDelta: MessagesStreamBuilder._write_audio,
    ToolStart: MessagesStreamBuilder._write_call,
    ToolDelta: MessagesStreamBuilder._write_piece,
    Start: MessagesStreamBuilder._note_start,
    UsageSeen: MessagesStreamBuilder._note_usage,
    Finish: MessagesStreamBuilder._note_finish,
    Unknown: MessagesStreamBuilder._write_unknown,
}
