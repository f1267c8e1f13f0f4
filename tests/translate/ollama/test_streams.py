"""Streams: lines of a server as events, and events as lines, checked with the official client's own types."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from ollama import ChatResponse, GenerateResponse

from fastgate.providers.provider import Quirks
from fastgate.translate.answer import Fault, Usage
from fastgate.translate.conversation import ChatRequest
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
from fastgate.translate.ollama import stream_builder, stream_parser
from fastgate.translate.target import Asked, Naming, Target

CASES = Path(__file__).parents[2] / "cases" / "translate" / "ollama"
TARGET = Target(model="m", dialect="ollama")
NAMING = Naming(model="alias", seed="abc", now=1_700_000_000)
CREATED = 1795164739
PNG = "iVBORw0KGgoAAAANSUhEUgAA"


def events_of(lines: bytes, target: Target = TARGET, asked: Asked | None = None) -> list[Event]:
    parser = stream_parser(target, asked or Asked())
    return [event for line in lines.split(b"\n") for event in parser.feed(line)] + parser.close()


def lines_of(events: list[Event], operation: str = "chat", naming: Naming = NAMING) -> list[dict[str, Any]]:
    builder = stream_builder(ChatRequest(turns=[], operation=operation), naming)
    sent = b"".join(builder.add(event) for event in events) + builder.end()
    assert sent.endswith(b"\n")
    assert builder.end() == builder.add(TextDelta(text="late")) == builder.fail(Failed(status=1, kind="", code="", message="")) == b""
    lines = [orjson.loads(line) for line in sent.splitlines()]
    for line in lines:
        assert line.pop("model") == "alias"
        assert line.pop("created_at") == "2023-11-14T22:13:20Z"
        if "images" not in line.get("message", {}):
            (GenerateResponse if operation == "ollama_generate" else ChatResponse).model_validate(line)
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    return lines


def messages_of(events: list[Event]) -> list[dict[str, Any]]:
    """Return what the lines before the last say, their role apart."""
    lines = lines_of(events)
    assert all(line["message"].pop("role") == "assistant" for line in lines)
    return [line["message"] for line in lines[:-1]]


def test_a_recorded_stream_is_events() -> None:
    assert events_of((CASES / "chat.ndjson").read_bytes()) == [
        Start(created=CREATED),
        TextDelta(text="The sky"),
        TextDelta(text=" is blue "),
        TextDelta(text="\u2028 ü ☀"),
        Unknown(
            dialect="ollama",
            value={"timings": {"load_ns": 1334875, "prompt_eval_ns": 342546000, "eval_ns": 4535599000, "total_ns": 4883583458}},
        ),
        UsageSeen(usage=Usage(input_tokens=26, output_tokens=282)),
        Finish(reason="stop"),
    ]


def test_parallel_calls_in_several_lines_have_ordinals_of_their_own() -> None:
    # Finish is tool_calls although the last line says stop and holds no call; the prompt was cached.
    assert events_of((CASES / "chat_thinking_tools.ndjson").read_bytes()) == [
        Start(created=CREATED),
        ThinkingDelta(text="They want"),
        ThinkingDelta(text=" two cities."),
        ToolStart(call=0, id="", name="get_weather"),
        ToolDelta(call=0, arguments='{"city":"Rome"}'),
        ToolStart(call=1, id="call_x1", name="get_weather"),
        ToolDelta(call=1, arguments='{"city":"Oslo"}'),
        ToolStart(call=2, id="", name="now"),
        ToolDelta(call=2, arguments="{}"),
        Unknown(dialect="ollama", value={"timings": {"load_ns": 100, "prompt_eval_ns": 200, "eval_ns": 500, "total_ns": 900}}),
        UsageSeen(usage=Usage(output_tokens=40)),
        Finish(reason="tool_calls"),
    ]


def test_calls_are_left_out_as_the_request_asked() -> None:
    recorded = (CASES / "chat_thinking_tools.ndjson").read_bytes()
    assert events_of(recorded, asked=Asked(no_calls=True))[-1] == Finish(reason="stop")
    one = events_of(recorded, asked=Asked(one_call=True))
    assert [event.call for event in one if isinstance(event, ToolStart)] == [0]
    assert one[-1] == Finish(reason="tool_calls")


def test_the_server_s_clock_is_on_the_parser() -> None:
    parser = stream_parser(TARGET, Asked())
    assert (parser.load_ns, parser.prompt_eval_ns, parser.eval_ns, parser.total_ns) == (0, 0, 0, 0)
    for line in (CASES / "chat_thinking_tools.ndjson").read_bytes().splitlines():
        parser.feed(line)
    assert (parser.load_ns, parser.prompt_eval_ns, parser.eval_ns, parser.total_ns) == (100, 200, 500, 900)


def test_thoughts_that_are_to_come_back_are_signed_where_they_end() -> None:
    target = Target(model="m", dialect="ollama", quirks=Quirks(thinking_returns=True))
    events = events_of((CASES / "chat_thinking_tools.ndjson").read_bytes(), target)
    assert events[3] == ThinkingSignature(signature="unsigned", dialect="ollama")
    assert sum(isinstance(event, ThinkingSignature) for event in events) == 1
    events = events_of(b'{"message":{"thinking":"t"},"done":true}', target)
    assert events[1:] == [ThinkingDelta(text="t"), ThinkingSignature(signature="unsigned", dialect="ollama"), Finish(reason="stop")]


LINES: list[tuple[bytes, list[Event]]] = [
    (b"", []),
    (b" \r", []),
    (b'{"message":{"content":"x"}}\r', [Start(), TextDelta(text="x")]),
    (b'{"message":{"content":""},"done":false}', [Start()]),
    (b'{"message":{"role":"assistant","content":null,"thinking":null,"tool_calls":null},"done":false}', [Start()]),
    (b'{"message":{"content":"b","thinking":"a"},"done":false}', [Start(), ThinkingDelta(text="a"), TextDelta(text="b")]),
    (b'{"message":{"content":"last"},"done":true,"done_reason":"length"}', [Start(), TextDelta(text="last"), Finish(reason="length")]),
    (b'{"done":true,"done_reason":"load"}', [Start(), Finish(reason="stop", raw_finish="load")]),
    (b'{"message":{"content":"","images":["iVBORw0KGgoAAAANSUhEUgAA"]}}', [Start(), ImageOut(media_type="image/png", data=PNG)]),
    (b'{"message":{"content":"","images":["UklGRiQAAABXQVZF"]}}', [Start(), AudioDelta(value={"data": "UklGRiQAAABXQVZF"})]),
    (b'{"status":"loading"}', [Start(), Unknown(dialect="ollama", value={"status": "loading"})]),
    (
        b'{"message":{"content":"a"},"logprobs":[{"token":"a","logprob":-1}]}',
        [
            Start(),
            TextDelta(
                text="a", logprobs={"content": [{"token": "a", "logprob": -1, "bytes": [97], "top_logprobs": []}], "refusal": None}
            ),
        ],
    ),
    (b'{"error":"server busy"}', [Failed(status=502, kind="upstream", code="", message="server busy")]),
    (b'{"error":{"message":"m","code":"c"}}', [Failed(status=502, kind="upstream", code="c", message="m")]),
]


@pytest.mark.parametrize(("line", "events"), LINES)
def test_lines_are_events(line: bytes, events: list[Event]) -> None:
    assert events_of(line) == events


def test_only_done_ends_a_stream() -> None:
    parser = stream_parser(TARGET, Asked())
    parser.feed(b'{"message":{"content":"x"},"done":false}')
    assert parser.close() == []
    assert not parser.ended
    parser.feed(b'{"message":{"content":""},"done":true}')
    assert parser.ended
    assert parser.feed(b'{"message":{"content":"late"}}') == []


def test_an_error_is_the_last_event_and_no_end() -> None:
    parser = stream_parser(TARGET, Asked())
    parser.feed(b'{"message":{"content":"x"},"done":false}')
    assert parser.feed(b'{"error":"out of memory"}') == [Failed(status=502, kind="upstream", code="", message="out of memory")]
    assert parser.feed(b'{"message":{"content":""},"done":true}') == []
    assert not parser.ended


@pytest.mark.parametrize("line", [b"{", b"[]", b'"x"', b'{"message":5}', b'{"message":{"content":[]}}', b'{"message":{"tool_calls":5}}'])
def test_what_cannot_be_read_is_the_provider_s_fault(line: bytes) -> None:
    with pytest.raises(Fault) as caught:
        stream_parser(TARGET, Asked()).feed(line)
    assert (caught.value.status, caught.value.kind) == (502, "upstream")


def test_text_is_lines_of_a_chat() -> None:
    events = [Start(), TextDelta(text="a"), TextDelta(text=""), TextDelta(text='"\u2028\n☀'), RefusalDelta(text="no")]
    events += [UsageSeen(usage=Usage(input_tokens=3, output_tokens=2)), Finish(reason="stop")]
    ending = {"total_duration": 0, "load_duration": 0, "prompt_eval_count": 3, "prompt_eval_duration": 0, "eval_count": 2}
    assert lines_of(events) == [
        *[{"message": {"role": "assistant", "content": text}, "done": False} for text in ("a", '"\u2028\n☀', "no")],
        {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop", **ending, "eval_duration": 0},
    ]


def test_text_is_lines_of_a_generated_answer() -> None:
    lines = lines_of([ThinkingDelta(text="hm"), TextDelta(text="a"), ImageOut(media_type="image/png", data=PNG)], "ollama_generate")
    assert lines[:-1] == [
        {"response": "", "thinking": "hm", "done": False},
        {"response": "a", "done": False},
        {"response": "", "image": PNG, "done": False},
    ]
    assert (lines[-1]["response"], lines[-1]["done_reason"]) == ("", "stop")
    assert "message" not in lines[-1]


def test_the_shape_of_a_line_is_the_server_s() -> None:
    builder = stream_builder(ChatRequest(turns=[]), NAMING)
    assert builder.add(TextDelta(text="a")) == (
        b'{"model":"alias","created_at":"2023-11-14T22:13:20Z","message":{"role":"assistant","content":"a"},"done":false}\n'
    )
    assert builder.CONTENT_TYPE == b"application/x-ndjson"


MESSAGES: list[tuple[str, list[Event], list[dict[str, Any]]]] = [
    ("a thought", [ThinkingDelta(text="t"), ThinkingDelta(text="")], [{"content": "", "thinking": "t"}]),
    ("an image", [ImageOut(media_type="image/png", data=PNG)], [{"content": "", "images": [PNG]}]),
    (
        "a call is written when its arguments are an object",
        [ToolStart(call=0, id="x", name="f"), ToolDelta(call=0, arguments='{"a"'), ToolDelta(call=0, arguments=":1}"), TextDelta(text="b")],
        [
            {"content": "", "tool_calls": [{"id": "x", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}]},
            {"content": "b"},
        ],
    ),
    (
        "interleaved calls keep their order and their arguments",
        [
            ToolStart(call=0, id="x", name="f"),
            ToolStart(call=1, id="", name="g"),
            ToolDelta(call=1, arguments='{"b":'),
            ToolDelta(call=0, arguments='{"a":1}'),
            Finish(reason="tool_calls"),
            ToolDelta(call=1, arguments="2}"),
        ],
        [
            {"content": "", "tool_calls": [{"id": "x", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}]},
            {"content": "", "tool_calls": [{"id": "call_abc01", "function": {"index": 1, "name": "g", "arguments": {"b": 2}}}]},
        ],
    ),
    (
        "a call without arguments has none",
        [ToolStart(call=0, id="x", name="f"), TextDelta(text="b"), ToolDelta(call=0, arguments="")],
        [{"content": "b"}, {"content": "", "tool_calls": [{"id": "x", "function": {"index": 0, "name": "f", "arguments": {}}}]}],
    ),
    (
        "free text is the member input",
        [ToolStart(call=0, id="x", name="f", custom=True), ToolDelta(call=0, arguments="{}"), TextDelta(text="b")],
        [
            {"content": "b"},
            {"content": "", "tool_calls": [{"id": "x", "function": {"index": 0, "name": "f", "arguments": {"input": "{}"}}}]},
        ],
    ),
    (
        "a call that the limit cut is left out",
        [
            ToolStart(call=0, id="x", name="f"),
            ToolDelta(call=0, arguments="{}"),
            ToolStart(call=1, id="y", name="g"),
            ToolDelta(call=1, arguments='{"a'),
            Finish(reason="length"),
        ],
        [{"content": "", "tool_calls": [{"id": "x", "function": {"index": 0, "name": "f", "arguments": {}}}]}],
    ),
    (
        "other alternatives are left out",
        [
            TextDelta(text="a", choice=1),
            ThinkingDelta(text="a", choice=1),
            ToolStart(call=0, id="x", name="f", choice=1),
            TextDelta(text="b"),
        ],
        [{"content": "b"}],
    ),
    (
        "what only other dialects know is left out",
        [
            ThinkingSignature(signature="s", dialect="gemini"),
            RedactedThinking(redacted="r", dialect="anthropic_messages"),
            Citation(value={}, dialect="anthropic_messages"),
            AudioDelta(value={}),
            Unknown(dialect="gemini", value={"timings": {"total_ns": 1}}),
        ],
        [],
    ),
    ("nothing at all", [], []),
]


@pytest.mark.parametrize(("events", "messages"), [case[1:] for case in MESSAGES], ids=[case[0] for case in MESSAGES])
def test_events_are_messages(events: list[Event], messages: list[dict[str, Any]]) -> None:
    assert messages_of(events) == messages


def test_logprobs_stand_beside_the_message() -> None:
    entry = {"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}
    lines = lines_of([TextDelta(text="a", logprobs={"content": [entry], "refusal": None})])
    assert lines[0] == {"message": {"role": "assistant", "content": "a"}, "logprobs": [entry], "done": False}


def test_the_last_usage_counts_before_and_behind_the_finish() -> None:
    first, last = (UsageSeen(usage=Usage(input_tokens=1, output_tokens=tokens)) for tokens in (1, 9))
    for events in ([first, last, Finish(reason="length")], [Finish(reason="length"), first, last]):
        ending = lines_of([*events])[-1]
        assert (ending["eval_count"], ending["done_reason"]) == (9, "length")


def test_time_is_that_of_the_provider_or_the_gateway() -> None:
    naming = Naming(model="alias", seed="s", now=1_700_000_000, elapsed_ns=70)
    assert lines_of([], naming=naming)[-1]["eval_duration"] == 70
    timings = {"load_ns": 1, "prompt_eval_ns": 2, "eval_ns": 3, "total_ns": 8}
    ending = lines_of([Unknown(dialect="ollama", value={"timings": timings})], naming=naming)[-1]
    assert {name: value for name, value in ending.items() if name.endswith("_duration")} == {
        "total_duration": 8,
        "load_duration": 1,
        "prompt_eval_duration": 2,
        "eval_duration": 3,
    }
    builder = stream_builder(ChatRequest(turns=[]), naming)
    builder.timings = {"total_ns": 100, "prompt_eval_ns": 40}
    ending = orjson.loads(builder.end())
    assert (ending["total_duration"], ending["prompt_eval_duration"], ending["eval_duration"]) == (100, 40, 60)


def test_a_broken_stream_ends_with_an_error_and_without_done() -> None:
    builder = stream_builder(ChatRequest(turns=[]), NAMING)
    builder.add(TextDelta(text="a"))
    builder.add(ToolStart(call=0, id="x", name="f"))
    assert builder.fail(Failed(status=502, kind="upstream", code="c", message="cut")) == b'{"error":"cut"}\n'
    assert builder.fail(Failed(status=502, kind="upstream", code="c", message="cut")) == builder.end() == b""


def test_a_model_that_failed_is_no_complete_end() -> None:
    builder = stream_builder(ChatRequest(turns=[]), NAMING)
    builder.add(Finish(reason="error", raw_finish="MALFORMED"))
    assert orjson.loads(builder.end()) == {"error": "the model failed to write an answer (MALFORMED)"}


def test_absorbed_arguments_are_part_of_the_call() -> None:
    builder = stream_builder(ChatRequest(turns=[]), NAMING)
    builder.add(ToolStart(call=0, id="x", name="f"))
    builder.absorb(ToolDelta(call=0, arguments='{"a":1}'))
    builder.absorb(TextDelta(text="gone"))
    assert b'"arguments":{"a":1}' in builder.end()


def test_a_recorded_stream_comes_back_as_it_was() -> None:
    for name in ("chat", "chat_thinking_tools"):
        recorded = (CASES / f"{name}.ndjson").read_bytes()
        events = events_of(recorded)
        again = lines_of(events)
        expected = [orjson.loads(line) for line in recorded.splitlines()]
        assert [line["message"]["content"] for line in again if line["message"]["content"]] == [
            line["message"]["content"] for line in expected if line["message"]["content"]
        ]
        counted = {member: value for member, value in expected[-1].items() if member.endswith(("_count", "_duration"))}
        assert {member: value for member, value in again[-1].items() if member in counted} == counted
        assert again[-1]["done_reason"] == "stop"
