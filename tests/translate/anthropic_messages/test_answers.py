"""Complete answers: read from a provider of this dialect, and written for a caller of it."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from anthropic.types import Message

from fastgate.translate.answer import ChatAnswer, Choice, Fault, FinishReason, Usage
from fastgate.translate.anthropic_messages import build_answer, parse_answer
from fastgate.translate.conversation import Audio, ChatRequest, Image, Opaque, Part, Text, Thinking, ToolCall
from fastgate.translate.target import Asked, Naming, Target

CASES = Path(__file__).parents[2] / "cases" / "translate" / "anthropic_messages"
OWN = "anthropic_messages"
NAMING = Naming(model="my-claude", seed="0123456789abcdef", now=1)
TARGET = Target(model="claude-opus-4-6", dialect=OWN)


def read(asked: Asked | None = None, **members: Any) -> ChatAnswer:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "stop_reason": "end_turn", **members}
    return parse_answer(orjson.dumps(message), TARGET, asked or Asked())


def write(*parts: Part, request: ChatRequest | None = None, **choice: Any) -> dict[str, Any]:
    answer = ChatAnswer(id="chatcmpl-1", choices=[Choice(parts=list(parts), **choice)], dialect="openai_chat")
    return check(build_answer(answer, request or ChatRequest(turns=[]), NAMING))


def check(body: bytes) -> dict[str, Any]:
    said: dict[str, Any] = orjson.loads(body)
    Message.model_validate(said)
    return said


def test_an_answer_is_read_with_all_that_it_says() -> None:
    answer = parse_answer((CASES / "answer.json").read_bytes(), TARGET, Asked())
    kinds = [type(part) for part in answer.choices[0].parts]
    assert kinds == [Thinking, Thinking, Text, Opaque, Opaque, ToolCall]
    assert answer.choices[0].parts[0] == Thinking(text="Hm.", signature="EqQB+/==", dialect=OWN)
    assert answer.choices[0].parts[5] == ToolCall(
        id="toolu_01A", name="look", arguments='{"city":"Łódź"}', extra={"caller": {"type": "direct"}}
    )
    assert answer.choices[0].finish == "tool_calls"
    # litellm#5364, #7790, #11789: the cache counts once.
    assert answer.usage == Usage(
        input_tokens=2310,
        cache_read_tokens=2000,
        cache_write_tokens=300,
        cache_write_1h_tokens=100,
        output_tokens=50,
        reasoning_tokens=20,
    )
    assert (answer.id, answer.service_tier) == ("msg_01A", "priority")
    assert answer.extra == {"usage": {"server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0}, "inference_geo": "us"}}


def test_an_answer_of_this_dialect_comes_out_as_it_came_in() -> None:
    wire = (CASES / "answer.json").read_bytes()
    said = check(build_answer(parse_answer(wire, TARGET, Asked()), ChatRequest(turns=[]), NAMING))
    before = {member: value for member, value in orjson.loads(wire).items() if value is not None}
    before["model"] = "my-claude"
    assert said == {**before, "stop_sequence": None}


FINISHES: list[tuple[str | None, list[Any], FinishReason, str]] = [
    ("end_turn", [], "stop", ""),
    ("stop_sequence", [], "stop_sequence", ""),
    ("max_tokens", [], "length", ""),
    ("model_context_window_exceeded", [], "length", "model_context_window_exceeded"),
    ("refusal", [], "content_filter", ""),
    ("pause_turn", [], "pause", ""),
    ("a_word_of_tomorrow", [], "stop", "a_word_of_tomorrow"),
    (None, [], "stop", ""),
    ("tool_use", [], "stop", ""),
    ("end_turn", [{"type": "tool_use", "id": "a", "name": "f", "input": {}}], "tool_calls", ""),
    ("max_tokens", [{"type": "tool_use", "id": "a", "name": "f", "input": {}}], "length", ""),
]


@pytest.mark.parametrize(("word", "content", "finish", "raw"), FINISHES)
def test_why_an_answer_ended_is_understood(word: str | None, content: list[Any], finish: FinishReason, raw: str) -> None:
    choice = read(stop_reason=word, content=content).choices[0]
    assert (choice.finish, choice.raw_finish) == (finish, raw)


def test_the_stop_sequence_that_stopped_it_is_told() -> None:
    choice = read(stop_reason="stop_sequence", stop_sequence="END").choices[0]
    assert choice.stop_sequence == "END"
    assert write(Text(text="x"), finish="stop_sequence", stop_sequence="END")["stop_sequence"] == "END"


STOPS: list[tuple[FinishReason, list[Part], str]] = [
    ("stop", [], "end_turn"),
    ("length", [], "max_tokens"),
    ("content_filter", [], "refusal"),
    ("pause", [], "pause_turn"),
    ("tool_calls", [ToolCall(id="a", name="f")], "tool_use"),
    # litellm#21041, #12481, #35663
    ("stop", [ToolCall(id="a", name="f")], "tool_use"),
    ("stop_sequence", [ToolCall(id="a", name="f")], "tool_use"),
    ("length", [ToolCall(id="a", name="f")], "max_tokens"),
    ("tool_calls", [Text(text="x")], "end_turn"),
]


@pytest.mark.parametrize(("finish", "parts", "word"), STOPS)
def test_why_an_answer_ended_is_told(finish: FinishReason, parts: list[Part], word: str) -> None:
    assert write(*parts, finish=finish)["stop_reason"] == word


def test_the_only_stop_sequence_asked_for_is_the_one_that_stopped_it() -> None:
    said = write(Text(text="x"), finish="stop_sequence", request=ChatRequest(turns=[], stop=["END"]))
    assert (said["stop_reason"], said["stop_sequence"]) == ("stop_sequence", "END")
    said = write(Text(text="x"), finish="stop_sequence", request=ChatRequest(turns=[], stop=["END", "STOP"]))
    assert said["stop_sequence"] is None


# litellm#16651, #21744
def test_a_model_that_failed_is_a_fault_and_no_message() -> None:
    with pytest.raises(Fault, match="MALFORMED_FUNCTION_CALL") as raised:
        write(finish="error", raw_finish="MALFORMED_FUNCTION_CALL")
    assert raised.value.status == 502


PARTS: list[tuple[Part, list[dict[str, Any]]]] = [
    (Text(text=""), []),
    (Text(text="no", refusal=True), [{"type": "text", "text": "no"}]),
    (Text(text="x", citations=[{"url": "u"}], dialect="openai_chat"), [{"type": "text", "text": "x"}]),
    (Thinking(text="hm", dialect="openai_chat"), [{"type": "thinking", "thinking": "hm", "signature": ""}]),
    (Thinking(text="hm", signature="s", dialect="gemini"), [{"type": "thinking", "thinking": "hm", "signature": "gemini#s"}]),
    (
        Thinking(text="sum", redacted="enc", id="rs_1", dialect="openai_responses"),
        [{"type": "thinking", "thinking": "sum", "signature": "openai_responses#rs_1#enc"}],
    ),
    (
        Thinking(redacted="enc", id="rs_1", dialect="openai_responses"),
        [{"type": "redacted_thinking", "data": "openai_responses#rs_1#enc"}],
    ),
    (Thinking(dialect="openai_chat"), []),
    (ToolCall(id="", name="f"), [{"type": "tool_use", "id": "toolu_0123456789abcdef01", "name": "f", "input": {}}]),
    (ToolCall(id="c", name="f", arguments='{"a":1'), [{"type": "tool_use", "id": "c", "name": "f", "input": {"input": '{"a":1'}}]),
    (ToolCall(id="c", name="f", arguments="free", custom=True), [{"type": "tool_use", "id": "c", "name": "f", "input": {"input": "free"}}]),
    (
        ToolCall(id="c", name="f", signature="g"),
        [
            {"type": "thinking", "thinking": "", "signature": "gemini#call#g"},
            {"type": "tool_use", "id": "c", "name": "f", "input": {}},
        ],
    ),
    (Audio(data="x", transcript="spoken"), [{"type": "text", "text": "spoken"}]),
    (Opaque(dialect="openai_responses", kind="web_search_call", value={}), []),
]


@pytest.mark.parametrize(("part", "content"), PARTS, ids=[str(number) for number in range(len(PARTS))])
def test_a_part_of_an_answer_becomes_content(part: Part, content: list[dict[str, Any]]) -> None:
    assert write(part)["content"] == content


def test_an_image_that_a_model_made_is_an_image_block() -> None:
    answer = ChatAnswer(choices=[Choice(parts=[Image(data="QUJD", media_type="image/png")])])
    said = orjson.loads(build_answer(answer, ChatRequest(turns=[]), NAMING))
    assert said["content"] == [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}]


def test_the_frame_of_a_message_is_ours() -> None:
    usage = Usage(input_tokens=100, cache_read_tokens=60, cache_write_tokens=10, output_tokens=7, reasoning_tokens=3)
    answer = ChatAnswer(id="chatcmpl-1", choices=[Choice(parts=[Text(text="hi")])], usage=usage, service_tier="default", dialect="x")
    assert check(build_answer(answer, ChatRequest(turns=[]), NAMING)) == {
        "id": "msg_0123456789abcdef",
        "type": "message",
        "role": "assistant",
        "model": "my-claude",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 30,
            "cache_creation_input_tokens": 10,
            "cache_read_input_tokens": 60,
            "output_tokens": 7,
            "output_tokens_details": {"thinking_tokens": 3},
            "service_tier": "standard",
        },
    }


def test_an_answer_without_choices_or_usage_is_an_empty_message() -> None:
    said = check(build_answer(ChatAnswer(), ChatRequest(turns=[]), NAMING))
    assert (said["content"], said["usage"]["output_tokens"], said["stop_reason"]) == ([], 0, "end_turn")


CALL = {"type": "tool_use", "id": "a", "name": "json_answer", "input": {"a": 1}}
SAID = {"type": "text", "text": "Here you are:"}


def test_the_answer_tools_call_comes_back_as_text_and_a_natural_end() -> None:
    asked = Asked(answer_tool="json_answer")
    choice = read(asked, content=[SAID, CALL], stop_reason="tool_use").choices[0]
    assert (choice.parts, choice.finish) == ([Text(text='{"a":1}')], "stop")


def test_a_call_of_the_callers_tool_stays_one_beside_the_answer_tool() -> None:
    asked = Asked(answer_tool="json_answer")
    choice = read(asked, content=[SAID, {**CALL, "name": "f"}], stop_reason="tool_use").choices[0]
    assert ([type(part) for part in choice.parts], choice.finish) == ([Text, ToolCall], "tool_calls")


def test_names_come_back_as_the_caller_knows_them() -> None:
    answer = read(Asked(renamed={"my_tool": "my.tool"}), content=[{**CALL, "name": "my_tool"}])
    assert answer.choices[0].parts == [ToolCall(id="a", name="my.tool", arguments='{"a":1}')]


def test_a_call_without_id_or_input_is_still_one() -> None:
    assert read(content=[{"type": "tool_use", "name": "f"}]).choices[0].parts == [ToolCall(id="", name="f", arguments="{}")]


BROKEN: list[tuple[bytes, int, str]] = [
    (b"<html>oops</html>", 502, "not JSON: <html>oops"),
    (b"", 502, "not JSON"),
    (b'{"type":"message","content":[{"type":"text"', 502, "not JSON"),
    (b"[]", 502, "no message"),
    (b'{"content":null}', 502, "no message"),
    (b'{"content":[{"type":"text","text":1}]}', 502, r"content\[0\]\.text"),
    (b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', 529, "Overloaded"),
    (b'{"error":{"message":"no such key","type":"authentication_error"}}', 401, "no such key"),
]


@pytest.mark.parametrize(("body", "status", "words"), BROKEN)
def test_what_is_no_message_is_a_fault(body: bytes, status: int, words: str) -> None:
    with pytest.raises(Fault, match=words) as raised:
        parse_answer(body, TARGET, Asked())
    assert raised.value.status == status
