"""Streams to callers: chunks of chat.completion, and of text_completion (`completion_stream`)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import orjson
from msgspec import Struct

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
    UsageSeen,
)
from fastgate.translate.openai_chat.build_answer import annotation_of, failure, finish_fields, image_entry
from fastgate.translate.openai_chat.errors import build_error_event
from fastgate.translate.openai_chat.media import data_url
from fastgate.translate.openai_chat.thoughts import block_of
from fastgate.translate.openai_chat.usage import build_usage
from fastgate.translate.openai_chat.words import FINISH_WRITTEN
from fastgate.translate.target import Naming

_ROLE = b'{"role":"assistant","content":""}'
_OPEN = b',"logprobs":null,"finish_reason":null}]}\n\n'


class Choice:
    """What one alternative's chunks have in common, and what its end has to know."""

    __slots__ = ("begin", "calls", "citations", "finish", "images", "index", "pending", "silent", "thought", "thoughts")

    def __init__(self, index: int, begin: bytes) -> None:
        self.index = index
        # Up to the delta.
        self.begin = begin
        # Calls that were started: ordinal -> is it a custom tool's.
        self.calls: dict[int, bool] = {}
        # Those of which no argument came yet.
        self.silent: set[int] = set()
        # Arguments of calls that were not started yet.
        self.pending: dict[int, list[str]] = {}
        # Text of the present thought: its signature makes a whole block of it.
        self.thought: list[str] = []
        self.thoughts = self.images = self.citations = 0
        self.finish: Finish | None = None


class Stream:
    """What both forms share: the head of every chunk, the reasons, usage, the terminator and errors."""

    CONTENT_TYPE: ClassVar[bytes] = b"text/event-stream; charset=utf-8"
    # A thought is told once more, with its signature.
    ABSORBS: ClassVar[frozenset[type]] = frozenset({ThinkingDelta})
    __slots__ = ("_choices", "_closed", "_head", "_naming", "_request", "_start", "_usage")
    OBJECT: ClassVar[str]
    PREFIX: ClassVar[str]

    def __init__(self, request: ChatRequest, naming: Naming) -> None:
        self._request = request
        self._naming = naming
        self._choices: dict[int, Choice] = {}
        # `data: {... "choices":[`, once the first chunk is written.
        self._head = b""
        self._start = Start()
        self._usage: Usage | None = None
        # The end, or an error, was written.
        self._closed = False

    def end(self) -> bytes:
        """Return what completes the stream, once: reasons, usage if the caller wants it, [DONE]."""
        if self._closed:
            return b""
        for choice in self._choices.values():
            if choice.finish is not None and choice.finish.reason == "error":
                fault = failure(choice.finish.raw_finish)
                return self.fail(Failed(status=fault.status, kind=fault.kind, code=fault.code, message=fault.message))
        written = [] if self._choices else [self.opening(0)]
        for _, choice in sorted(self._choices.items()):
            written.append(self.closing(choice))
        if self._request.include_usage and self._usage is not None:
            written.append(self.head() + b'],"usage":' + orjson.dumps(build_usage(self._usage)) + b"}\n\n")
        self._closed = True
        return b"".join(written) + b"data: [DONE]\n\n"

    def fail(self, failed: Failed) -> bytes:
        """Return the event that tells that the stream broke, once; no reason and no [DONE] follows it."""
        if self._closed:
            return b""
        self._closed = True
        return build_error_event(failed.status, failed.kind, failed.code, failed.message)

    def opening(self, index: int) -> bytes:
        """Begin the alternative *index*; return its first chunk."""
        raise NotImplementedError

    def closing(self, choice: Choice) -> bytes:
        """Return the last chunks of an alternative."""
        raise NotImplementedError

    def head(self) -> bytes:
        """Return the begin of every chunk, up to its choices."""
        if not self._head:
            start, naming = self._start, self._naming
            head: dict[str, Any] = {
                "id": start.id or naming.make_id(self.PREFIX),
                "object": self.OBJECT,
                "created": start.created or naming.now,
                "model": naming.model,
            }
            if start.service_tier:
                head["service_tier"] = start.service_tier
            self._head = b"data: " + orjson.dumps(head)[:-1] + b',"choices":['
        return self._head

    def _note_usage(self, event: UsageSeen) -> bytes:
        self._usage = event.usage
        return b""

    def _note_finish(self, event: Finish) -> bytes:
        opened = b"" if event.choice in self._choices else self.opening(event.choice)
        self._choices[event.choice].finish = event
        return opened

    def _begin(self, event: Start) -> bytes:
        """Tell at once that the answer has begun; a second start says nothing."""
        if self._head:
            return b""
        self._start = event
        return self.opening(0)


class ChatStream(Stream):
    """Chunks of chat.completion. Each alternative begins with its role, and ends with its reason when the stream ends."""

    __slots__ = ()
    OBJECT = "chat.completion.chunk"
    PREFIX = "chatcmpl-"

    def add(self, event: Event) -> bytes:
        """Return the bytes that say *event*; b"" if they come later, or never."""
        write = _WRITERS.get(type(event))
        return write(self, event) if write is not None and not self._closed else b""

    def absorb(self, event: Event) -> None:
        """Take note of a delta whose bytes were written without `add`."""
        choice = self._choices.get(getattr(event, "choice", -1))
        if choice is None:
            return
        if isinstance(event, ThinkingDelta):
            choice.thought.append(event.text)
        elif isinstance(event, ToolDelta):
            if event.arguments:
                choice.silent.discard(event.call)
        else:
            choice.thought.clear()

    def opening(self, index: int) -> bytes:
        """Begin the alternative *index*; return the chunk with its role."""
        begin = self.head() + b'{"index":%d,"delta":' % index
        self._choices[index] = Choice(index, begin)
        return begin + _ROLE + _OPEN

    def closing(self, choice: Choice) -> bytes:
        """Return the arguments of calls that have none, {}, and the chunk with the reason."""
        written = b""
        for call in sorted(choice.silent):
            if not choice.calls[call]:
                written += self._arguments(choice, call, "{}")
        finish = choice.finish or Finish(reason="stop")
        word = FINISH_WRITTEN.get(finish.reason, "stop")
        if choice.calls and word == "stop":
            word = "tool_calls"
        if self._request.legacy_calls and word == "tool_calls":
            word = "function_call"
        written += choice.begin + b'{},"logprobs":null,"finish_reason":"' + word.encode() + b'"'
        if fields := finish_fields(finish.raw_finish, finish.stop_sequence):
            written += b',"provider_specific_fields":' + orjson.dumps(fields)
        return written + b"}]}\n\n"

    def _delta(self, index: int, delta: bytes) -> bytes:
        choice = self._choices.get(index)
        if choice is None:
            return self.opening(index) + self._choices[index].begin + delta + _OPEN
        return choice.begin + delta + _OPEN

    def _choice(self, index: int) -> tuple[Choice, bytes]:
        """Return the alternative, and the chunk that opens it if this is its first."""
        choice = self._choices.get(index)
        if choice is not None:
            return choice, b""
        opened = self.opening(index)
        return self._choices[index], opened

    def _text(self, event: TextDelta) -> bytes:
        if event.logprobs is None:
            if not event.text:
                return b""
            choice = self._choices.get(event.choice)
            if choice is not None and choice.thought:
                choice.thought.clear()
            return self._delta(event.choice, b'{"content":' + orjson.dumps(event.text) + b"}")
        choice, opened = self._choice(event.choice)
        choice.thought.clear()
        delta = orjson.dumps({"content": event.text})
        return opened + choice.begin + delta + b',"logprobs":' + orjson.dumps(event.logprobs) + b',"finish_reason":null}]}\n\n'

    def _refusal(self, event: RefusalDelta) -> bytes:
        return self._delta(event.choice, b'{"refusal":' + orjson.dumps(event.text) + b"}") if event.text else b""

    def _thinking(self, event: ThinkingDelta) -> bytes:
        if not event.text:
            return b""
        choice, opened = self._choice(event.choice)
        choice.thought.append(event.text)
        return opened + choice.begin + b'{"reasoning_content":' + orjson.dumps(event.text) + b"}" + _OPEN

    def _signature(self, event: ThinkingSignature) -> bytes:
        choice, opened = self._choice(event.choice)
        thought = Thinking(text="".join(choice.thought), signature=event.signature, id=event.id, dialect=event.dialect)
        choice.thought.clear()
        return opened + self._block(choice, thought)

    def _redacted(self, event: RedactedThinking) -> bytes:
        choice, opened = self._choice(event.choice)
        return opened + self._block(choice, Thinking(redacted=event.redacted, dialect=event.dialect))

    def _block(self, choice: Choice, thought: Thinking) -> bytes:
        """Write a whole thinking block, under an index of its own: accumulators merge entries by it."""
        block = block_of(thought)
        if block is None:
            return b""
        choice.thoughts += 1
        entry = {"index": choice.thoughts - 1, **block}
        return choice.begin + orjson.dumps({"thinking_blocks": [entry]}) + _OPEN

    def _citation(self, event: Citation) -> bytes:
        choice, opened = self._choice(event.choice)
        annotation = annotation_of(event.value, event.dialect)
        # Accumulators merge entries of lists by their index.
        entries = [{**(annotation or event.value), "index": choice.citations}]
        delta: dict[str, Any] = {"annotations": entries} if annotation else {"provider_specific_fields": {"citations": entries}}
        choice.citations += 1
        return opened + choice.begin + orjson.dumps(delta) + _OPEN

    def _call(self, event: ToolStart) -> bytes:
        choice, opened = self._choice(event.choice)
        if event.call in choice.calls:
            return opened
        choice.calls[event.call] = event.custom
        choice.silent.add(event.call)
        choice.thought.clear()
        member, text = ("custom", "input") if event.custom else ("function", "arguments")
        if self._request.legacy_calls:
            # One call is all that this form can say.
            delta: dict[str, Any] = {"function_call": {"name": event.name, "arguments": ""}} if len(choice.calls) == 1 else {}
        else:
            own = event.id or self._naming.make_id("call_", event.call + (event.choice << 8))
            entry: dict[str, Any] = {"index": event.call, "id": own, "type": member, member: {"name": event.name, text: ""}}
            if event.signature:
                entry["extra_content"] = {"google": {"thought_signature": event.signature}}
            delta = {"tool_calls": [entry]}
        written = opened + choice.begin + orjson.dumps(delta) + _OPEN if delta else opened
        if event.call in choice.pending:
            written += self._arguments(choice, event.call, "".join(choice.pending.pop(event.call)))
        return written

    def _call_delta(self, event: ToolDelta) -> bytes:
        if not event.arguments:
            return b""
        choice, opened = self._choice(event.choice)
        if event.call in choice.calls:
            return opened + self._arguments(choice, event.call, event.arguments)
        choice.pending.setdefault(event.call, []).append(event.arguments)
        return opened

    def _arguments(self, choice: Choice, call: int, arguments: str) -> bytes:
        choice.silent.discard(call)
        piece = orjson.dumps(arguments)
        if self._request.legacy_calls:
            return choice.begin + b'{"function_call":{"arguments":' + piece + b"}}" + _OPEN if call == min(choice.calls) else b""
        member = b'"custom":{"input":' if choice.calls[call] else b'"function":{"arguments":'
        return choice.begin + b'{"tool_calls":[{"index":%d,' % call + member + piece + b"}}]}" + _OPEN

    def _image(self, event: ImageOut) -> bytes:
        choice, opened = self._choice(event.choice)
        entry = image_entry(choice.images, data_url(event.media_type, event.data))
        choice.images += 1
        return opened + choice.begin + orjson.dumps({"images": [entry]}) + _OPEN

    def _audio(self, event: AudioDelta) -> bytes:
        return self._delta(event.choice, orjson.dumps({"audio": event.value}))


_WRITERS: Mapping[type[Struct], Callable[[Any, Any], bytes]] = MappingProxyType(
    {
        Start: ChatStream._begin,
        TextDelta: ChatStream._text,
        RefusalDelta: ChatStream._refusal,
        ThinkingDelta: ChatStream._thinking,
        ThinkingSignature: ChatStream._signature,
        RedactedThinking: ChatStream._redacted,
        Citation: ChatStream._citation,
        ToolStart: ChatStream._call,
        ToolDelta: ChatStream._call_delta,
        ImageOut: ChatStream._image,
        AudioDelta: ChatStream._audio,
        Finish: ChatStream._note_finish,
        UsageSeen: ChatStream._note_usage,
    }
)
