"""Streams for Gemini's callers: SSE events with alt=sse, else one array."""

import orjson
import pytest

from fastgate.translate import gemini
from fastgate.translate.answer import Usage
from fastgate.translate.conversation import ChatRequest
from fastgate.translate.events import (
    AudioDelta,
    Citation,
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
from tests.translate.gemini.streaming import CASES, CODE, FAILED, GROUNDING, NAMING, answers_of, case, parts_of, write

TEXT = {"candidates": [{"content": {"parts": [{"text": "hi"}], "role": "model"}, "index": 0}], "modelVersion": "alias", "responseId": "r1"}
LAST = {
    "candidates": [{"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
    "modelVersion": "alias",
    "responseId": "r1",
}
USAGE = UsageSeen(usage=Usage(input_tokens=1, output_tokens=2))


@pytest.mark.parametrize("operation", ["stream_generate_content_sse", "stream_generate_content"])
def test_a_text_is_an_answer_and_the_end_is_the_last(operation: str) -> None:
    assert write(Start(id="r1"), TextDelta(text="hi"), Finish(reason="stop"), USAGE, operation=operation) == [TEXT, LAST]


def test_events_end_with_carriage_return_and_line_feed() -> None:
    builder = gemini.stream_builder(ChatRequest(turns=[], operation="stream_generate_content_sse"), NAMING)
    assert builder.add(TextDelta(text="h\u2028i")).startswith('data: {"candidates":[{"content":{"parts":[{"text":"h\u2028i"}'.encode())
    assert builder.CONTENT_TYPE == b"text/event-stream; charset=utf-8"


def test_an_array_comes_piecemeal() -> None:
    builder = gemini.stream_builder(ChatRequest(turns=[], operation="stream_generate_content"), NAMING)
    assert builder.CONTENT_TYPE == b"application/json"
    assert builder.add(TextDelta(text="a")).startswith(b'[{"candidates":')
    assert builder.add(TextDelta(text="b")).startswith(b',\r\n{"candidates":')
    assert builder.end().endswith(b"}]")


@pytest.mark.parametrize("operation", ["stream_generate_content_sse", "stream_generate_content"])
def test_the_order_of_finish_usage_and_late_deltas_does_not_matter(operation: str) -> None:
    late = [USAGE, Finish(reason="stop"), TextDelta(text=""), TextDelta(text="hi")]
    answers = write(*late, operation=operation)
    assert parts_of(answers) == [{"text": "hi"}, {"text": ""}]
    assert answers[-1]["usageMetadata"] == LAST["usageMetadata"]
    assert answers[-1]["responseId"] == "5eed"


def test_a_stream_without_events_ends_as_a_stream() -> None:
    (answer,) = write()
    assert answer["candidates"][0]["finishReason"] == "STOP"


def test_arguments_are_kept_until_they_are_complete() -> None:
    answers = write(
        TextDelta(text="so"),
        ToolStart(call=0, id="call_1", name="f", signature="c2ln"),
        ToolStart(call=1, id="", name="g"),
        ToolDelta(call=0, arguments='{"a"'),
        ToolDelta(call=1, arguments='{"b":'),
        Finish(reason="tool_calls"),
        ToolDelta(call=0, arguments=":1}"),
        ToolDelta(call=1, arguments="2}"),
    )
    assert parts_of(answers) == [
        {"text": "so"},
        {"functionCall": {"name": "f", "args": {"a": 1}, "id": "call_1"}, "thoughtSignature": "c2ln"},
        {"functionCall": {"name": "g", "args": {"b": 2}, "id": "call_5eed02"}},
        {"text": ""},
    ]
    assert answers[-1]["candidates"][0]["finishReason"] == "STOP"


def test_a_complete_call_leaves_before_the_text_behind_it() -> None:
    answers = write(ToolStart(call=0, id="1", name="f"), ToolDelta(call=0, arguments="{}"), TextDelta(text="then"))
    assert [next(iter(part)) for part in parts_of(answers)] == ["functionCall", "text", "text"]


def test_a_call_without_arguments_and_one_that_was_cut_leave_at_the_end() -> None:
    answers = write(ToolStart(call=0, id="1", name="f"), ToolStart(call=1, id="2", name="g"), ToolDelta(call=1, arguments='{"a'))
    assert [part["functionCall"]["args"] for part in parts_of(answers)[:2]] == [{}, {"input": '{"a'}]


def test_alternatives_end_together_in_the_last_answer() -> None:
    answers = write(TextDelta(text="b", choice=1), TextDelta(text="a"), Finish(reason="length", choice=1), Finish(reason="stop"))
    last = {candidate["index"]: candidate["finishReason"] for candidate in answers[-1]["candidates"]}
    assert last == {1: "MAX_TOKENS", 0: "STOP"}
    assert answers[0]["candidates"][0]["index"] == 1


def test_what_streams_beside_text_has_its_part() -> None:
    logprobs = {"content": [{"token": "a", "logprob": -1, "bytes": None, "top_logprobs": []}], "refusal": None}
    answers = write(
        ThinkingDelta(text="hm"),
        ThinkingSignature(signature="c2ln", dialect="gemini"),
        RefusalDelta(text="no"),
        TextDelta(text="a", logprobs=logprobs),
        ImageOut(media_type="image/png", data="aGk="),
        AudioDelta(value={"data": "aGk="}),
        AudioDelta(value={"transcript": "spoken"}),
        Unknown(dialect="gemini", value={"part": CODE, "index": 0}),
        Unknown(dialect="anthropic_messages", value={"type": "ping"}),
        Citation(value=GROUNDING, dialect="gemini"),
        Citation(value={"type": "char_location"}, dialect="anthropic_messages"),
    )
    assert parts_of(answers) == [
        {"text": "hm", "thought": True},
        {"text": "", "thoughtSignature": "c2ln"},
        {"text": "no"},
        {"text": "a"},
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        {"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "aGk="}},
        CODE,
        {"text": ""},
    ]
    assert answers[3]["candidates"][0]["logprobsResult"] == {"chosenCandidates": [{"token": "a", "logProbability": -1}]}
    assert answers[-1]["candidates"][0]["groundingMetadata"] == GROUNDING["groundingMetadata"]


def test_opaque_thoughts_of_another_vendor_come_back_from_a_streams_parts() -> None:
    answers = write(
        ThinkingDelta(text="h"),
        ThinkingDelta(text="m"),
        ThinkingSignature(signature="c2ln", dialect="anthropic_messages"),
        RedactedThinking(redacted="cmVk", dialect="anthropic_messages"),
        TextDelta(text="hi"),
    )
    body = {"contents": [{"role": "model", "parts": parts_of(answers)}]}
    first, second, *_ = gemini.parse_request(body, "generate_content").turns[0].parts
    assert (first.text, first.signature, first.dialect) == ("hm", "c2ln", "anthropic_messages")
    assert (second.redacted, second.dialect) == ("cmVk", "anthropic_messages")


@pytest.mark.parametrize("operation", ["stream_generate_content_sse", "stream_generate_content"])
def test_a_stream_that_broke_tells_it_and_finishes_nothing(operation: str) -> None:
    answers = write(TextDelta(text="hi"), Finish(reason="stop"), operation=operation, failed=FAILED)
    assert "finishReason" not in orjson.dumps(answers).decode()
    assert answers[-1] == {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    (only,) = write(operation=operation, failed=FAILED)
    assert "error" in only


def test_a_delta_that_went_by_leaves_no_trace() -> None:
    builder = gemini.stream_builder(ChatRequest(turns=[], operation="stream_generate_content_sse"), NAMING)
    assert not builder.ABSORBS
    builder.add(TextDelta(text="a"))
    builder.absorb(TextDelta(text="b"))
    assert b'"text":"b"' not in builder.end()


def test_a_stream_of_gemini_reaches_a_gemini_caller_with_its_parts() -> None:
    events = case("thinking_call")
    said = answers_of((CASES / "thinking_call.sse").read_bytes(), "stream_generate_content_sse")
    assert parts_of(write(*events)) == parts_of(said)
