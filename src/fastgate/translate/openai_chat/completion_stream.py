"""Streams to callers of /v1/completions: chunks are text_completion objects, text alone."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson
from msgspec import Struct

from fastgate.translate.conversation import ChatRequest
from fastgate.translate.events import Event, Finish, RefusalDelta, Start, TextDelta, UsageSeen
from fastgate.translate.openai_chat.build_stream import ChatStream, Choice, Stream
from fastgate.translate.openai_chat.logprobs import legacy_logprobs
from fastgate.translate.openai_chat.words import FINISH_WRITTEN
from fastgate.translate.target import Naming


class CompletionStream(Stream):
    """Chunks of text_completion. Thoughts and calls have no place in them."""

    __slots__ = ("_offsets",)
    OBJECT = "text_completion"
    PREFIX = "cmpl-"

    def __init__(self, request: ChatRequest, naming: Naming) -> None:
        super().__init__(request, naming)
        # Characters of each alternative so far: log probabilities tell where their tokens stand.
        self._offsets: dict[int, int] = {}

    def add(self, event: Event) -> bytes:
        """Return the bytes that say *event*; b"" if they come later, or never."""
        write = _WRITERS.get(type(event))
        return write(self, event) if write is not None and not self._closed else b""

    def absorb(self, event: Event) -> None:
        """Take note of a text whose bytes were written without `add`."""
        if isinstance(event, TextDelta | RefusalDelta):
            self._offsets[event.choice] = self._offsets.get(event.choice, 0) + len(event.text)

    def opening(self, index: int) -> bytes:
        """Begin the alternative *index*; its first chunk is its first text."""
        self._choices[index] = Choice(index, self.head() + b'{"index":%d,"text":' % index)
        return b""

    def closing(self, choice: Choice) -> bytes:
        """Return the chunk with the reason."""
        word = FINISH_WRITTEN.get(choice.finish.reason, "stop") if choice.finish else "stop"
        reason = b"stop" if word == "tool_calls" else word.encode()
        return choice.begin + b'"","logprobs":null,"finish_reason":"' + reason + b'"}]}\n\n'

    def _text(self, event: TextDelta | RefusalDelta) -> bytes:
        logprobs = event.logprobs if isinstance(event, TextDelta) else None
        if not event.text and logprobs is None:
            return b""
        if event.choice not in self._choices:
            self.opening(event.choice)
        offset = self._offsets.get(event.choice, 0)
        self._offsets[event.choice] = offset + len(event.text)
        written = b"null" if logprobs is None else orjson.dumps(legacy_logprobs(logprobs, offset))
        begin = self._choices[event.choice].begin + orjson.dumps(event.text)
        return begin + b',"logprobs":' + written + b',"finish_reason":null}]}\n\n'


_WRITERS: Mapping[type[Struct], Callable[[Any, Any], bytes]] = MappingProxyType(
    {
        Start: CompletionStream._begin,
        TextDelta: CompletionStream._text,
        RefusalDelta: CompletionStream._text,
        Finish: CompletionStream._note_finish,
        UsageSeen: CompletionStream._note_usage,
    }
)


def stream_builder(request: ChatRequest, naming: Naming) -> ChatStream | CompletionStream:
    """Return a writer of one stream, in the form of the caller's endpoint."""
    return CompletionStream(request, naming) if request.operation == "text_completion" else ChatStream(request, naming)
