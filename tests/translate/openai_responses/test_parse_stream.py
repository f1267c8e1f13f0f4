"""Streams of providers, as events of the representation."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from fastgate.translate.answer import Fault, Usage
from fastgate.translate.events import (
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
from fastgate.translate.openai_responses import parse_answer, stream_parser
from fastgate.translate.target import Asked
from tests.translate.openai_responses.wire import CASES, TARGET, told

OWN = "openai_responses"


def recorded(path: Path) -> list[dict[str, Any]]:
    lines = path.read_bytes().split(b"\n")
    return [orjson.loads(line[6:]) for line in lines if line.startswith(b"data: ")]


def event(kind: str, **members: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **members}


def completed(*output: dict[str, Any], **members: Any) -> dict[str, Any]:
    return event("completed", response={"id": "resp_1", "status": "completed", "output": list(output), **members})


def added(index: int, **item: Any) -> dict[str, Any]:
    return event("output_item.added", output_index=index, item=item)


def done(index: int, **item: Any) -> dict[str, Any]:
    return event("output_item.done", output_index=index, item=item)


CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": ""}
WHOLE = {**CALL, "arguments": '{"a":1}'}
START = ToolStart(call=0, id="c1", name="f")
END = Finish(reason="stop")


def test_a_recorded_text_stream() -> None:
    assert told(recorded(CASES.parents[1] / "openai" / "response.sse")) == [
        Start(id="resp_68d1f2a0c4", created=1761926404, service_tier="default"),
        TextDelta(text="Hello"),
        TextDelta(text=" there"),
        TextDelta(text="."),
        UsageSeen(usage=Usage(input_tokens=10, output_tokens=3)),
        END,
    ]


def test_a_recorded_stream_of_thoughts_and_calls() -> None:
    assert told(recorded(CASES / "reasoning_and_calls.sse"), Asked(renamed={"weather": "maps.weather"})) == [
        Start(id="resp_0a", created=1761926404, service_tier="default"),
        ThinkingDelta(text="**Looking**", summary=True),
        ThinkingDelta(text="\n\n**Calling**", summary=True),
        ThinkingSignature(signature="gAAAA1", dialect=OWN, id="rs_0a"),
        ToolStart(call=0, id="call_a", name="maps.weather"),
        ToolDelta(call=0, arguments='{"city":'),
        ToolDelta(call=0, arguments='"Paris"}'),
        ToolStart(call=1, id="call_b", name="apply_patch", custom=True),
        ToolDelta(call=1, arguments="*** Begin"),
        UsageSeen(usage=Usage(input_tokens=80, cache_read_tokens=64, output_tokens=40, reasoning_tokens=20)),
        Finish(reason="tool_calls"),
    ]


def test_a_stream_says_what_its_last_event_says_as_a_complete_answer() -> None:
    wire = recorded(CASES / "reasoning_and_calls.sse")
    answer = parse_answer(orjson.dumps(wire[-1]["response"]), TARGET, Asked())
    events = told(wire)
    thinking, call, custom = answer.choices[0].parts
    assert "".join(each.text for each in events if type(each) is ThinkingDelta) == thinking.text  # type: ignore[union-attr]
    for number, part in enumerate((call, custom)):
        pieces = [each.arguments for each in events if type(each) is ToolDelta and each.call == number]
        assert "".join(pieces) == part.arguments  # type: ignore[union-attr]
    assert events[-2:] == [UsageSeen(usage=answer.usage or Usage()), Finish(reason=answer.choices[0].finish)]


STREAMS: dict[str, tuple[list[dict[str, Any]], list[Event]]] = {
    "arguments only in .done": (
        [added(0, **CALL), event("function_call_arguments.done", output_index=0, arguments='{"a":1}'), completed()],
        [START, ToolDelta(call=0, arguments='{"a":1}'), Finish(reason="tool_calls")],
    ),
    "the rest of the arguments in .done": (
        [
            added(0, **CALL),
            event("function_call_arguments.delta", output_index=0, delta='{"a"'),
            event("function_call_arguments.done", output_index=0, arguments='{"a":1}'),
            completed(),
        ],
        [START, ToolDelta(call=0, arguments='{"a"'), ToolDelta(call=0, arguments=":1}"), Finish(reason="tool_calls")],
    ),
    "arguments only in the item that is done": (
        [added(0, **CALL), done(0, **WHOLE), completed(WHOLE)],
        [START, ToolDelta(call=0, arguments='{"a":1}'), Finish(reason="tool_calls")],
    ),
    "arguments in the item that is added, and again": (
        [added(0, **WHOLE), event("function_call_arguments.delta", output_index=0, delta='{"a":1}'), done(0, **WHOLE), completed(WHOLE)],
        [START, ToolDelta(call=0, arguments='{"a":1}'), Finish(reason="tool_calls")],
    ),
    "an item that was never added": (
        [done(0, **WHOLE), completed(WHOLE)],
        [START, ToolDelta(call=0, arguments='{"a":1}'), Finish(reason="tool_calls")],
    ),
    "deltas before their item": (
        [event("function_call_arguments.delta", output_index=0, delta='{"a"'), done(0, **WHOLE), completed()],
        [START, ToolDelta(call=0, arguments='{"a":1}'), Finish(reason="tool_calls")],
    ),
    "everything in response.completed": (
        [completed({"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}, WHOLE)],
        [TextDelta(text="Hi"), START, ToolDelta(call=0, arguments='{"a":1}'), Finish(reason="tool_calls")],
    ),
    "text only in .done": (
        [event("output_text.done", output_index=0, content_index=0, text="Hi"), completed()],
        [TextDelta(text="Hi"), END],
    ),
    "two items of one output_index": (
        [
            added(0, **CALL),
            done(0, **WHOLE),
            added(0, **{**CALL, "id": "fc_2", "call_id": "c2"}),
            done(0, **{**WHOLE, "id": "fc_2", "call_id": "c2"}),
            completed(WHOLE, {**WHOLE, "id": "fc_2", "call_id": "c2"}),
        ],
        [
            START,
            ToolDelta(call=0, arguments='{"a":1}'),
            ToolStart(call=1, id="c2", name="f"),
            ToolDelta(call=1, arguments='{"a":1}'),
            Finish(reason="tool_calls"),
        ],
    ),
    "no output_index": (
        [
            {"type": "response.output_item.added", "item": CALL},
            {"type": "response.output_item.added", "item": {**CALL, "id": "fc_2", "call_id": "c2"}},
            event("function_call_arguments.delta", item_id="fc_2", delta="{}"),
            event("function_call_arguments.delta", item_id="fc_1", delta='{"a":1}'),
            completed(WHOLE, {**CALL, "id": "fc_2", "call_id": "c2", "arguments": "{}"}),
        ],
        [
            START,
            ToolStart(call=1, id="c2", name="f"),
            ToolDelta(call=1, arguments="{}"),
            ToolDelta(call=0, arguments='{"a":1}'),
            Finish(reason="tool_calls"),
        ],
    ),
    "a call without call_id": (
        [added(0, type="function_call", id="fc_1", name="f"), completed()],
        [ToolStart(call=0, id="fc_1", name="f"), Finish(reason="tool_calls")],
    ),
    "a refusal": (
        [
            event("refusal.delta", output_index=0, content_index=0, delta="n"),
            event("refusal.done", output_index=0, content_index=0, refusal="no"),
            completed(),
        ],
        [RefusalDelta(text="n"), RefusalDelta(text="o"), END],
    ),
    "raw thoughts": (
        [
            event("reasoning_text.delta", output_index=0, content_index=0, delta="h"),
            event("reasoning_text.done", output_index=0, content_index=0, text="hm"),
            done(0, type="reasoning", summary=[{"text": "s"}], content=[{"text": "hm"}]),
            completed(),
        ],
        [ThinkingDelta(text="h"), ThinkingDelta(text="m"), END],
    ),
    "a thought without text": (
        [done(0, type="reasoning", id="rs_1", summary=[], encrypted_content="gAAA"), completed()],
        [RedactedThinking(redacted="gAAA", dialect=OWN), END],
    ),
    "a thought only in its item": (
        [done(0, type="reasoning", id="rs_1", summary=[{"text": "a"}, {"text": "b"}], encrypted_content="gAAA"), completed()],
        [
            ThinkingDelta(text="a", summary=True),
            ThinkingDelta(text="\n\nb", summary=True),
            ThinkingSignature(signature="gAAA", dialect=OWN, id="rs_1"),
            END,
        ],
    ),
    "an annotation": (
        [event("output_text.annotation.added", output_index=0, annotation={"type": "url_citation"}), completed()],
        [Citation(value={"type": "url_citation"}, dialect=OWN), END],
    ),
    "logprobs": (
        [event("output_text.delta", output_index=0, content_index=0, delta="a", logprobs=[{"token": "a"}]), completed()],
        [TextDelta(text="a", logprobs={"content": [{"token": "a"}], "refusal": None}), END],
    ),
    "an image": (
        [done(0, type="image_generation_call", id="ig_1", result="AA==", output_format="webp"), completed()],
        [ImageOut(media_type="image/webp", data="AA=="), END],
    ),
    "an unknown event": (
        [event("shiny.new", x=1), {"x": 2}, completed()],
        [Unknown(dialect=OWN, value=event("shiny.new", x=1)), Unknown(dialect=OWN, value={"x": 2}), END],
    ),
    "an empty delta": ([event("output_text.delta", output_index=0, content_index=0, delta=""), completed()], [END]),
    "the limit": (
        [added(0, **CALL), event("incomplete", response={"incomplete_details": {"reason": "max_output_tokens"}})],
        [START, Finish(reason="length")],
    ),
    "the filter": (
        [event("incomplete", response={"status": "incomplete", "incomplete_details": {"reason": "content_filter"}})],
        [Finish(reason="content_filter")],
    ),
    "a completed response that says in_progress": ([event("completed", response={"status": "in_progress"})], [END]),
    "response.failed": (
        [event("failed", response={"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow"}})],
        [Failed(status=429, kind="rate_limit", code="rate_limit_exceeded", message="slow")],
    ),
    "response.failed without a word": (
        [event("failed", response={"status": "failed", "error": None})],
        [Failed(status=502, kind="upstream", code="", message='the provider ended its answer with the status "failed" and no error')],
    ),
    "response.completed that failed": (
        [completed(error={"code": "server_error", "message": "x"})],
        [Failed(status=500, kind="upstream", code="server_error", message="x")],
    ),
    "a flat error": (
        [{"type": "error", "sequence_number": 3, "code": "server_is_overloaded", "message": "busy", "param": None}],
        [Failed(status=503, kind="overloaded", code="server_is_overloaded", message="busy")],
    ),
    "an error event with an object": (
        [{"type": "error", "error": {"type": "invalid_request_error", "code": None, "message": "bad"}}],
        [Failed(status=400, kind="invalid_request", code="", message="bad")],
    ),
    "an error object without a type": (
        [{"error": {"code": "context_length_exceeded", "message": "long"}}],
        [Failed(status=400, kind="invalid_request", code="context_length_exceeded", message="long")],
    ),
    "events behind the end": ([completed(), event("output_text.delta", delta="x")], [END]),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_says(name: str) -> None:
    wire, events = STREAMS[name]
    assert told(wire) == events


def test_only_the_dialects_own_end_is_an_end() -> None:
    parser = stream_parser(TARGET, Asked())
    parser.feed(orjson.dumps(event("output_text.delta", output_index=0, content_index=0, delta="a")))
    assert parser.feed(b"[DONE]") == []
    assert parser.close() == []
    assert not parser.ended
    parser.feed(orjson.dumps(completed()))
    assert parser.ended


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"3",
        b'{"type":"response.output_text.delta"}',
        b'{"type":"response.output_text.delta","delta":{}}',
        b'{"type":"response.completed"}',
    ],
)
def test_what_cannot_be_read_is_a_fault(line: bytes) -> None:
    with pytest.raises(Fault) as caught:
        stream_parser(TARGET, Asked()).feed(line)
    assert (caught.value.status, caught.value.kind) == (502, "upstream")
