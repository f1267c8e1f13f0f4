"""Streams for a Gemini caller: an SSE event for each answer (alt=sse), or one JSON array that comes piecemeal.

Rule 1: a call is one part. Its arguments are kept until they are complete: at the next other part if they are JSON by then,
else at the end; calls leave in the order of their starts.
Rule 2: finishReason and usage stand on the last answer, whatever came after them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import orjson

from fastgate.translate.answer import Usage
from fastgate.translate.conversation import ChatRequest, Thinking
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
from fastgate.translate.gemini.build_answer import call_part, finish_word, thought_part
from fastgate.translate.gemini.errors import build_error
from fastgate.translate.gemini.usage import build_logprobs, build_usage
from fastgate.translate.gemini.words import DIALECT, PCM
from fastgate.translate.target import Naming

Wire = dict[str, Any]


class _Call:
    """A call whose arguments may still grow."""

    __slots__ = ("arguments", "start")

    def __init__(self, start: ToolStart) -> None:
        self.start = start
        self.arguments: list[str] = []


class StreamBuilder:
    """Writes one stream. *array*: as a JSON array and not as SSE events."""

    CONTENT_TYPE: ClassVar[bytes] = b"text/event-stream; charset=utf-8"
    # Texts are not repeated, and the pieces of arguments never leave by themselves.
    ABSORBS: ClassVar[frozenset[type]] = frozenset()

    def __init__(self, naming: Naming, *, array: bool = False) -> None:
        self._naming = naming
        self._array = array
        # Bytes before and behind each answer; an array's comma stands before every answer but the first.
        self._before, self._behind = (b"[", b"") if array else (b"data: ", b"\r\n\r\n")
        self._tail = b""
        self._open: dict[tuple[int, int], _Call] = {}
        # Alternatives that were seen -> what their last answer says; in the order of their first event.
        self._finals: dict[int, Wire] = {}
        self._calls = 0
        self._usage: Usage | None = None
        self._done = False
        self._name("")

    def _name(self, response_id: str) -> None:
        names = {"modelVersion": self._naming.model, "responseId": response_id or self._naming.seed}
        # Without its brace: what follows the candidates of every answer.
        self._names = orjson.dumps(names)[1:]

    def add(self, event: Event) -> bytes:
        """Take the next event."""
        writer = _WRITERS.get(type(event))
        return b"" if writer is None or self._done else writer(self, event)

    def end(self) -> bytes:
        """Return the last answer: open calls, finishReason and usage."""
        if self._done:
            return b""
        written = self._flush(complete_only=False)
        self._done = True
        if not self._finals:
            self._finals[0] = {}
        candidates = []
        for index, final in self._finals.items():
            # As Google's last answers do: the SDK's `text` of an answer without parts is None, which callers print.
            candidate: Wire = {"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": "STOP", "index": index}
            candidates.append(candidate | final)
        answer = orjson.dumps({"candidates": candidates})[:-1]
        if self._usage is not None:
            answer += b',"usageMetadata":' + orjson.dumps(build_usage(self._usage))
        return written + self._frame(answer + b"," + self._names) + (b"]" if self._array else b"")

    def fail(self, failed: Failed) -> bytes:
        """Return what tells that the stream broke: an error object where an answer would stand."""
        if self._done:
            return b""
        self._done = True
        return self._frame(build_error(failed.status, failed.kind, failed.code, failed.message)) + (b"]" if self._array else b"")

    def absorb(self, event: Event) -> None:
        """Take note of nothing: no text is repeated."""

    def _frame(self, answer: bytes) -> bytes:
        framed = self._before + answer + self._behind
        if self._array:
            self._before = b",\r\n"
        return framed

    def _part(self, part: Wire, index: int) -> bytes:
        """Return an answer that holds one part."""
        return self._raw_part(orjson.dumps(part), index)

    def _raw_part(self, part: bytes, index: int) -> bytes:
        flushed = self._flush(complete_only=True) if self._open else b""
        if index not in self._finals:
            self._finals[index] = {}
        return flushed + self._write_part(part, index)

    def _write_part(self, part: bytes, index: int) -> bytes:
        return self._frame(b'{"candidates":[{"content":{"parts":[%b],"role":"model"},"index":%d}],%b' % (part, index, self._names))

    def _flush(self, *, complete_only: bool) -> bytes:
        """Return the calls that are complete, up to the first that is not; all of them at the end."""
        written = b""
        for key, call in list(self._open.items()):
            arguments = "".join(call.arguments)
            if complete_only and not _is_object(arguments):
                break
            del self._open[key]
            start = call.start
            self._calls += 1
            call_id = start.id or self._naming.make_id("call_", self._calls)
            part = call_part(start.name, call_id, arguments, start.custom, start.signature)
            written += self._write_part(orjson.dumps(part), start.choice)
        return written

    # --- events

    def _on_start(self, event: Start) -> bytes:
        if event.id:
            self._name(event.id)
        return b""

    def _on_text(self, event: TextDelta) -> bytes:
        if event.logprobs is not None:
            return self._with_logprobs(event)
        return self._raw_part(b'{"text":%b}' % orjson.dumps(event.text), event.choice) if event.text else b""

    def _with_logprobs(self, event: TextDelta) -> bytes:
        flushed = self._flush(complete_only=True) if self._open else b""
        self._finals.setdefault(event.choice, {})
        parts = [{"text": event.text}] if event.text else []
        candidate: Wire = {"content": {"parts": parts, "role": "model"}, "index": event.choice}
        logprobs = None if event.logprobs is None else build_logprobs(event.logprobs)
        if logprobs is not None:
            candidate["logprobsResult"] = logprobs
        return flushed + self._frame(orjson.dumps({"candidates": [candidate]})[:-1] + b"," + self._names)

    def _on_refusal(self, event: RefusalDelta) -> bytes:
        return self._raw_part(b'{"text":%b}' % orjson.dumps(event.text), event.choice) if event.text else b""

    def _on_thinking(self, event: ThinkingDelta) -> bytes:
        return self._raw_part(b'{"text":%b,"thought":true}' % orjson.dumps(event.text), event.choice) if event.text else b""

    def _on_signature(self, event: ThinkingSignature) -> bytes:
        if not event.signature:
            return b""
        if event.dialect == DIALECT:
            return self._part({"text": "", "thoughtSignature": event.signature}, event.choice)
        return self._thought(Thinking(signature=event.signature, id=event.id, dialect=event.dialect), event.choice)

    def _on_redacted(self, event: RedactedThinking) -> bytes:
        return self._thought(Thinking(redacted=event.redacted, dialect=event.dialect), event.choice)

    def _thought(self, thought: Thinking, choice: int) -> bytes:
        part = thought_part(thought)
        return b"" if part is None else self._part(part, choice)

    def _on_citation(self, event: Citation) -> bytes:
        if event.dialect == DIALECT:
            self._finals.setdefault(event.choice, {}).update(event.value)
        return b""

    def _on_call(self, event: ToolStart) -> bytes:
        self._finals.setdefault(event.choice, {})
        key = (event.choice, event.call)
        if key not in self._open:
            self._open[key] = _Call(event)
        return b""

    def _on_arguments(self, event: ToolDelta) -> bytes:
        call = self._open.get((event.choice, event.call))
        if call is not None and event.arguments:
            call.arguments.append(event.arguments)
        return b""

    def _on_image(self, event: ImageOut) -> bytes:
        return self._part({"inlineData": {"mimeType": event.media_type or "image/png", "data": event.data}}, event.choice)

    def _on_audio(self, event: AudioDelta) -> bytes:
        piece = event.value.get("data")
        return self._part({"inlineData": {"mimeType": PCM, "data": piece}}, event.choice) if piece else b""

    def _on_finish(self, event: Finish) -> bytes:
        self._finals.setdefault(event.choice, {})["finishReason"] = finish_word(event.reason, event.raw_finish)
        return b""

    def _on_usage(self, event: UsageSeen) -> bytes:
        self._usage = event.usage
        return b""

    def _on_unknown(self, event: Unknown) -> bytes:
        if event.dialect != DIALECT or type(event.value.get("part")) is not dict:
            return b""
        return self._part(event.value["part"], event.value.get("index", 0))


class ArrayBuilder(StreamBuilder):
    """Writes one stream as a JSON array: what callers get without alt=sse."""

    CONTENT_TYPE: ClassVar[bytes] = b"application/json"

    def __init__(self, naming: Naming) -> None:
        super().__init__(naming, array=True)


def _is_object(arguments: str) -> bool:
    if not arguments.endswith("}"):
        return False
    try:
        return type(orjson.loads(arguments)) is dict
    except orjson.JSONDecodeError:
        return False


def stream_builder(request: ChatRequest, naming: Naming) -> StreamBuilder:
    """Return a writer of one stream: an array if the caller did not say alt=sse."""
    return ArrayBuilder(naming) if request.operation == "stream_generate_content" else StreamBuilder(naming)


_WRITERS: Mapping[type, Callable[[StreamBuilder, Any], bytes]] = MappingProxyType(
    {
        Start: StreamBuilder._on_start,
        TextDelta: StreamBuilder._on_text,
        RefusalDelta: StreamBuilder._on_refusal,
        ThinkingDelta: StreamBuilder._on_thinking,
        ThinkingSignature: StreamBuilder._on_signature,
        RedactedThinking: StreamBuilder._on_redacted,
        Citation: StreamBuilder._on_citation,
        ToolStart: StreamBuilder._on_call,
        ToolDelta: StreamBuilder._on_arguments,
        ImageOut: StreamBuilder._on_image,
        AudioDelta: StreamBuilder._on_audio,
        Finish: StreamBuilder._on_finish,
        UsageSeen: StreamBuilder._on_usage,
        Unknown: StreamBuilder._on_unknown,
    }
)
