"""Whatever comes in, Converse's builder and readers answer with their own errors and with nothing else."""

from contextlib import suppress
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgate.translate import bedrock
from fastgate.translate.answer import ChatAnswer, Fault
from fastgate.translate.conversation import (
    Audio,
    ChatRequest,
    File,
    Image,
    Reasoning,
    ResponseFormat,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from fastgate.translate.losses import InvalidRequest, Losses, NotCarried
from fastgate.translate.target import Asked
from tests.translate.bedrock.converse import CLAUDE, LLAMA, NEW_CLAUDE, NOVA, OLD_CLAUDE, check, event, frame, target

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
MEMBERS = [
    "output",
    "message",
    "content",
    "text",
    "toolUse",
    "toolUseId",
    "name",
    "input",
    "reasoningContent",
    "reasoningText",
    "signature",
    "redactedContent",
    "stopReason",
    "usage",
    "inputTokens",
    "delta",
    "start",
    "contentBlockIndex",
    "citationsContent",
    "citations",
    "image",
    "source",
    "bytes",
    "format",
    "additionalModelResponseFields",
]
CONVERSE = st.recursive(
    st.none() | st.integers(-1, 2) | st.sampled_from(["", "a", "tool_use", "malformed_tool_use"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=20,
)
EVENTS = ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "x"]
IDS = st.sampled_from(["", "a", "call_1", "functions.x:0", "ü"])
NAMES = st.sampled_from(["f", "ns.tool", "json_answer", "ü"])
MARKS = st.none() | st.just({"type": "ephemeral"})
SAID = (
    st.builds(Text, text=st.text(max_size=10), cache=MARKS)
    | st.builds(Image, data=st.sampled_from(["", "iVBORw0KGgo", "AAAA"]), url=st.sampled_from(["", "https://x/y.png"]))
    | st.builds(
        File, data=st.sampled_from(["", "AAAA"]), filename=st.text(max_size=12), media_type=st.sampled_from(["", "application/pdf"])
    )
    | st.builds(Audio, data=st.sampled_from(["", "AAAA"]), format=st.sampled_from(["", "wav"]))
)
ANSWERED = (
    st.builds(Text, text=st.text(max_size=10), cache=MARKS)
    | st.builds(
        Thinking, text=st.text(max_size=5), signature=st.sampled_from(["", "s"]), dialect=st.sampled_from(["bedrock", "gemini", ""])
    )
    | st.builds(ToolCall, id=IDS, name=NAMES, arguments=st.sampled_from(["", "{}", '{"a":[1]}', "[", "1"]))
)
RETURNED = st.builds(ToolResult, call_id=IDS, parts=st.lists(SAID, max_size=2), is_error=st.booleans(), cache=MARKS)
TURNS = st.lists(
    st.builds(Turn, role=st.just("user"), parts=st.lists(SAID, max_size=3))
    | st.builds(Turn, role=st.just("assistant"), parts=st.lists(ANSWERED, max_size=3))
    | st.builds(Turn, role=st.just("tool"), parts=st.lists(RETURNED, max_size=2))
    | st.builds(Turn, role=st.sampled_from(["system", "developer"]), parts=st.lists(st.builds(Text, text=st.text(max_size=5)), max_size=2)),
    max_size=5,
)
TOOLS = st.lists(st.builds(Tool, name=NAMES, parameters=st.none() | st.dictionaries(st.text(max_size=5), JSON, max_size=2)), max_size=2)
REQUESTS = st.builds(
    ChatRequest,
    turns=TURNS,
    tools=TOOLS,
    tool_choice=st.none()
    | st.builds(ToolChoice, mode=st.sampled_from(["auto", "required", "none", "named"]), names=st.lists(NAMES, max_size=1)),
    response_format=st.none()
    | st.builds(ResponseFormat, kind=st.sampled_from(["json_schema", "json_object"]), schema=st.dictionaries(st.text(max_size=5), JSON)),
    reasoning=st.none() | st.builds(Reasoning, effort=st.none() | st.sampled_from(["none", "low", "max"]), adaptive=st.booleans()),
    max_output_tokens=st.none() | st.integers(1, 5000),
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    top_k=st.none() | st.integers(0, 10),
    parallel_tool_calls=st.none() | st.booleans(),
)
MODELS = st.sampled_from([CLAUDE, OLD_CLAUDE, NEW_CLAUDE, NOVA, LLAMA, "amazon.nova-2-lite-v1:0", "openai.gpt-oss-20b-1:0"])


@given(REQUESTS, MODELS, st.booleans(), st.booleans())
@settings(max_examples=200)
def test_a_request_becomes_a_body_that_botocore_takes_or_is_refused(
    request: ChatRequest, model: str, drop_params: bool, modify: bool
) -> None:
    losses = Losses("bedrock", drop_params=drop_params)
    try:
        body, _ = bedrock.build_request(request, target(model, modify_params=modify), losses)
    except (NotCarried, InvalidRequest):
        return
    check(body)
    roles = [message["role"] for message in body["messages"]]
    assert roles[:1] == ["user"]
    assert all(a != b for a, b in pairwise(roles))


@given(st.lists(ANSWERED, max_size=4))
@settings(max_examples=100)
def test_what_the_assistant_said_comes_back_the_same_from_converse(parts: list[Any]) -> None:
    request = ChatRequest(turns=[Turn(role="user", parts=[Text(text="hi")]), Turn(role="assistant", parts=parts)])
    try:
        body, asked = bedrock.build_request(request, target(), Losses("bedrock"))
    except InvalidRequest:
        return
    content = [block for block in body["messages"][-1]["content"] if "cachePoint" not in block] if len(body["messages"]) > 1 else []
    told = {"output": {"message": {"content": content}}, "stopReason": "end_turn"}
    answer = bedrock.parse_answer(orjson.dumps(told), target(), Asked(renamed=asked.renamed))

    def meaning(found: list[Any]) -> list[Any]:
        texts = [("text", part.text) for part in found if type(part) is Text and part.text.strip()]
        thoughts = [("thought", part.text, part.signature) for part in found if type(part) is Thinking]
        calls = [("call", part.name, orjson.loads(part.arguments or "{}")) for part in found if type(part) is ToolCall]
        return [*texts, *thoughts, *calls]

    sent = [part for part in parts if type(part) is not Thinking or (part.dialect == "bedrock" and part.signature)]
    assert meaning(answer.choices[0].parts) == meaning(sent)


@given(JSON | CONVERSE)
@settings(max_examples=200)
def test_any_json_is_an_answer_or_a_fault(value: Any) -> None:
    for body in (value, {"output": {"message": {"content": value}}}, {"output": {"message": {"content": [value]}}, "usage": value}):
        with suppress(Fault):
            assert isinstance(bedrock.parse_answer(orjson.dumps(body), target(), Asked(answer_tool="a")), ChatAnswer)


@given(st.lists(st.tuples(st.sampled_from(EVENTS), CONVERSE), max_size=5))
@settings(max_examples=200)
def test_any_frames_are_events_or_a_fault(told: list[tuple[str, Any]]) -> None:
    parser = bedrock.stream_parser(target(), Asked())
    with suppress(Fault):
        for kind, value in told:
            for payload in (value, {"delta": value, "start": value, "contentBlockIndex": value, "usage": value, "stopReason": value}):
                parser.feed(frame(orjson.dumps(payload), event_type=kind, message_type="event"))
        parser.close()


@given(st.integers(400, 599), st.binary(max_size=50) | JSON.map(orjson.dumps))
@settings(max_examples=200)
def test_reading_an_error_never_raises(status: int, body: bytes) -> None:
    fault = bedrock.parse_error(status, body)
    assert (fault.status, bool(fault.message)) == (status, True)


def test_a_call_of_too_many_levels_is_a_fault() -> None:
    nested = b'{"a":' * 400 + b"1" + b"}" * 400
    body = b'{"output":{"message":{"content":[{"toolUse":{"toolUseId":"a","name":"f","input":' + nested + b"}}]}}}"
    with pytest.raises(Fault, match="cannot be written"):
        bedrock.parse_answer(body, target(), Asked())


def test_padding_of_payloads_is_not_looked_at() -> None:
    parser = bedrock.stream_parser(target(), Asked())
    assert len(parser.feed(event("contentBlockDelta", delta={"text": "a"}, contentBlockIndex=0))) == 1
