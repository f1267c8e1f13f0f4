"""Converse's answers and errors."""

from typing import Any

import orjson
import pytest

from fastgate.translate import bedrock
from fastgate.translate.answer import ChatAnswer, Choice, Fault, Usage
from fastgate.translate.conversation import Audio, Image, Opaque, Part, Text, Thinking, ToolCall
from fastgate.translate.target import Asked
from tests.translate.bedrock.converse import CASES, check_answer, target

USAGE = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}


def wire(*content: dict[str, Any], stop: str = "end_turn", **more: Any) -> bytes:
    message = {"role": "assistant", "content": list(content)}
    told = {"output": {"message": message}, "stopReason": stop, "usage": USAGE, "metrics": {"latencyMs": 1}, **more}
    return orjson.dumps(told)


def parsed(body: bytes, asked: Asked | None = None) -> ChatAnswer:
    check_answer(body)
    return bedrock.parse_answer(body, target(), asked or Asked())


def choice(body: bytes, asked: Asked | None = None) -> Choice:
    (only,) = parsed(body, asked).choices
    return only


def use(name: str, call_id: str = "a", **arguments: Any) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": call_id, "name": name, "input": arguments}}


def test_a_whole_answer_is_read() -> None:
    assert parsed((CASES / "answer.json").read_bytes()) == ChatAnswer(
        choices=[
            Choice(
                parts=[
                    Thinking(text="The user wants the weather.", signature="EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxB", dialect="bedrock"),
                    Text(text="Let me look."),
                    ToolCall(id="tooluse_kZJMlvQmRJ6eAyJE5GIl7Q", name="weather", arguments='{"city":"Zürich","days":[1,2]}'),
                ],
                finish="tool_calls",
            )
        ],
        usage=Usage(input_tokens=370, cache_read_tokens=200, cache_write_tokens=100, cache_write_1h_tokens=60, output_tokens=51),
        service_tier="default",
        extra={"performanceConfig": {"latency": "standard"}},
        dialect="bedrock",
    )


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"text": "a"}, Text(text="a")),
        ({"reasoningContent": {"reasoningText": {"text": "t"}}}, Thinking(text="t", dialect="bedrock")),
        ({"reasoningContent": {"redactedContent": "cmVk"}}, Thinking(redacted="cmVk", dialect="bedrock")),
        (use("f"), ToolCall(id="a", name="f", arguments="")),
        (
            {"citationsContent": {"content": [{"text": "a"}, {"text": "b"}], "citations": [{"title": "T"}]}},
            Text(text="ab", citations=[{"title": "T"}], dialect="bedrock"),
        ),
        ({"image": {"format": "jpeg", "source": {"bytes": "/9j/"}}}, Image(data="/9j/", media_type="image/jpeg")),
        ({"audio": {"format": "wav", "source": {"bytes": "UklGRg=="}}}, Audio(data="UklGRg==", format="wav")),
        (
            {"toolUse": {"toolUseId": "a", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}},
            Opaque(
                dialect="bedrock",
                kind="toolUse",
                value={"toolUse": {"toolUseId": "a", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}},
            ),
        ),
        (
            {"guardContent": {"text": {"text": "x"}}},
            Opaque(dialect="bedrock", kind="guardContent", value={"guardContent": {"text": {"text": "x"}}}),
        ),
    ],
)
def test_each_kind_of_block_becomes_its_part(block: dict[str, Any], part: Part) -> None:
    assert choice(wire(block)).parts == [part]


@pytest.mark.parametrize(
    ("stop", "finish", "raw"),
    [
        ("end_turn", "stop", ""),
        ("tool_use", "stop", ""),
        ("max_tokens", "length", ""),
        ("model_context_window_exceeded", "length", "model_context_window_exceeded"),
        ("stop_sequence", "stop_sequence", ""),
        ("guardrail_intervened", "content_filter", "guardrail_intervened"),
        ("content_filtered", "content_filter", ""),
        ("something_new", "stop", "something_new"),
    ],
)
def test_stop_reasons_of_an_answer_without_calls(stop: str, finish: str, raw: str) -> None:
    found = choice(wire({"text": "a"}, stop=stop))
    assert (found.finish, found.raw_finish) == (finish, raw)


@pytest.mark.parametrize(("stop", "finish"), [("end_turn", "tool_calls"), ("tool_use", "tool_calls"), ("max_tokens", "length")])
def test_calls_decide_unless_the_limit_cut_them(stop: str, finish: str) -> None:
    assert choice(wire(use("f"), stop=stop)).finish == finish


@pytest.mark.parametrize("stop", ["malformed_tool_use", "malformed_model_output"])
def test_an_answer_that_the_model_failed_at_is_no_success(stop: str) -> None:
    with pytest.raises(Fault, match=stop) as caught:
        parsed(wire({"text": "a"}, stop=stop))
    assert (caught.value.status, caught.value.kind, caught.value.code) == (502, "upstream", stop)


def test_the_stop_sequence_is_told_where_the_model_told_it() -> None:
    body = wire({"text": "a"}, stop="stop_sequence", additionalModelResponseFields={"stop_sequence": "END"})
    assert choice(body).stop_sequence == "END"


def test_names_come_back_as_the_caller_said_them() -> None:
    assert choice(wire(use("ns_tool_1", x=1)), Asked(renamed={"ns_tool_1": "ns.tool"})).parts == [
        ToolCall(id="a", name="ns.tool", arguments='{"x":1}')
    ]


def test_the_answers_tool_comes_back_as_text_with_finish_stop() -> None:
    found = choice(wire({"text": "Here:"}, use("json_answer", city="Bern"), stop="tool_use"), Asked(answer_tool="json_answer"))
    assert (found.parts, found.finish) == ([Text(text='{"city":"Bern"}')], "stop")


def test_a_call_of_the_callers_tool_stays_one_beside_an_answers_tool() -> None:
    found = choice(wire({"text": "Hm"}, use("weather"), stop="tool_use"), Asked(answer_tool="json_answer"))
    assert (found.parts, found.finish) == ([Text(text="Hm"), ToolCall(id="a", name="weather")], "tool_calls")


def test_calls_that_were_not_to_be_made_are_left_out() -> None:
    found = choice(wire({"text": "Hm"}, use("f"), stop="tool_use"), Asked(no_calls=True))
    assert (found.parts, found.finish) == ([Text(text="Hm")], "stop")


def test_of_several_calls_the_first_alone_is_passed_on_if_one_was_asked_for() -> None:
    found = choice(wire(use("f", "1"), use("g", "2"), stop="tool_use"), Asked(one_call=True))
    assert found.parts == [ToolCall(id="1", name="f")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"output":{}}',
        b'{"output":{"message":{"content":"x"}}}',
        b'{"output":{"message":{"content":[1]}}}',
    ],
)
def test_an_answer_that_cannot_be_read_is_a_fault_of_the_provider(body: bytes) -> None:
    with pytest.raises(Fault) as caught:
        bedrock.parse_answer(body, target(), Asked())
    assert (caught.value.status, caught.value.kind) == (502, "upstream")


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "message"),
    [
        (
            400,
            b'{"message":"The provided model identifier is invalid."}',
            "invalid_request",
            "",
            "The provided model identifier is invalid.",
        ),
        (400, b'{"message":"Input is too long for requested model."}', "invalid_request", "context_length_exceeded", "Input is too long"),
        (403, b'{"Message":"User is not authorized to perform: bedrock:InvokeModel"}', "permission", "", "User is not authorized"),
        (403, b'{"message":"The security token included in the request is expired"}', "authentication", "", "The security token"),
        (403, b'{"message":"The request signature we calculated does not match"}', "authentication", "", "The request signature"),
        (
            404,
            b'{"message":"no such model","__type":"com.amazon#ResourceNotFoundException"}',
            "not_found",
            "ResourceNotFoundException",
            "no",
        ),
        (408, b'{"message":"Model timed out"}', "timeout", "", "Model timed out"),
        (424, b'{"message":"model failed","originalStatusCode":500}', "upstream", "", "model failed"),
        (429, b'{"message":"Too many requests, please wait"}', "rate_limit", "", "Too many requests"),
        (500, b'{"message":null}', "upstream", "", "the provider answered 500"),
        (503, b"<ServiceUnavailable/>", "overloaded", "", "the provider answered 503: <ServiceUnavailable/>"),
        (502, b"", "upstream", "", "the provider answered 502"),
        (400, b"[1]", "invalid_request", "", "the provider answered 400"),
        (500, b"\xff\xfe", "upstream", "", "the provider answered 500"),
    ],
)
def test_errors_keep_status_and_message(status: int, body: bytes, kind: str, code: str, message: str) -> None:
    fault = bedrock.parse_error(status, body)
    assert (fault.status, fault.kind, fault.code) == (status, kind, code)
    assert fault.message.startswith(message)
