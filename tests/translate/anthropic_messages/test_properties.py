"""What holds for every input: only the errors that are promised, and a meaning that survives the way through the representation."""

import contextlib
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgate.providers.provider import Quirks
from fastgate.translate import anthropic_messages as dialect
from fastgate.translate.answer import Fault
from fastgate.translate.conversation import ChatRequest
from fastgate.translate.events import Event, Failed, Finish, TextDelta, ThinkingDelta, ThinkingSignature, ToolDelta, ToolStart
from fastgate.translate.losses import InvalidRequest, Losses, NotCarried
from fastgate.translate.target import Asked, Naming, Target
from fastgate.translate.tokens import estimate_tokens

MODELS = ("claude-3-5-sonnet-20241022", "claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-5", "claude-opus-5-5", "kimi-k2")
NAMING = Naming(model="m", seed="0123456789abcdef", now=1)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**6) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)

WORDS = st.sampled_from(
    (
        "text", "image", "document", "thinking", "redacted_thinking", "tool_use", "tool_result", "search_result",
        "base64", "url", "file", "content",
    )
)  # fmt: skip
MEMBERS = (
    "type", "text", "source", "data", "media_type", "url", "file_id", "id", "name", "input", "tool_use_id", "content", "is_error",
    "thinking", "signature", "cache_control", "citations", "title",
)  # fmt: skip
blocks = st.recursive(
    st.dictionaries(st.sampled_from(MEMBERS), WORDS | json_values, max_size=6),
    lambda inner: st.dictionaries(st.sampled_from(MEMBERS), WORDS | json_values | inner | st.lists(inner, max_size=2), max_size=6),
    max_leaves=4,
)
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(("user", "assistant", "system")), "content": st.text(max_size=5) | st.lists(blocks, max_size=3) | json_values}
)
TOP = (
    "system", "tools", "tool_choice", "thinking", "output_config", "metadata", "service_tier", "stop_sequences", "temperature", "top_p",
    "top_k", "stream", "mcp_servers", "context_management", "output_format",
)  # fmt: skip
bodies = st.builds(
    lambda base, more: {**base, **more},
    st.fixed_dictionaries({"max_tokens": st.integers(0, 5000) | json_values, "messages": st.lists(messages, max_size=4) | json_values}),
    st.dictionaries(st.sampled_from(TOP), json_values | blocks | st.lists(blocks, max_size=2), max_size=3),
)


@settings(max_examples=200, deadline=None)
@given(bodies, st.sampled_from(MODELS), st.booleans())
def test_any_json_is_a_request_that_can_be_built_or_an_invalid_one(body: dict[str, Any], model: str, drop: bool) -> None:
    try:
        request = dialect.parse_request(body, "messages")
    except InvalidRequest:
        return
    assert estimate_tokens(request) >= 0
    for caller in ("anthropic_messages", "openai_chat"):
        request.dialect = caller
        with contextlib.suppress(NotCarried, InvalidRequest):
            built, _ = dialect.build_request(request, Target(model=model, dialect="anthropic_messages"), Losses("x", drop_params=drop))
            assert dialect.version_fields(built, Target(model=model, dialect="anthropic_messages"))
            orjson.dumps(built)


answers = st.fixed_dictionaries({"content": st.lists(blocks, max_size=3), "usage": json_values, "stop_reason": json_values})


@settings(max_examples=200, deadline=None)
@given(json_values | blocks | answers)
def test_any_bytes_are_an_answer_or_a_fault(value: Any) -> None:
    asked = Asked(answer_tool="text")
    for body in (orjson.dumps(value), orjson.dumps(value)[:-1], b"\xff"):
        with contextlib.suppress(Fault):
            answer = dialect.parse_answer(body, Target(model="m", dialect="anthropic_messages"), asked)
            assert orjson.loads(dialect.build_answer(answer, ChatRequest(turns=[]), NAMING))["type"] == "message"


KINDS = st.sampled_from(
    ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "error", "x")
)
DELTAS = st.sampled_from(("text_delta", "input_json_delta", "thinking_delta", "signature_delta", "citations_delta"))
wire_events = st.fixed_dictionaries(
    {"type": KINDS | json_values},
    optional={
        "index": st.integers(0, 2) | json_values,
        "content_block": blocks | json_values,
        "delta": st.fixed_dictionaries(
            {"type": DELTAS}, optional={"text": json_values, "partial_json": json_values, "thinking": json_values}
        ),
        "message": json_values | blocks,
        "usage": json_values,
        "error": json_values,
    },
)


@settings(max_examples=200, deadline=None)
@given(st.lists(wire_events | json_values, max_size=6), st.booleans())
def test_any_event_is_read_or_a_fault_and_what_is_read_can_be_written(events: list[Any], folded: bool) -> None:
    parser = dialect.stream_parser(Target(model="m", dialect="anthropic_messages"), Asked(answer_tool="text" if folded else ""))
    builder = dialect.stream_builder(ChatRequest(turns=[]), NAMING)
    out = b""
    with contextlib.suppress(Fault):
        for event in events:
            for said in parser.feed(orjson.dumps(event)):
                out += builder.fail(said) if isinstance(said, Failed) else builder.add(said)
    out += builder.end()
    check_order(out)


def check_order(stream: bytes) -> list[dict[str, Any]]:
    """See that blocks come one after the other within one message; return the events."""
    events = [orjson.loads(event.partition(b"data: ")[2]) for event in stream.split(b"\n\n")[:-1]]
    opened = -1
    for number, event in enumerate(events):
        kind = event["type"]
        assert (kind == "message_start") == (number == 0) or kind == "error"
        if kind == "content_block_start":
            opened += 1
            assert event["index"] == opened
        elif kind.startswith("content_block"):
            assert event["index"] == opened
    kinds = [event["type"] for event in events]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") or kinds[-1] == "error"
    assert kinds[-1] == "error" or kinds[-2:] == ["message_delta", "message_stop"]
    return events


ARGUMENTS = ('{"a":1}', "{}", '{"a":{"b":[1,{"c":"}"}]}}', '{"text":"say \\"}\\" twice"}')


@st.composite
def said_by_a_model(draw: st.DrawFn) -> list[Event]:
    """Thoughts, text and calls whose pieces are cut anywhere and interleave."""
    events: list[Event] = []
    lanes: list[list[Event]] = []
    for call in range(draw(st.integers(0, 3))):
        text = draw(st.sampled_from(ARGUMENTS))
        cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
        edges = [0, *cuts, len(text)]
        lane: list[Event] = [ToolStart(call=call, id=f"c{call}", name="f")]
        lane += [ToolDelta(call=call, arguments=text[start:end]) for start, end in pairwise(edges)]
        lanes.append(lane)
    lanes.append([TextDelta(text=text) for text in draw(st.lists(st.sampled_from(("Hel", "", "lo")), max_size=3))])
    lanes.append([ThinkingDelta(text="hm"), ThinkingSignature(signature="s", dialect="anthropic_messages")][: draw(st.integers(0, 2))])
    lanes.append([Finish(reason="stop")])
    while any(lanes):
        lane = draw(st.sampled_from([lane for lane in lanes if lane]))
        events.append(lane.pop(0))
    return events


@settings(max_examples=200, deadline=None)
@given(said_by_a_model())
def test_interleaved_events_become_blocks_one_after_the_other_and_lose_nothing(said: list[Event]) -> None:
    builder = dialect.stream_builder(ChatRequest(turns=[]), NAMING)
    events = check_order(b"".join([builder.add(event) for event in said]) + builder.end())
    parser = dialect.stream_parser(Target(model="m", dialect="anthropic_messages"), Asked())
    heard = [event for wire in events for event in parser.feed(orjson.dumps(wire))]
    assert parser.ended
    for kind, member in ((TextDelta, "text"), (ThinkingDelta, "text"), (ThinkingSignature, "signature")):
        before, after = ("".join(getattr(e, member) for e in some if type(e) is kind) for some in (said, heard))
        assert before == after
    assert arguments_of(heard) == arguments_of(said)


def arguments_of(events: list[Event]) -> dict[str, str]:
    names = {event.call: event.id for event in events if isinstance(event, ToolStart)}
    found = dict.fromkeys(names.values(), "")
    for event in events:
        if isinstance(event, ToolDelta):
            found[names[event.call]] += event.arguments
    return found


def test_nesting_without_end_is_an_invalid_request() -> None:
    deep: dict[str, Any] = {"type": "tool_result", "tool_use_id": "x", "content": "y"}
    for _ in range(400):
        deep = {"type": "tool_result", "tool_use_id": "x", "content": [deep]}
    nested: dict[str, Any] = {}
    for _ in range(400):
        nested = {"a": nested}
    call = {"type": "tool_use", "id": "x", "name": "y", "input": nested}
    for role, block in (("user", deep), ("assistant", call)):
        with pytest.raises(InvalidRequest):
            dialect.parse_request({"max_tokens": 1, "messages": [{"role": role, "content": [block]}]}, "messages")


def test_quirks_of_a_target_drop_refuse_and_rename_members() -> None:
    quirks = Quirks(drop=frozenset({"top_k"}), refuse=frozenset({"metadata"}), rename={"max_tokens": "limit"})
    target = Target(model="kimi-k2", dialect="anthropic_messages", quirks=quirks)
    body = {"max_tokens": 7, "top_k": 3, "messages": [{"role": "user", "content": "hi"}]}
    losses = Losses("anthropic_messages")
    built, _ = dialect.build_request(dialect.parse_request(body, "messages"), target, losses)
    assert built == {"model": "kimi-k2", "limit": 7, "messages": [{"role": "user", "content": "hi"}]}
    assert losses.warnings == ["drop:top_k"]
    request = dialect.parse_request({**body, "metadata": {"user_id": "u"}}, "messages")
    with pytest.raises(NotCarried, match="metadata"):
        dialect.build_request(request, target, Losses("anthropic_messages"))
