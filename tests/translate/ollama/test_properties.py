"""What holds for any input: nothing but the named errors, and meaning that survives the way through the dialect."""

from contextlib import suppress
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgate.translate.answer import ChatAnswer, Choice, Fault, Usage
from fastgate.translate.conversation import ChatRequest, Text, Thinking, ToolCall, ToolResult, Turn
from fastgate.translate.events import Failed, Finish, TextDelta, ThinkingDelta, ToolDelta, ToolStart
from fastgate.translate.losses import InvalidRequest, Losses, NotCarried
from fastgate.translate.ollama import (
    build_answer,
    build_embedding_request,
    build_request,
    parse_answer,
    parse_embedding_answer,
    parse_embedding_request,
    parse_error,
    parse_request,
    stream_builder,
    stream_parser,
)
from fastgate.translate.target import Asked, Naming, Target

TARGET = Target(model="m", dialect="ollama")
NAMING = Naming(model="m", seed="s", now=1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = st.sampled_from(["f", "g", "get_weather"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
words = st.sampled_from(["system", "user", "assistant", "tool", "json", "iVBORw0KGgoAAAAN", "high", "stop", "length", "f"])


def like(*members: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects whose members are of this dialect and whose values are anything."""
    return st.dictionaries(st.sampled_from(members), nested, max_size=4)


# fmt: off
MEMBERS = [
    "messages", "role", "content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id", "function", "name",
    "arguments", "id", "tools", "type", "parameters", "format", "options", "think", "stream", "logprobs", "top_logprobs",
    "prompt", "system", "input", "dimensions", "temperature", "stop", "num_predict", "error", "done", "message", "done_reason",
    "created_at", "eval_count", "embeddings", "embedding", "token", "keep_alive",
]
# fmt: on
nested: st.SearchStrategy[Any] = st.deferred(lambda: values | words | st.lists(like(*MEMBERS) | words, max_size=3) | like(*MEMBERS))


@settings(max_examples=200, deadline=None)
@given(like(*MEMBERS), st.sampled_from(["chat", "ollama_generate"]))
def test_any_body_is_a_request_or_an_invalid_one(body: dict[str, Any], operation: str) -> None:
    try:
        built = [build_request(parse_request(body, operation), TARGET, Losses("ollama"))[0] for _ in range(2)]
    except (InvalidRequest, NotCarried):
        return
    assert orjson.dumps(built[0]) == orjson.dumps(built[1])


@settings(max_examples=150, deadline=None)
@given(like(*MEMBERS))
def test_any_body_is_an_embedding_request_or_an_invalid_one(body: dict[str, Any]) -> None:
    with suppress(InvalidRequest, NotCarried):
        build_embedding_request(parse_embedding_request(body), TARGET, Losses("ollama"))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40) | like(*MEMBERS).map(orjson.dumps) | values.map(orjson.dumps))
def test_any_bytes_are_an_answer_or_a_fault(body: bytes) -> None:
    for parse in (lambda said: parse_answer(said, TARGET, Asked()), parse_embedding_answer, stream_parser(TARGET, Asked()).feed):
        with suppress(Fault):
            parse(body)
    assert parse_error(500, body).status == 500


arguments = st.dictionaries(texts, values, max_size=3).map(lambda value: orjson.dumps(value).decode())
calls = st.lists(st.tuples(names, arguments), max_size=3)
filled = texts.filter(bool)


@settings(max_examples=100, deadline=None)
@given(filled, filled, calls, filled)
def test_a_conversation_survives_the_way_through_the_dialect(question: str, thought: str, said: list[tuple[str, str]], result: str) -> None:
    made = [ToolCall(id=f"c{index}", name=name, arguments=text) for index, (name, text) in enumerate(said)]
    turns = [
        Turn(role="system", parts=[Text(text=question)]),
        Turn(role="user", parts=[Text(text=question)]),
        Turn(role="assistant", parts=[Thinking(text=thought, dialect="ollama"), Text(text=question), *made]),
    ]
    if made:
        turns.append(Turn(role="tool", parts=[ToolResult(call_id=call.id, name=call.name, parts=[Text(text=result)]) for call in made]))
    request = ChatRequest(turns=turns, dialect="ollama", temperature=0.5, max_output_tokens=5, stop=["x"], extra={"keep_alive": 5})
    body, _ = build_request(request, TARGET, Losses("ollama"))
    assert parse_request(orjson.loads(orjson.dumps(body)), "chat") == request


@settings(max_examples=100, deadline=None)
@given(texts, texts, calls, st.integers(0, 9))
def test_an_answer_survives_the_way_through_the_dialect(text: str, thought: str, said: list[tuple[str, str]], tokens: int) -> None:
    parts: list[Any] = [Thinking(text=thought, dialect="ollama")] if thought else []
    parts += [Text(text=text)] if text else []
    parts += [ToolCall(id=f"c{index}", name=name, arguments=given) for index, (name, given) in enumerate(said)]
    usage = Usage(input_tokens=tokens, output_tokens=1)
    answer = ChatAnswer(choices=[Choice(parts=parts, finish="tool_calls" if said else "stop")], usage=usage)
    again = parse_answer(build_answer(answer, ChatRequest(turns=[]), NAMING), TARGET, Asked())
    assert again.choices == answer.choices
    assert again.usage == usage


deltas = st.one_of(
    texts.map(lambda text: TextDelta(text=text)),
    texts.map(lambda text: ThinkingDelta(text=text)),
    st.builds(ToolStart, call=st.integers(0, 2), id=texts, name=names),
    st.builds(ToolDelta, call=st.integers(0, 2), arguments=st.sampled_from(["", "{", "}", '{"a":1}', "x"])),
    st.sampled_from([Finish(reason="stop"), Finish(reason="length"), Failed(status=1, kind="", code="", message="")]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(deltas, max_size=12))
def test_events_in_any_order_are_whole_lines_with_one_end(events: list[Any]) -> None:
    builder = stream_builder(ChatRequest(turns=[]), NAMING)
    lines = [orjson.loads(line) for event in events for line in builder.add(event).splitlines()]
    lines += [orjson.loads(line) for line in builder.end().splitlines()]
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert "".join(line["message"]["content"] for line in lines) == said
    assert all(isinstance(call["function"]["arguments"], dict) for line in lines for call in line["message"].get("tool_calls", []))
