"""A complete answer as the events of a stream, for a caller that streams from a provider that does not."""

from collections.abc import Callable, Iterator
from typing import Any

from fastgate.translate.answer import ChatAnswer, Choice
from fastgate.translate.conversation import Audio, Image, Text, Thinking, ToolCall
from fastgate.translate.events import (
    AudioDelta,
    Citation,
    Event,
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


def play(answer: ChatAnswer) -> list[Event]:
    """Return the events that say the same as *answer*; Opaque parts, which only whole answers can hold, are left out."""
    events: list[Event] = [Start(id=answer.id, created=answer.created, service_tier=answer.service_tier)]
    for choice in answer.choices:
        events.extend(_play_choice(choice))
    if answer.usage is not None:
        events.append(UsageSeen(usage=answer.usage))
    return events


def _play_choice(choice: Choice) -> Iterator[Event]:
    calls = 0
    for part in choice.parts:
        if type(part) is ToolCall:
            yield ToolStart(
                call=calls,
                id=part.id,
                name=part.name,
                signature=part.signature,
                custom=part.custom,
                choice=choice.index,
                extra=part.extra,
            )
            yield ToolDelta(call=calls, arguments=part.arguments, choice=choice.index)
            calls += 1
        else:
            played = _PLAYED.get(type(part))
            if played is not None:
                yield from played(part, choice.index)
    yield Finish(reason=choice.finish, choice=choice.index, stop_sequence=choice.stop_sequence, raw_finish=choice.raw_finish)


def _play_text(part: Text, choice: int) -> Iterator[Event]:
    yield RefusalDelta(text=part.text, choice=choice) if part.refusal else TextDelta(text=part.text, choice=choice)
    for citation in part.citations:
        yield Citation(value=citation, dialect=part.dialect, choice=choice)


def _play_thinking(part: Thinking, choice: int) -> Iterator[Event]:
    if part.text:
        yield ThinkingDelta(text=part.text, choice=choice, summary=part.summary)
    if part.redacted and not part.text:
        yield RedactedThinking(redacted=part.redacted, dialect=part.dialect, choice=choice)
    elif part.signature or part.redacted:
        # What brings a thought with a text back is its signature, whatever its dialect calls it.
        signature = part.signature or part.redacted
        yield ThinkingSignature(signature=signature, dialect=part.dialect, choice=choice, id=part.id)


def _play_image(part: Image, choice: int) -> Iterator[Event]:
    if part.data:
        yield ImageOut(media_type=part.media_type, data=part.data, choice=choice)


def _play_audio(part: Audio, choice: int) -> Iterator[Event]:
    yield AudioDelta(value={"id": part.id, "data": part.data, "transcript": part.transcript}, choice=choice)


_PLAYED: dict[type, Callable[[Any, int], Iterator[Event]]] = {
    Text: _play_text,
    Thinking: _play_thinking,
    Image: _play_image,
    Audio: _play_audio,
}
