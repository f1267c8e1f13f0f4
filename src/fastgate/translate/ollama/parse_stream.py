"""A stream of /api/chat, a line at a time -> events."""

from typing import Any

from fastgate.translate.answer import Fault
from fastgate.translate.conversation import Image
from fastgate.translate.events import (
    AudioDelta,
    Event,
    Failed,
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
from fastgate.translate.ollama.errors import fault_of
from fastgate.translate.ollama.parse_answer import (
    parse_calls,
    parse_created,
    parse_finish,
    parse_images,
    parse_line,
    parse_logprobs,
    parse_timings,
    parse_usage,
    text_of,
)
from fastgate.translate.ollama.words import DIALECT, UNSIGNED
from fastgate.translate.target import Asked, Target


class OllamaStreamParser:
    """Reads one stream, a line at a time."""

    __slots__ = ("_asked", "_calls", "_over", "_signs", "_started", "_target", "ended", "eval_ns", "load_ns", "prompt_eval_ns", "total_ns")

    def __init__(self, target: Target, asked: Asked) -> None:
        self._target = target
        self._asked = asked
        self._started = False
        # A thought was told that its caller is to bring back, and its end was not.
        self._signs = False
        # Calls so far: the last line says "stop" whether there were any or not.
        self._calls = 0
        # Nothing that comes counts any more: the last line, or an error, was read.
        self._over = False
        # done: true was seen.
        self.ended = False
        # The server's own clock, of its last line; 0 is not said. total - load - prompt_eval - eval is the wait in its queue.
        self.load_ns = 0
        self.prompt_eval_ns = 0
        self.eval_ns = 0
        self.total_ns = 0

    def feed(self, data: bytes) -> list[Event]:
        """Return what a line says. An error is Failed, the last event. Raise Fault for what cannot be read."""
        if self._over or not data.strip():
            return []
        line = parse_line(data)
        if line.get("error"):
            self._over = True
            fault = fault_of(502, line["error"])
            return [Failed(status=fault.status, kind=fault.kind, code=fault.code, message=fault.message)]
        events: list[Event] = []
        if not self._started:
            self._started = True
            events.append(Start(created=parse_created(line.get("created_at"))))
        message = line.get("message")
        if isinstance(message, dict):
            self._read_message(message, line, data, events)
        elif message is None:
            if not line.get("done"):
                events.append(Unknown(dialect=DIALECT, value=line))
        else:
            raise Fault(502, "upstream", "", "the provider's stream cannot be read: message is no object")
        if line.get("done") is True:
            self._read_end(line, events)
        return events

    def close(self) -> list[Event]:
        """Return nothing: the connection's end says nothing that done: true has not said."""
        return []

    def _read_message(self, message: dict[str, Any], line: dict[str, Any], data: bytes, events: list[Event]) -> None:
        thinking = text_of(message, "thinking", data)
        if thinking:
            events.append(ThinkingDelta(text=thinking))
            self._signs = self._target.quirks.thinking_returns
        content = text_of(message, "content", data)
        if self._signs and (content or message.get("tool_calls")):
            self._sign(events)
        logprobs = parse_logprobs(line)
        # Log probabilities without text are of a token that is half a character, or of a thought.
        if content or (logprobs is not None and not thinking):
            events.append(TextDelta(text=content, logprobs=logprobs))
        if message.get("images"):
            for media in parse_images(message, data):
                if isinstance(media, Image):
                    events.append(ImageOut(media_type=media.media_type, data=media.data))
                else:
                    events.append(AudioDelta(value={"data": media.data}))
        if message.get("tool_calls"):
            for call in parse_calls(message, data, self._asked, self._calls):
                events.append(ToolStart(call=self._calls, id=call.id, name=call.name))
                events.append(ToolDelta(call=self._calls, arguments=call.arguments))
                self._calls += 1

    def _sign(self, events: list[Event]) -> None:
        self._signs = False
        events.append(ThinkingSignature(signature=UNSIGNED, dialect=DIALECT))

    def _read_end(self, line: dict[str, Any], events: list[Event]) -> None:
        if self._signs:
            self._sign(events)
        self.ended = self._over = True
        timings = parse_timings(line)
        self.load_ns, self.prompt_eval_ns = timings["load_ns"], timings["prompt_eval_ns"]
        self.eval_ns, self.total_ns = timings["eval_ns"], timings["total_ns"]
        if self.total_ns:
            events.append(Unknown(dialect=DIALECT, value={"timings": timings}))
        usage = parse_usage(line)
        if usage is not None:
            events.append(UsageSeen(usage=usage))
        reason, raw_finish = parse_finish(line, self._target, self._calls > 0)
        events.append(Finish(reason=reason, raw_finish=raw_finish))


def stream_parser(target: Target, asked: Asked) -> OllamaStreamParser:
    """Return a reader of one stream."""
    return OllamaStreamParser(target, asked)
