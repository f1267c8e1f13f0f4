"""What an answer of any dialect looks like to a caller of this one."""

from typing import Any

import pytest

from fastgate.translate import openai_chat
from fastgate.translate.answer import ChatAnswer, Choice, Fault, FinishReason, Usage
from fastgate.translate.conversation import Audio, Image, Opaque, Part, Text, Thinking, ToolCall
from tests.translate.openai_chat.wire import NAMING, answer_of, asking, message_of, parsed, written

A = {"role": "assistant", "content": "a", "refusal": None}
NOTHING = {"role": "assistant", "content": None, "refusal": None}
ANTHROPIC = "anthropic_messages"


def test_an_answer_without_id_and_time_gets_them_from_the_gateway() -> None:
    assert written(answer_of(Text(text="a"))) == {
        "id": "chatcmpl-s33d",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "gpt-x",
        "choices": [{"index": 0, "message": A, "logprobs": None, "finish_reason": "stop"}],
    }


def test_what_the_provider_said_stands() -> None:
    answer = answer_of(Text(text="a"), id="msg_1", created=5, service_tier="flex", extra={"container": 1}, dialect=ANTHROPIC)
    value = written(answer)
    assert (value["id"], value["created"], value["service_tier"]) == ("msg_1", 5, "flex")
    assert "container" not in value


def test_members_of_this_dialect_come_back() -> None:
    answer = answer_of(Text(text="a"), extra={"system_fingerprint": "fp", "citations": ["x"]}, dialect="openai_chat")
    assert written(answer)["citations"] == ["x"]


CITED = Text(text="a", citations=[{"type": "char_location", "cited_text": "x"}], dialect=ANTHROPIC)
FLAT = {"type": "url_citation", "url": "https://x", "title": "t", "start_index": 0, "end_index": 1}
MESSAGES: list[tuple[list[Part], dict[str, Any]]] = [
    ([], NOTHING),
    ([Text(text="a"), Text(text="b")], {**A, "content": "ab"}),
    ([Text(text="no", refusal=True)], {**NOTHING, "refusal": "no"}),
    ([Thinking(text="hm", dialect="gemini"), Text(text="a")], {**A, "reasoning_content": "hm"}),
    (
        [Thinking(text="hm", signature="s", dialect=ANTHROPIC), Text(text="a")],
        {**A, "reasoning_content": "hm", "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]},
    ),
    (
        [Thinking(redacted="r", dialect=ANTHROPIC), Text(text="a")],
        {**A, "thinking_blocks": [{"type": "redacted_thinking", "data": "r"}]},
    ),
    (
        [Thinking(text="s", redacted="e", id="rs_1", summary=True, dialect="openai_responses")],
        {
            **NOTHING,
            "reasoning_content": "s",
            "thinking_blocks": [{"type": "thinking", "thinking": "s", "data": "openai_responses#e", "id": "rs_1", "summary": True}],
        },
    ),
    # Its text alone brings it back to this dialect.
    ([Thinking(text="hm", signature="unsigned", dialect="openai_chat")], {**NOTHING, "reasoning_content": "hm"}),
    (
        [ToolCall(id="c", name="f", signature="g")],
        {
            **NOTHING,
            "tool_calls": [
                {
                    "id": "c",
                    "type": "function",
                    "function": {"name": "f", "arguments": "{}"},
                    "extra_content": {"google": {"thought_signature": "g"}},
                }
            ],
        },
    ),
    (
        [ToolCall(id="c", name="sh", arguments="ls", custom=True)],
        {**NOTHING, "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]},
    ),
    (
        [Image(media_type="image/png", data="QUJD")],
        {**NOTHING, "images": [{"index": 0, "type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}]},
    ),
    (
        [Audio(id="audio_1", data="QUJD", transcript="t", expires_at=9)],
        {**NOTHING, "audio": {"id": "audio_1", "data": "QUJD", "transcript": "t", "expires_at": 9}},
    ),
    ([CITED], {**A, "provider_specific_fields": {"citations": CITED.citations}}),
    (
        [Text(text="a", citations=[FLAT], dialect="openai_responses")],
        {
            **A,
            "annotations": [
                {"type": "url_citation", "url_citation": {"url": "https://x", "title": "t", "start_index": 0, "end_index": 1}},
            ],
        },
    ),
    (
        [Opaque(dialect=ANTHROPIC, kind="server_tool_use", value={"type": "server_tool_use"})],
        {**NOTHING, "provider_specific_fields": {"blocks": [{"type": "server_tool_use"}]}},
    ),
]


@pytest.mark.parametrize(("parts", "expected"), MESSAGES)
def test_parts_are_written(parts: list[Part], expected: dict[str, Any]) -> None:
    assert message_of(answer_of(*parts)) == expected


def test_calls_without_ids_get_distinct_ones_in_all_choices() -> None:
    choices = [Choice(index=index, parts=[ToolCall(id="", name="f"), ToolCall(id="", name="g")]) for index in range(2)]
    value = written(ChatAnswer(choices=choices))
    ids = [call["id"] for choice in value["choices"] for call in choice["message"]["tool_calls"]]
    assert len(set(ids)) == 4
    assert all(own.startswith("call_s33d") for own in ids)


FINISHES: list[tuple[FinishReason, bool, str]] = [
    ("stop", False, "stop"),
    ("stop_sequence", False, "stop"),
    ("length", False, "length"),
    ("length", True, "length"),
    ("tool_calls", True, "tool_calls"),
    ("stop", True, "tool_calls"),
    ("content_filter", False, "content_filter"),
    ("pause", False, "stop"),
]


@pytest.mark.parametrize(("finish", "calls", "word"), FINISHES)
def test_a_reason_is_written(finish: FinishReason, calls: bool, word: str) -> None:
    parts: list[Part] = [ToolCall(id="c", name="f")] if calls else [Text(text="a")]
    assert written(answer_of(*parts, finish=finish))["choices"][0]["finish_reason"] == word


def test_what_the_reason_does_not_say_stands_in_the_providers_field() -> None:
    [choice] = written(answer_of(Text(text="a"), finish="pause", raw_finish="pause_turn"))["choices"]
    assert choice["provider_specific_fields"] == {"finish_reason": "pause_turn"}


def test_an_answer_that_the_model_failed_to_finish_is_a_fault() -> None:
    with pytest.raises(Fault, match="MALFORMED_FUNCTION_CALL") as caught:
        openai_chat.build_answer(answer_of(finish="error", raw_finish="MALFORMED_FUNCTION_CALL"), asking(), NAMING)
    assert caught.value.status == 502


def test_usage_counts_cached_and_thought_tokens_inside_the_totals() -> None:
    usage = Usage(input_tokens=10, cache_read_tokens=4, cache_write_tokens=2, output_tokens=5, reasoning_tokens=3, audio_output_tokens=1)
    assert written(answer_of(Text(text="a"), usage=usage))["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 1},
    }


def test_a_caller_of_functions_gets_a_function_call() -> None:
    request = parsed(functions=[{"name": "f"}])
    [choice] = written(answer_of(ToolCall(id="c", name="f", arguments="{}"), finish="tool_calls"), request)["choices"]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"


def test_a_thinking_block_comes_back_as_the_thought_that_it_was() -> None:
    thoughts: list[Part] = [
        Thinking(text="hm", signature="s", dialect=ANTHROPIC),
        Thinking(redacted="r", dialect=ANTHROPIC),
        Thinking(text="x", signature="s2", dialect="bedrock"),
        Thinking(text="sum", redacted="enc", id="rs_1", summary=True, dialect="openai_responses"),
        Thinking(text="d", signature='{"type":"reasoning.text","signature":"q"}', dialect="openai_chat"),
    ]
    message = message_of(answer_of(*thoughts, Text(text="a")))
    [turn] = parsed(message).turns
    assert turn.parts == [*thoughts, Text(text="a")]
