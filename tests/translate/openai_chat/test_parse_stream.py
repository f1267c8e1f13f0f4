"""A provider's stream, and the events that it tells."""

from typing import Any

import orjson
import pytest

from fastgate.translate.answer import Usage
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
    Unknown,
    UsageSeen,
)
from fastgate.translate.target import Asked
from tests.translate.openai_chat.wire import CASES, RECORDED, delta, heard, heard_file

OWN = "openai_chat"
STOP = Finish(reason="stop")
CALLS = Finish(reason="tool_calls")


def entry(index: int | None = 0, own: str | None = None, name: str | None = None, arguments: Any = None) -> dict[str, Any]:
    """Return an entry of delta.tool_calls with what is given."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {key: value for key, value in (("index", index), ("id", own), ("function", function)) if value is not None}


def test_the_recorded_stream_of_text_is_heard() -> None:
    events = heard_file(RECORDED / "chat.sse")
    assert isinstance(events[0], Start)
    assert events[0].id
    assert any(isinstance(event, TextDelta) for event in events)
    assert [type(event) for event in events if isinstance(event, Finish | UsageSeen)] == [UsageSeen, Finish]


def test_the_recorded_stream_of_a_call_is_heard() -> None:
    events = heard_file(RECORDED / "chat_tool_call.sse")
    assert [event for event in events if isinstance(event, ToolStart)] == [ToolStart(call=0, id="call_Jk2", name="weather")]
    orjson.loads("".join(event.arguments for event in events if isinstance(event, ToolDelta)))
    assert CALLS in events


SIGNATURE = '{"type":"reasoning.text","signature":"EqQB","format":"anthropic-claude-v1","index":0}'
STREAMS: list[tuple[str, dict[str, Any], list[Event]]] = [
    (
        "azure",
        {},
        [
            Start(id="chatcmpl-Az1", created=1761926402),
            TextDelta(text="Hi"),
            UsageSeen(usage=Usage(input_tokens=9, output_tokens=1)),
            STOP,
        ],
    ),
    (
        "openrouter",
        {"thinking": "reasoning", "thinking_returns": True},
        [
            Start(id="gen-1", created=1761926402),
            ThinkingDelta(text="Let me "),
            ThinkingDelta(text="think."),
            ThinkingSignature(signature=SIGNATURE, dialect=OWN),
            TextDelta(text="42"),
            UsageSeen(
                usage=Usage(input_tokens=20, cache_read_tokens=4, cache_write_tokens=3, output_tokens=30, reasoning_tokens=25, cost=0.0005)
            ),
            STOP,
        ],
    ),
    (
        "mistral",
        {},
        [
            Start(id="m1", created=1761926402),
            ThinkingDelta(text="Hm"),
            ThinkingDelta(text="m."),
            TextDelta(text="Yes"),
            ToolStart(call=0, id="aB3dE5gH7", name="f"),
            ToolDelta(call=0, arguments='{"a": 1}'),
            UsageSeen(usage=Usage(input_tokens=7, output_tokens=9)),
            CALLS,
        ],
    ),
    (
        "groq",
        {"thinking": "reasoning"},
        [
            Start(id="chatcmpl-g", created=1761926402),
            ThinkingDelta(text="hm"),
            TextDelta(text="ok"),
            UsageSeen(usage=Usage(input_tokens=3, output_tokens=2)),
            STOP,
        ],
    ),
    (
        "deepseek",
        {"thinking_returns": True, "usage": {"cache_read_tokens": "prompt_cache_hit_tokens"}},
        [
            Start(id="d1", created=1761926402),
            ThinkingDelta(text="hm"),
            ThinkingSignature(signature="unsigned", dialect=OWN),
            ToolStart(call=0, id="call_00_a", name="f"),
            ToolDelta(call=0, arguments="{}"),
            UsageSeen(usage=Usage(input_tokens=10, cache_read_tokens=8, output_tokens=6, reasoning_tokens=4)),
            CALLS,
        ],
    ),
]


@pytest.mark.parametrize(("name", "quirks", "expected"), STREAMS, ids=[name for name, _, _ in STREAMS])
def test_a_providers_stream_is_heard(name: str, quirks: dict[str, Any], expected: list[Event]) -> None:
    assert heard_file(CASES / f"{name}.sse", **quirks) == expected


PNG = {"image_url": {"url": "data:image/png;base64,QUJD"}}
DELTAS: list[tuple[dict[str, Any], list[Event]]] = [
    ({"role": "assistant", "content": ""}, []),
    ({"content": None}, []),
    ({}, []),
    ({"content": "a"}, [TextDelta(text="a")]),
    ({"refusal": "no"}, [RefusalDelta(text="no")]),
    ({"reasoning_content": "hm"}, [ThinkingDelta(text="hm")]),
    ({"reasoning": "hm"}, [ThinkingDelta(text="hm")]),
    # Some servers say it twice.
    ({"reasoning": "hm", "reasoning_content": "hm"}, [ThinkingDelta(text="hm")]),
    ({"content": "a", "reasoning": "hm"}, [ThinkingDelta(text="hm"), TextDelta(text="a")]),
    ({"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}, [ThinkingDelta(text="hm")]),
    ({"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]}, [ThinkingDelta(text="hm", summary=True)]),
    (
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "e"}]},
        [RedactedThinking(redacted='{"type":"reasoning.encrypted","data":"e"}', dialect=OWN)],
    ),
    (
        {"reasoning_content": "hm", "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": ""}]},
        [ThinkingDelta(text="hm")],
    ),
    ({"thinking_blocks": [{"type": "thinking", "thinking": "hm"}]}, [ThinkingDelta(text="hm")]),
    (
        {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "s"}]},
        [ThinkingSignature(signature="s", dialect="anthropic_messages")],
    ),
    (
        {"thinking_blocks": [{"type": "thinking", "signature": "openai_responses#e", "id": "rs_1"}]},
        [ThinkingSignature(signature="e", dialect="openai_responses", id="rs_1")],
    ),
    ({"thinking_blocks": [{"type": "redacted_thinking", "data": "d"}]}, [RedactedThinking(redacted="d", dialect="anthropic_messages")]),
    ({"annotations": [{"type": "url_citation"}]}, [Citation(value={"type": "url_citation"}, dialect=OWN)]),
    ({"audio": {"id": "a", "data": "QUJD"}}, [AudioDelta(value={"id": "a", "data": "QUJD"})]),
    ({"images": [PNG]}, [ImageOut(media_type="image/png", data="QUJD")]),
    (
        {"images": [{"image_url": {"url": "https://x"}}]},
        [Unknown(dialect=OWN, value={"type": "image_url", "image_url": {"url": "https://x"}})],
    ),
    ({"content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "no"}]}, [TextDelta(text="a"), RefusalDelta(text="no")]),
]


@pytest.mark.parametrize(("members", "expected"), DELTAS)
def test_a_delta_is_heard(members: dict[str, Any], expected: list[Event]) -> None:
    assert heard(delta(**members)) == [*expected, STOP]


CALL_STREAMS: dict[str, tuple[list[list[dict[str, Any]]], list[Event]]] = {
    "in pieces": (
        [[entry(0, "c", "f", "")], [entry(0, arguments='{"a"')], [entry(0, arguments=":1}")]],
        [ToolStart(call=0, id="c", name="f"), ToolDelta(call=0, arguments='{"a"'), ToolDelta(call=0, arguments=":1}")],
    ),
    "whole in one chunk": (
        [[entry(0, "c", "f", "{}"), entry(1, "d", "g", "{}")]],
        [
            ToolStart(call=0, id="c", name="f"),
            ToolDelta(call=0, arguments="{}"),
            ToolStart(call=1, id="d", name="g"),
            ToolDelta(call=1, arguments="{}"),
        ],
    ),
    "interleaved": (
        [[entry(0, "c", "f")], [entry(1, "d", "g")], [entry(0, arguments="1")], [entry(1, arguments="2")]],
        [
            ToolStart(call=0, id="c", name="f"),
            ToolStart(call=1, id="d", name="g"),
            ToolDelta(call=0, arguments="1"),
            ToolDelta(call=1, arguments="2"),
        ],
    ),
    "indexes that do not count from zero": (
        [[entry(3, "c", "f", "1")]],
        [ToolStart(call=0, id="c", name="f"), ToolDelta(call=0, arguments="1")],
    ),
    # litellm 37792: parallel calls all at index 0.
    "all at index zero": (
        [[entry(0, "c", "f", "1")], [entry(0, "d", "f", "2")], [entry(0, arguments="3")]],
        [
            ToolStart(call=0, id="c", name="f"),
            ToolDelta(call=0, arguments="1"),
            ToolStart(call=1, id="d", name="f"),
            ToolDelta(call=1, arguments="2"),
            ToolDelta(call=1, arguments="3"),
        ],
    ),
    "without index": (
        [[entry(None, "c", "f", "1")], [entry(None, arguments="2")], [entry(None, "d", "g", "3")]],
        [
            ToolStart(call=0, id="c", name="f"),
            ToolDelta(call=0, arguments="1"),
            ToolDelta(call=0, arguments="2"),
            ToolStart(call=1, id="d", name="g"),
            ToolDelta(call=1, arguments="3"),
        ],
    ),
    "without index and id": (
        [[entry(None, None, "f", "1"), entry(None, None, "f", "2")]],
        [
            ToolStart(call=0, id="", name="f"),
            ToolDelta(call=0, arguments="1"),
            ToolStart(call=1, id="", name="f"),
            ToolDelta(call=1, arguments="2"),
        ],
    ),
    "id and name repeated": (
        [[entry(0, "c", "f", "1")], [entry(0, "c", "f", "2")]],
        [ToolStart(call=0, id="c", name="f"), ToolDelta(call=0, arguments="1"), ToolDelta(call=0, arguments="2")],
    ),
    "another id for each delta": (
        [[entry(0, "c", "f", "1")], [entry(0, "d", None, "2")]],
        [ToolStart(call=0, id="c", name="f"), ToolDelta(call=0, arguments="1"), ToolDelta(call=0, arguments="2")],
    ),
    "name after the arguments": (
        [[entry(0, "c", None, "1")], [entry(0, None, "f", "2")]],
        [ToolStart(call=0, id="c", name="f"), ToolDelta(call=0, arguments="12")],
    ),
    "arguments as an object": (
        [[entry(0, "c", "f", {"a": 1})]],
        [ToolStart(call=0, id="c", name="f"), ToolDelta(call=0, arguments='{"a":1}')],
    ),
    "custom": (
        [[{"index": 0, "id": "c", "custom": {"name": "sh", "input": "l"}}], [{"index": 0, "custom": {"input": "s"}}]],
        [ToolStart(call=0, id="c", name="sh", custom=True), ToolDelta(call=0, arguments="l"), ToolDelta(call=0, arguments="s")],
    ),
    "signed by Gemini": (
        [[{**entry(0, "c", "f", "{}"), "extra_content": {"google": {"thought_signature": "g"}}}]],
        [ToolStart(call=0, id="c", name="f", signature="g"), ToolDelta(call=0, arguments="{}")],
    ),
}


@pytest.mark.parametrize("name", CALL_STREAMS)
def test_calls_are_heard(name: str) -> None:
    entries, expected = CALL_STREAMS[name]
    assert heard(*(delta(tool_calls=calls) for calls in entries), delta("stop")) == [*expected, CALLS]


def test_deprecated_calls_are_calls() -> None:
    events = heard(delta(function_call={"name": "f", "arguments": ""}), delta(function_call={"arguments": "{}"}), delta("function_call"))
    assert events == [ToolStart(call=0, id="", name="f"), ToolDelta(call=0, arguments="{}"), CALLS]


def test_arguments_that_come_with_the_reason_or_after_it_are_heard() -> None:
    events = heard(delta("stop", tool_calls=[entry(0, "c", "f", "1")]), delta(tool_calls=[entry(0, arguments="2")]))
    assert events == [ToolStart(call=0, id="c", name="f"), ToolDelta(call=0, arguments="1"), ToolDelta(call=0, arguments="2"), CALLS]


def test_a_call_that_was_cut_is_not_told_as_complete() -> None:
    assert heard(delta(tool_calls=[entry(0, "c", "f", "{")]), delta("length"))[-1] == Finish(reason="length")


def test_the_answer_tool_is_text_and_other_calls_stay_calls() -> None:
    chunks = [delta(tool_calls=[entry(0, "x", "answer", '{"b"')]), delta(tool_calls=[entry(0, arguments=":2}")])]
    asked = Asked(answer_tool="answer")
    assert heard(*chunks, delta("tool_calls"), asked=asked) == [TextDelta(text='{"b"'), TextDelta(text=":2}"), STOP]
    also = delta(tool_calls=[entry(1, "c", "f", "{}")])
    assert heard(*chunks, also, asked=asked)[2:] == [ToolStart(call=0, id="c", name="f"), ToolDelta(call=0, arguments="{}"), CALLS]


def test_calls_that_are_not_to_be_passed_on_are_left_out() -> None:
    chunks = [
        delta(tool_calls=[entry(0, "c", "f", "1"), entry(1, "d", "g", "2")]),
        delta(tool_calls=[entry(1, arguments="3")], content="a"),
    ]
    assert heard(*chunks, delta("tool_calls"), asked=Asked(no_calls=True)) == [TextDelta(text="a"), STOP]
    one = [ToolStart(call=0, id="c", name="f"), ToolDelta(call=0, arguments="1"), TextDelta(text="a"), CALLS]
    assert heard(*chunks, delta("tool_calls"), asked=Asked(one_call=True)) == one


def test_replaced_names_of_tools_come_back() -> None:
    [started, *_] = heard(delta(tool_calls=[entry(0, "c", "f", "{}")]), asked=Asked(renamed={"f": "a.b"}))
    assert started == ToolStart(call=0, id="c", name="a.b")


def test_choices_are_told_apart_and_each_has_its_reason() -> None:
    events = heard(delta(index=1, content="b"), delta(index=0, content="a"), delta("length", index=0), delta("stop", index=1))
    assert events == [
        TextDelta(text="b", choice=1),
        TextDelta(text="a"),
        Finish(reason="length"),
        Finish(reason="stop", choice=1),
    ]


def test_log_probabilities_stay_with_their_text() -> None:
    chunk = delta(content="a")
    chunk["choices"][0]["logprobs"] = {"content": []}
    assert heard(chunk)[0] == TextDelta(text="a", logprobs={"content": []})


def test_a_whole_answer_in_one_event_is_heard() -> None:
    chunk = delta("stop")
    chunk["choices"][0]["message"] = {"content": "a"}
    del chunk["choices"][0]["delta"]
    assert heard(chunk) == [TextDelta(text="a"), STOP]
