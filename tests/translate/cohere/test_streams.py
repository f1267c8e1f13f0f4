"""Streams of Cohere's v2 chat."""

from typing import Any

import orjson
import pytest

from fastgate.translate.answer import Fault, Usage
from fastgate.translate.events import (
    Citation,
    Failed,
    Finish,
    Start,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStart,
    Unknown,
    UsageSeen,
)
from fastgate.translate.target import Asked
from tests.translate.cohere.chat import CASES, events, read, wire


def call(index: int, name: str, arguments: str = "") -> bytes:
    return wire("tool-call-start", index, tool_calls={"id": name, "type": "function", "function": {"name": name, "arguments": arguments}})


def piece(index: int, arguments: str) -> bytes:
    return wire("tool-call-delta", index, tool_calls={"function": {"arguments": arguments}})


def end(reason: str, **more: Any) -> bytes:
    return wire("message-end", finish_reason=reason, **more)


def test_a_stream_of_calls_is_read_with_its_plan_as_text() -> None:
    found, ended = read(*events((CASES / "calls.sse").read_bytes()))
    assert found == [
        Start(id="29f14a5a-11de-4cae-9800-25e4747408ea"),
        TextDelta(text="I"),
        TextDelta(text=" will look."),
        ToolStart(call=0, id="weather_9b0nr4kg58a8", name="weather"),
        ToolDelta(call=0, arguments='{\n    "city": '),
        ToolDelta(call=0, arguments='"Bern"\n}'),
        ToolStart(call=1, id="clock_0qy7p6ns5ar7", name="clock"),
        ToolDelta(call=1, arguments="{}"),
        UsageSeen(usage=Usage(input_tokens=913, output_tokens=61)),
        Finish(reason="tool_calls"),
    ]
    assert ended


def test_text_and_thoughts_come_at_the_start_of_a_block_and_in_its_deltas() -> None:
    found, _ = read(
        wire("content-start", 0, content={"type": "thinking", "thinking": "h"}),
        wire("content-delta", 0, content={"thinking": "m"}),
        wire("content-end", 0),
        wire("content-start", 1, content={"type": "text", "text": ""}),
        wire("content-delta", 1, content={"text": "é"}),
        wire("content-end", 1),
        end("COMPLETE"),
    )
    assert found == [ThinkingDelta(text="h"), ThinkingDelta(text="m"), TextDelta(text="é"), Finish(reason="stop")]


def test_logprobs_come_with_their_text() -> None:
    told = {"type": "content-delta", "delta": {"message": {"content": {"text": "a"}}}}
    told["logprobs"] = {"text": "a", "token_ids": [1], "logprobs": [-0.5]}
    assert read(orjson.dumps(told))[0] == [
        TextDelta(text="a", logprobs={"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}], "refusal": None})
    ]


def test_citations_are_passed_on_as_they_came() -> None:
    citation = {"start": 0, "end": 1, "text": "a", "sources": []}
    assert read(wire("citation-start", 0, citations=citation), wire("citation-end", 0))[0] == [Citation(value=citation, dialect="cohere")]


def test_a_plan_beside_the_message_is_read_too() -> None:
    assert read(b'{"type":"tool-plan-delta","delta":{"tool_plan":"I"}}')[0] == [TextDelta(text="I")]


def test_a_call_in_a_list_is_read_too() -> None:
    told = wire("tool-call-start", 0, tool_calls=[{"id": "a", "function": {"name": "f"}}])
    assert read(told)[0] == [ToolStart(call=0, id="a", name="f")]


def test_calls_whose_deltas_interleave_keep_their_numbers() -> None:
    found, _ = read(call(0, "f"), call(1, "g"), piece(1, "{}"), piece(0, "{"), piece(0, "}"))
    assert found[2:] == [ToolDelta(call=1, arguments="{}"), ToolDelta(call=0, arguments="{"), ToolDelta(call=0, arguments="}")]


@pytest.mark.parametrize(
    ("raw", "finish", "shown"),
    [
        ("COMPLETE", "stop", ""),
        ("MAX_TOKENS", "length", ""),
        ("STOP_SEQUENCE", "stop_sequence", ""),
        ("TOOL_CALL", "stop", ""),
        ("X", "stop", "X"),
    ],
)
def test_finish_reasons_of_a_stream_without_calls(raw: str, finish: Any, shown: str) -> None:
    assert read(end(raw))[0] == [Finish(reason=finish, raw_finish=shown)]


@pytest.mark.parametrize(
    ("told", "failed"),
    [
        (end("ERROR"), Failed(status=502, kind="upstream", code="ERROR", message="the model failed: finish_reason ERROR")),
        (end("ERROR", error="oops"), Failed(status=502, kind="upstream", code="ERROR", message="oops")),
        (wire("message-end", error="oops"), Failed(status=502, kind="upstream", code="ERROR", message="oops")),
        (end("TIMEOUT"), Failed(status=504, kind="timeout", code="TIMEOUT", message="the model failed: finish_reason TIMEOUT")),
        (b'{"message":"internal server error"}', Failed(status=502, kind="upstream", code="", message="internal server error")),
        (b'{"type":"error","error":"overloaded"}', Failed(status=502, kind="upstream", code="", message="overloaded")),
    ],
)
def test_a_failure_in_a_stream_is_its_last_event(told: bytes, failed: Failed) -> None:
    found, ended = read(wire("content-delta", 0, content={"text": "a"}), told)
    assert found == [TextDelta(text="a"), failed]
    assert not ended


def test_usage_is_told_before_a_failure() -> None:
    found, _ = read(end("ERROR", usage={"tokens": {"input_tokens": 3}}))
    assert [type(event) for event in found] == [UsageSeen, Failed]


def test_a_stream_that_breaks_off_has_not_ended() -> None:
    assert read(wire("content-delta", 0, content={"text": "a"})) == ([TextDelta(text="a")], False)


def test_events_that_say_nothing_to_a_caller() -> None:
    found, ended = read(
        b"[DONE]", b'{"type":"debug","prompt":"x"}', b'{"type":"content-delta"}', b'{"type":"tool-call-end"}', end("COMPLETE")
    )
    assert [type(event) for event in found] == [Unknown, Finish]
    assert ended


@pytest.mark.parametrize("told", [b"", b"<html>", b"[1]", b"1"])
def test_an_event_that_is_no_object_is_a_fault(told: bytes) -> None:
    with pytest.raises(Fault) as caught:
        read(told)
    assert caught.value.status == 502


def test_arguments_of_a_call_that_was_not_begun_are_a_fault() -> None:
    with pytest.raises(Fault, match="not begun"):
        read(piece(3, "{}"))


def test_the_answers_tool_is_streamed_as_text_with_finish_stop() -> None:
    found, _ = read(
        call(0, "json_answer", "{"), piece(0, "}"), call(1, "json_answer", "{}"), end("TOOL_CALL"), asked=Asked(answer_tool="json_answer")
    )
    assert found == [TextDelta(text="{"), TextDelta(text="}"), Finish(reason="stop")]


def test_an_answers_tool_without_arguments_answers_with_an_empty_object() -> None:
    found, _ = read(call(0, "json_answer"), end("TOOL_CALL"), asked=Asked(answer_tool="json_answer"))
    assert found == [TextDelta(text="{}"), Finish(reason="stop")]


def test_of_several_calls_the_first_alone_is_passed_on_if_one_was_asked_for() -> None:
    found, _ = read(call(0, "f", "{}"), call(1, "g", "{"), piece(1, "}"), end("TOOL_CALL"), asked=Asked(one_call=True))
    assert found == [ToolStart(call=0, id="f", name="f"), ToolDelta(call=0, arguments="{}"), Finish(reason="tool_calls")]
