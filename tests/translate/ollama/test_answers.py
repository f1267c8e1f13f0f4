"""Complete answers: as a server gives them, and as callers get them, checked with the official client's own types."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from ollama import ChatResponse, GenerateResponse

from fastgate.providers.provider import Quirks
from fastgate.translate.answer import ChatAnswer, Choice, Fault, Usage
from fastgate.translate.conversation import Audio, ChatRequest, Image, Opaque, Text, Thinking, ToolCall
from fastgate.translate.ollama import build_answer, parse_answer
from fastgate.translate.target import Asked, Naming, Target

CASES = Path(__file__).parents[2] / "cases" / "translate" / "ollama"
PNG = "iVBORw0KGgoAAAANSUhEUgAA"
TARGET = Target(model="m", dialect="ollama")
NAMING = Naming(model="alias", seed="abc", now=1_700_000_000)
CHAT = ChatRequest(turns=[])
GENERATE = ChatRequest(turns=[], operation="ollama_generate")
TIMINGS = {"load_ns": 0, "prompt_eval_ns": 0, "eval_ns": 0, "total_ns": 0}


def parsed(message: Any, asked: Asked | None = None, target: Target = TARGET, **members: Any) -> ChatAnswer:
    return parse_answer(orjson.dumps({"model": "m", "message": message, "done": True, **members}), target, asked or Asked())


def built(answer: ChatAnswer, request: ChatRequest = CHAT, naming: Naming = NAMING) -> dict[str, Any]:
    body = build_answer(answer, request, naming)
    official = GenerateResponse if request is GENERATE else ChatResponse
    said: dict[str, Any] = orjson.loads(body)
    images = said.get("message", {}).get("images", [])
    # The client's own type takes images as it sends them and not as it gets them.
    checked = {**said, "message": {**said["message"], "images": [{"value": image} for image in images]}} if images else said
    official.model_validate(checked)
    return said


def of(*parts: Any, **members: Any) -> ChatAnswer:
    return ChatAnswer(choices=[Choice(parts=list(parts), **members)])


def test_a_recorded_answer_says_all_it_says() -> None:
    answer = parse_answer((CASES / "chat.json").read_bytes(), TARGET, Asked())
    assert answer == ChatAnswer(
        created=1795164740,
        choices=[Choice(parts=[Thinking(text="A greeting.", dialect="ollama"), Text(text="Hello!")])],
        usage=Usage(input_tokens=26, output_tokens=298),
        extra={"timings": {"load_ns": 2154458, "prompt_eval_ns": 383809000, "eval_ns": 4799921000, "total_ns": 5191566416}},
        dialect="ollama",
    )


def test_a_server_s_own_clock_comes_back_to_a_caller_of_the_same_dialect() -> None:
    answer = parse_answer((CASES / "chat.json").read_bytes(), TARGET, Asked())
    recorded = orjson.loads((CASES / "chat.json").read_bytes())
    assert built(answer) == {**recorded, "model": "alias", "created_at": "2023-11-14T22:13:20Z"}


FINISHES: list[tuple[dict[str, Any], str, str]] = [
    ({"done_reason": "stop"}, "stop", ""),
    ({"done_reason": "length"}, "length", ""),
    ({"done_reason": "load"}, "stop", "load"),
    ({"done_reason": "of_tomorrow"}, "stop", "of_tomorrow"),
    ({"done_reason": 5}, "stop", ""),
    ({}, "stop", ""),
]


@pytest.mark.parametrize(("members", "finish", "raw"), FINISHES)
def test_done_reasons_are_finish_reasons(members: dict[str, Any], finish: str, raw: str) -> None:
    choice = parsed({"content": "x"}, **members).choices[0]
    assert (choice.finish, choice.raw_finish) == (finish, raw)


CALLS = {"content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}, {"id": "x", "function": {"name": "g"}}]}


def test_stop_with_calls_is_tool_calls_and_length_wins() -> None:
    choice = parsed(CALLS, done_reason="stop").choices[0]
    assert choice.parts == [ToolCall(id="", name="f", arguments='{"a":1}'), ToolCall(id="x", name="g", arguments="{}")]
    assert choice.finish == "tool_calls"
    assert parsed(CALLS, done_reason="length").choices[0].finish == "length"


def test_calls_are_left_out_as_the_request_asked() -> None:
    assert parsed(CALLS, Asked(no_calls=True)).choices == [Choice()]
    assert [part.name for part in parsed(CALLS, Asked(one_call=True)).choices[0].parts] == ["f"]
    assert [part.name for part in parsed(CALLS, Asked(renamed={"f": "F"})).choices[0].parts] == ["F", "g"]


def test_arguments_that_are_text_stay_text() -> None:
    call = {"function": {"name": "f", "arguments": '{"a": 1}'}}
    assert parsed({"tool_calls": [call]}).choices[0].parts == [ToolCall(id="", name="f", arguments='{"a": 1}')]


def test_images_and_sound_are_told_apart() -> None:
    parts = parsed({"content": "", "images": [PNG, "UklGRiQAAABXQVZFZm10"]}).choices[0].parts
    assert parts == [Image(data=PNG, media_type="image/png"), Audio(data="UklGRiQAAABXQVZFZm10", format="wav")]


USAGES: list[tuple[dict[str, Any], Usage | None]] = [
    ({"prompt_eval_count": 3, "eval_count": 4}, Usage(input_tokens=3, output_tokens=4)),
    # A cached prompt has a count of zero, which is left out.
    ({"eval_count": 4}, Usage(output_tokens=4)),
    ({"prompt_eval_count": "3", "eval_count": -1}, Usage()),
    ({}, None),
]


@pytest.mark.parametrize(("members", "usage"), USAGES)
def test_counts_are_usage(members: dict[str, Any], usage: Usage | None) -> None:
    assert parsed({"content": ""}, **members).usage == usage


def test_logprobs_take_the_shape_that_every_dialect_reads() -> None:
    entries = [{"token": "é", "logprob": -0.1, "bytes": [195, 169], "top_logprobs": [{"token": "a", "logprob": -2}]}, {"token": "b"}]
    logprobs = parsed({"content": "éb"}, logprobs=entries).choices[0].logprobs
    assert logprobs == {
        "content": [
            {"token": "é", "logprob": -0.1, "bytes": [195, 169], "top_logprobs": [{"token": "a", "logprob": -2, "bytes": [97]}]},
            {"token": "b", "logprob": 0.0, "bytes": [98], "top_logprobs": []},
        ],
        "refusal": None,
    }
    assert built(of(Text(text="éb"), logprobs=logprobs))["logprobs"] == logprobs["content"]


def test_thoughts_that_are_to_come_back_are_marked() -> None:
    target = Target(model="m", dialect="ollama", quirks=Quirks(thinking_returns=True))
    assert parsed({"thinking": "t"}, target=target).choices[0].parts == [Thinking(text="t", signature="unsigned", dialect="ollama")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b"<html>",
        b'{"message":"x","done":true}',
        b'{"message":{"content":"cut"},"done":false}',
        b'{"message":{"content":5},"done":true}',
        b'{"message":{"images":"x"},"done":true}',
        b'{"message":{"images":["x:"]},"done":true}',
        b'{"message":{"tool_calls":{"a":1}},"done":true}',
        b'{"message":{"tool_calls":[{"function":{}}]},"done":true}',
        b'{"message":{"tool_calls":[5]},"done":true}',
        b'{"error":"boom"}',
        b'{"error":{"message":"boom"},"message":{}}',
    ],
)
def test_what_cannot_be_read_is_the_provider_s_fault(body: bytes) -> None:
    with pytest.raises(Fault) as caught:
        parse_answer(body, TARGET, Asked())
    assert (caught.value.status, caught.value.kind) == (502, "upstream")


def test_a_caller_gets_text_thoughts_and_calls_with_made_ids() -> None:
    calls = [ToolCall(id="", name="f", arguments='{"a":1}'), ToolCall(id="kept", name="g"), ToolCall(id="", name="h", arguments="{}")]
    answer = of(Thinking(text="hm"), Text(text="a"), Text(text="b"), *calls, finish="tool_calls")
    assert built(answer)["message"] == {
        "role": "assistant",
        "content": "ab",
        "thinking": "hm",
        "tool_calls": [
            {"id": "call_abc", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}},
            {"id": "kept", "function": {"index": 1, "name": "g", "arguments": {}}},
            {"id": "call_abc02", "function": {"index": 2, "name": "h", "arguments": {}}},
        ],
    }


REASONS = [
    ("stop", "stop"),
    ("stop_sequence", "stop"),
    ("length", "length"),
    ("tool_calls", "stop"),
    ("content_filter", "stop"),
    ("pause", "stop"),
]


@pytest.mark.parametrize(("finish", "reason"), REASONS)
def test_finish_reasons_are_done_reasons(finish: Any, reason: str) -> None:
    said = built(of(Text(text="x"), finish=finish))
    assert (said["done"], said["done_reason"]) == (True, reason)


def test_a_model_that_failed_is_no_success() -> None:
    with pytest.raises(Fault) as caught:
        build_answer(of(finish="error", raw_finish="MALFORMED_FUNCTION_CALL"), CHAT, NAMING)
    assert caught.value.status == 502
    assert "MALFORMED_FUNCTION_CALL" in caught.value.message


def test_a_call_that_the_limit_cut_is_left_out_and_other_text_is_the_member_input() -> None:
    cut = ToolCall(id="c", name="f", arguments='{"a":')
    assert "tool_calls" not in built(of(cut, finish="length"))["message"]
    for call in (cut, ToolCall(id="c", name="f", arguments="[1]"), ToolCall(id="c", name="f", arguments="free {}", custom=True)):
        function = built(of(call, finish="tool_calls"))["message"]["tool_calls"][0]["function"]
        assert function["arguments"] == {"input": call.arguments}


def test_a_generated_answer_is_flat() -> None:
    said = built(of(Thinking(text="hm"), Text(text="a"), Image(data=PNG, media_type="image/png")), GENERATE)
    assert {name: said[name] for name in ("response", "thinking", "image")} == {"response": "a", "thinking": "hm", "image": PNG}
    assert not {"message", "role", "images"} & said.keys()


def test_images_are_beside_the_text() -> None:
    assert built(of(Text(text="a"), Image(data=PNG)))["message"]["images"] == [PNG]


def test_blocks_of_other_dialects_are_left_out() -> None:
    answer = of(Opaque(dialect="gemini", kind="executableCode", value={}), Text(text="a"), Audio(data="x"), Thinking(redacted="r"))
    assert built(answer)["message"] == {"role": "assistant", "content": "a"}


def test_an_answer_without_alternatives_is_empty() -> None:
    assert built(ChatAnswer())["message"] == {"role": "assistant", "content": ""}


ENDINGS: list[tuple[Usage | None, int, dict[str, Any]]] = [
    (None, 0, {"total_duration": 0, "load_duration": 0, "prompt_eval_duration": 0, "eval_duration": 0}),
    (
        Usage(input_tokens=5, cache_read_tokens=2, output_tokens=7),
        900,
        {
            "total_duration": 900,
            "load_duration": 0,
            "prompt_eval_count": 5,
            "prompt_eval_duration": 0,
            "eval_count": 7,
            "eval_duration": 900,
        },
    ),
    (
        Usage(output_tokens=7),
        0,
        {"total_duration": 0, "load_duration": 0, "prompt_eval_duration": 0, "eval_count": 7, "eval_duration": 0},
    ),
]


@pytest.mark.parametrize(("usage", "elapsed_ns", "ending"), ENDINGS)
def test_durations_are_always_said_and_counts_of_zero_never(usage: Usage | None, elapsed_ns: int, ending: dict[str, Any]) -> None:
    said = built(ChatAnswer(choices=[Choice()], usage=usage), naming=Naming(model="m", seed="s", now=0, elapsed_ns=elapsed_ns))
    assert {name: value for name, value in said.items() if name.endswith(("_duration", "_count"))} == ending


def test_a_foreign_clock_is_not_taken_for_this_dialect_s() -> None:
    answer = ChatAnswer(choices=[Choice()], extra={"timings": {"total_ns": 5}}, dialect="openai_chat")
    assert built(answer)["total_duration"] == 0
