"""What a stream of any dialect looks like to a caller of this one."""

from typing import Any

import orjson
import pytest
from openai.lib.streaming._deltas import accumulate_delta

from fastgate.translate import openai_chat
from fastgate.translate.answer import FinishReason, Usage
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
from tests.translate.openai_chat.wire import DONE, NAMING, asking, chunks_of, deltas_of, parsed, told

ANTHROPIC = "anthropic_messages"
STOP = Finish(reason="stop")
FAILED = Failed(status=503, kind="overloaded", code="busy", message="try later")


def call(**function: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, "function": function}]}


def test_a_stream_tells_role_text_reason_and_done() -> None:
    stream = told(Start(id="c-1", created=5), TextDelta(text="a"), STOP)
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 5, "model": "gpt-x"}
    assert chunks_of(stream) == [
        {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]}
        for delta, reason in (({"role": "assistant", "content": ""}, None), ({"content": "a"}, None), ({}, "stop"))
    ]


def test_the_role_is_told_as_soon_as_the_stream_begins() -> None:
    builder = openai_chat.stream_builder(asking(), NAMING)
    assert b'"role":"assistant"' in builder.add(Start())
    assert builder.add(Start(id="again")) == b""


def test_an_empty_stream_is_still_a_complete_one() -> None:
    [role, reason] = chunks_of(told())
    assert role["id"] == reason["id"] == "chatcmpl-s33d"
    assert reason["choices"][0]["finish_reason"] == "stop"


DELTAS: list[tuple[list[Event], list[dict[str, Any]]]] = [
    ([TextDelta(text="")], []),
    ([TextDelta(text="\u2028\u0085é")], [{"content": "\u2028\u0085é"}]),
    ([RefusalDelta(text="no")], [{"refusal": "no"}]),
    ([ThinkingDelta(text="hm")], [{"reasoning_content": "hm"}]),
    (
        [ThinkingDelta(text="h"), ThinkingDelta(text="m"), ThinkingSignature(signature="s", dialect=ANTHROPIC)],
        [
            {"reasoning_content": "h"},
            {"reasoning_content": "m"},
            {"thinking_blocks": [{"index": 0, "type": "thinking", "thinking": "hm", "signature": "s"}]},
        ],
    ),
    (
        # The first thought has no signature, and is no part of the second.
        [
            ThinkingDelta(text="1"),
            TextDelta(text="a"),
            ThinkingDelta(text="2"),
            ThinkingSignature(signature="s", dialect="openai_responses", id="rs_1"),
        ],
        [
            {"reasoning_content": "1"},
            {"content": "a"},
            {"reasoning_content": "2"},
            {"thinking_blocks": [{"index": 0, "type": "thinking", "thinking": "2", "signature": "openai_responses#s", "id": "rs_1"}]},
        ],
    ),
    ([ThinkingDelta(text="hm"), ThinkingSignature(signature="unsigned", dialect="openai_chat")], [{"reasoning_content": "hm"}]),
    (
        [RedactedThinking(redacted="r", dialect=ANTHROPIC), RedactedThinking(redacted="q", dialect="bedrock")],
        [
            {"thinking_blocks": [{"index": 0, "type": "redacted_thinking", "data": "r"}]},
            {"thinking_blocks": [{"index": 1, "type": "redacted_thinking", "data": "bedrock#q"}]},
        ],
    ),
    (
        [Citation(value={"type": "url_citation"}, dialect="openai_chat"), Citation(value={"cited_text": "x"}, dialect=ANTHROPIC)],
        [
            {"annotations": [{"type": "url_citation", "index": 0}]},
            {"provider_specific_fields": {"citations": [{"cited_text": "x", "index": 1}]}},
        ],
    ),
    (
        [ImageOut(media_type="image/png", data="QUJD")],
        [{"images": [{"index": 0, "type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}]}],
    ),
    ([AudioDelta(value={"data": "QUJD"})], [{"audio": {"data": "QUJD"}}]),
    ([Unknown(dialect=ANTHROPIC, value={"type": "server_tool_use"})], []),
    (
        [
            ToolStart(call=0, id="c", name="f"),
            ToolDelta(call=0, arguments='{"a"'),
            ToolDelta(call=0, arguments=""),
            ToolDelta(call=0, arguments=":1}"),
        ],
        [
            {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]},
            call(arguments='{"a"'),
            call(arguments=":1}"),
        ],
    ),
    (
        # A call without arguments has empty ones.
        [ToolStart(call=0, id="c", name="f")],
        [{"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]}, call(arguments="{}")],
    ),
    (
        [ToolStart(call=0, id="", name="f", signature="g"), ToolDelta(call=0, arguments="1")],
        [
            {
                "tool_calls": [
                    {
                        "index": 0,
                        "id": "call_s33d",
                        "type": "function",
                        "function": {"name": "f", "arguments": ""},
                        "extra_content": {"google": {"thought_signature": "g"}},
                    }
                ]
            },
            call(arguments="1"),
        ],
    ),
    (
        # Deltas before the start wait for it.
        [ToolDelta(call=0, arguments="1"), ToolStart(call=0, id="c", name="f"), ToolStart(call=0, id="c", name="f")],
        [{"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]}, call(arguments="1")],
    ),
]


@pytest.mark.parametrize(("events", "expected"), DELTAS)
def test_events_are_written_as_deltas(events: list[Event], expected: list[dict[str, Any]]) -> None:
    assert deltas_of(told(Start(), *events, STOP)) == expected
    assert deltas_of(told(*events)) == expected


def test_custom_tools_are_told_by_their_input() -> None:
    stream = told(ToolStart(call=0, id="c", name="sh", custom=True), ToolDelta(call=0, arguments="ls"))
    deltas = [orjson.loads(block[6:])["choices"][0]["delta"] for block in stream.split(b"\n\n")[1:3]]
    assert deltas == [
        {"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "sh", "input": ""}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "ls"}}]},
    ]


FINISHES: list[tuple[list[Event], FinishReason, str]] = [
    ([], "stop", "stop"),
    ([], "stop_sequence", "stop"),
    ([], "length", "length"),
    ([], "content_filter", "content_filter"),
    ([], "pause", "stop"),
    ([ToolStart(call=0, id="c", name="f")], "stop", "tool_calls"),
    ([ToolStart(call=0, id="c", name="f")], "tool_calls", "tool_calls"),
    ([ToolStart(call=0, id="c", name="f")], "length", "length"),
]


@pytest.mark.parametrize(("events", "reason", "word"), FINISHES)
def test_a_reason_is_written_last(events: list[Event], reason: FinishReason, word: str) -> None:
    first = chunks_of(told(Finish(reason=reason), *events))
    assert first == chunks_of(told(*events, Finish(reason=reason)))
    assert [chunk["choices"][0]["finish_reason"] for chunk in first if chunk["choices"][0]["finish_reason"]] == [word]


def test_log_probabilities_stand_beside_their_text() -> None:
    chunk = chunks_of(told(TextDelta(text="a", logprobs={"content": []})))[1]
    assert (chunk["choices"][0]["delta"], chunk["choices"][0]["logprobs"]) == ({"content": "a"}, {"content": []})


def test_the_service_tier_is_told_in_every_chunk() -> None:
    assert {chunk["service_tier"] for chunk in chunks_of(told(Start(service_tier="flex"), TextDelta(text="a")))} == {"flex"}


def test_what_the_reason_does_not_say_stands_in_the_providers_field() -> None:
    last = chunks_of(told(Finish(reason="stop_sequence", stop_sequence="END", raw_finish="odd")))[-1]
    assert last["choices"][0]["provider_specific_fields"] == {"finish_reason": "odd", "stop_sequence": "END"}


@pytest.mark.parametrize("before", [True, False])
def test_usage_is_one_chunk_without_choices_before_done_if_the_caller_wants_it(before: bool) -> None:
    seen = [UsageSeen(usage=Usage(input_tokens=1)), UsageSeen(usage=Usage(input_tokens=3, output_tokens=2))]
    events = [*seen, STOP] if before else [STOP, *seen]
    chunks = chunks_of(told(TextDelta(text="a"), *events, request=parsed(stream=True, stream_options={"include_usage": True})))
    assert chunks[-1]["choices"] == []
    assert (chunks[-1]["usage"]["prompt_tokens"], chunks[-1]["usage"]["total_tokens"]) == (3, 5)
    assert sum("usage" in chunk for chunk in chunks) == 1
    assert b"usage" not in told(TextDelta(text="a"), *events, request=parsed(stream=True))


def test_every_choice_begins_with_its_role_and_ends_with_its_reason() -> None:
    stream = told(TextDelta(text="b", choice=1), TextDelta(text="a"), Finish(reason="length", choice=1), STOP)
    assert [(choice["index"], choice["delta"], choice["finish_reason"]) for chunk in chunks_of(stream) for choice in chunk["choices"]] == [
        (1, {"role": "assistant", "content": ""}, None),
        (1, {"content": "b"}, None),
        (0, {"role": "assistant", "content": ""}, None),
        (0, {"content": "a"}, None),
        (0, {}, "stop"),
        (1, {}, "length"),
    ]


def test_interleaved_calls_keep_their_indexes() -> None:
    events: list[Event] = [
        ToolStart(call=0, id="c", name="f"),
        ToolStart(call=1, id="", name="g"),
        ToolDelta(call=0, arguments="1"),
        ToolDelta(call=1, arguments="2"),
        ToolDelta(call=0, arguments="3"),
    ]
    whole: dict[object, object] = {}
    for delta in deltas_of(told(*events)):
        whole = accumulate_delta(whole, delta)
    assert whole["tool_calls"] == [
        {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "13"}},
        {"index": 1, "id": "call_s33d01", "type": "function", "function": {"name": "g", "arguments": "2"}},
    ]


def test_the_official_accumulator_puts_thinking_blocks_together() -> None:
    whole: dict[object, object] = {}
    events: list[Event] = [
        ThinkingDelta(text="h"),
        ThinkingDelta(text="m"),
        ThinkingSignature(signature="s", dialect=ANTHROPIC),
        RedactedThinking(redacted="r", dialect=ANTHROPIC),
        Citation(value={"cited_text": "x"}, dialect=ANTHROPIC),
        Citation(value={"cited_text": "y"}, dialect=ANTHROPIC),
    ]
    for delta in deltas_of(told(*events)):
        whole = accumulate_delta(whole, delta)
    assert whole["reasoning_content"] == "hm"
    assert whole["thinking_blocks"] == [
        {"index": 0, "type": "thinking", "thinking": "hm", "signature": "s"},
        {"index": 1, "type": "redacted_thinking", "data": "r"},
    ]
    assert whole["provider_specific_fields"] == {"citations": [{"cited_text": "x", "index": 0}, {"cited_text": "y", "index": 1}]}


def test_a_delta_that_was_absorbed_is_remembered_and_not_written() -> None:
    builder = openai_chat.stream_builder(asking(), NAMING)
    builder.add(Start())
    builder.add(ThinkingDelta(text="h"))
    builder.absorb(ThinkingDelta(text="m"))
    block = builder.add(ThinkingSignature(signature="s", dialect=ANTHROPIC))
    assert b'"thinking":"hm"' in block
    builder.add(ToolStart(call=0, id="c", name="f"))
    builder.absorb(ToolDelta(call=0, arguments="{}"))
    assert b'"arguments"' not in builder.end()


def test_a_caller_of_functions_gets_the_first_call_alone() -> None:
    request = parsed(functions=[{"name": "f"}], stream=True)
    events = [ToolStart(call=0, id="c", name="f"), ToolStart(call=1, id="d", name="g")]
    deltas = deltas_of(told(*events, ToolDelta(call=0, arguments="1"), ToolDelta(call=1, arguments="2"), request=request))
    assert deltas == [{"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "1"}}]
    assert b'"finish_reason":"function_call"' in told(*events, request=request)


def test_a_broken_stream_ends_with_an_error_and_nothing_else() -> None:
    builder = openai_chat.stream_builder(asking(), NAMING)
    builder.add(TextDelta(text="a"))
    builder.add(STOP)
    broken = builder.fail(FAILED)
    assert orjson.loads(broken.removeprefix(b"data: ")) == {
        "error": {"message": "try later", "type": "overloaded_error", "param": None, "code": "busy"}
    }
    assert builder.end() == builder.fail(FAILED) == builder.add(TextDelta(text="b")) == b""


def test_a_stream_that_the_model_failed_to_finish_ends_with_an_error() -> None:
    stream = told(TextDelta(text="a"), Finish(reason="error", raw_finish="MALFORMED_FUNCTION_CALL"))
    assert b'"error":{"message":"the model failed to finish its answer: MALFORMED_FUNCTION_CALL"' in stream
    assert DONE not in stream
    assert b'"finish_reason":"' not in stream


def test_a_stream_ends_once() -> None:
    builder = openai_chat.stream_builder(asking(), NAMING)
    assert builder.end().endswith(DONE)
    assert builder.end() == b""
    assert builder.CONTENT_TYPE == b"text/event-stream; charset=utf-8"
