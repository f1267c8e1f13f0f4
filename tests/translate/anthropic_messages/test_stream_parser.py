"""A provider's stream becomes events."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from fastgate.translate.answer import Fault, Usage
from fastgate.translate.anthropic_messages import FRAMING, stream_parser
from fastgate.translate.events import (
    Citation,
    Event,
    Failed,
    Finish,
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
from fastgate.translate.target import Asked, Target

CASES = Path(__file__).parents[2] / "cases"
OWN = "anthropic_messages"


def hear(*events: Any, asked: Asked | None = None) -> list[Event]:
    parser = stream_parser(Target(model="claude-opus-4-6", dialect=OWN), asked or Asked())
    return [said for event in events for said in parser.feed(event if isinstance(event, bytes) else orjson.dumps(event))] + parser.close()


def data_of(path: Path) -> list[bytes]:
    return [event.partition(b"data: ")[2] for event in path.read_bytes().split(b"\n\n")[:-1]]


def start(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **said: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **said}}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def ended(reason: str | None, **more: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, **more}}


END = {"type": "message_stop"}


def test_a_stream_is_read_event_by_event() -> None:
    assert FRAMING == "events"
    input_side = Usage(input_tokens=12, output_tokens=1)
    assert hear(*data_of(CASES / "anthropic" / "message.sse")) == [
        Start(id="msg_01XFDUDYJgAACzvnptvVoYEL", service_tier="default"),
        UsageSeen(usage=input_side),
        TextDelta(text="Grüße"),
        TextDelta(text=" aus"),
        TextDelta(text=" Łódź"),
        TextDelta(text="."),
        Finish(reason="stop"),
        UsageSeen(usage=Usage(input_tokens=12, output_tokens=9)),
    ]


# Portkey-AI/gateway#1275, litellm#4554: calls are numbered by themselves and not by their blocks.
def test_thoughts_calls_and_server_tools_are_read() -> None:
    counters = {"server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0}}
    events = hear(*data_of(CASES / "translate" / OWN / "tools.sse"))
    unknown = [event for event in events if isinstance(event, Unknown)]
    assert [event for event in events if not isinstance(event, Unknown)] == [
        Start(id="msg_01A", service_tier="default"),
        UsageSeen(usage=Usage(input_tokens=2310, cache_read_tokens=2000, cache_write_tokens=300, output_tokens=3)),
        ThinkingDelta(text="Hm."),
        ThinkingSignature(signature="EqQB+/==", dialect=OWN),
        RedactedThinking(redacted="Emw=", dialect=OWN),
        TextDelta(text="Let me "),
        TextDelta(text="look."),
        ToolStart(call=0, id="toolu_01A", name="look"),
        ToolDelta(call=0, arguments='{"city": "Łó'),
        ToolDelta(call=0, arguments='dź"}'),
        ToolStart(call=1, id="toolu_01B", name="now"),
        ToolDelta(call=1, arguments="{}"),
        Finish(reason="tool_calls"),
        # litellm#31069, #41071: the counts of message_delta are cumulative.
        UsageSeen(usage=Usage(input_tokens=2310, cache_read_tokens=2000, cache_write_tokens=300, output_tokens=50)),
    ]
    assert [event.value["type"] for event in unknown] == [
        "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
    ]  # fmt: skip
    assert unknown[-1].value == {"type": "message_delta", "usage": counters}


def test_what_a_blocks_start_says_already_is_heard() -> None:
    assert hear(
        start(0, type="text", text="Hel", citations=[{"x": 1}]),
        start(1, type="thinking", thinking="hm", signature="s"),
        start(2, type="tool_use", name="f", input={"a": 1}, caller={"type": "direct"}),
        stop(2),
    ) == [
        TextDelta(text="Hel"),
        Citation(value={"x": 1}, dialect=OWN),
        ThinkingDelta(text="hm"),
        ThinkingSignature(signature="s", dialect=OWN),
        ToolStart(call=0, id="", name="f", extra={"caller": {"type": "direct"}}),
        ToolDelta(call=0, arguments='{"a":1}'),
    ]


def test_a_citation_is_heard_in_its_place() -> None:
    assert hear(delta(0, "citations_delta", citation={"x": 1})) == [Citation(value={"x": 1}, dialect=OWN)]


def test_empty_deltas_pings_and_a_foreign_terminator_say_nothing() -> None:
    call = start(0, type="tool_use", id="a", name="f", input={})
    quiet = [{"type": "ping"}, b"[DONE]", b" ", delta(1, "text_delta", text=""), delta(1, "thinking_delta", thinking="")]
    assert hear(call, *quiet, delta(0, "input_json_delta", partial_json="")) == [ToolStart(call=0, id="a", name="f")]


def test_events_of_tomorrow_are_kept_for_a_caller_of_this_dialect() -> None:
    tomorrow = {"type": "a_new_event", "x": 1}
    assert hear(tomorrow) == [Unknown(dialect=OWN, value=tomorrow)]
    new_delta = delta(0, "a_new_delta", x=1)
    assert hear(new_delta) == [Unknown(dialect=OWN, value=new_delta)]


def test_a_finish_may_come_without_a_reason() -> None:
    call = start(0, type="tool_use", id="a", name="f", input={})
    assert hear(ended(None), END) == [Finish(reason="stop")]
    assert hear(call, stop(0), END)[-1] == Finish(reason="tool_calls")
    assert hear(call, stop(0), ended("end_turn"), END)[-1] == Finish(reason="tool_calls")
    assert hear(ended("stop_sequence", stop_sequence="END"), END) == [Finish(reason="stop_sequence", stop_sequence="END")]


def test_details_of_a_refusal_are_kept_for_a_caller_of_this_dialect() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": None}
    assert hear(ended("refusal", stop_details=details)) == [
        Finish(reason="content_filter"),
        Unknown(dialect=OWN, value={"type": "message_delta", "delta": {"stop_details": details}}),
    ]


# litellm#4562, #32086: a stream that stops in the middle is no complete answer.
def test_only_message_stop_ends_a_stream() -> None:
    parser = stream_parser(Target(model="m", dialect=OWN), Asked())
    for event in data_of(CASES / "anthropic" / "message.sse"):
        assert not parser.ended
        parser.feed(event)
    assert parser.ended


ERRORS: list[tuple[Any, Failed]] = [
    (
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        Failed(status=529, kind="overloaded", code="", message="Overloaded"),
    ),
    (
        {"type": "error", "error": {"type": "an_error_of_tomorrow", "message": "new"}},
        Failed(status=502, kind="upstream", code="", message="new"),
    ),
    (
        {"error": {"message": "quota", "type": "x", "code": "insufficient_quota"}},
        Failed(status=502, kind="upstream", code="insufficient_quota", message="quota"),
    ),
    (
        {"type": "error"},
        Failed(status=502, kind="upstream", code="", message="the provider's stream ended with an error that it did not name"),
    ),
]


@pytest.mark.parametrize(("event", "failed"), ERRORS, ids=[str(number) for number in range(len(ERRORS))])
def test_an_error_in_the_stream_is_the_last_event(event: Any, failed: Failed) -> None:
    assert hear(delta(0, "text_delta", text="Hel"), event) == [TextDelta(text="Hel"), failed]


BROKEN = [
    b"<html>",
    b"[1]",
    b"null",
    b"{}",
    orjson.dumps(delta(7, "input_json_delta", partial_json="{")),
    orjson.dumps(delta(0, "text_delta", text=3)),
    orjson.dumps({"type": "content_block_start", "index": 0}),
    orjson.dumps({"type": "message_start", "message": 1}),
]


@pytest.mark.parametrize("event", BROKEN)
def test_what_cannot_be_read_is_a_fault(event: bytes) -> None:
    with pytest.raises(Fault) as raised:
        hear(event)
    assert (raised.value.status, raised.value.kind) == (502, "upstream")


ASKED = Asked(answer_tool="json_answer", renamed={"my_tool": "my.tool"})


def test_the_answer_tools_input_is_streamed_as_text() -> None:
    assert hear(
        start(0, type="text", text=""),
        delta(0, "text_delta", text="Here you are:"),
        stop(0),
        start(1, type="tool_use", id="a", name="json_answer", input={}),
        delta(1, "input_json_delta", partial_json='{"a"'),
        delta(1, "input_json_delta", partial_json=":1}"),
        stop(1),
        delta(2, "text_delta", text="Anything else?"),
        ended("tool_use"),
        END,
        asked=ASKED,
    ) == [TextDelta(text='{"a"'), TextDelta(text=":1}"), Finish(reason="stop")]


def test_text_is_the_answer_if_the_answer_tool_is_not_called() -> None:
    text = delta(0, "text_delta", text="No.")
    assert hear(text, ended("end_turn"), END, asked=ASKED) == [TextDelta(text="No."), Finish(reason="stop")]
    assert hear(text, asked=ASKED) == [TextDelta(text="No.")]


def test_text_stays_before_a_call_of_the_callers_tool() -> None:
    call = start(1, type="tool_use", id="a", name="my_tool", input={})
    assert hear(delta(0, "text_delta", text="Wait."), call, stop(1), ended("tool_use"), asked=ASKED) == [
        TextDelta(text="Wait."),
        ToolStart(call=0, id="a", name="my.tool"),
        ToolDelta(call=0, arguments="{}"),
        Finish(reason="tool_calls"),
    ]
