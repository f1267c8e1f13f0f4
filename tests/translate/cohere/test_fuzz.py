"""Whatever comes in, Cohere's builder and readers answer with their own errors and with nothing else."""

from contextlib import suppress
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgate.translate import cohere
from fastgate.translate.answer import ChatAnswer, Fault
from fastgate.translate.conversation import Part, Text, Thinking, ToolCall, ToolResult, Turn
from fastgate.translate.target import Asked
from tests.translate.cohere.chat import built, target

MEMBERS = ["message", "content", "type", "text", "thinking", "tool_plan", "tool_calls", "id", "function", "name", "arguments", "citations"]
MEMBERS += [
    "content_index",
    "finish_reason",
    "usage",
    "tokens",
    "input_tokens",
    "logprobs",
    "delta",
    "index",
    "error",
    "embeddings",
    "float",
    "meta",
]
TYPES = ["content-start", "content-delta", "tool-plan-delta", "tool-call-start", "tool-call-delta", "citation-start", "message-start"]
TYPES += ["message-end", "debug", "error", ""]
JSON = st.recursive(
    st.none()
    | st.integers(-1, 2)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "a", "text", "TOOL_CALL", "ERROR"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=20,
)
PARTS = (
    st.builds(Text, text=st.text(max_size=10))
    | st.builds(Thinking, text=st.text(max_size=5), dialect=st.sampled_from(["cohere", "gemini"]))
    | st.builds(ToolCall, id=st.sampled_from(["", "a"]), name=st.just("f"), arguments=st.sampled_from(["", "{}", "[", "1"]))
)
TURNS = st.lists(
    st.builds(Turn, role=st.just("assistant"), parts=st.lists(PARTS, max_size=3))
    | st.builds(Turn, role=st.sampled_from(["user", "system"]), parts=st.lists(st.builds(Text, text=st.text(max_size=5)), max_size=2))
    | st.builds(Turn, role=st.just("tool"), parts=st.lists(st.builds(ToolResult, call_id=st.sampled_from(["", "a"])), max_size=2)),
    min_size=1,
    max_size=5,
)


@given(TURNS)
@settings(max_examples=200)
def test_any_talk_becomes_messages_that_the_sdk_takes(turns: list[Turn]) -> None:
    body, _, _ = built(*turns)
    for message in body["messages"]:
        assert not ("tool_calls" in message and isinstance(message.get("content"), str))


@given(st.lists(PARTS, max_size=4))
@settings(max_examples=100)
def test_what_the_assistant_said_comes_back_the_same_from_cohere(parts: list[Part]) -> None:
    body, _, _ = built(Turn(role="user", parts=[Text(text="hi")]), Turn(role="assistant", parts=list(parts)))
    message = body["messages"][-1] if len(body["messages"]) > 1 else {}
    if isinstance(message.get("content"), str):
        message["content"] = [{"type": "text", "text": message["content"]}]
    found = cohere.parse_answer(orjson.dumps({"message": message}), target(), Asked()).choices[0].parts
    called = any(type(part) is ToolCall for part in parts)
    between = "\n" if called else ""
    assert between.join(part.text for part in found if type(part) is Text) == between.join(
        part.text for part in parts if type(part) is Text and part.text
    )
    assert [part.arguments for part in found if type(part) is ToolCall] == [
        part.arguments or "{}" for part in parts if type(part) is ToolCall
    ]
    thoughts = [part.text for part in parts if type(part) is Thinking and part.dialect == "cohere" and part.text]
    assert [part.text for part in found if type(part) is Thinking] == thoughts


@given(JSON)
@settings(max_examples=200)
def test_any_json_is_an_answer_or_a_fault(value: Any) -> None:
    for told in (
        value,
        {"message": value},
        {"message": {"content": [value], "citations": [value], "tool_calls": [value]}, "logprobs": value},
    ):
        with suppress(Fault):
            assert isinstance(cohere.parse_answer(orjson.dumps(told), target(), Asked(answer_tool="a")), ChatAnswer)
        with suppress(Fault):
            cohere.parse_embedding_answer(orjson.dumps(told))


@given(st.lists(st.tuples(st.sampled_from(TYPES), JSON), max_size=5))
@settings(max_examples=200)
def test_any_events_are_read_or_a_fault(told: list[tuple[str, Any]]) -> None:
    parser = cohere.stream_parser(target(), Asked())
    with suppress(Fault):
        for kind, value in told:
            for delta in (value, {"message": value, "usage": value, "finish_reason": value}):
                parser.feed(orjson.dumps({"type": kind, "delta": delta, "index": value}))
        parser.close()


@given(st.integers(400, 599), st.binary(max_size=50) | JSON.map(orjson.dumps))
@settings(max_examples=200)
def test_reading_an_error_never_raises(status: int, body: bytes) -> None:
    fault = cohere.parse_error(status, body)
    assert (fault.status, bool(fault.message)) == (status, True)
