"""Streams of providers, chunk by chunk."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from fastgate.translate.answer import Fault
from fastgate.translate.conversation import Image, Text, Thinking, unseal
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
from fastgate.translate.openai_chat.errors import find_error, unreadable
from fastgate.translate.openai_chat.parse_answer import arguments_of, read_finish, read_piece, text_of
from fastgate.translate.openai_chat.parse_messages import signature_of
from fastgate.translate.openai_chat.thoughts import UNSIGNED, packed
from fastgate.translate.openai_chat.usage import parse_usage
from fastgate.translate.openai_chat.words import BLOCKS_DIALECT, DIALECT
from fastgate.translate.target import Asked, Target

FRAMING = "events"


class _Call:
    """One call of a stream."""

    __slots__ = ("answer", "arguments", "custom", "id", "name", "ordinal", "signature")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.signature = ""
        self.custom = False
        # Its arguments are the structured answer.
        self.answer = False
        # Among the calls that are passed on; -1: not started, or not passed on.
        self.ordinal = -1
        # What came before its name.
        self.arguments = ""


class _Choice:
    """What is known of one alternative."""

    __slots__ = ("blocks", "calls", "finish", "index", "last", "passed", "signed", "stop", "thought")

    def __init__(self, index: int) -> None:
        self.index = index
        # By the provider's index; `last` is the one that deltas without an index mean.
        self.calls: dict[int, _Call] = {}
        self.last: _Call | None = None
        # Calls that were passed on.
        self.passed = 0
        # A thought is open; it came with a signature; its text came in a member of its own and not in blocks.
        self.thought = False
        self.signed = False
        self.blocks = True
        self.finish: str | None = None
        self.stop: object = None


class StreamParser:
    """Reads one stream. Finish comes at its end: some servers name a reason before the last deltas."""

    __slots__ = ("_asked", "_choices", "_target", "_thinking", "ended", "started")

    def __init__(self, target: Target, asked: Asked) -> None:
        self._target = target
        self._asked = asked
        self._thinking = target.quirks.thinking
        self._choices: dict[int, _Choice] = {}
        self.started = False
        # [DONE] was seen, or the stream closed after every choice had its reason.
        self.ended = False

    def feed(self, data: bytes) -> list[Event]:
        """Return what one event says; *data* is the value of its data lines. Raise Fault for what cannot be read."""
        if data[:1] != b"{":
            stripped = data.strip()
            if stripped == b"[DONE]":
                return self._finish()
            if not stripped:
                return []
        if self.ended:
            return []
        chunk = _read(data)
        events: list[Event] = []
        choices = chunk.get("choices")
        if not choices or "error" in chunk or "x_groq" in chunk or _is_broken(choices):
            fault = find_error(chunk)
            if fault is not None:
                return [_failed(fault)]
        if not self.started:
            self._start(events, chunk, bool(choices))
        if isinstance(choices, list):
            for number, choice in enumerate(choices):
                if isinstance(choice, dict):
                    self._choice(events, choice, number)
        usage = chunk.get("usage")
        if usage is None and "x_groq" in chunk and isinstance(chunk["x_groq"], dict):
            usage = chunk["x_groq"].get("usage")
        if isinstance(usage, dict):
            events.append(UsageSeen(usage=parse_usage(usage, self._target.quirks)))
        return events

    def close(self) -> list[Event]:
        """Return what the end of the connection says; afterwards `ended` tells whether the answer is complete."""
        if self.ended or not self._choices or any(choice.finish is None for choice in self._choices.values()):
            return []
        return self._finish()

    def _start(self, events: list[Event], chunk: dict[str, Any], full: bool) -> None:
        """Azure's first chunk has no choices and no id: what follows it starts the stream."""
        own = text_of(chunk.get("id"))
        if not own and not full:
            return
        created = chunk.get("created")
        self.started = True
        events.append(Start(id=own, created=created if isinstance(created, int) else 0, service_tier=text_of(chunk.get("service_tier"))))

    def _finish(self) -> list[Event]:
        """Return the reasons, in the choices' order; the stream is complete."""
        events: list[Event] = []
        if self.ended:
            return events
        for _, state in sorted(self._choices.items()):
            self._end_thought(events, state)
            for call in state.calls.values():
                self._start_call(events, state, call, last=True)
            try:
                reason, raw = read_finish(state.finish, self._target, state.passed > 0)
            except Fault as fault:
                return [*events, _failed(fault)]
            sequence = state.stop if isinstance(state.stop, str) and reason == "stop" and state.stop != state.finish else ""
            finish = "stop_sequence" if sequence else reason
            events.append(Finish(reason=finish, choice=state.index, stop_sequence=sequence, raw_finish=raw))
        self.ended = True
        return events

    def _choice(self, events: list[Event], choice: dict[str, Any], number: int) -> None:
        index = choice.get("index")
        if not isinstance(index, int):
            index = number
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = _Choice(index)
        delta = choice.get("delta")
        if delta is None:
            # A whole answer as a stream of one event.
            delta = choice.get("message")
        if isinstance(delta, dict):
            self._delta(events, state, delta, choice.get("logprobs"))
        finish = choice.get("finish_reason")
        if isinstance(finish, str) and finish:
            state.finish, state.stop = finish, choice.get("stop_reason")

    def _delta(self, events: list[Event], state: _Choice, delta: dict[str, Any], logprobs: object) -> None:
        """Thoughts come first, then text, then the rest, whatever the order of the members."""
        thought = delta.get("reasoning_content") or delta.get("reasoning") or delta.get(self._thinking)
        if thought and isinstance(thought, str):
            state.thought, state.blocks = True, False
            events.append(ThinkingDelta(text=thought, choice=state.index))
        if "reasoning_details" in delta:
            self._details(events, state, delta["reasoning_details"], spoken=bool(thought))
        content = delta.get("content")
        if content or logprobs:
            if isinstance(content, list):
                self._pieces(events, state, content)
            else:
                if state.thought:
                    self._end_thought(events, state)
                text = content if isinstance(content, str) else ""
                events.append(TextDelta(text=text, choice=state.index, logprobs=logprobs if isinstance(logprobs, dict) else None))
        for name, value in delta.items():
            if value and name in _RARE:
                if name != "thinking_blocks" and state.thought:
                    self._end_thought(events, state)
                _RARE[name](self, events, state, value)

    def _end_thought(self, events: list[Event], state: _Choice) -> None:
        """Sign a thought that its provider wants back, and did not sign itself."""
        if state.thought and not state.signed and self._target.quirks.thinking_returns:
            events.append(ThinkingSignature(signature=UNSIGNED, dialect=DIALECT, choice=state.index))
        state.thought = state.signed = False

    def _details(self, events: list[Event], state: _Choice, details: object, *, spoken: bool) -> None:
        """OpenRouter's reasoning_details: their text stands in `reasoning` too, what is signed or encrypted does not."""
        for detail in details if isinstance(details, list) else []:
            if not isinstance(detail, dict):
                continue
            if isinstance(detail.get("data"), str):
                events.append(RedactedThinking(redacted=packed(detail), dialect=DIALECT, choice=state.index))
                continue
            summary = detail.get("type") == "reasoning.summary"
            member = "summary" if summary else "text"
            text = text_of(detail.get(member))
            if text and not spoken:
                state.thought = True
                events.append(ThinkingDelta(text=text, choice=state.index, summary=summary))
            if detail.get("signature"):
                rest = {name: value for name, value in detail.items() if name != member}
                events.append(ThinkingSignature(signature=packed(rest), dialect=DIALECT, choice=state.index))
                state.signed = True

    def _blocks(self, events: list[Event], state: _Choice, blocks: object) -> None:
        """LiteLLM's thinking_blocks: their text stands in reasoning_content too."""
        for block in blocks if isinstance(blocks, list) else []:
            if not isinstance(block, dict):
                continue
            text, signature, redacted = (text_of(block.get(name)) for name in ("thinking", "signature", "data"))
            if text and state.blocks:
                state.thought = True
                events.append(ThinkingDelta(text=text, choice=state.index))
            if signature:
                dialect, inner = unseal(BLOCKS_DIALECT, signature)
                own = text_of(block.get("id"))
                events.append(ThinkingSignature(signature=inner, dialect=dialect, choice=state.index, id=own))
                state.thought, state.signed, state.blocks = False, False, True
            if redacted:
                dialect, inner = unseal(BLOCKS_DIALECT, redacted)
                events.append(RedactedThinking(redacted=inner, dialect=dialect, choice=state.index))

    def _pieces(self, events: list[Event], state: _Choice, content: list[Any]) -> None:
        for piece in content:
            for part in read_piece(piece) if isinstance(piece, dict) else []:
                if isinstance(part, Thinking):
                    state.thought = True
                    events.append(ThinkingDelta(text=part.text, choice=state.index))
                    continue
                self._end_thought(events, state)
                if isinstance(part, Text):
                    events.append(
                        RefusalDelta(text=part.text, choice=state.index) if part.refusal else TextDelta(text=part.text, choice=state.index)
                    )
                elif isinstance(part, Image) and part.data:
                    events.append(ImageOut(media_type=part.media_type, data=part.data, choice=state.index))
                else:
                    events.append(Unknown(dialect=DIALECT, value=piece))

    def _images(self, events: list[Event], state: _Choice, images: object) -> None:
        if isinstance(images, list):
            self._pieces(events, state, [{"type": "image_url", **image} for image in images if isinstance(image, dict)])

    def _refusal(self, events: list[Event], state: _Choice, refusal: object) -> None:
        if isinstance(refusal, str):
            events.append(RefusalDelta(text=refusal, choice=state.index))

    def _annotations(self, events: list[Event], state: _Choice, annotations: object) -> None:
        found = [one for one in annotations if isinstance(one, dict)] if isinstance(annotations, list) else []
        events += [Citation(value=annotation, dialect=DIALECT, choice=state.index) for annotation in found]

    def _audio(self, events: list[Event], state: _Choice, audio: object) -> None:
        if isinstance(audio, dict):
            events.append(AudioDelta(value=audio, choice=state.index))

    def _function_call(self, events: list[Event], state: _Choice, call: object) -> None:
        """The deprecated form: one call, without id."""
        self._calls(events, state, [{"index": 0, "function": call}])

    def _calls(self, events: list[Event], state: _Choice, entries: object) -> None:
        for entry in entries if isinstance(entries, list) else []:
            if not isinstance(entry, dict):
                continue
            custom = isinstance(entry.get("custom"), dict)
            function = entry.get("custom" if custom else "function")
            function = function if isinstance(function, dict) else {}
            name, own = text_of(function.get("name")), text_of(entry.get("id"))
            call = _find_call(state, entry.get("index"), own, name)
            call.id = call.id or own
            call.name = call.name or name
            call.custom = call.custom or custom
            call.signature = call.signature or signature_of(entry)
            call.arguments += arguments_of(function.get("input" if custom else "arguments"))
            if call.name:
                self._start_call(events, state, call)

    def _start_call(self, events: list[Event], state: _Choice, call: _Call, *, last: bool = False) -> None:
        """Say that a call began, once, and the arguments that have come since; *last*: at the stream's end."""
        if call.ordinal < 0 and not call.answer:
            if last and not call.name:
                return
            call.answer = bool(self._asked.answer_tool) and call.name == self._asked.answer_tool
            if not call.answer and (self._asked.no_calls or (self._asked.one_call and state.passed)):
                call.arguments = ""
                return
            if not call.answer:
                call.ordinal = state.passed
                state.passed += 1
                name = self._asked.renamed.get(call.name, call.name)
                started = ToolStart(
                    call=call.ordinal, id=call.id, name=name, signature=call.signature, custom=call.custom, choice=state.index
                )
                events.append(started)
        if call.arguments:
            if call.answer:
                events.append(TextDelta(text=call.arguments, choice=state.index))
            else:
                events.append(ToolDelta(call=call.ordinal, arguments=call.arguments, choice=state.index))
            call.arguments = ""


def _find_call(state: _Choice, index: object, own: str, name: str) -> _Call:
    """Return the call that a delta continues, or a fresh one.

    Some servers give every whole call the index 0, some give no index or no id, some repeat both, and some make another id for
    each delta: only a delta with a name can begin another call.
    """
    known = state.calls.get(index) if isinstance(index, int) else state.last
    if known is None or (name and known.name and _differs(known, index, own, name)):
        same = next((call for call in state.calls.values() if own and call.id == own), None)
        if same is not None:
            state.last = same
            return same
        known = _Call()
        state.calls[index if isinstance(index, int) and index not in state.calls else -1 - len(state.calls)] = known
        # Deltas that follow under the same index are the newer call's.
        if isinstance(index, int):
            _move(state.calls, index, known)
    state.last = known
    return known


def _differs(known: _Call, index: object, own: str, name: str) -> bool:
    """Return whether a delta with a name begins another call than *known*, which has one too."""
    if own and known.id:
        return own != known.id
    return index is None or name != known.name


def _move(calls: dict[int, _Call], index: int, call: _Call) -> None:
    older = calls[index]
    if older is not call:
        at = next(key for key, value in calls.items() if value is call)
        calls[index], calls[at] = call, older


def _is_broken(choices: Any) -> bool:
    """Return whether the first choice is no object, or tells an error (OpenRouter's form)."""
    return not isinstance(choices, list) or not isinstance(choices[0], dict) or "error" in choices[0]


def _read(data: bytes) -> dict[str, Any]:
    try:
        chunk = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise unreadable(data, "a chunk of JSON") from None
    if not isinstance(chunk, dict):
        raise unreadable(data, "a chunk")
    return chunk


def _failed(fault: Fault) -> Failed:
    return Failed(status=fault.status, kind=fault.kind, code=fault.code, message=fault.message)


_RARE: Mapping[str, Callable[[StreamParser, list[Event], _Choice, Any], None]] = MappingProxyType(
    {
        "tool_calls": StreamParser._calls,
        "function_call": StreamParser._function_call,
        "refusal": StreamParser._refusal,
        "thinking_blocks": StreamParser._blocks,
        "annotations": StreamParser._annotations,
        "audio": StreamParser._audio,
        "images": StreamParser._images,
    }
)


def stream_parser(target: Target, asked: Asked) -> StreamParser:
    """Return a reader of one stream."""
    return StreamParser(target, asked)
