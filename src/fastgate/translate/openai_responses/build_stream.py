"""One streamed answer: from response.created to response.completed, response.incomplete or response.failed."""

from collections.abc import Callable
from typing import Any, ClassVar

import orjson

from fastgate.translate.answer import FinishReason, Usage
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
    UsageSeen,
)
from fastgate.translate.openai_responses.build_answer import (
    build_annotation,
    build_call,
    build_call_thought,
    build_custom_call,
    build_image_call,
    build_message,
    token_logprobs,
    wants_summary,
)
from fastgate.translate.openai_responses.response import build_response, close_response
from fastgate.translate.openai_responses.stream_items import ARGUMENTS, INPUT, REFUSAL, SUMMARY, TEXT, THOUGHT, Form, ItemStream
from fastgate.translate.openai_responses.thoughts import seal_thought
from fastgate.translate.openai_responses.usage import build_usage
from fastgate.translate.openai_responses.words import CODE_OF_KIND, DIALECT
from fastgate.translate.target import Naming

_NO_CALL = -1


class StreamWriter:
    """Writes one stream. Of several alternatives the first is told, for this dialect knows one.

    Items do not overlap: what comes while a call's arguments are incomplete and is not of them is held until they are complete.
    """

    CONTENT_TYPE: ClassVar[bytes] = b"text/event-stream; charset=utf-8"
    ABSORBS: ClassVar[frozenset[type]] = frozenset({TextDelta, RefusalDelta, ThinkingDelta, ToolDelta})

    __slots__ = (
        "_call",
        "_ended",
        "_finish",
        "_held",
        "_naming",
        "_raw_finish",
        "_request",
        "_response",
        "_stream",
        "_summarized",
        "_usage",
    )

    def __init__(self, request: ChatRequest, naming: Naming) -> None:
        self._request, self._naming = request, naming
        self._summarized = wants_summary(request)
        self._stream = ItemStream()
        # None until response.created was sent.
        self._response: dict[str, Any] | None = None
        # Ordinal of the call that is open.
        self._call = _NO_CALL
        self._held: list[Event] = []
        self._finish: FinishReason = "stop"
        self._raw_finish = ""
        self._usage: Usage | None = None
        self._ended = False

    def add(self, event: Event) -> bytes:
        """Take the next event."""
        stream = self._stream
        # Most events are deltas of a text that is open.
        if type(event) is TextDelta and stream.form is TEXT and event.choice == 0 and event.logprobs is None and event.text:
            return stream.delta(event.text)
        on = _ON.get(type(event))
        if on is None or self._ended or getattr(event, "choice", 0) != 0:
            return b""
        out = b""
        if self._response is None:
            out = self._begin(event)
        if type(event) in _CONTROL:
            on(self, event)
            return out
        return out + self._take(event)

    def end(self) -> bytes:
        """Return what completes the stream, once."""
        if self._ended:
            return b""
        out = self._begin(None) if self._response is None else b""
        while self._held:
            out += self._close_call() + self._replay()
        self._ended = True
        response: dict[str, Any] = self._response or {}
        status = close_response(response, self._finish, self._raw_finish)
        out += self._stream.close("incomplete" if status == "incomplete" else "completed")
        return out + self._last(f"response.{status}", response)

    def fail(self, failed: Failed) -> bytes:
        """Return what tells that the stream broke, once; an item that is open stays open."""
        if self._ended:
            return b""
        self._ended = True
        # What comes still finds no open text.
        self._stream.form = None
        code = failed.code or CODE_OF_KIND.get(failed.kind, "server_error")
        response = self._response
        if response is None:
            return self._stream.event("error", {"code": code, "message": failed.message, "param": None})
        response["status"] = "failed"
        response["error"] = {"code": code, "message": failed.message}
        return self._last("response.failed", response)

    def absorb(self, event: Event) -> None:
        """Take note of a delta whose bytes were written without `add`: its text, and the number that it took."""
        self.add(event)

    def _begin(self, first: Event | None) -> bytes:
        start = first if type(first) is Start else Start()
        self._response = build_response(self._request, self._naming, start.created, start.service_tier)
        members = {"response": self._response}
        return self._stream.event("response.created", members) + self._stream.event("response.in_progress", members)

    def _last(self, kind: str, response: dict[str, Any]) -> bytes:
        response["output"] = self._stream.items
        response["usage"] = build_usage(self._usage)
        return self._stream.event(kind, {"response": response})

    def _take(self, event: Event) -> bytes:
        """Write an event, or hold it while it would cut a call's arguments in two."""
        if self._call == _NO_CALL:
            return _ON[type(event)](self, event)
        if type(event) is ToolDelta and event.call == self._call:
            out = self._stream.delta(event.arguments) if event.arguments else b""
            if self._held and event.arguments.rstrip().endswith("}") and self._is_complete():
                out += self._close_call() + self._replay()
            return out
        # With something held it is known to be incomplete.
        if not self._held and self._is_complete():
            return self._close_call() + _ON[type(event)](self, event)
        self._held.append(event)
        return b""

    def _replay(self) -> bytes:
        held, self._held = self._held, []
        return b"".join([self._take(event) for event in held])

    def _is_complete(self) -> bool:
        """Return whether the arguments of the open call are JSON; the end of free text cannot be seen."""
        if self._stream.is_free_text:
            return False
        text = self._stream.text()
        if not text.rstrip().endswith("}"):
            return False
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError:
            return False
        return True

    def _close_call(self) -> bytes:
        self._call = _NO_CALL
        return self._stream.close()

    def _make_id(self, prefix: str) -> str:
        return self._naming.make_id(prefix, len(self._stream.items))

    def _open_item(self, prefix: str, build: Callable[[str], dict[str, Any]]) -> bytes:
        """Close what is open first: its end counts in the id of what follows."""
        out = self._stream.close()
        return out + self._stream.open(build(self._make_id(prefix)))

    def _grow(self, form: Form, prefix: str, build: Callable[[str], dict[str, Any]]) -> bytes:
        """Return what has to come before a delta of *form*: an item and a part, as far as they are not open."""
        stream = self._stream
        if stream.form is form:
            return b""
        item = stream.item
        out = b"" if item is not None and item["type"] == _ITEM_OF_PREFIX[prefix] else self._open_item(prefix, build)
        return out + stream.open_text(form)

    def _on_start(self, event: Start) -> bytes:
        return b""

    def _on_usage(self, event: UsageSeen) -> bytes:
        self._usage = event.usage
        return b""

    def _on_finish(self, event: Finish) -> bytes:
        self._finish, self._raw_finish = event.reason, event.raw_finish
        return b""

    def _on_text(self, event: TextDelta) -> bytes:
        logprobs = token_logprobs(event.logprobs) if event.logprobs is not None else []
        if not event.text and not logprobs:
            return b""
        out = self._grow(TEXT, "msg_", _new_message)
        return out + (self._stream.delta_with_logprobs(event.text, logprobs) if logprobs else self._stream.delta(event.text))

    def _on_refusal(self, event: RefusalDelta) -> bytes:
        return self._grow(REFUSAL, "msg_", _new_message) + self._stream.delta(event.text) if event.text else b""

    def _on_audio(self, event: AudioDelta) -> bytes:
        # Callers of this dialect cannot ask for audio; what is spoken is text.
        transcript = event.value.get("transcript")
        return self._on_text(TextDelta(text=transcript)) if type(transcript) is str else b""

    def _on_thinking(self, event: ThinkingDelta) -> bytes:
        if not event.text:
            return b""
        form = SUMMARY if event.summary or self._summarized else THOUGHT
        return self._grow(form, "rs_", _new_thought) + self._stream.delta(event.text)

    def _on_signature(self, event: ThinkingSignature) -> bytes:
        return self._seal(seal_thought(event.dialect, event.signature, ""), event.id if event.dialect == DIALECT else "")

    def _on_redacted(self, event: RedactedThinking) -> bytes:
        return self._stream.close() + self._seal(seal_thought(event.dialect, "", event.redacted), "")

    def _seal(self, sealed: str, ident: str) -> bytes:
        """End the open thought, or write one that has no text."""
        stream = self._stream
        out = b""
        if stream.item is None or stream.item["type"] != "reasoning":
            if not sealed:
                return b""
            out = self._open_item("rs_", (lambda _: _new_thought(ident)) if ident else _new_thought)
        if sealed and stream.item is not None:
            stream.item["encrypted_content"] = sealed
        return out + stream.close()

    def _on_citation(self, event: Citation) -> bytes:
        annotation = build_annotation(event.value, event.dialect)
        return b"" if annotation is None else self._stream.annotate(annotation)

    def _on_tool_start(self, event: ToolStart) -> bytes:
        out = self._stream.close()
        stream = self._stream
        if event.signature:
            out += stream.open(_new_thought(self._make_id("rs_")))
            if stream.item is not None:
                stream.item.update(build_call_thought(stream.item["id"], event.signature))
            out += stream.close()
        self._call = event.call
        call_id = event.id or self._make_id("call_")
        if event.custom:
            item = build_custom_call(self._make_id("ctc_"), call_id, event.name, "", "in_progress")
        else:
            item = build_call(self._make_id("fc_"), call_id, event.name, "", "in_progress")
        out += stream.open(item)
        return out + stream.open_text(INPUT if event.custom else ARGUMENTS)

    def _on_tool_delta(self, event: ToolDelta) -> bytes:
        """A delta of a call that never started, or that was complete: there is no place for it."""
        return b""

    def _on_image(self, event: ImageOut) -> bytes:
        out = self._stream.close()
        ident = self._make_id("ig_")
        item = build_image_call(ident, event.media_type, event.data)
        place = {"output_index": len(self._stream.items), "item_id": ident}
        out += self._stream.open({**item, "status": "in_progress", "result": None})
        out += self._stream.event("response.image_generation_call.completed", place)
        if self._stream.item is not None:
            self._stream.item["result"] = event.data
        return out + self._stream.close()


def _new_message(ident: str) -> dict[str, Any]:
    return build_message(ident, "in_progress", [])


def _new_thought(ident: str) -> dict[str, Any]:
    return {"id": ident, "type": "reasoning", "summary": []}


# Of the items that grow by several kinds of text.
_ITEM_OF_PREFIX = {"msg_": "message", "rs_": "reasoning"}
_CONTROL = frozenset({Start, UsageSeen, Finish})
_ON: dict[type, Callable[[StreamWriter, Any], bytes]] = {
    Start: StreamWriter._on_start,
    UsageSeen: StreamWriter._on_usage,
    Finish: StreamWriter._on_finish,
    TextDelta: StreamWriter._on_text,
    RefusalDelta: StreamWriter._on_refusal,
    AudioDelta: StreamWriter._on_audio,
    ThinkingDelta: StreamWriter._on_thinking,
    ThinkingSignature: StreamWriter._on_signature,
    RedactedThinking: StreamWriter._on_redacted,
    Citation: StreamWriter._on_citation,
    ToolStart: StreamWriter._on_tool_start,
    ToolDelta: StreamWriter._on_tool_delta,
    ImageOut: StreamWriter._on_image,
}
