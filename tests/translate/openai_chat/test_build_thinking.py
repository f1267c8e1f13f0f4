"""Thoughts, forms of answers and what else a provider has to be told, or cannot be told, in the way it knows."""

from typing import Any

import pytest

from fastgate.translate import openai_chat
from fastgate.translate.conversation import Reasoning, ResponseFormat, Text, Thinking, Tool, ToolCall, ToolChoice, ToolResult, Turn
from fastgate.translate.target import Asked
from tests.translate.openai_chat.wire import asking, assistant, built, losses, messages, parsed, results, target, user

EMPTY = {"type": "object", "properties": {}}
F = Tool(name="f", parameters=EMPTY)
SCHEMA = ResponseFormat(kind="json_schema", name="n", schema={"type": "object"}, strict=True)


def test_thoughts_of_this_dialect_go_back_where_the_provider_wants_them() -> None:
    turn = assistant(Thinking(text="hm", signature="unsigned", dialect="openai_chat"), ToolCall(id="c", name="f"))
    assert "reasoning_content" not in messages(turn)[0]
    assert messages(turn, quirks={"thinking_returns": True})[0]["reasoning_content"] == "hm"
    [message] = messages(turn, quirks={"thinking_returns": True, "thinking": "reasoning"})
    assert message["reasoning"] == "hm"


def test_a_tool_turn_that_lost_its_thought_says_that_it_is_empty() -> None:
    turn = assistant(Thinking(text="hm", signature="s", dialect="anthropic_messages"), ToolCall(id="c", name="f"))
    assert messages(turn, quirks={"thinking_returns": True})[0]["reasoning_content"] == ""


def test_reasoning_details_go_back_as_they_came() -> None:
    details = [
        {"type": "reasoning.text", "text": "hm", "signature": "sig", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.summary", "summary": "short", "format": "openai-responses-v1", "index": 1},
        {"type": "reasoning.encrypted", "data": "enc", "id": "rs_1", "format": "openai-responses-v1", "index": 2},
    ]
    request = parsed({"role": "assistant", "content": "a", "reasoning": "hm", "reasoning_details": details})
    [message] = built(request, {"thinking_returns": True, "thinking": "reasoning"})["messages"]
    assert message["reasoning_details"] == details


FORMS: list[tuple[dict[str, Any], Reasoning, dict[str, Any], list[str]]] = [
    ({"reasoning": "object"}, Reasoning(effort="low"), {"reasoning": {"effort": "low"}}, []),
    ({"reasoning": "object"}, Reasoning(budget_tokens=900, show=False), {"reasoning": {"max_tokens": 900, "exclude": True}}, []),
    ({"reasoning": "object"}, Reasoning(adaptive=True), {"reasoning": {"enabled": True}}, []),
    ({"reasoning": "type"}, Reasoning(effort="none"), {"thinking": {"type": "disabled"}}, []),
    ({"reasoning": "type"}, Reasoning(effort="low"), {"thinking": {"type": "enabled"}}, ["clamp:reasoning_effort=enabled"]),
    (
        {"reasoning": "type", "efforts": {"medium": "high"}},
        Reasoning(effort="medium"),
        {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
        ["clamp:reasoning_effort=high"],
    ),
    ({"reasoning": "type"}, Reasoning(adaptive=True), {"thinking": {"type": "enabled"}}, []),
    ({"reasoning": "none"}, Reasoning(effort="low"), {}, ["drop:reasoning_effort"]),
    ({"reasoning": "none"}, Reasoning(effort="none"), {}, []),
    ({"efforts": {"max": "high"}}, Reasoning(effort="max"), {"reasoning_effort": "high"}, ["clamp:reasoning_effort=high"]),
    ({"efforts": {"none": ""}}, Reasoning(effort="none"), {}, ["drop:reasoning_effort"]),
]


@pytest.mark.parametrize(("quirks", "reasoning", "expected", "warnings"), FORMS)
def test_a_provider_is_told_in_its_own_way_how_much_to_think(
    quirks: dict[str, Any], reasoning: Reasoning, expected: dict[str, Any], warnings: list[str]
) -> None:
    lost = losses()
    body = built(asking(reasoning=reasoning), quirks, lost)
    del body["model"], body["messages"]
    assert (body, lost.warnings) == (expected, warnings)


def test_a_missing_json_schema_is_json_object_and_an_instruction() -> None:
    lost = losses()
    turns = [Turn(role="system", parts=[Text(text="Be brief.")]), user(Text(text="hi"))]
    body = built(asking(turns=turns, response_format=SCHEMA), {"response_formats": frozenset({"json_object"})}, lost)
    assert body["response_format"] == {"type": "json_object"}
    assert body["messages"][0]["content"].startswith("Be brief.\n\nAnswer with one JSON value")
    assert '{"type":"object"}' in body["messages"][0]["content"]
    assert lost.warnings == ["emulate:response_format"]


def test_without_any_response_format_the_answer_is_a_forced_tool() -> None:
    none: dict[str, Any] = {"response_formats": frozenset()}
    body, asked = openai_chat.build_request(asking(response_format=SCHEMA), target(**none), losses())
    assert asked == Asked(answer_tool="structured_answer")
    assert body["tools"][0]["function"]["parameters"] == {"type": "object"}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "structured_answer"}}
    body, asked = openai_chat.build_request(asking(response_format=SCHEMA, tools=[F]), target(**none), losses())
    assert [tool["function"]["name"] for tool in body["tools"]] == ["f", asked.answer_tool]
    assert body["tool_choice"] == "required"
    _, asked = openai_chat.build_request(asking(response_format=SCHEMA, tools=[Tool(name="structured_answer")]), target(**none), losses())
    assert asked.answer_tool == "structured_answer_"
    named = asking(response_format=SCHEMA, tools=[F], tool_choice=ToolChoice(mode="named", names=["f"]))
    body, asked = openai_chat.build_request(named, target(**none), losses())
    assert (len(body["tools"]), asked.answer_tool) == (1, "")


def test_a_missing_json_object_is_an_instruction() -> None:
    body = built(asking(response_format=ResponseFormat(kind="json_object")), {"response_formats": frozenset()})
    assert "response_format" not in body
    assert body["messages"][0] == {"role": "system", "content": "Answer with one JSON object and nothing else."}


def test_calls_one_at_a_time_and_no_calls_are_emulated_where_the_provider_cannot_be_asked() -> None:
    cannot = target(drop=frozenset({"parallel_tool_calls", "tool_choice"}))
    body, asked = openai_chat.build_request(asking(tools=[F], parallel_tool_calls=False), cannot, losses())
    assert asked.one_call
    assert "parallel_tool_calls" not in body
    none = ToolChoice(mode="none")
    body, asked = openai_chat.build_request(asking(tools=[F], tool_choice=none), cannot, losses())
    assert asked.no_calls
    assert "tools" not in body
    turns = [assistant(ToolCall(id="c", name="f")), results(ToolResult(call_id="c"))]
    body, asked = openai_chat.build_request(asking(turns=turns, tools=[F], tool_choice=none), cannot, losses())
    assert asked.no_calls
    assert body["tools"]
