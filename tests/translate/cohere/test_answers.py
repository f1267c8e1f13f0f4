"""Answers and errors of Cohere's v2 chat."""

from typing import Any

import orjson
import pytest

from fastgate.translate import cohere
from fastgate.translate.answer import ChatAnswer, Choice, Fault, Usage
from fastgate.translate.conversation import Opaque, Text, Thinking, ToolCall
from fastgate.translate.target import Asked
from tests.translate.cohere.chat import CASES, check_answer, target


def parsed(body: bytes, asked: Asked | None = None) -> ChatAnswer:
    check_answer(body)
    return cohere.parse_answer(body, target(), asked or Asked())


def wire(finish: str = "COMPLETE", *, calls: tuple[str, ...] = (), text: str = "a", **more: Any) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": [{"type": "text", "text": text}]}
    message["tool_calls"] = [{"id": name, "type": "function", "function": {"name": name, "arguments": '{"x":1}'}} for name in calls]
    return orjson.dumps({"id": "i", "finish_reason": finish, "message": message, **more})


def test_a_whole_answer_is_read_thoughts_first_then_the_plan_then_calls() -> None:
    assert parsed((CASES / "answer.json").read_bytes()) == ChatAnswer(
        id="5a50480a-cf52-46f0-af01-53d18539bd31",
        choices=[
            Choice(
                parts=[
                    Thinking(text="The user wants the weather.", dialect="cohere"),
                    Text(text="I will search for the weather in Zürich."),
                    ToolCall(id="weather_zvkxz7jrdqaf", name="weather", arguments='{"city":"Zürich"}'),
                    ToolCall(id="clock_8m3w1n0t9c2v", name="clock", arguments="{}"),
                ],
                finish="tool_calls",
            )
        ],
        usage=Usage(input_tokens=930, output_tokens=83, cache_read_tokens=128),
        dialect="cohere",
    )


def test_citations_belong_to_their_text() -> None:
    answer = parsed((CASES / "cited.json").read_bytes())
    (text,) = answer.choices[0].parts
    assert isinstance(text, Text)
    assert (text.text, text.dialect) == ("Emperor penguins are the tallest.", "cohere")
    assert [citation["end"] for citation in text.citations] == [16]
    assert answer.usage == Usage(input_tokens=5, output_tokens=7)


@pytest.mark.parametrize(
    ("raw", "finish", "shown"),
    [
        ("COMPLETE", "stop", ""),
        ("STOP_SEQUENCE", "stop_sequence", ""),
        ("MAX_TOKENS", "length", ""),
        ("TOOL_CALL", "stop", ""),
        ("ERROR_TOXIC", "content_filter", ""),
        ("NOVEL", "stop", "NOVEL"),
    ],
)
def test_finish_reasons_of_an_answer_without_calls(raw: str, finish: str, shown: str) -> None:
    choice = parsed(wire(raw)).choices[0]
    assert (choice.finish, choice.raw_finish) == (finish, shown)


@pytest.mark.parametrize(("raw", "finish"), [("COMPLETE", "tool_calls"), ("TOOL_CALL", "tool_calls"), ("MAX_TOKENS", "length")])
def test_calls_decide_unless_the_limit_cut_them(raw: str, finish: str) -> None:
    assert parsed(wire(raw, calls=("f",))).choices[0].finish == finish


@pytest.mark.parametrize(("raw", "status", "kind"), [("ERROR", 502, "upstream"), ("TIMEOUT", 504, "timeout")])
def test_an_answer_that_the_model_failed_at_is_no_success(raw: str, status: int, kind: str) -> None:
    with pytest.raises(Fault) as caught:
        parsed(wire(raw))
    assert (caught.value.status, caught.value.kind, caught.value.code) == (status, kind, raw)


def test_logprobs_have_openais_form_with_the_sum_of_each_chunk() -> None:
    told = [{"text": "é", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}, {"text": "a", "token_ids": [3], "logprobs": [-1.0]}]
    assert parsed(wire(logprobs=told)).choices[0].logprobs == {
        "content": [
            {"token": "é", "logprob": -0.75, "bytes": [195, 169], "top_logprobs": []},
            {"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []},
        ],
        "refusal": None,
    }


def test_the_answers_tool_comes_back_as_text_with_finish_stop() -> None:
    choice = parsed(wire("TOOL_CALL", calls=("json_answer",)), Asked(answer_tool="json_answer")).choices[0]
    assert (choice.parts, choice.finish) == ([Text(text='{"x":1}')], "stop")


def test_of_several_calls_the_first_alone_is_passed_on_if_one_was_asked_for() -> None:
    choice = parsed(wire("TOOL_CALL", calls=("f", "g"), text=""), Asked(one_call=True)).choices[0]
    assert choice.parts == [ToolCall(id="f", name="f", arguments='{"x":1}')]


def test_content_of_an_unknown_type_is_kept_for_what_it_is() -> None:
    body = orjson.dumps({"message": {"content": [{"type": "novel", "x": 1}]}})
    assert cohere.parse_answer(body, target(), Asked()).choices[0].parts == [
        Opaque(dialect="cohere", kind="novel", value={"type": "novel", "x": 1})
    ]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"{}", b'{"message":"x"}'])
def test_an_answer_that_cannot_be_read_is_a_fault_of_the_provider(body: bytes) -> None:
    with pytest.raises(Fault) as caught:
        cohere.parse_answer(body, target(), Asked())
    assert (caught.value.status, caught.value.kind) == (502, "upstream")


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "message"),
    [
        (400, b'{"id":"x","message":"invalid request: model is required"}', "invalid_request", "", "invalid request: model is required"),
        (400, b'{"message":"too many tokens: size limit exceeded"}', "invalid_request", "context_length_exceeded", "too many tokens"),
        (401, b'{"message":"invalid api token"}', "authentication", "", "invalid api token"),
        (404, b'{"message":"model not found"}', "not_found", "", "model not found"),
        (422, b'{"message":"unprocessable"}', "invalid_request", "", "unprocessable"),
        (429, b'{"message":"You are using a Trial key"}', "rate_limit", "", "You are using a Trial key"),
        (498, b'{"message":"invalid token"}', "authentication", "", "invalid token"),
        (499, b'{"message":"client closed"}', "timeout", "", "client closed"),
        (500, b'{"error":{"message":"oops"}}', "upstream", "", "oops"),
        (502, b"<html>Bad Gateway</html>", "upstream", "", "the provider answered 502: <html>"),
        (503, b"", "overloaded", "", "the provider answered 503"),
        (504, b"[1]", "timeout", "", "the provider answered 504: [1]"),
    ],
)
def test_errors_keep_status_and_message(status: int, body: bytes, kind: str, code: str, message: str) -> None:
    fault = cohere.parse_error(status, body)
    assert (fault.status, fault.kind, fault.code) == (status, kind, code)
    assert fault.message.startswith(message)
