"""Streams for callers: every event is checked against the SDK's types, its number and its framing."""

from itertools import pairwise
from typing import Any

import pytest

from fastgate.translate.answer import Usage
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
from fastgate.translate.openai_responses import stream_builder
from tests.translate.openai_responses.wire import NAMING, accumulated, kinds, parsed, read_events, written

OWN = "openai_responses"
OPENING = ["created", "in_progress"]
TEXT = ["output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done", "output_item.done"]
CALL = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]
PATCH = {"type": "custom", "name": "apply_patch"}


def start(call: int, name: str = "f", **members: Any) -> ToolStart:
    return ToolStart(call=call, id=members.pop("id", f"c{call}"), name=name, **members)


def piece(call: int, arguments: str) -> ToolDelta:
    return ToolDelta(call=call, arguments=arguments)


def output(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the output of the last event, having checked that it repeats the items that were done, in their order."""
    found: list[dict[str, Any]] = events[-1]["response"]["output"]
    assert found == [event["item"] for event in events if event["type"] == "response.output_item.done"]
    added = [event for event in events if event["type"] == "response.output_item.added"]
    assert [event["output_index"] for event in added] == list(range(len(found)))
    assert [event["item"]["id"] for event in added] == [item["id"] for item in found]
    return found


ORDERS: list[tuple[list[Event], list[str]]] = [
    ([Start(), TextDelta(text="Hi"), Finish(reason="stop")], [*OPENING, *TEXT, "completed"]),
    ([TextDelta(text="Hi")], [*OPENING, *TEXT, "completed"]),
    ([], [*OPENING, "completed"]),
    ([Start(), TextDelta(text=""), Finish(reason="stop")], [*OPENING, "completed"]),
    (
        [ThinkingDelta(text="hm"), TextDelta(text="Hi")],
        [
            *OPENING,
            "output_item.added",
            "content_part.added",
            "reasoning_text.delta",
            "reasoning_text.done",
            "content_part.done",
            "output_item.done",
            *TEXT,
            "completed",
        ],
    ),
    (
        [ThinkingDelta(text="hm", summary=True), ThinkingSignature(signature="s", dialect=OWN)],
        [
            *OPENING,
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "completed",
        ],
    ),
    (
        [TextDelta(text="I look"), start(0), piece(0, "{}"), Finish(reason="tool_calls")],
        [*OPENING, *TEXT, *CALL, "completed"],
    ),
    ([start(0), start(1)], [*OPENING, *CALL, *CALL, "completed"]),
    (
        [TextDelta(text="a"), RefusalDelta(text="no")],
        [*OPENING, *TEXT[:5], "content_part.added", "refusal.delta", "refusal.done", "content_part.done", "output_item.done", "completed"],
    ),
    (
        [start(0, custom=True), piece(0, "***")],
        [
            *OPENING,
            "output_item.added",
            "custom_tool_call_input.delta",
            "custom_tool_call_input.done",
            "output_item.done",
            "completed",
        ],
    ),
    (
        [ImageOut(media_type="image/png", data="AA==")],
        [*OPENING, "output_item.added", "image_generation_call.completed", "output_item.done", "completed"],
    ),
    ([AudioDelta(value={"transcript": "Hi"}), AudioDelta(value={"data": "AA=="})], [*OPENING, *TEXT, "completed"]),
    ([Unknown(dialect="gemini"), Finish(reason="length")], [*OPENING, "incomplete"]),
    ([Finish(reason="content_filter")], [*OPENING, "incomplete"]),
    ([TextDelta(text="a"), Finish(reason="error", raw_finish="MALFORMED")], [*OPENING, *TEXT, "failed"]),
]


@pytest.mark.parametrize(("events", "expected"), ORDERS, ids=[str(number) for number in range(len(ORDERS))])
def test_events_come_in_the_order_of_the_dialect(events: list[Event], expected: list[str]) -> None:
    wire = written(events)
    assert kinds(wire) == expected
    output(wire)


def test_done_events_and_the_end_carry_the_whole_text() -> None:
    usage = Usage(input_tokens=3, output_tokens=2)
    wire = written([Start(created=5), TextDelta(text="Hel"), TextDelta(text='lo "\n'), UsageSeen(usage=usage), Finish(reason="stop")])
    whole = 'Hello "\n'
    assert [event["delta"] for event in wire if event["type"].endswith("text.delta")] == ["Hel", 'lo "\n']
    assert [event["text"] for event in wire if event["type"] == "response.output_text.done"] == [whole]
    assert output(wire)[0]["content"][0]["text"] == whole
    assert wire[-1]["response"]["usage"]["total_tokens"] == 5
    assert {event["response"]["created_at"] for event in wire if "response" in event} == {5}


def test_an_absorbed_delta_stands_in_what_is_repeated_and_takes_a_number() -> None:
    builder = stream_builder(parsed(), NAMING)
    head = builder.add(TextDelta(text="a"))
    builder.absorb(TextDelta(text="b"))
    copied = builder.add(TextDelta(text="c"))
    tail = builder.end()
    assert b'"sequence_number":6' in copied
    assert b'"text":"abc"' in tail
    builder = stream_builder(parsed(), NAMING)
    pieces = [builder.add(start(0)), builder.add(piece(0, "{")), builder.end()]
    assert b"".join(pieces).count(b"event: ") == len(read_events(b"".join(pieces)))
    assert head.count(b"event: ") == 5


def test_usage_counts_wherever_it_comes_and_the_last_word_wins() -> None:
    early, late = UsageSeen(usage=Usage(output_tokens=1)), UsageSeen(usage=Usage(output_tokens=9))
    orders: list[list[Event]] = [
        [early, TextDelta(text="a"), Finish(reason="stop"), late],
        [early, late, Finish(reason="stop"), TextDelta(text="a")],
    ]
    for events in orders:
        wire = written(events)
        assert wire[-1]["response"]["usage"]["output_tokens"] == 9
        assert wire[-1]["response"]["output"][0]["content"][0]["text"] == "a"
        assert kinds(wire).count("completed") == 1


INTERLEAVED: list[tuple[list[Event], list[tuple[str, str]]]] = [
    ([start(0), start(1), piece(0, '{"a":'), piece(1, "{}"), piece(0, "1}")], [("c0", '{"a":1}'), ("c1", "{}")]),
    (
        [start(0), piece(0, '{"a"'), start(1), piece(1, '{"b":2'), start(2), piece(0, ":1}"), piece(2, "{}"), piece(1, "}")],
        [("c0", '{"a":1}'), ("c1", '{"b":2}'), ("c2", "{}")],
    ),
    ([start(0), start(1), start(2), piece(2, "{}"), piece(1, "{}"), piece(0, "{}")], [("c0", "{}"), ("c1", "{}"), ("c2", "{}")]),
    ([start(0), piece(0, '{"a":1}'), start(1), piece(1, '{"b":2}')], [("c0", '{"a":1}'), ("c1", '{"b":2}')]),
    ([start(0), start(1), Finish(reason="tool_calls"), piece(1, '{"b":2}'), piece(0, '{"a":1}')], [("c0", '{"a":1}'), ("c1", '{"b":2}')]),
    ([start(0), start(1), piece(1, '{"b":2}')], [("c0", "{}"), ("c1", '{"b":2}')]),
    ([start(0), piece(0, '{"a":{"b":1}'), start(1), piece(0, "}"), piece(1, "{}")], [("c0", '{"a":{"b":1}}'), ("c1", "{}")]),
    ([start(0), piece(0, '{"a":"}'), start(1), piece(0, '}"}'), piece(1, "{}")], [("c0", '{"a":"}}"}'), ("c1", "{}")]),
    ([piece(7, "lost"), start(0), piece(0, "{}")], [("c0", "{}")]),
]


@pytest.mark.parametrize(("events", "calls"), INTERLEAVED, ids=[str(number) for number in range(len(INTERLEAVED))])
def test_calls_whose_deltas_interleave_do_not_overlap(events: list[Event], calls: list[tuple[str, str]]) -> None:
    wire = written(events)
    assert [(item["call_id"], item["arguments"]) for item in output(wire)] == calls
    opened = [event["type"] for event in wire if event["type"].startswith("response.output_item.")]
    assert all(one != other for one, other in pairwise(opened))


def test_pieces_of_arguments_go_out_as_they_come() -> None:
    builder = stream_builder(parsed(), NAMING)
    builder.add(start(0))
    assert b'"delta":"{\\"a\\""' in builder.add(piece(0, '{"a"'))
    assert builder.add(piece(0, "")) == b""
    assert builder.add(start(1)) == b""
    assert b'"name":"f"' in builder.add(piece(0, ":1}"))


def test_text_behind_an_incomplete_call_waits_for_it() -> None:
    wire = written([start(0), piece(0, '{"a"'), TextDelta(text="b"), piece(0, ":1}"), TextDelta(text="c")])
    assert [item["type"] for item in output(wire)] == ["function_call", "message"]
    assert output(wire)[1]["content"][0]["text"] == "bc"


def test_a_call_without_arguments_gets_an_empty_object() -> None:
    wire = written([start(0), Finish(reason="tool_calls")])
    assert [event["delta"] for event in wire if event["type"].endswith("arguments.delta")] == ["{}"]
    assert output(wire)[0]["arguments"] == "{}"


def test_ids_that_the_provider_left_out_are_made_and_differ() -> None:
    wire = written([start(0, id=""), piece(0, "{}"), start(1, id=""), piece(1, "{}")])
    calls = output(wire)
    assert len({call["call_id"] for call in calls} | {call["id"] for call in calls}) == 4


def test_free_text_of_a_custom_tool_goes_out_as_it_comes() -> None:
    wire = written([start(0, "p", custom=True), piece(0, "a}"), start(1, "p", custom=True), piece(0, "b"), piece(1, "c")])
    assert [item["input"] for item in output(wire)] == ["a}b", "c"]
    assert [event["delta"] for event in wire if event["type"].endswith("input.delta")] == ["a}", "b", "c"]


def test_a_signature_ends_its_thought_and_carries_its_origin() -> None:
    wire = written(
        [
            ThinkingDelta(text="a"),
            ThinkingSignature(signature="S1", dialect="anthropic_messages"),
            ThinkingDelta(text="b"),
            ThinkingSignature(signature="S2", dialect="anthropic_messages"),
            RedactedThinking(redacted="D", dialect="anthropic_messages"),
            ThinkingSignature(signature="S3", dialect="gemini"),
            ThinkingSignature(signature="S4", dialect=OWN, id="rs_own"),
        ]
    )
    items = output(wire)
    assert [item["encrypted_content"] for item in items] == [
        "anthropic_messages#S1",
        "anthropic_messages#S2",
        "anthropic_messages#redacted#D",
        "gemini#S3",
        "S4",
    ]
    assert [item.get("content", [{}])[0].get("text") for item in items] == ["a", "b", None, None, None]
    assert items[4]["id"] == "rs_own"


def test_a_signature_of_a_call_rides_in_an_empty_thought_before_it() -> None:
    items = output(written([start(0, signature="Sig"), piece(0, "{}")]))
    assert [item["type"] for item in items] == ["reasoning", "function_call"]
    assert items[0]["encrypted_content"] == "gemini#call#Sig"


def test_a_caller_that_asked_for_summaries_finds_every_thought_there() -> None:
    wire = written([ThinkingDelta(text="a"), ThinkingDelta(text="b", summary=True)], parsed(reasoning={"summary": "auto"}))
    assert output(wire)[0]["summary"] == [{"type": "summary_text", "text": "ab"}]


def test_annotations_stand_at_the_text_that_is_open() -> None:
    value = {"type": "url_citation", "start_index": 0, "end_index": 1, "url": "u", "title": "t"}
    foreign = Citation(value={"type": "char_location"}, dialect="anthropic_messages")
    cite = Citation(value=value, dialect=OWN)
    wire = written([cite, TextDelta(text="a"), cite, foreign, cite])
    places = [event["annotation_index"] for event in wire if event["type"].endswith("annotation.added")]
    assert places == [0, 1]
    assert output(wire)[0]["content"][0]["annotations"] == [value, value]


def test_logprobs_stand_in_deltas_and_in_the_whole() -> None:
    token = {"token": "a", "logprob": -1.0, "bytes": None, "top_logprobs": []}
    wire = written([TextDelta(text="a", logprobs={"content": [token]}), TextDelta(text="b")])
    expected = [{**token, "bytes": []}]
    assert [event["logprobs"] for event in wire if event["type"].endswith("text.delta")] == [expected, []]
    assert output(wire)[0]["content"][0]["logprobs"] == expected


def test_other_alternatives_than_the_first_are_left_out() -> None:
    wire = written([TextDelta(text="a"), TextDelta(text="b", choice=1), Finish(reason="length", choice=1), Finish(reason="stop")])
    assert output(wire)[0]["content"][0]["text"] == "a"
    assert wire[-1]["response"]["status"] == "completed"


@pytest.mark.parametrize("events", [[TextDelta(text="a")], [start(0), piece(0, '{"a"')]], ids=["text", "call"])
def test_an_item_that_the_limit_cut_is_incomplete(events: list[Event]) -> None:
    wire = written([*events, Finish(reason="length")])
    assert wire[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert output(wire)[0]["status"] == "incomplete"


FAILED = Failed(status=429, kind="rate_limit", code="", message="slow down")


def test_a_stream_that_breaks_ends_with_response_failed_and_nothing_else() -> None:
    builder = stream_builder(parsed(), NAMING)
    stream = builder.add(TextDelta(text="a")) + builder.fail(FAILED)
    wire = read_events(stream + builder.end() + builder.fail(FAILED) + builder.add(TextDelta(text="b")))
    assert kinds(wire) == [*OPENING, *TEXT[:3], "failed"]
    assert wire[-1]["response"]["status"] == "failed"
    assert wire[-1]["response"]["error"] == {"code": "rate_limit_exceeded", "message": "slow down"}


def test_a_providers_own_code_is_kept() -> None:
    builder = stream_builder(parsed(), NAMING)
    failed = Failed(status=400, kind="invalid_request", code="context_length_exceeded", message="long")
    assert b'"error":{"code":"context_length_exceeded","message":"long"}' in builder.add(Start()) + builder.fail(failed)


def test_a_stream_that_breaks_before_it_began_is_one_flat_error() -> None:
    wire = read_events(stream_builder(parsed(), NAMING).fail(FAILED))
    assert wire == [{"type": "error", "sequence_number": 0, "code": "rate_limit_exceeded", "message": "slow down", "param": None}]


def test_the_end_comes_once() -> None:
    builder = stream_builder(parsed(), NAMING)
    assert builder.end()
    assert builder.end() == b""


def test_openais_sdk_accumulates_the_same_answer() -> None:
    builder = stream_builder(parsed(tools=[PATCH]), NAMING)
    events: list[Event] = [
        Start(id="msg_1"),
        ThinkingDelta(text="hm"),
        ThinkingSignature(signature="Sig", dialect="anthropic_messages"),
        TextDelta(text="I "),
        TextDelta(text="look"),
        start(0, "weather"),
        start(1, "apply_patch", custom=True),
        piece(0, '{"city":'),
        piece(1, "***"),
        piece(0, '"Paris"}'),
        UsageSeen(usage=Usage(input_tokens=3, output_tokens=2)),
        Finish(reason="tool_calls"),
    ]
    stream = b"".join([builder.add(event) for event in events]) + builder.end()
    answer = accumulated(stream)
    assert answer.output_text == "I look"
    assert [item.type for item in answer.output] == ["reasoning", "message", "function_call", "custom_tool_call"]
    assert answer.output[2].arguments == '{"city":"Paris"}'  # type: ignore[union-attr]
    assert answer.output[3].input == "***"  # type: ignore[union-attr]
    assert answer.usage is not None
    assert answer.usage.total_tokens == 5
    assert answer.model_dump()["output"] == _filled(read_events(stream)[-1]["response"]["output"], answer)


def _filled(items: list[dict[str, Any]], answer: Any) -> list[dict[str, Any]]:
    """Return items with the members that the SDK adds to them as null."""
    return [dict.fromkeys(found.model_dump()) | _deep(item) for item, found in zip(items, answer.output, strict=True)]


def _deep(item: dict[str, Any]) -> dict[str, Any]:
    parts = item.get("content") if item["type"] == "message" else None
    if parts is not None:
        item = {**item, "content": [{**part, "parsed": None} for part in parts]}
    return {**item, "parsed_arguments": None} if item["type"] == "function_call" else item
