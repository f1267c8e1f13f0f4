"""Streams of Gemini, and what they say."""

from typing import Any

import orjson
import pytest

from fastgate.translate import gemini
from fastgate.translate.answer import Fault, Usage
from fastgate.translate.events import (
    AudioDelta,
    Citation,
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
from fastgate.translate.target import Asked
from tests.translate.gemini.streaming import CODE, FAILED, GROUNDING, TARGET, case, chunk, read

STREAMS: list[tuple[str, list[dict[str, Any]], list[Event]]] = [
    (
        "texts join, finish comes without content",
        [chunk({"text": "he"}), chunk({"text": "llo"}), {"candidates": [{"finishReason": "STOP", "index": 0}]}],
        [TextDelta(text="he"), TextDelta(text="llo"), Finish(reason="stop")],
    ),
    (
        "a thought, its signature on an empty text",
        [
            chunk({"text": "hm", "thought": True}),
            chunk({"text": "hi"}),
            chunk({"text": "", "thoughtSignature": "c2ln"}, finishReason="STOP"),
        ],
        [
            ThinkingDelta(text="hm"),
            TextDelta(text="hi"),
            ThinkingSignature(signature="c2ln", dialect="gemini"),
            Finish(reason="stop"),
        ],
    ),
    (
        "parallel calls in one chunk, finish in a later one",
        [
            chunk(
                {"functionCall": {"name": "f", "args": {"a": 1}, "id": "x"}, "thoughtSignature": "c2ln"}, {"functionCall": {"name": "g"}}
            ),
            chunk({"text": ""}, finishReason="STOP"),
        ],
        [
            ToolStart(call=0, id="x", name="f", signature="c2ln"),
            ToolDelta(call=0, arguments='{"a":1}'),
            ToolStart(call=1, id="", name="g"),
            ToolDelta(call=1, arguments="{}"),
            Finish(reason="tool_calls"),
        ],
    ),
    (
        "the limit wins over a call",
        [chunk({"functionCall": {"name": "f"}}, finishReason="MAX_TOKENS")],
        [ToolStart(call=0, id="", name="f"), ToolDelta(call=0, arguments="{}"), Finish(reason="length")],
    ),
    (
        "finish on every chunk is told once, at the end",
        [chunk({"text": "a"}, finishReason="STOP"), chunk({"text": "b"}, finishReason="STOP")],
        [TextDelta(text="a"), TextDelta(text="b"), Finish(reason="stop")],
    ),
    (
        "usage is cumulative",
        [
            chunk({"text": "a"}, usage={"promptTokenCount": 3, "candidatesTokenCount": 1}),
            chunk(finishReason="STOP", usage={"promptTokenCount": 3, "candidatesTokenCount": 2, "thoughtsTokenCount": 4}),
        ],
        [
            TextDelta(text="a"),
            UsageSeen(usage=Usage(input_tokens=3, output_tokens=1)),
            UsageSeen(usage=Usage(input_tokens=3, output_tokens=6, reasoning_tokens=4)),
            Finish(reason="stop"),
        ],
    ),
    (
        "two alternatives, one of them filtered",
        [{"candidates": [chunk({"text": "a"}, finishReason="STOP")["candidates"][0], {"index": 1, "finishReason": "RECITATION"}]}],
        [TextDelta(text="a"), Finish(reason="stop"), Finish(reason="content_filter", choice=1, raw_finish="RECITATION")],
    ),
    (
        "an image, speech, code and grounding",
        [
            chunk({"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": "c2ln"}),
            chunk({"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "aGk="}}),
            chunk(CODE, finishReason="OTHER", **GROUNDING),
        ],
        [
            ThinkingSignature(signature="c2ln", dialect="gemini"),
            ImageOut(media_type="image/png", data="aGk="),
            AudioDelta(value={"data": "aGk="}),
            Unknown(dialect="gemini", value={"part": CODE, "index": 0}),
            Citation(value=GROUNDING, dialect="gemini"),
            Finish(reason="stop", raw_finish="OTHER"),
        ],
    ),
    (
        "a blocked prompt",
        [{"promptFeedback": {"blockReason": "SAFETY"}}, {"usageMetadata": {"promptTokenCount": 3}}],
        [UsageSeen(usage=Usage(input_tokens=3)), Finish(reason="content_filter", raw_finish="SAFETY")],
    ),
    (
        "logprobs go with their text",
        [chunk({"text": "a"}, finishReason="STOP", logprobsResult={"chosenCandidates": [{"token": "a", "logProbability": -1}]})],
        [
            TextDelta(
                text="a",
                logprobs={"content": [{"token": "a", "logprob": -1, "bytes": [97], "top_logprobs": []}], "refusal": None},
            ),
            Finish(reason="stop"),
        ],
    ),
    (
        "awkward members are no text",
        [{"candidates": []}, {}, {"candidates": [{"content": 5}]}, chunk({"text": None}, {}), {"candidates": [{"finishReason": "STOP"}]}],
        [Finish(reason="stop")],
    ),
]


@pytest.mark.parametrize(("chunks", "events"), [case[1:] for case in STREAMS], ids=[case[0] for case in STREAMS])
def test_a_stream_is_read(chunks: list[dict[str, Any]], events: list[Event]) -> None:
    assert read(*chunks) == (events, True)


def test_the_start_carries_the_answers_id() -> None:
    parser = gemini.stream_parser(TARGET, Asked())
    assert parser.feed(b'{"responseId": "r1"}') == [Start(id="r1")]
    assert parser.feed(b'{"responseId": "r1"}') == []


def test_an_end_of_the_connection_without_a_finish_reason_is_no_end() -> None:
    events, ended = read(chunk({"text": "a"}))
    assert (events, ended) == ([TextDelta(text="a")], False)
    assert read({})[1] is False


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_error_in_a_stream_is_its_last_event(wrapped: bool) -> None:
    parser = gemini.stream_parser(TARGET, Asked())
    parser.feed(orjson.dumps(chunk({"text": "a"})))
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    assert parser.feed(orjson.dumps([error] if wrapped else error)) == [FAILED]
    assert parser.feed(orjson.dumps(chunk({"text": "b"}))) == []
    assert parser.close() == []
    assert not parser.ended


def test_a_model_that_failed_ends_its_stream_with_an_error() -> None:
    events, ended = read(chunk({"text": "a"}), chunk(finishReason="MALFORMED_FUNCTION_CALL", usage={"promptTokenCount": 1}))
    failed = Failed(
        status=502, kind="upstream", code="MALFORMED_FUNCTION_CALL", message="the model's answer ended with MALFORMED_FUNCTION_CALL"
    )
    assert (events, ended) == ([TextDelta(text="a"), failed], False)


@pytest.mark.parametrize("event", [b"", b"{", b"5", b"[]", b"[DONE]"])
def test_an_event_that_cannot_be_read_is_a_fault(event: bytes) -> None:
    with pytest.raises(Fault) as caught:
        gemini.stream_parser(TARGET, Asked()).feed(event)
    assert caught.value.status == 502


def test_what_the_request_did_to_tools_is_undone_in_a_stream() -> None:
    asked = Asked(renamed={"_f": "1f"}, one_call=True)
    calls = [{"functionCall": {"name": name, "args": {"a": "b"}}} for name in ("_f", "g")]
    events, _ = read(chunk(*calls, finishReason="STOP"), asked=asked)
    assert events == [ToolStart(call=0, id="", name="1f"), ToolDelta(call=0, arguments='{"a":"b"}'), Finish(reason="tool_calls")]


def test_the_call_that_gives_the_answer_is_text_in_a_stream() -> None:
    call = {"functionCall": {"name": "give_answer", "args": {"a": 1}}}
    events, _ = read(chunk(call, finishReason="STOP"), asked=Asked(answer_tool="give_answer"))
    assert events == [TextDelta(text='{"a":1}'), Finish(reason="stop")]


def test_a_whole_stream_of_google_is_read() -> None:
    events = case("thinking_call")
    kinds = [type(event) for event in events if type(event) is not UsageSeen]
    assert kinds == [Start, ThinkingDelta, TextDelta, ToolStart, ToolDelta, ToolStart, ToolDelta, Finish]
    assert [event.signature for event in events if isinstance(event, ToolStart)] == ["CtYBAVSoXO4=", ""]
    assert events[-1] == Finish(reason="tool_calls")
    assert [event for event in events if isinstance(event, UsageSeen)][-1].usage == Usage(
        input_tokens=74, output_tokens=119, reasoning_tokens=82
    )
