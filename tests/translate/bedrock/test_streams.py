"""Converse's streams, frame by frame."""

from typing import Any

import orjson
import pytest

from fastgate.translate import bedrock
from fastgate.translate.answer import Fault, Usage
from fastgate.translate.events import (
    Citation,
    Event,
    Failed,
    Finish,
    ImageOut,
    RedactedThinking,
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
from tests.translate.bedrock.converse import call, delta, event, exception, frame, read, target

START = event("messageStart", role="assistant")
USAGE = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 45, "cacheReadInputTokens": 20, "cacheWriteInputTokens": 10}
METADATA = event("metadata", usage=USAGE, metrics={"latencyMs": 1})
USED = UsageSeen(usage=Usage(input_tokens=40, cache_read_tokens=20, cache_write_tokens=10, output_tokens=5))


def block_stop(index: int) -> bytes:
    return event("contentBlockStop", contentBlockIndex=index)


def stop(reason: str, **more: Any) -> bytes:
    return event("messageStop", stopReason=reason, **more)


def piece(index: int, text: str) -> bytes:
    return delta(index, toolUse={"input": text})


def test_text_is_read_without_a_start_of_its_block_and_usage_after_the_end() -> None:
    events, ended = read(START, delta(0, text="Grü"), delta(0, text="ße"), block_stop(0), stop("end_turn"), METADATA)
    assert events == [Start(), TextDelta(text="Grü"), TextDelta(text="ße"), Finish(reason="stop"), USED]
    assert ended


def test_thoughts_come_before_their_signature_and_calls_are_numbered_among_themselves() -> None:
    events, _ = read(
        START,
        delta(0, reasoningContent={"text": "hm"}),
        delta(0, reasoningContent={"signature": "sig"}),
        delta(1, reasoningContent={"redactedContent": "cmVk"}),
        delta(2, text="ok"),
        call(3, "a", "f"),
        piece(3, ""),
        piece(3, '{"x":'),
        piece(3, "1}"),
        block_stop(3),
        call(4, "b", "g"),
        block_stop(4),
        stop("tool_use"),
        METADATA,
    )
    assert events == [
        Start(),
        ThinkingDelta(text="hm"),
        ThinkingSignature(signature="sig", dialect="bedrock"),
        RedactedThinking(redacted="cmVk", dialect="bedrock"),
        TextDelta(text="ok"),
        ToolStart(call=0, id="a", name="f"),
        ToolDelta(call=0, arguments='{"x":'),
        ToolDelta(call=0, arguments="1}"),
        ToolStart(call=1, id="b", name="g"),
        Finish(reason="tool_calls"),
        USED,
    ]


def test_calls_whose_deltas_interleave_keep_their_numbers() -> None:
    events, _ = read(START, call(0, "a", "f"), call(1, "b", "g"), piece(1, "{"), piece(0, "{"), piece(1, "}"), piece(0, "}"))
    assert events[3:] == [ToolDelta(call=number, arguments=text) for number, text in ((1, "{"), (0, "{"), (1, "}"), (0, "}"))]


def test_citations_are_passed_on_as_they_came() -> None:
    citation = {"title": "T", "sourceContent": [{"text": "s"}]}
    assert read(delta(0, citation=citation))[0] == [Citation(value=citation, dialect="bedrock")]


def test_an_image_is_told_once_it_is_whole() -> None:
    events, _ = read(
        event("contentBlockStart", start={"image": {"format": "png"}}, contentBlockIndex=0),
        delta(0, image={"source": {"bytes": "YWI="}}),
        delta(0, image={"source": {"bytes": "Y2Q="}}),
        block_stop(0),
    )
    assert events == [ImageOut(media_type="image/png", data="YWJjZA==")]


def test_calls_that_the_provider_runs_itself_are_not_the_callers() -> None:
    own = event(
        "contentBlockStart", start={"toolUse": {"toolUseId": "a", "name": "nova_grounding", "type": "server_tool_use"}}, contentBlockIndex=0
    )
    events, _ = read(own, piece(0, "{}"), block_stop(0), stop("end_turn"))
    assert [type(found) for found in events] == [Unknown, Finish]
    assert events[1] == Finish(reason="stop")


@pytest.mark.parametrize(
    ("reason", "finish", "raw"),
    [
        ("max_tokens", "length", ""),
        ("model_context_window_exceeded", "length", "model_context_window_exceeded"),
        ("stop_sequence", "stop_sequence", ""),
        ("content_filtered", "content_filter", ""),
        ("guardrail_intervened", "content_filter", "guardrail_intervened"),
        ("tool_use", "stop", ""),
        ("novel", "stop", "novel"),
    ],
)
def test_stop_reasons_of_a_stream_without_calls(reason: str, finish: Any, raw: str) -> None:
    assert read(stop(reason))[0] == [Finish(reason=finish, raw_finish=raw)]


def test_the_stop_sequence_is_told_where_the_model_told_it() -> None:
    events, _ = read(stop("stop_sequence", additionalModelResponseFields={"stop_sequence": "END"}))
    assert events == [Finish(reason="stop_sequence", stop_sequence="END")]


def test_a_call_cut_by_the_limit_ends_with_length() -> None:
    assert read(call(0, "a", "f"), piece(0, '{"x'), stop("max_tokens"))[0][-1] == Finish(reason="length")


@pytest.mark.parametrize("reason", ["malformed_tool_use", "malformed_model_output"])
def test_an_answer_that_the_model_failed_at_fails_after_its_usage_is_known(reason: str) -> None:
    events, ended = read(START, delta(0, text="a"), stop(reason), METADATA)
    assert events[-2] == USED
    assert events[-1] == Failed(status=502, kind="upstream", code=reason, message=f"the model failed: stopReason {reason}")
    assert not ended


def test_such_an_answer_fails_without_usage_too() -> None:
    events, ended = read(START, stop("malformed_tool_use"))
    assert isinstance(events[-1], Failed)
    assert not ended


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        ("throttlingException", 429, "rate_limit"),
        ("validationException", 400, "invalid_request"),
        ("internalServerException", 500, "upstream"),
        ("modelStreamErrorException", 424, "upstream"),
        ("serviceUnavailableException", 503, "overloaded"),
        ("modelTimeoutException", 408, "timeout"),
        ("accessDeniedException", 403, "permission"),
        ("somethingNewException", 502, "upstream"),
    ],
)
def test_an_exception_in_a_stream_is_its_failure(kind: str, status: int, word: str) -> None:
    events, ended = read(START, delta(0, text="a"), exception(kind, message="no more"))
    assert events[-1] == Failed(status=status, kind=word, code=kind, message="no more")
    assert not ended


def test_a_model_error_keeps_the_models_own_status() -> None:
    events, _ = read(exception("modelStreamErrorException", message="m", originalStatusCode=429, originalMessage="slow down"))
    assert events == [Failed(status=429, kind="rate_limit", code="modelStreamErrorException", message="m")]


def test_a_context_that_is_too_long_has_a_code_that_says_so() -> None:
    events, _ = read(exception("validationException", message="Input is too long for requested model."))
    assert events == [
        Failed(status=400, kind="invalid_request", code="context_length_exceeded", message="Input is too long for requested model.")
    ]


def test_an_error_that_stands_in_the_headers_is_a_failure() -> None:
    error = frame(b"", message_type="error", error_code="InternalError", error_message="An internal server error occurred")
    assert read(error)[0] == [Failed(status=502, kind="upstream", code="InternalError", message="An internal server error occurred")]


def test_an_exception_without_a_readable_payload_is_a_failure_still() -> None:
    for payload in (b"", b"[]", b"<x>"):
        events, _ = read(frame(payload, message_type="exception", exception_type="throttlingException"))
        assert events == [Failed(status=429, kind="rate_limit", code="throttlingException", message="throttlingException")]


def test_a_stream_that_breaks_off_has_not_ended() -> None:
    assert read(START, delta(0, text="a")) == ([Start(), TextDelta(text="a")], False)


def test_usage_that_never_comes_is_no_failure() -> None:
    assert read(START, stop("end_turn")) == ([Start(), Finish(reason="stop")], True)


def test_an_exception_after_the_end_is_a_failure_still() -> None:
    assert read(START, stop("end_turn"), exception("internalServerException", message="m"))[1] is False


def test_unknown_events_and_deltas_are_told_as_unknown() -> None:
    events, _ = read(event("novelEvent", x=1), delta(0, novel={"y": 2}), event("contentBlockStart", start={}, contentBlockIndex=0))
    assert [type(found) for found in events] == [Unknown, Unknown]


def test_empty_deltas_say_nothing() -> None:
    for inner in ({"text": ""}, {"reasoningContent": {"text": ""}}, {"image": {}}):
        assert read(event("contentBlockDelta", delta=inner, contentBlockIndex=0))[0] == []
    assert read(event("contentBlockDelta"), event("contentBlockStart"), event("messageStart"), event("messageStart"))[0] == [Start()]


@pytest.mark.parametrize("payload", [b"<html>", b"[1]", b"1"])
def test_a_payload_that_is_no_object_is_a_fault(payload: bytes) -> None:
    with pytest.raises(Fault) as caught:
        read(frame(payload, event_type="contentBlockDelta", message_type="event"))
    assert caught.value.status == 502


def test_arguments_of_a_call_that_was_not_begun_are_a_fault() -> None:
    with pytest.raises(Fault, match="not begun"):
        read(START, piece(0, "{}"))


def test_names_come_back_as_the_caller_said_them() -> None:
    assert read(call(0, "a", "ns_tool_1"), asked=Asked(renamed={"ns_tool_1": "ns.tool"}))[0] == [ToolStart(call=0, id="a", name="ns.tool")]


def test_the_answers_tool_is_streamed_as_text_with_finish_stop() -> None:
    events, _ = read(
        call(0, "a", "json_answer"), piece(0, '{"a":'), piece(0, "1}"), block_stop(0), call(1, "b", "json_answer"), piece(1, "{}"),
        stop("tool_use"), asked=Asked(answer_tool="json_answer"),
    )  # fmt: skip
    assert events == [TextDelta(text='{"a":'), TextDelta(text="1}"), Finish(reason="stop")]


def test_an_answers_tool_without_arguments_answers_with_an_empty_object() -> None:
    events, _ = read(call(0, "a", "json_answer"), stop("tool_use"), asked=Asked(answer_tool="json_answer"))
    assert events == [TextDelta(text="{}"), Finish(reason="stop")]


def test_calls_that_were_not_to_be_made_are_left_out() -> None:
    events, _ = read(delta(0, text="a"), call(1, "a", "f"), piece(1, "{}"), stop("tool_use"), asked=Asked(no_calls=True))
    assert events == [TextDelta(text="a"), Finish(reason="stop")]


def test_of_several_calls_the_first_alone_is_passed_on_if_one_was_asked_for() -> None:
    events, _ = read(call(0, "a", "f"), piece(0, "{}"), call(1, "b", "g"), piece(1, "{}"), stop("tool_use"), asked=Asked(one_call=True))
    assert events == [ToolStart(call=0, id="a", name="f"), ToolDelta(call=0, arguments="{}"), Finish(reason="tool_calls")]


def test_a_stream_says_the_same_as_the_whole_answer() -> None:
    told = {
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
            {"text": "ok"},
            {"toolUse": {"toolUseId": "a", "name": "f", "input": {"x": 1}}},
        ]}},
        "stopReason": "tool_use",
        "usage": USAGE,
    }  # fmt: skip
    answer = bedrock.parse_answer(orjson.dumps(told), target(), Asked())
    events, _ = read(
        delta(0, reasoningContent={"text": "hm"}), delta(0, reasoningContent={"signature": "s"}), delta(1, text="ok"),
        call(2, "a", "f"), piece(2, '{"x":1}'), stop("tool_use"), METADATA,
    )  # fmt: skip
    by_type: dict[type, Event] = {type(found): found for found in events}
    thought, text, called = answer.choices[0].parts
    assert by_type[ThinkingSignature] == ThinkingSignature(signature=thought.signature, dialect="bedrock")  # type: ignore[union-attr]
    assert by_type[TextDelta] == TextDelta(text=text.text)  # type: ignore[union-attr]
    assert by_type[ToolDelta] == ToolDelta(call=0, arguments=called.arguments)  # type: ignore[union-attr]
    assert by_type[UsageSeen] == UsageSeen(usage=answer.usage)  # type: ignore[arg-type]
    assert by_type[Finish] == Finish(reason=answer.choices[0].finish)
