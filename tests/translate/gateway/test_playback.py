"""Whole answers as events, and what a reader of UTF-8 cannot take."""

import pytest

from fastgate.translate import gemini
from fastgate.translate.answer import ChatAnswer, Choice
from fastgate.translate.conversation import ChatRequest, Thinking, ToolCall
from fastgate.translate.events import Event, RedactedThinking, ThinkingDelta, ThinkingSignature, ToolDelta, ToolStart
from fastgate.translate.playback import play
from fastgate.translate.surrogates import without_halves
from fastgate.translate.target import Asked, Naming, Target

PLAYED: list[tuple[Thinking | ToolCall, list[Event]]] = [
    (
        ToolCall(id="c", name="f", arguments="{}", extra={"caller": {"type": "direct"}}),
        [ToolStart(call=0, id="c", name="f", extra={"caller": {"type": "direct"}}), ToolDelta(call=0, arguments="{}")],
    ),
    (
        Thinking(text="a", redacted="r", id="rs_1", summary=True, dialect="openai_responses"),
        [ThinkingDelta(text="a", summary=True), ThinkingSignature(signature="r", dialect="openai_responses", id="rs_1")],
    ),
    (
        Thinking(redacted="r", dialect="anthropic_messages"),
        [RedactedThinking(redacted="r", dialect="anthropic_messages")],
    ),
]


@pytest.mark.parametrize(("part", "events"), PLAYED, ids=["call", "thought with a text", "redacted thought"])
def test_an_answer_that_is_played_loses_nothing(part: Thinking | ToolCall, events: list[Event]) -> None:
    assert play(ChatAnswer(choices=[Choice(parts=[part])]))[1:-1] == events


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (rb'"\ud83d"', rb'"\ufffd"'),
        (rb'"\uDE00\uD83D"', rb'"\ufffd\ufffd"'),
        (rb'"\ud83d\ude00"', rb'"\ud83d\ude00"'),
        (rb'"\\ud83d"', rb'"\\ud83d"'),
        (rb'"\\\ud83d"', rb'"\\\ufffd"'),
        (rb'"\u00e9"', rb'"\u00e9"'),
    ],
    ids=repr,
)
def test_half_of_a_pair_becomes_the_replacement_character(text: bytes, whole: bytes) -> None:
    assert without_halves(text) == whole


def test_a_call_that_is_none_is_passed_on_as_it_came() -> None:
    target = Target(model="m", dialect="gemini")
    answer = gemini.parse_answer(b'{"candidates":[{"content":{"parts":[{"functionCall":null}]}}]}', target, Asked())
    assert b'"functionCall":null' in gemini.build_answer(answer, ChatRequest(turns=[]), Naming(model="m", seed="0", now=1))
