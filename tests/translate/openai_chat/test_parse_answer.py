"""A provider's complete answer, and what it means."""

from typing import Any

import orjson
import pytest

from fastgate.translate import openai_chat
from fastgate.translate.answer import ChatAnswer, Choice, Fault, Usage
from fastgate.translate.conversation import Audio, Image, Opaque, Text, Thinking, ToolCall
from fastgate.translate.target import Asked
from tests.translate.openai_chat.wire import RECORDED, completion, read, target

OWN = "openai_chat"
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
F = ToolCall(id="call_1", name="f", arguments='{"a":1}')
PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
CITATION = {"type": "url_citation", "url_citation": {"url": "https://x", "title": "t", "start_index": 0, "end_index": 1}}


def test_the_recorded_answer_is_read() -> None:
    answer = openai_chat.parse_answer((RECORDED / "chat.json").read_bytes(), target(), Asked())
    value = orjson.loads((RECORDED / "chat.json").read_bytes())
    assert (answer.id, answer.created, answer.dialect) == (value["id"], value["created"], OWN)
    assert answer.choices[0].parts == [Text(text=value["choices"][0]["message"]["content"])]
    assert answer.usage is not None
    assert answer.usage.input_tokens == value["usage"]["prompt_tokens"]
    assert answer.extra == {"system_fingerprint": value["system_fingerprint"]}


MESSAGES: list[tuple[dict[str, Any], list[Any]]] = [
    ({"content": "a"}, [Text(text="a")]),
    ({"content": None}, []),
    ({"content": [{"type": "text", "text": "a"}]}, [Text(text="a")]),
    (
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "a"}]},
        [Thinking(text="hm", dialect=OWN), Text(text="a")],
    ),
    ({"content": [{"type": "reference", "ids": [1]}]}, [Opaque(dialect=OWN, kind="reference", value={"type": "reference", "ids": [1]})]),
    ({"content": "", "reasoning_content": "hm"}, [Thinking(text="hm", dialect=OWN)]),
    ({"content": "a", "reasoning": "hm"}, [Thinking(text="hm", dialect=OWN), Text(text="a")]),
    ({"content": None, "refusal": "no"}, [Text(text="no", refusal=True)]),
    ({"content": "a", "annotations": [CITATION]}, [Text(text="a", citations=[CITATION], dialect=OWN)]),
    ({"content": None, "annotations": [CITATION]}, [Text(text="", citations=[CITATION], dialect=OWN)]),
    ({"content": None, "tool_calls": [CALL]}, [F]),
    ({"content": "a", "tool_calls": [CALL]}, [Text(text="a"), F]),
    (
        {"tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]},
        [ToolCall(id="", name="f", arguments='{"a":1}')],
    ),
    (
        {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]},
        [ToolCall(id="c", name="sh", arguments="ls", custom=True)],
    ),
    (
        {"tool_calls": [{**CALL, "extra_content": {"google": {"thought_signature": "g"}}}]},
        [ToolCall(id="call_1", name="f", arguments='{"a":1}', signature="g")],
    ),
    ({"function_call": {"name": "f", "arguments": "{}"}}, [ToolCall(id="", name="f", arguments="{}")]),
    ({"content": "", "images": [PNG]}, [Image(media_type="image/png", data="QUJD")]),
    (
        {"content": None, "audio": {"id": "audio_1", "data": "QUJD", "transcript": "t", "expires_at": 9}},
        [Audio(id="audio_1", data="QUJD", transcript="t", expires_at=9)],
    ),
    (
        {"content": "a", "reasoning_content": "hm", "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]},
        [Thinking(text="hm", signature="s", dialect="anthropic_messages"), Text(text="a")],
    ),
]


@pytest.mark.parametrize(("message", "parts"), MESSAGES)
def test_a_message_is_read(message: dict[str, Any], parts: list[Any]) -> None:
    assert read(completion(message)).choices[0].parts == parts


FINISHES: list[tuple[str | None, dict[str, Any], dict[str, Any], tuple[str, str]]] = [
    ("stop", {"content": "a"}, {}, ("stop", "")),
    ("eos", {"content": "a"}, {}, ("stop", "")),
    ("length", {"content": "a"}, {}, ("length", "")),
    ("model_length", {"content": "a"}, {}, ("length", "")),
    ("content_filter", {"content": "a"}, {}, ("content_filter", "")),
    ("function_call", {"function_call": {"name": "f"}}, {}, ("tool_calls", "")),
    # A call counts whatever the provider said, but one that was cut is not to be run.
    ("stop", {"tool_calls": [CALL]}, {}, ("tool_calls", "")),
    ("length", {"tool_calls": [CALL]}, {}, ("length", "")),
    ("tool_calls", {"content": "a"}, {}, ("stop", "")),
    ("odd", {"content": "a"}, {}, ("stop", "odd")),
    (None, {"content": "a"}, {}, ("stop", "")),
    ("cut", {"content": "a"}, {"finish": {"cut": "length"}}, ("length", "")),
]


@pytest.mark.parametrize(("word", "message", "quirks", "expected"), FINISHES)
def test_a_reason_is_read(word: str | None, message: dict[str, Any], quirks: dict[str, Any], expected: tuple[str, str]) -> None:
    value = completion(message)
    value["choices"][0]["finish_reason"] = word
    choice = read(value, quirks).choices[0]
    assert (choice.finish, choice.raw_finish) == expected


def test_the_string_that_stopped_an_answer_is_named() -> None:
    value = completion({"content": "a"})
    value["choices"][0]["stop_reason"] = "END"
    choice = read(value).choices[0]
    assert (choice.finish, choice.stop_sequence) == ("stop_sequence", "END")


@pytest.mark.parametrize(("word", "quirks"), [("error", {}), ("no_room", {"finish": {"no_room": "error"}})])
def test_an_answer_that_the_model_failed_to_finish_is_a_fault(word: str, quirks: dict[str, Any]) -> None:
    with pytest.raises(Fault, match=word) as caught:
        read(completion({"content": "a"}, word), quirks)
    assert (caught.value.status, caught.value.code) == (502, word)


USAGES: list[tuple[dict[str, Any], dict[str, Any], Usage]] = [
    (
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1, "cache_write_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 2},
        },
        {},
        Usage(
            input_tokens=10,
            cache_read_tokens=4,
            cache_write_tokens=2,
            output_tokens=5,
            reasoning_tokens=3,
            audio_input_tokens=1,
            audio_output_tokens=2,
        ),
    ),
    ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": None}, {}, Usage(input_tokens=10, output_tokens=5)),
    ({"prompt_tokens": "10", "completion_tokens": None, "cached_tokens": True}, {}, Usage()),
    (
        {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 8},
        {"usage": {"cache_read_tokens": "prompt_cache_hit_tokens"}},
        Usage(input_tokens=10, cache_read_tokens=8, output_tokens=5),
    ),
    (
        {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 7}},
        {"reasoning_beside_output": True},
        Usage(input_tokens=10, output_tokens=12, reasoning_tokens=7),
    ),
]


@pytest.mark.parametrize(("value", "quirks", "expected"), USAGES)
def test_usage_is_read(value: dict[str, Any], quirks: dict[str, Any], expected: Usage) -> None:
    assert read(completion({"content": "a"}, usage=value), quirks).usage == expected


def test_several_choices_keep_their_indexes_and_log_probabilities() -> None:
    value = completion({"content": "a"})
    value["choices"] = [
        {"index": 1, "message": {"content": "b"}, "finish_reason": "stop", "logprobs": {"content": []}},
        {"index": 0, "message": {"content": "a"}, "finish_reason": "length"},
    ]
    assert read(value).choices == [
        Choice(index=1, parts=[Text(text="b")], logprobs={"content": []}),
        Choice(index=0, parts=[Text(text="a")], finish="length"),
    ]


def test_members_beside_the_choices_are_kept() -> None:
    answer = read(completion({"content": "a"}, citations=["https://x"], service_tier="default", system_fingerprint=None))
    assert isinstance(answer, ChatAnswer)
    assert (answer.extra, answer.service_tier) == ({"citations": ["https://x"]}, "default")


def test_a_call_of_the_answer_tool_is_text_and_other_calls_stay_calls() -> None:
    asked = Asked(answer_tool="answer")
    structured = {"id": "x", "function": {"name": "answer", "arguments": '{"b":2}'}}
    [choice] = read(completion({"tool_calls": [structured]}, "tool_calls"), asked=asked).choices
    assert (choice.parts, choice.finish) == ([Text(text='{"b":2}')], "stop")
    [choice] = read(completion({"tool_calls": [structured, CALL]}, "tool_calls"), asked=asked).choices
    assert (choice.parts, choice.finish) == ([Text(text='{"b":2}'), F], "tool_calls")


def test_calls_that_are_not_to_be_passed_on_are_left_out() -> None:
    two = completion({"content": "a", "tool_calls": [CALL, {**CALL, "id": "call_2"}]}, "tool_calls")
    [choice] = read(two, asked=Asked(no_calls=True)).choices
    assert (choice.parts, choice.finish) == ([Text(text="a")], "stop")
    [choice] = read(two, asked=Asked(one_call=True)).choices
    assert (choice.parts, choice.finish) == ([Text(text="a"), F], "tool_calls")


def test_replaced_names_of_tools_come_back() -> None:
    [part] = read(completion({"tool_calls": [CALL]}), asked=Asked(renamed={"f": "a.b"})).choices[0].parts
    assert isinstance(part, ToolCall)
    assert part.name == "a.b"


def test_a_thought_that_its_provider_wants_back_is_signed_with_its_origin() -> None:
    [thought] = read(completion({"reasoning_content": "hm"}), {"thinking_returns": True}).choices[0].parts
    assert isinstance(thought, Thinking)
    assert (thought.dialect, bool(thought.signature)) == (OWN, True)


UNREADABLE = [b"", b"<html>bad gateway</html>", b'{"id":"x","choices":[{"mess', b"[]", b"5", b"{}", b'{"choices":[]}', b'{"choices":["x"]}']


@pytest.mark.parametrize("body", UNREADABLE)
def test_an_answer_that_cannot_be_read_is_a_502_with_an_excerpt(body: bytes) -> None:
    with pytest.raises(Fault, match="cannot be read") as caught:
        openai_chat.parse_answer(body, target(), Asked())
    assert (caught.value.status, caught.value.kind) == (502, "upstream")


def test_an_error_of_status_200_is_a_fault_with_its_own_code() -> None:
    with pytest.raises(Fault, match="no credits") as caught:
        read({"error": {"message": "no credits", "code": 402}})
    assert (caught.value.status, caught.value.kind, caught.value.code) == (402, "permission", "")
