"""Events -> the lines of a stream of /api/chat or /api/generate."""

from collections.abc import Callable
from typing import Any, ClassVar

import orjson

from fastgate.translate.answer import FinishReason, Usage
from fastgate.translate.conversation import ChatRequest, ToolCall
from fastgate.translate.events import (
    Event,
    Failed,
    Finish,
    ImageOut,
    RefusalDelta,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStart,
    Unknown,
    UsageSeen,
)
from fastgate.translate.ollama.build_answer import (
    build_call,
    build_created,
    build_ending,
    build_logprobs,
    failure_text,
    parse_arguments,
)
from fastgate.translate.ollama.errors import build_error_event
from fastgate.translate.ollama.words import DIALECT, DONE_REASONS
from fastgate.translate.target import Naming


class OllamaStreamBuilder:
    """Writes one stream; every line is whole by itself. Alternatives but the first are left out: callers cannot ask for them.

    `timings` are written into the last line: load_ns, prompt_eval_ns, eval_ns, total_ns. The provider's own come with its events;
    else whoever has a clock may fill them before `end`, as far as they are known. Without any, `naming.elapsed_ns` is the total.
    """

    # The media type of NDJSON that the server sends.
    CONTENT_TYPE: ClassVar[bytes] = b"application/x-ndjson"
    # Text is not repeated at the end, and calls are never written piece by piece.
    ABSORBS: ClassVar[frozenset[type]] = frozenset()
    # A text is escaped on its way (`escape_ends`): none may be copied as the provider wrote it.
    COPIES: ClassVar[bool] = False

    __slots__ = (
        "_built",
        "_calls",
        "_chat",
        "_closed",
        "_finish",
        "_head",
        "_logprobs",
        "_naming",
        "_pieces",
        "_raw_finish",
        "_text_head",
        "_usage",
        "_written",
        "timings",
    )

    def __init__(self, request: ChatRequest, naming: Naming) -> None:
        self._naming = naming
        self._chat = request.operation != "ollama_generate"
        self._head = b'{"model":%b,"created_at":"%b"' % (orjson.dumps(naming.model), build_created(naming.now).encode())
        self._text_head = self._head + (b',"message":{"role":"assistant","content":' if self._chat else b',"response":')
        # Calls in the order of their starts, and the pieces of their arguments.
        self._calls: dict[int, ToolCall] = {}
        self._pieces: dict[int, list[str]] = {}
        # Ordinals of calls that are dealt with, and how many of them were written.
        self._written: set[int] = set()
        self._built = 0
        self._usage: Usage | None = None
        self._finish: FinishReason = "stop"
        self._raw_finish = ""
        self._closed = False
        self.timings: dict[str, int] = {}

    def add(self, event: Event) -> bytes:
        """Take the next event."""
        write = _WRITERS.get(type(event))
        if write is None or self._closed:
            return b""
        return escape_ends(write(self, event))

    def absorb(self, event: Event) -> None:
        """Take note of a piece of arguments; nothing else is repeated later."""
        if type(event) is ToolDelta:
            self.on_tool_delta(event)

    def end(self) -> bytes:
        """Return the calls that are still open and the last line, once; an error if the model failed."""
        if self._closed:
            return b""
        if self._finish == "error":
            return self.fail(Failed(status=502, kind="upstream", code="", message=failure_text(self._raw_finish)))
        calls = escape_ends(self._build_calls(last=True))
        self._closed = True
        ending = build_ending(self._usage, self.timings, self._naming.elapsed_ns)
        last = {"done": True, "done_reason": DONE_REASONS[self._finish], **ending}
        return b"%b%b%b,%b\n" % (calls, self._text_head, b'""}' if self._chat else b'""', orjson.dumps(last)[1:])

    def fail(self, failed: Failed) -> bytes:
        """Return the line that tells that the stream broke, once; no line with done: true."""
        if self._closed:
            return b""
        self._closed = True
        return escape_ends(build_error_event(failed.status, failed.kind, failed.code, failed.message))

    def on_text(self, event: TextDelta | RefusalDelta) -> bytes:
        """Write a piece of content."""
        logprobs = build_logprobs(event.logprobs) if type(event) is TextDelta else None
        if event.choice or not (event.text or logprobs):
            return b""
        calls = self._build_calls(last=False) if self._calls else b""
        beside = b',"logprobs":' + orjson.dumps(logprobs) if logprobs else b""
        return b'%b%b%b%b%b,"done":false}\n' % (
            calls,
            self._text_head,
            orjson.dumps(event.text),
            b"}" if self._chat else b"",
            beside,
        )

    def on_thinking(self, event: ThinkingDelta) -> bytes:
        """Write a piece of a thought."""
        if event.choice or not event.text:
            return b""
        return self._build_line(b'"thinking":' + orjson.dumps(event.text))

    def on_image(self, event: ImageOut) -> bytes:
        """Write a whole image."""
        if event.choice:
            return b""
        data = orjson.dumps(event.data)
        return self._build_line(b'"images":[' + data + b"]" if self._chat else b'"image":' + data)

    def on_tool_start(self, event: ToolStart) -> bytes:
        """Take a call; calls before it are written if they are complete."""
        if event.choice or event.call in self._calls:
            return b""
        calls = self._build_calls(last=False)
        self._calls[event.call] = ToolCall(id=event.id, name=event.name, custom=event.custom)
        self._pieces.setdefault(event.call, [])
        return calls

    def on_tool_delta(self, event: ToolDelta) -> bytes:
        """Take a piece of arguments: they go out as an object."""
        if not event.choice:
            self._pieces.setdefault(event.call, []).append(event.arguments)
        return b""

    def on_finish(self, event: Finish) -> bytes:
        """Take the reason; usage may still come."""
        if not event.choice:
            self._finish = event.reason
            self._raw_finish = event.raw_finish
        return b""

    def on_usage(self, event: UsageSeen) -> bytes:
        """Take the usage: the last word counts."""
        self._usage = event.usage
        return b""

    def on_unknown(self, event: Unknown) -> bytes:
        """Take the provider's own clock."""
        timings = event.value.get("timings") if event.dialect == DIALECT else None
        if isinstance(timings, dict):
            self.timings = timings
        return b""

    def _build_calls(self, *, last: bool) -> bytes:
        """Return lines for calls that are complete, in their order; all that are left if this is the *last* chance."""
        out = b""
        for ordinal, call in self._calls.items():
            if ordinal in self._written:
                continue
            call.arguments = "".join(self._pieces[ordinal])
            # An object that is complete cannot grow; "" still may.
            if not last and (call.custom or parse_arguments(call.arguments) is None):
                break
            self._written.add(ordinal)
            built = build_call(call, self._built, self._naming, self._finish == "length")
            if built is not None:
                self._built += 1
                out += self._build_line(b'"tool_calls":' + orjson.dumps([built]))
        return out

    def _build_line(self, member: bytes) -> bytes:
        """Return a line with *member* beside an empty text."""
        return b'%b"",%b%b,"done":false}\n' % (self._text_head, member, b"}" if self._chat else b"")


_WRITERS: dict[type, Callable[[OllamaStreamBuilder, Any], bytes]] = {
    TextDelta: OllamaStreamBuilder.on_text,
    RefusalDelta: OllamaStreamBuilder.on_text,
    ThinkingDelta: OllamaStreamBuilder.on_thinking,
    ImageOut: OllamaStreamBuilder.on_image,
    ToolStart: OllamaStreamBuilder.on_tool_start,
    ToolDelta: OllamaStreamBuilder.on_tool_delta,
    Finish: OllamaStreamBuilder.on_finish,
    UsageSeen: OllamaStreamBuilder.on_usage,
    Unknown: OllamaStreamBuilder.on_unknown,
}

# Line ends of Unicode, UTF-8 -> JSON's escape.
_ENDS = ((b"\xe2\x80\xa8", rb"\u2028"), (b"\xe2\x80\xa9", rb"\u2029"), (b"\xc2\x85", rb"\u0085"))


def escape_ends(line: bytes) -> bytes:
    """Return JSON in which only LF ends a line.

    The server's encoder escapes U+2028 and U+2029 (Go's encoding/json), and ollama-python cuts lines at them (httpx's
    iter_lines is str.splitlines, 0.28, read 2026-11-24).
    """
    for end, escape in _ENDS:
        line = line.replace(end, escape)
    return line


def stream_builder(request: ChatRequest, naming: Naming) -> OllamaStreamBuilder:
    """Return a writer of one stream."""
    return OllamaStreamBuilder(request, naming)
