"""A stream of Gemini: each event is a whole answer with new parts; finishReason may come without content, usage is cumulative."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from fastgate.translate.events import (
    AudioDelta,
    Citation,
    Event,
    Finish,
    ImageOut,
    Start,
    TextDelta,
    ThinkingDelta,
    ThinkingSignature,
    ToolDelta,
    ToolStart,
    Unknown,
    UsageSeen,
)
from fastgate.translate.gemini.errors import failed, find_error, read_error, unreadable
from fastgate.translate.gemini.parse_answer import ANNOTATIONS, PLAIN_CANDIDATE, blocked, failure, read_blob, read_call
from fastgate.translate.gemini.partial_args import PartialCall
from fastgate.translate.gemini.usage import parse_logprobs, parse_usage
from fastgate.translate.gemini.words import DIALECT, FINISHES, PLAIN_FINISHES
from fastgate.translate.target import Asked, Target


class _Alternative:
    """What is remembered of one alternative."""

    __slots__ = ("calls", "finish", "index", "partial")

    def __init__(self, index: int) -> None:
        self.index = index
        # Calls that were passed on; a call anywhere makes the end "tool_calls".
        self.calls = 0
        # Its finishReason; "" until it comes. Told at the end: more may follow it.
        self.finish = ""
        # A call whose arguments are not whole.
        self.partial: PartialCall | None = None


class StreamParser:
    """Reads one stream, an event at a time."""

    def __init__(self, target: Target, asked: Asked) -> None:
        # Every alternative had a finishReason when the connection ended.
        self.ended = False
        self.asked = asked
        self._alternatives: dict[int, _Alternative] = {}
        self._started = False
        self._failed = False
        self._blocked = ""

    def feed(self, data: bytes) -> list[Event]:
        """Return what one event says. An error in the stream is Failed, the last event. Raise Fault for what cannot be read."""
        if self._failed:
            return []
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise unreadable(data, "an event is no JSON") from None
        error = find_error(value)
        if error is not None:
            self._failed = True
            return [failed(read_error(error))]
        if type(value) is not dict:
            raise unreadable(data, "an event is no JSON object")
        events: list[Event] = []
        if not self._started:
            self._started = True
            response_id = value.get("responseId")
            events.append(Start(id=response_id if type(response_id) is str else ""))
        candidates = value.get("candidates")
        if type(candidates) is list and candidates:
            for at, candidate in enumerate(candidates):
                if type(candidate) is dict and not self._failed:
                    self._read_candidate(candidate, at, events)
        elif not self._blocked:
            self._blocked = blocked(value)
        usage = value.get("usageMetadata")
        if usage is not None and not self._failed:
            seen = parse_usage(usage)
            if seen is not None:
                events.append(UsageSeen(usage=seen))
        return events

    def close(self) -> list[Event]:
        """Return the ends of the alternatives; afterwards `ended` tells whether each has one."""
        if self._failed or self.ended:
            return []
        if not self._alternatives and self._blocked:
            self.ended = True
            return [Finish(reason="content_filter", raw_finish=self._blocked)]
        events: list[Event] = []
        for alternative in self._alternatives.values():
            word = alternative.finish
            if word:
                self._close_partial(alternative, events)
                reason = FINISHES.get(word, "stop")
                if reason == "stop" and alternative.calls:
                    reason = "tool_calls"
                raw = "" if word in PLAIN_FINISHES else word
                events.append(Finish(reason=reason, choice=alternative.index, raw_finish=raw))
        self.ended = bool(self._alternatives) and all(alternative.finish for alternative in self._alternatives.values())
        return events

    def _read_candidate(self, candidate: dict[str, Any], at: int, events: list[Event]) -> None:
        said = candidate.get("index")
        index = said if type(said) is int and said >= 0 else at
        alternative = self._alternatives.get(index)
        if alternative is None:
            alternative = self._alternatives[index] = _Alternative(index)
        content = candidate.get("content")
        if type(content) is dict:
            parts = content.get("parts")
            for part in parts if type(parts) is list else ():
                if type(part) is dict:
                    self._read_part(part, alternative, events)
        if not candidate.keys() <= PLAIN_CANDIDATE:
            self._read_beside(candidate, index, events)
        word = candidate.get("finishReason")
        if type(word) is str and word != "FINISH_REASON_UNSPECIFIED":
            alternative.finish = word
            if FINISHES.get(word) == "error":
                self._failed = True
                events.append(failed(failure(word, candidate.get("finishMessage"))))

    def _read_beside(self, candidate: dict[str, Any], index: int, events: list[Event]) -> None:
        for name in ANNOTATIONS:
            value = candidate.get(name)
            if value:
                events.append(Citation(value={name: value}, dialect=DIALECT, choice=index))
        logprobs = parse_logprobs(candidate.get("logprobsResult"))
        if logprobs is not None:
            for event in events:
                if type(event) is TextDelta and event.choice == index:
                    event.logprobs = logprobs
                    return

    def _read_part(self, part: dict[str, Any], alternative: _Alternative, events: list[Event]) -> None:
        index = alternative.index
        text = part.get("text")
        if type(text) is str:
            if text:
                events.append(ThinkingDelta(text=text, choice=index) if part.get("thought") is True else TextDelta(text=text, choice=index))
            if len(part) == 1:
                return
        else:
            for name, value in part.items():
                reader = _READERS.get(name)
                if reader is not None:
                    reader(self, value, part, alternative, events)
                    return
            if part.keys() - {"thought", "thoughtSignature", "text"}:
                events.append(_unknown(part, index))
                return
        signature = part.get("thoughtSignature")
        if type(signature) is str and signature:
            events.append(ThinkingSignature(signature=signature, dialect=DIALECT, choice=index))

    def _read_call(self, value: Any, part: dict[str, Any], alternative: _Alternative, events: list[Event]) -> None:
        """Read a call that is whole, or a piece of one: it is told once all have come."""
        if type(value) is not dict:
            return self._tell_call(value, part, alternative, events)
        goes_on = value.get("willContinue") is True
        partial = alternative.partial
        if partial is None and not goes_on and "partialArgs" not in value:
            return self._tell_call(value, part, alternative, events)
        if partial is None or value.get("name"):
            self._close_partial(alternative, events)
            partial = alternative.partial = PartialCall(part)
        partial.take(value)
        if not goes_on:
            self._close_partial(alternative, events)
        return None

    def _close_partial(self, alternative: _Alternative, events: list[Event]) -> None:
        if alternative.partial is not None:
            part = alternative.partial.whole()
            alternative.partial = None
            self._tell_call(part["functionCall"], part, alternative, events)

    def _tell_call(self, value: Any, part: dict[str, Any], alternative: _Alternative, events: list[Event]) -> None:
        name, call_id, arguments = read_call(value)
        asked = self.asked
        index = alternative.index
        if asked.answer_tool and name == asked.answer_tool:
            events.append(TextDelta(text=arguments, choice=index))
            return
        if alternative.calls and asked.one_call:
            return
        signature = part.get("thoughtSignature")
        call = alternative.calls
        alternative.calls += 1
        events.append(
            ToolStart(
                call=call,
                id=call_id,
                name=asked.renamed.get(name, name),
                signature=signature if type(signature) is str else "",
                choice=index,
            )
        )
        events.append(ToolDelta(call=call, arguments=arguments, choice=index))

    def _read_blob(self, value: Any, part: dict[str, Any], alternative: _Alternative, events: list[Event]) -> None:
        signature = part.get("thoughtSignature")
        if type(signature) is str and signature:
            events.append(ThinkingSignature(signature=signature, dialect=DIALECT, choice=alternative.index))
        media_type, content = read_blob(value)
        if media_type.startswith("image/"):
            events.append(ImageOut(media_type=media_type, data=content, choice=alternative.index))
        elif media_type.startswith("audio/"):
            events.append(AudioDelta(value={"data": content}, choice=alternative.index))
        else:
            events.append(_unknown(part, alternative.index))


def _unknown(part: dict[str, Any], index: int) -> Unknown:
    return Unknown(dialect=DIALECT, value={"part": part, "index": index})


def stream_parser(target: Target, asked: Asked) -> StreamParser:
    """Return a reader of one stream."""
    return StreamParser(target, asked)


_READERS: Mapping[str, Callable[[StreamParser, Any, dict[str, Any], _Alternative, list[Event]], None]] = MappingProxyType(
    {"functionCall": StreamParser._read_call, "inlineData": StreamParser._read_blob}
)
