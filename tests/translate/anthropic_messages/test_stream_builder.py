"""Events become a stream that callers of this dialect accept, the official SDK's accumulator among them."""

from pathlib import Path
from typing import Any

import anthropic
import httpx2
import orjson
import pytest
from anthropic.types import RawMessageStreamEvent
from pydantic import TypeAdapter

from fastgate.translate.answer import Usage
from fastgate.translate.anthropic_messages import build_answer, parse_answer, stream_builder, stream_parser
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
from fastgate.translate.target import Asked, Naming, Target

CASES = Path(__file__).parents[2] / "cases"
OWN = "anthropic_messages"
NAMING = Naming(model="my-claude", seed="0123456789abcdef", now=1)
WIRE: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
USAGE = Usage(input_tokens=100, cache_read_tokens=60, output_tokens=7)


def stream(*events: Event) -> bytes:
    builder = stream_builder(ChatRequest(turns=[]), NAMING)
    return b"".join([builder.add(event) for event in events]) + builder.end()


def wire_of(written: bytes) -> list[dict[str, Any]]:
    """Return the events, each checked against the SDK's types and against its own name."""
    said = []
    for event in written.split(b"\n\n")[:-1]:
        name, mark, data = event.partition(b"\ndata: ")
        assert mark
        value = orjson.loads(data)
        assert name == b"event: " + value["type"].encode()
        if value["type"] not in ("error", "ping"):
            WIRE.validate_python(value)
        said.append(value)
    return said


def brief(written: bytes) -> list[str]:
    """Return a stream in few words: blocks with what their deltas say, then how it ended."""
    told: list[str] = []
    for value in wire_of(written):
        if value["type"] == "content_block_start":
            block = value["content_block"]
            told.append(f"{block['type']}:{block.get('name', '')}")
        elif value["type"] == "content_block_delta":
            delta = value["delta"]
            told[-1] += "|" + str(next(delta[member] for member in delta if member != "type"))
        elif value["type"] == "message_delta":
            told.append(value["delta"]["stop_reason"])
    return told


def test_a_stream_of_text_in_full() -> None:
    events = (Start(id="chatcmpl-1"), TextDelta(text=""), TextDelta(text="Hé"), TextDelta(text="llo"), Finish(reason="stop"))
    usage = {"input_tokens": 40, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 60, "output_tokens": 7}
    nothing = {"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0}
    message = {
        "id": "msg_0123456789abcdef", "type": "message", "role": "assistant", "model": "my-claude", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": nothing,
    }  # fmt: skip
    assert wire_of(stream(*events, UsageSeen(usage=USAGE))) == [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hé"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "llo"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]


def call(number: int, **more: Any) -> ToolStart:
    return ToolStart(call=number, id=f"c{number}", name=f"f{number}", **more)


def piece(number: int, arguments: str) -> ToolDelta:
    return ToolDelta(call=number, arguments=arguments)


STREAMS: dict[str, tuple[list[Event], list[str]]] = {
    "nothing at all": ([], ["end_turn"]),
    "a finish alone": ([Finish(reason="length")], ["max_tokens"]),
    "no start, finish before the last delta": ([Finish(reason="stop"), TextDelta(text="x")], ["text:|x", "end_turn"]),
    "thoughts before text": (
        [ThinkingDelta(text="h"), ThinkingDelta(text="m"), TextDelta(text="x")],
        ["thinking:|h|m", "text:|x", "end_turn"],
    ),
    "a signature ends a thought": (
        [
            ThinkingDelta(text="a"),
            ThinkingSignature(signature="s", dialect=OWN),
            ThinkingDelta(text="b"),
            ThinkingSignature(signature="t", dialect="gemini"),
        ],
        ["thinking:|a|s", "thinking:|b|gemini#t", "end_turn"],
    ),
    "a signature of a thought that is not shown": (
        [ThinkingSignature(signature="enc", dialect="openai_responses", id="rs_1"), TextDelta(text="x")],
        ["thinking:|openai_responses#rs_1#enc", "text:|x", "end_turn"],
    ),
    "no signature": ([ThinkingDelta(text="a"), ThinkingSignature(signature="", dialect="x")], ["thinking:|a", "end_turn"]),
    "a redacted thought": (
        [RedactedThinking(redacted="r", dialect=OWN), TextDelta(text="x")],
        ["redacted_thinking:", "text:|x", "end_turn"],
    ),
    "a refusal": ([RefusalDelta(text="no"), Finish(reason="content_filter")], ["text:|no", "refusal"]),
    # litellm#29491, #25321: arguments in the first chunk and together with the finish.
    "a call": (
        [TextDelta(text="x"), call(0), piece(0, '{"a"'), Finish(reason="stop"), piece(0, ":1}")],
        ["text:|x", 'tool_use:f0|{"a"|:1}', "tool_use"],
    ),
    "a call without arguments": ([call(0), Finish(reason="tool_calls")], ["tool_use:f0", "tool_use"]),
    "a call that the limit cut": ([call(0), piece(0, '{"a'), Finish(reason="length")], ['tool_use:f0|{"a', "max_tokens"]),
    "calls one after the other": (
        [call(0), piece(0, "{}"), call(1), piece(1, "{}"), TextDelta(text="x")],
        ["tool_use:f0|{}", "tool_use:f1|{}", "text:|x", "tool_use"],
    ),
    # litellm#13373, #14315
    "interleaved calls": (
        [call(0), call(1), piece(1, "{"), piece(0, '{"a":{'), TextDelta(text="x"), piece(0, "}}"), piece(1, "}")],
        ['tool_use:f0|{"a":{|}}', "tool_use:f1|{|}", "text:|x", "tool_use"],
    ),
    "a call that never completes": (
        [call(0), piece(0, "{"), call(1), call(2), piece(2, "{}"), piece(1, "{}"), Finish(reason="tool_calls")],
        ["tool_use:f0|{", "tool_use:f1|{}", "tool_use:f2|{}", "tool_use"],
    ),
    "a call that starts twice": ([call(0), call(0), piece(0, "{}")], ["tool_use:f0|{}", "tool_use"]),
    "pieces of a call that is over": (
        [call(0), piece(0, "{}"), TextDelta(text="x"), piece(0, "y")],
        ["tool_use:f0|{}", "text:|x", "tool_use"],
    ),
    "a call of free text": (
        [call(0, custom=True), piece(0, 'say "'), piece(0, 'hi"')],
        ['tool_use:f0|{"input":"say \\"hi\\""}', "tool_use"],
    ),
    "a signed call": ([call(0, signature="g"), piece(0, "{}")], ["thinking:|gemini#call#g", "tool_use:f0|{}", "tool_use"]),
    "a signed call behind its thoughts": (
        [ThinkingDelta(text="hm"), call(0, signature="g")],
        ["thinking:|hm|gemini#call#g", "tool_use:f0", "tool_use"],
    ),
    "other alternatives": (
        [TextDelta(text="x"), TextDelta(text="y", choice=1), Finish(reason="length", choice=1)],
        ["text:|x", "end_turn"],
    ),
    "citations of another dialect": ([TextDelta(text="x"), Citation(value={}, dialect="openai_chat")], ["text:|x", "end_turn"]),
    "audio": (
        [AudioDelta(value={"transcript": "spo"}), AudioDelta(value={"data": "x", "transcript": "ken"})],
        ["text:|spo|ken", "end_turn"],
    ),
    "unknown to this dialect": (
        [Unknown(dialect="gemini", value={"type": "content_block_start"}), TextDelta(text="x")],
        ["text:|x", "end_turn"],
    ),
}


@pytest.mark.parametrize(("events", "told"), STREAMS.values(), ids=STREAMS.keys())
def test_a_stream_of(events: list[Event], told: list[str]) -> None:
    assert brief(stream(*events)) == told


def test_an_image_that_a_model_made_is_a_whole_block() -> None:
    written = stream(ImageOut(media_type="image/png", data="QUJD"))
    assert b'"content_block":{"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}}' in written


def test_a_citation_of_this_dialect_stands_in_a_text_block() -> None:
    location = {"type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 0, "end_char_index": 1}
    told = wire_of(stream(Citation(value=location, dialect=OWN)))
    assert told[2] == {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": location}}


def test_usage_that_is_known_at_the_start_is_told_at_the_start() -> None:
    told = wire_of(stream(Start(id="msg_9", service_tier="default"), UsageSeen(usage=USAGE), TextDelta(text="x")))
    assert told[0]["message"]["id"] == "msg_9"
    assert told[0]["message"]["usage"]["input_tokens"] == 40
    assert told[0]["message"]["usage"]["service_tier"] == "standard"


def test_nothing_is_written_before_there_is_something_to_say() -> None:
    builder = stream_builder(ChatRequest(turns=[]), NAMING)
    quiet: list[Event] = [Start(id="x"), TextDelta(text=""), ThinkingDelta(text=""), UsageSeen(usage=USAGE), Finish(reason="stop")]
    assert [builder.add(event) for event in quiet] == [b""] * len(quiet)


def test_a_stream_ends_once() -> None:
    builder = stream_builder(ChatRequest(turns=[]), NAMING)
    assert builder.end().endswith(b'data: {"type":"message_stop"}\n\n')
    assert builder.end() == builder.fail(Failed(status=500, kind="upstream", code="", message="x")) == b""


# litellm#40578, #29223
def test_a_stream_that_breaks_says_so_and_nothing_like_an_end() -> None:
    builder = stream_builder(ChatRequest(turns=[]), NAMING)
    failed = Failed(status=529, kind="overloaded", code="", message="Busy")
    told = wire_of(builder.add(TextDelta(text="x")) + builder.fail(failed) + builder.end())
    assert told[-1] == {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}
    assert "message_stop" not in [value["type"] for value in told]


def test_a_model_that_failed_ends_its_stream_with_an_error() -> None:
    told = wire_of(stream(TextDelta(text="x"), Finish(reason="error", raw_finish="MALFORMED_FUNCTION_CALL")))
    assert [value["type"] for value in told[-2:]] == ["content_block_stop", "error"]
    assert "MALFORMED_FUNCTION_CALL" in told[-1]["error"]["message"]


def test_pieces_that_were_written_without_the_builder_still_complete_a_call() -> None:
    builder = stream_builder(ChatRequest(turns=[]), NAMING)
    assert frozenset({ToolDelta}) == builder.ABSORBS
    builder.add(call(0))
    builder.add(piece(0, '{"a":'))
    builder.absorb(piece(0, "{"))
    assert builder.add(call(1)) == b""
    assert b"content_block_stop" in builder.add(piece(0, "}}"))


def test_a_stream_of_this_dialect_comes_out_as_it_came_in() -> None:
    wire = (CASES / "translate" / OWN / "tools.sse").read_bytes()
    parser = stream_parser(Target(model="m", dialect=OWN), Asked())
    heard = [said for event in wire.split(b"\n\n")[:-1] for said in parser.feed(event.partition(b"data: ")[2])]
    before = [value for value in wire_of(wire) if value["type"] != "ping" and value.get("delta", {}).get("partial_json") != ""]
    before[0]["message"]["model"] = "my-claude"
    before[0]["message"]["usage"]["output_tokens"] = 0
    del before[-2]["delta"]["stop_details"]
    # A call without arguments is told as such.
    before.insert(-3, {"type": "content_block_delta", "index": 5, "delta": {"type": "input_json_delta", "partial_json": "{}"}})
    assert wire_of(stream(*heard)) == before


class Fed(httpx2.SyncByteStream):
    """Bytes in pieces of seven."""

    def __init__(self, written: bytes) -> None:
        self.written = written

    def __iter__(self) -> Any:
        return iter([self.written[at : at + 7] for at in range(0, len(self.written), 7)])


def accumulate(written: bytes) -> Any:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Fed(written))

    with (
        httpx2.Client(transport=httpx2.MockTransport(answer)) as feeder,
        anthropic.Anthropic(api_key="k", base_url="http://x", http_client=feeder, max_retries=0) as client,
        client.messages.stream(model="my-claude", max_tokens=9, messages=[{"role": "user", "content": "hi"}]) as streamed,
    ):
        return streamed.get_final_message()


def test_the_sdk_accumulates_the_same_message_as_the_complete_answer() -> None:
    """One provider answer, streamed and whole, is the same to a caller."""
    parser = stream_parser(Target(model="m", dialect=OWN), Asked())
    wire = (CASES / "translate" / OWN / "tools.sse").read_bytes()
    heard = [said for event in wire.split(b"\n\n")[:-1] for said in parser.feed(event.partition(b"data: ")[2])]
    final = accumulate(stream(*heard))
    answer = parse_answer((CASES / "translate" / OWN / "answer.json").read_bytes(), Target(model="m", dialect=OWN), Asked())
    whole = orjson.loads(build_answer(answer, ChatRequest(turns=[]), NAMING))
    assert [block.type for block in final.content] == ["thinking", "redacted_thinking", "text", "server_tool_use", "tool_use", "tool_use"]
    assert final.content[0].to_dict() == whole["content"][0]
    assert final.content[4].input == whole["content"][5]["input"]
    assert (final.model, final.stop_reason, final.usage.output_tokens) == ("my-claude", "tool_use", 50)


@pytest.mark.parametrize("name", [name for name in STREAMS if name not in ("nothing at all", "a finish alone")])
def test_the_sdk_accumulates(name: str) -> None:
    events, told = STREAMS[name]
    final = accumulate(stream(*events, UsageSeen(usage=USAGE)))
    assert [block.type for block in final.content] == [block.partition(":")[0] for block in told[:-1]]
    assert final.stop_reason == told[-1]
    assert (final.usage.input_tokens, final.usage.cache_read_input_tokens, final.usage.output_tokens) == (40, 60, 7)


def test_the_sdk_raises_what_a_broken_stream_tells() -> None:
    builder = stream_builder(ChatRequest(turns=[]), NAMING)
    failed = Failed(status=529, kind="overloaded", code="", message="Busy")
    with pytest.raises(anthropic.APIStatusError, match="Busy"):
        accumulate(builder.add(TextDelta(text="x")) + builder.fail(failed))
