"""Thoughts that providers want back with the results of calls, kept for callers whose clients do not bring them."""

from collections.abc import Sequence

from msgspec import Struct

from fastgate.translate.conversation import ChatRequest, Part, Thinking, ToolCall, ToolResult
from fastgate.translate.events import Event, RedactedThinking, ThinkingDelta, ThinkingSignature, ToolStart

# Dialects whose providers want thoughts back, or a call's signature.
SIGNING = frozenset({"anthropic_messages", "bedrock", "gemini", "openai_responses"})

# Calls that are remembered, and the characters of their thoughts; of one answer no more than a fraction of those.
CALLS_LIMIT = 4096
CHARACTERS_LIMIT = 4 * 1024 * 1024


class Remembered(Struct, frozen=True):
    """What came with one call: the thoughts before it, and its own signature."""

    thoughts: tuple[Thinking, ...]
    signature: str
    characters: int


class Recall:
    """By the id of a call, within bounds: the oldest are forgotten first. Each worker has its own."""

    def __init__(self) -> None:
        self._calls: dict[str, Remembered] = {}
        self._characters = 0

    def keep(self, parts: Sequence[Part]) -> None:
        """Remember the thoughts of an answer that calls tools, as far as their maker wants them back."""
        thoughts = tuple(part for part in parts if isinstance(part, Thinking) and (part.signature or part.redacted))
        for call in parts:
            if not isinstance(call, ToolCall) or not call.id or not (thoughts or call.signature):
                continue
            characters = len(call.signature) + sum(len(part.text) + len(part.signature) + len(part.redacted) for part in thoughts)
            if characters > CHARACTERS_LIMIT // 8:
                continue
            self._forget(call.id)
            while self._calls and (len(self._calls) >= CALLS_LIMIT or self._characters + characters > CHARACTERS_LIMIT):
                self._forget(next(iter(self._calls)))
            self._calls[call.id] = Remembered(thoughts, call.signature, characters)
            self._characters += characters

    def restore(self, request: ChatRequest) -> bool:
        """Put back, in place, what the turns of the assistant lack. Return whether anything was put back."""
        if not self._calls:
            return False
        restored = False
        for turn in request.turns:
            if turn.role == "assistant" and self._restore(turn.parts):
                restored = True
        return restored

    def _restore(self, parts: list[Part | ToolResult]) -> bool:
        found: Remembered | None = None
        restored = False
        for part in parts:
            if isinstance(part, ToolCall) and (known := self._calls.get(part.id)) is not None:
                found = found or known
                if known.signature and not part.signature:
                    part.signature = known.signature
                    restored = True
        if found is None or not found.thoughts or any(isinstance(part, Thinking) for part in parts):
            return restored
        parts[:0] = found.thoughts
        return True

    def _forget(self, call_id: str) -> None:
        known = self._calls.pop(call_id, None)
        if known is not None:
            self._characters -= known.characters


class Listener:
    """Puts together what `Recall.keep` wants to know of a stream."""

    HEARS = frozenset({ThinkingDelta, ThinkingSignature, RedactedThinking, ToolStart})

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self._texts: list[str] = []
        self._summary = False

    def hear(self, event: Event) -> None:
        """Take the next event of HEARS; of answers with alternatives, the first one's."""
        if event.choice != 0:  # type: ignore[union-attr]
            return
        if isinstance(event, ThinkingDelta):
            self._texts.append(event.text)
            self._summary = event.summary
        elif isinstance(event, ThinkingSignature):
            text = "".join(self._texts)
            self.parts.append(Thinking(text=text, signature=event.signature, id=event.id, summary=self._summary, dialect=event.dialect))
            self._texts.clear()
        elif isinstance(event, RedactedThinking):
            self.parts.append(Thinking(redacted=event.redacted, dialect=event.dialect))
        elif isinstance(event, ToolStart):
            # A thought that nobody signed.
            self._texts.clear()
            self.parts.append(ToolCall(id=event.id, name=event.name, signature=event.signature))
