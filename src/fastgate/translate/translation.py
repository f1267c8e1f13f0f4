"""One chat request between two dialects: what the compiled line asks of it, from the request's head to the last byte of the answer."""

from collections.abc import Callable
from math import ceil
from typing import Any

import orjson
from msgspec.structs import replace

from fastgate.translate.answer import ChatAnswer, Fault, Usage
from fastgate.translate.conversation import ToolCall
from fastgate.translate.custom_tools import CustomCalls, restore_calls
from fastgate.translate.dialect import CallerDialect, ErrorWriter
from fastgate.translate.events import Event, Failed, RefusalDelta, Start, TextDelta, ThinkingDelta, ToolDelta, ToolStart, Unknown, UsageSeen
from fastgate.translate.learned import take_apart
from fastgate.translate.plan import Plan
from fastgate.translate.playback import play
from fastgate.translate.recall import SIGNING, Listener, Recall
from fastgate.translate.speech import Speech
from fastgate.translate.surrogates import without_halves
from fastgate.translate.target import Naming

JSON = b"application/json"

# Statuses that one dialect alone knows (OWN_STATUSES of its package) -> what callers of others get.
_OWN_STATUSES = {529: 503}

# Deltas whose shape can be learned -> the member that holds their text.
_TEXTS: dict[type, Callable[[Any], str]] = {
    TextDelta: lambda event: event.text,
    ThinkingDelta: lambda event: event.text,
    RefusalDelta: lambda event: event.text,
    ToolDelta: lambda event: event.arguments,
}
# Events that say nothing to the caller yet.
_EMPTY = frozenset((Start, UsageSeen, Unknown))
_DELTA_OF: dict[type, Callable[[Any, str], Event]] = {
    TextDelta: lambda event, text: TextDelta(text=text, choice=event.choice),
    ThinkingDelta: lambda event, text: ThinkingDelta(text=text, choice=event.choice, summary=event.summary),
    RefusalDelta: lambda event, text: RefusalDelta(text=text, choice=event.choice),
    ToolDelta: lambda event, text: ToolDelta(call=event.call, arguments=text, choice=event.choice),
}

# Before the text, behind it; the same in what the caller gets.
Shape = tuple[bytes, bytes, bytes, bytes]
# Status, content type, body, code of what failed, fields.
Answer = tuple[int, bytes, bytes, str | None, bytes]


def error_answer(caller: ErrorWriter, fault: Fault | Failed) -> Answer:
    """Return a provider's error in the words of a caller's dialect."""
    param, fields, status = "", b"", fault.status
    if isinstance(fault, Fault):
        param = fault.param
        if fault.retry_after_s is not None:
            # Told in the body; a field of the provider's own is passed on.
            fields = b"Retry-After: %d\r\n" % ceil(fault.retry_after_s)
    if status in _OWN_STATUSES and status not in getattr(caller, "OWN_STATUSES", ()):
        status = _OWN_STATUSES[status]
    body = caller.build_error(status, fault.kind, fault.code or "upstream_error", fault.message, param)
    return status, JSON, body, "upstream_error", fields


class Translation:
    """A chat request of *caller*'s dialect at a deployment that speaks another, as *plan* says with *body*.

    *naming* is called when something has to be named. *clock* tells seconds: callers of some dialects are told how long their answer took.
    *recall* keeps thoughts for the caller's next request.
    """

    __slots__ = (
        "_builder",
        "_caller",
        "_clock",
        "_copies",
        "_custom_calls",
        "_failed",
        "_last",
        "_last_text",
        "_learned_from",
        "_listener",
        "_naming",
        "_parser",
        "_plan",
        "_recall",
        "_said_before",
        "_speech",
        "_splitter",
        "_timed",
        "_usage",
        "absorbs",
        "began",
        "body",
        "content_type",
        "fields",
        "framing",
        "head",
        "shape",
        "stream",
    )

    def __init__(
        self,
        caller: CallerDialect,
        plan: Plan,
        body: bytes,
        speech: Speech,
        naming: Callable[[], Naming],
        clock: Callable[[], float],
        recall: Recall,
    ) -> None:
        dialect, request = speech.dialect, plan.request
        self._timed: Callable[[], int] | None = None
        if plan.timed:
            began = clock()
            self._timed = lambda: max(1, int((clock() - began) * 1e9))
        self.body = body
        self.head = speech.build_head(plan.path, body, plan.fields)
        self.fields = plan.warnings
        self.stream = request.stream
        self.framing = plan.framing
        self._caller, self._plan, self._speech, self._naming, self._clock = caller, plan, speech, naming, clock
        self._recall = recall
        self._failed: Failed | Fault | None = None
        self._usage: Usage | None = None
        self.shape: Shape | None = None
        self.absorbs = False
        # Whether the stream has said anything.
        self.began = False
        self.content_type = JSON
        if request.stream:
            self._last: Shape | None = None
            self._last_text = ""
            # What one event said before the error that it ended with.
            self._said_before = b""
            self._learned_from: Event | None = None
            self._parser = dialect.stream_parser(speech.target, plan.asked)
            self._builder = caller.stream_builder(request, naming())
            self.content_type = self._builder.CONTENT_TYPE
            self._custom_calls = CustomCalls(plan.custom) if plan.custom else None
            self._copies = getattr(self._builder, "COPIES", True)
            self._listener = Listener() if speech.target.dialect in SIGNING else None
            if dialect.FRAMING == "frames":
                self._splitter = dialect.frame_splitter()

    # --- streams

    def on_event(self, event: bytes) -> bytes | None:
        """Return what one event of the provider becomes; None if the stream failed with it."""
        try:
            said = self._parser.feed(event)
        except Fault as fault:
            whole = without_halves(event)
            if whole == event:
                self._failed = fault
                return None
            return self.on_event(whole)
        if self._custom_calls is not None:
            said = self._custom_calls.read(said)
        if len(said) == 1:
            only = said[0]
            if type(only) in _TEXTS:
                if self._listener is not None and type(only) is ThinkingDelta:
                    self._listener.hear(only)
                self.began = self.began or bool(_TEXTS[type(only)](only))
                out = self._builder.add(only)
                if self._copies and (self._custom_calls is None or type(only) is not ToolDelta):
                    self._learn(event, only, out)
                return out
        self.shape = self._last = None
        return self._say(said)

    def on_bytes(self, piece: bytes) -> bytes | None:
        """Return what a piece of a stream of frames becomes; None if the stream failed in it."""
        try:
            frames = self._splitter.feed(piece)
        except Fault as fault:
            self._failed = fault
            return None
        out = b""
        for frame in frames:
            told = self.on_event(frame)
            if told is None:
                return None
            out += told
        self.shape = None
        return out

    def absorb(self, literal: bytes) -> None:
        """Take note of a delta that was copied; *literal* is its text as JSON."""
        like = self._learned_from
        delta = _DELTA_OF[type(like)](like, orjson.loads(without_halves(literal)))
        if self._listener is not None and type(delta) is ThinkingDelta:
            self._listener.hear(delta)
        if type(delta) in self._builder.ABSORBS:
            self._builder.absorb(delta)

    def on_end(self) -> bytes | None:
        """Return the end of the stream; None if the provider's did not come to one."""
        try:
            said = self._parser.close()
        except Fault as fault:
            self._failed = fault
            return None
        if self._custom_calls is not None:
            said = [*self._custom_calls.read(said), *self._custom_calls.close()]
        out = self._say(said)
        if out is None or not self._parser.ended:
            return None
        if self._listener is not None:
            self._recall.keep(self._listener.parts)
        if self._timed is not None:
            self._builder.timings = self._timings()
        return out + self._builder.end()

    def _timings(self) -> dict[str, int]:
        """Return the durations of the answer; the provider's own where it told them."""
        assert self._timed is not None
        told = {name: getattr(self._parser, name, 0) for name in ("load_ns", "prompt_eval_ns", "eval_ns")}
        return {"total_ns": self._timed(), **told}

    def fail(self, status: int, kind: str, code: str, message: str) -> bytes:
        """Return what ends a stream that broke: with the provider's own error if it told one."""
        told = self._failed
        if told is not None:
            status, kind, code, message = told.status, told.kind, told.code or code, told.message
        return self._said_before + self._builder.fail(Failed(status=status, kind=kind, code=code, message=message))

    def _say(self, events: list[Event]) -> bytes | None:
        out = b""
        for event in events:
            kind = type(event)
            if kind is Failed:
                self._failed = event  # type: ignore[assignment]
                self._said_before = out
                return None
            if kind is UsageSeen:
                self._usage = event.usage  # type: ignore[union-attr]
            elif kind is ToolStart and not event.id:  # type: ignore[union-attr]
                event.id = self._name_call(event.call, event.choice)  # type: ignore[union-attr]
            if self._listener is not None and kind in Listener.HEARS:
                self._listener.hear(event)
            if not self.began:
                self.began = kind not in _EMPTY and (kind not in _TEXTS or bool(_TEXTS[kind](event)))
            out += self._builder.add(event)
        return out

    def _learn(self, event: bytes, delta: Event, out: bytes) -> None:
        """Compare with the delta before: two that differ in their text alone make a shape."""
        text = _TEXTS[type(delta)](delta)
        literal = orjson.dumps(text)
        self.shape = None
        if not text or event.count(literal) != 1 or out.count(literal) != 1:
            self._last = None
            return
        before, _, behind = event.partition(literal)
        start, _, end = out.partition(literal)
        shape = (before + b'"', b'"' + behind, start + b'"', b'"' + end)
        if shape == self._last and text != self._last_text:
            self.shape = shape
            self._learned_from = delta
            self.absorbs = type(delta) in self._builder.ABSORBS or (self._listener is not None and type(delta) is ThinkingDelta)
        self._last, self._last_text = shape, text

    # --- whole answers

    def on_answer(self, body: bytes) -> Answer:
        """Return a complete answer of status 2xx in the caller's words."""
        plan = self._plan
        if plan.mark and not plan.request.stream and not plan.custom:
            said = self._say_as_before(body)
            if said is not None:
                return 200, JSON, said, None, b""
        try:
            answer = self._speech.dialect.parse_answer(without_halves(body), self._speech.target, plan.asked)
        except Fault as fault:
            self._failed = fault
            return self._error(fault)
        self._usage = answer.usage
        if plan.custom:
            restore_calls(answer, plan.custom)
        for choice in answer.choices:
            for number, call in enumerate(part for part in choice.parts if type(part) is ToolCall):
                call.id = call.id or self._name_call(number, choice.index)
        if answer.choices and self._speech.target.dialect in SIGNING:
            self._recall.keep(answer.choices[0].parts)
        if plan.request.stream:
            return self._played(answer)
        naming = self._naming()
        if self._timed is not None:
            naming = replace(naming, elapsed_ns=self._timed())
        try:
            return 200, JSON, self._caller.build_answer(answer, plan.request, naming), None, b""
        except Fault as fault:
            self._failed = fault
            return self._error(fault)

    def _say_as_before(self, body: bytes) -> bytes | None:
        """Return the answer as one of its form was said; None if it has to be said by itself."""
        plan = self._plan
        held = take_apart(body, plan.mark)
        if held is None:
            return None
        form = plan.form_of(held, self._caller, self._speech, self._naming)
        if form is None:
            return None
        told = form.say(held, self._caller, self._speech, self._naming, self._clock)
        if told is None:
            return None
        said, self._usage = told
        return said

    def _name_call(self, number: int, choice: int) -> str:
        """Return the id of a call that its provider gave none."""
        return self._naming().make_id(getattr(self._caller, "CALL_PREFIX", "call_"), number + (choice << 8))

    def _played(self, answer: ChatAnswer) -> Answer:
        """A provider that does not stream: its answer comes as a stream of few events."""
        out = self._say(play(answer))
        return 200, self.content_type, (out or b"") + self._builder.end(), None, b""

    def on_error(self, status: int, body: bytes) -> Answer:
        """Return a provider's error in the caller's words."""
        fault = self._speech.dialect.parse_error(status, body)
        self._failed = fault
        return self._error(fault)

    def failure(self) -> Answer | None:
        """Return the error that the provider told in its stream, if it told one."""
        return None if self._failed is None else self._error(self._failed)

    def _error(self, fault: Fault | Failed) -> Answer:
        return error_answer(self._caller, fault)

    def counted(self) -> tuple[int, int, int, int, int]:
        """Return the tokens of input, output, cache read, cache write and reasoning, as far as they were told."""
        usage = self._usage
        if usage is None:
            return 0, 0, 0, 0, 0
        return usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.reasoning_tokens
