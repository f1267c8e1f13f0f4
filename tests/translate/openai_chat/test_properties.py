"""What holds for every body, answer and stream: nothing but the two known errors, and meaning that survives the way there and back."""

from collections.abc import Callable
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgate.translate import openai_chat
from fastgate.translate.answer import ChatAnswer, Choice, Fault, Usage
from fastgate.translate.conversation import ChatRequest, Image, Text, Thinking, ToolCall
from fastgate.translate.events import Event, Finish, Start, TextDelta, ThinkingDelta, ToolDelta, ToolStart, UsageSeen
from fastgate.translate.losses import InvalidRequest, NotCarried
from fastgate.translate.target import Asked
from tests.translate.openai_chat.wire import NAMING, asking, built, losses, parsed, target

MEMBERS = [
    "model",
    "messages",
    "role",
    "content",
    "type",
    "text",
    "image_url",
    "url",
    "file",
    "file_data",
    "tool_calls",
    "id",
    "function",
    "name",
    "arguments",
    "tool_call_id",
    "tools",
    "tool_choice",
    "response_format",
    "json_schema",
    "schema",
    "stream",
    "stream_options",
    "stop",
    "n",
    "temperature",
    "reasoning",
    "reasoning_effort",
    "thinking",
    "thinking_blocks",
    "reasoning_details",
    "functions",
    "function_call",
    "audio",
    "prompt",
    "logprobs",
    "echo",
    "input",
    "encoding_format",
    "choices",
    "delta",
    "message",
    "finish_reason",
    "index",
    "usage",
    "error",
    "code",
    "x_groq",
    "images",
    "annotations",
    "refusal",
    "reasoning_content",
    "data",
    "embedding",
    "cache_control",
    "custom",
    "parameters",
    "metadata",
    "prompt_tokens",
    "completion_tokens",
    "prompt_tokens_details",
    "created",
    "object",
    "detail",
    "signature",
    "extra_content",
    "google",
]
WORDS = [
    "user",
    "assistant",
    "system",
    "developer",
    "tool",
    "function",
    "text",
    "image_url",
    "file",
    "input_audio",
    "refusal",
    "thinking",
    "auto",
    "required",
    "none",
    "custom",
    "allowed_tools",
    "json_schema",
    "json_object",
    "enabled",
    "low",
    "stop",
    "length",
    "tool_calls",
    "error",
    "data:",
    "data:image/png;base64,QUJD",
    "gemini#x",
    "reasoning.text",
    "c",
]
SCALARS = st.none() | st.booleans() | st.integers(-5, 600) | st.floats(allow_nan=False) | st.sampled_from(WORDS) | st.text(max_size=5)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=3), inner, max_size=5),
    max_leaves=25,
)
OBJECTS = st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=8)
# Deep enough to reach the readers of parts and calls.
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool", "function"])},
    optional={"content": JSON, "tool_calls": st.lists(OBJECTS, max_size=2), "thinking_blocks": st.lists(OBJECTS, max_size=2), "name": JSON}
    | {"images": st.lists(OBJECTS, max_size=2), "tool_call_id": SCALARS, "function_call": OBJECTS, "audio": OBJECTS},
)
BODIES = OBJECTS | st.builds(lambda body, messages: {**body, "messages": messages}, OBJECTS, st.lists(MESSAGE, min_size=1, max_size=3))
CHOICE = st.fixed_dictionaries(
    {}, optional={"index": SCALARS, "delta": OBJECTS, "message": OBJECTS, "finish_reason": SCALARS, "logprobs": JSON}
)
ANSWERS = OBJECTS | st.builds(lambda body, choices: {**body, "error": None, "choices": choices}, OBJECTS, st.lists(CHOICE, max_size=3))


def outcome(call: Callable[[], Any], *errors: type[Exception]) -> Any:
    """Return what *call* returns, or the error of a known kind that it raises."""
    try:
        return call()
    except errors as error:
        return error


@settings(max_examples=200)
@given(BODIES, st.sampled_from(["chat", "text_completion"]))
def test_any_body_is_a_request_or_wrong_by_name(body: dict[str, Any], operation: str) -> None:
    request = outcome(lambda: openai_chat.parse_request(body, operation), InvalidRequest, NotCarried)
    sent = outcome(lambda: built(request, lost=losses(drop_params=True)), NotCarried) if isinstance(request, ChatRequest) else request
    if isinstance(sent, InvalidRequest | NotCarried):
        assert sent.param
        return
    orjson.dumps(sent)
    assert openai_chat.build_request(request, target(), losses(drop_params=True))[0] == sent


@settings(max_examples=200)
@given(BODIES)
def test_any_body_takes_quirks_and_is_not_changed_itself(body: dict[str, Any]) -> None:
    before = orjson.dumps(body)
    row = target(
        rename={"max_completion_tokens": "max_tokens"},
        roles={"developer": "system"},
        values={"tool_choice": {"required": "any"}},
        drop=frozenset({"metadata", "n"}),
        efforts={"low": "high"},
        reasoning="object",
        response_formats=frozenset(),
        tool_ids="^[a-zA-Z0-9]{9}$",
        message_names=False,
    )
    adapted = openai_chat.apply_quirks(body, row, losses())
    assert orjson.dumps(body) == before
    if adapted != body:
        assert any(word in before for word in openai_chat.needs_quirks(row.quirks))


@settings(max_examples=100)
@given(OBJECTS)
def test_any_embeddings_body_is_a_request_or_wrong_by_name(body: dict[str, Any]) -> None:
    request = outcome(lambda: openai_chat.parse_embedding_request(body), InvalidRequest)
    if isinstance(request, InvalidRequest):
        assert request.param
    else:
        openai_chat.build_embedding_request(request, target(), losses(drop_params=True))


@settings(max_examples=200)
@given(ANSWERS | JSON)
def test_any_answer_is_read_or_a_fault(value: Any) -> None:
    body = orjson.dumps(value)
    assert 400 <= openai_chat.parse_error(400, body).status < 600
    answer = outcome(lambda: openai_chat.parse_answer(body, target(thinking_returns=True), Asked()), Fault)
    vectors = outcome(lambda: openai_chat.parse_embedding_answer(body), Fault)
    for fault in (answer, vectors):
        assert not isinstance(fault, Fault) or (400 <= fault.status < 600 and fault.message)
    if isinstance(answer, ChatAnswer):
        orjson.loads(openai_chat.build_answer(answer, asking(), NAMING))


@settings(max_examples=200)
@given(st.lists(ANSWERS | JSON, max_size=4), st.booleans())
def test_any_stream_is_told_or_broken(chunks: list[Any], returns: bool) -> None:
    parser = openai_chat.stream_parser(target(thinking_returns=returns), Asked())
    builder = openai_chat.stream_builder(asking(), NAMING)
    events: list[Event] = []
    for chunk in chunks:
        heard = outcome(lambda chunk=chunk: parser.feed(orjson.dumps(chunk)), Fault)
        if isinstance(heard, Fault):
            assert heard.status == 502
            return
        events += heard
    events += parser.close()
    told = b"".join(builder.add(event) for event in events) + builder.end()
    for block in told.split(b"\n\n")[:-2]:
        orjson.loads(block.removeprefix(b"data: "))


CALLS = st.builds(
    ToolCall, id=st.text("ab1", min_size=1, max_size=4), name=st.sampled_from(["f", "g"]), arguments=st.sampled_from(["{}", '{"a":1}'])
)
THOUGHTS = st.builds(
    Thinking,
    text=st.text(min_size=1, max_size=5),
    signature=st.sampled_from(["s", "q+/="]),
    dialect=st.sampled_from(["anthropic_messages", "gemini", "openai_responses", "bedrock"]),
)


@settings(max_examples=100)
@given(
    st.lists(THOUGHTS, max_size=2),
    st.text(max_size=6),
    st.lists(CALLS, max_size=3, unique_by=lambda call: call.id),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_an_answer_survives_the_way_to_a_caller_and_back(thoughts: list[Any], text: str, calls: list[Any], read: int, out: int) -> None:
    parts = [*thoughts, *([Text(text=text)] if text else []), *calls]
    usage = Usage(input_tokens=read * 2, cache_read_tokens=read, output_tokens=out, reasoning_tokens=out // 2)
    answer = ChatAnswer(
        id="c-1", created=5, choices=[Choice(parts=parts, finish="tool_calls" if calls else "stop")], usage=usage, dialect="openai_chat"
    )
    assert openai_chat.parse_answer(openai_chat.build_answer(answer, asking(), NAMING), target(), Asked()) == answer


@settings(max_examples=100)
@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4), st.lists(CALLS, max_size=3), st.booleans())
def test_a_stream_survives_the_way_to_a_caller_and_back(thoughts: list[str], texts: list[str], calls: list[Any], early: bool) -> None:
    said: list[Event] = [ThinkingDelta(text=text) for text in thoughts if text] + [TextDelta(text=text) for text in texts if text]
    for number, call in enumerate(calls):
        said += [ToolStart(call=number, id=f"{call.id}{number}", name=call.name), ToolDelta(call=number, arguments=call.arguments)]
    finish = Finish(reason="tool_calls" if calls else "stop")
    usage = UsageSeen(usage=Usage(input_tokens=3, output_tokens=2))
    builder = openai_chat.stream_builder(asking(), NAMING)
    events = [Start(id="c-1", created=5), *([finish, usage] if early else []), *said, *([] if early else [usage, finish])]
    stream = b"".join(builder.add(event) for event in events) + builder.end()
    parser = openai_chat.stream_parser(target(), Asked())
    heard = [event for block in stream.split(b"\n\n")[:-1] for event in parser.feed(block.removeprefix(b"data: "))]
    assert heard == [Start(id="c-1", created=5), *said, usage, finish]
    assert parser.ended


def meaning(request: ChatRequest) -> ChatRequest:
    """Return the request without what may be said in two ways."""
    request.include_usage = False
    return request


@settings(max_examples=100)
@given(
    st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3),
    st.lists(CALLS, max_size=2, unique_by=lambda call: call.id),
    st.fixed_dictionaries(
        {},
        optional={
            "max_completion_tokens": st.integers(1, 9),
            "temperature": st.floats(0, 2),
            "stop": st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=4),
            "reasoning_effort": st.sampled_from(["low", "max"]),
            "min_p": st.floats(0, 1),
            "tool_choice": st.sampled_from(["none", "required"]),
            "response_format": st.just({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}),
            "stream": st.just(True),
        },
    ),
)
def test_a_request_survives_the_way_to_a_provider_and_back(texts: list[str], calls: list[Any], members: dict[str, Any]) -> None:
    talk: list[dict[str, Any]] = [{"role": "system", "content": texts[0]}]
    talk.append({"role": "user", "name": "bob", "content": [{"type": "text", "text": text} for text in texts]})
    talk[-1]["content"].append({"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}})
    if calls:
        called = [{"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in calls]
        talk.append({"role": "assistant", "content": texts[0], "tool_calls": called})
        talk += [{"role": "tool", "tool_call_id": call.id, "content": texts[-1]} for call in calls]
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    request = parsed(*talk, tools=tools, **members)
    assert any(isinstance(part, Image) for turn in request.turns for part in turn.parts)
    again = openai_chat.parse_request(built(request), "chat")
    assert meaning(again) == meaning(request)
