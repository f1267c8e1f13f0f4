"""How the answer is to be made: thinking, and its form, in Converse's body."""

from typing import Any

import orjson
import pytest

from fastgate.translate.conversation import Reasoning, ResponseFormat, Text, Tool, ToolCall, ToolChoice, ToolResult
from fastgate.translate.losses import InvalidRequest
from tests.translate.bedrock.converse import CLAUDE, LLAMA, NEW_CLAUDE, NOVA, OLD_CLAUDE, assistant, built, results, user

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool(name="weather", description="Tells it", parameters=SCHEMA)
CLOCK = Tool(name="clock")
CLAUDE_46 = "anthropic.claude-opus-4-6-v1"
CLAUDE_37 = "anthropic.claude-3-7-sonnet-20250219-v1:0"
GPT_OSS = "openai.gpt-oss-120b-1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
HISTORY = (
    user("hi"),
    assistant(ToolCall(id="a", name="weather", arguments="{}")),
    results(ToolResult(call_id="a", parts=[Text(text="1")])),
)


@pytest.mark.parametrize(
    ("reasoning", "thinking", "effort"),
    [
        (Reasoning(effort="none"), {"type": "disabled"}, None),
        (Reasoning(effort="minimal"), {"type": "adaptive"}, "low"),
        (Reasoning(effort="medium"), {"type": "adaptive"}, "medium"),
        (Reasoning(effort="xhigh"), {"type": "adaptive"}, "xhigh"),
        (Reasoning(effort="max"), {"type": "adaptive"}, "max"),
        (Reasoning(adaptive=True), {"type": "adaptive"}, None),
        (Reasoning(adaptive=True, effort="low", show=True), {"type": "adaptive", "display": "summarized"}, "low"),
        (Reasoning(effort="low", show=False), {"type": "adaptive", "display": "omitted"}, "low"),
        (Reasoning(budget_tokens=1024), {"type": "adaptive"}, "low"),
        (Reasoning(budget_tokens=4000), {"type": "adaptive"}, "medium"),
        (Reasoning(budget_tokens=20000), {"type": "adaptive"}, "high"),
    ],
)
def test_claude_since_4_7_thinks_adaptively(reasoning: Reasoning, thinking: dict[str, Any], effort: str | None) -> None:
    body, _, _ = built(reasoning=reasoning, model=NEW_CLAUDE)
    assert body["additionalModelRequestFields"] == {"thinking": thinking}
    assert body.get("outputConfig", {}).get("effort") == effort


@pytest.mark.parametrize(
    ("reasoning", "budget"),
    [
        (Reasoning(effort="none"), None),
        (Reasoning(effort="minimal"), 1024),
        (Reasoning(effort="low"), 1024),
        (Reasoning(effort="medium"), 4096),
        (Reasoning(effort="high"), 16384),
        (Reasoning(effort="max"), 32000),
        (Reasoning(adaptive=True), 4096),
        (Reasoning(budget_tokens=2000), 2000),
    ],
)
@pytest.mark.parametrize("model", [CLAUDE, CLAUDE_37])
def test_older_claude_thinks_with_a_budget(model: str, reasoning: Reasoning, budget: int | None) -> None:
    fields = built(reasoning=reasoning, model=model)[0].get("additionalModelRequestFields")
    assert fields == (budget and {"thinking": {"type": "enabled", "budget_tokens": budget}})


def test_claude_4_6_takes_both_forms() -> None:
    enabled = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    assert built(reasoning=Reasoning(budget_tokens=2000), model=CLAUDE_46)[0]["additionalModelRequestFields"] == enabled
    body, _, lost = built(reasoning=Reasoning(effort="xhigh", show=True), model=CLAUDE_46)
    assert body["additionalModelRequestFields"] == {"thinking": {"type": "adaptive"}}
    assert body["outputConfig"] == {"effort": "high"}
    assert lost == ["clamp:reasoning_effort=high"]


@pytest.mark.parametrize(
    ("reasoning", "most", "budget", "lost"),
    [
        (Reasoning(effort="high"), 4096, 4095, []),
        (Reasoning(budget_tokens=4096), 4096, 4095, ["clamp:thinking.budget_tokens=4095"]),
        (Reasoning(effort="low"), 1025, 1024, []),
        (Reasoning(effort="low"), 1024, None, ["clamp:thinking=disabled"]),
        (Reasoning(budget_tokens=500), None, None, ["clamp:thinking=disabled"]),
    ],
)
def test_a_budget_is_at_least_1024_and_below_the_limit(reasoning: Reasoning, most: int | None, budget: int | None, lost: list[str]) -> None:
    body, _, warnings = built(reasoning=reasoning, max_output_tokens=most)
    assert body.get("additionalModelRequestFields", {}).get("thinking", {}).get("budget_tokens") == budget
    assert warnings == lost


def test_thinking_takes_no_temperature_no_top_k_and_no_forced_call() -> None:
    body, _, lost = built(
        reasoning=Reasoning(effort="low"), temperature=0.5, top_p=0.5, top_k=5, tools=[WEATHER], tool_choice=ToolChoice(mode="required")
    )
    assert "inferenceConfig" not in body
    assert "toolChoice" not in body["toolConfig"]
    assert sorted(lost) == ["clamp:tool_choice=auto", "drop:temperature", "drop:top_k", "drop:top_p"]
    assert built(reasoning=Reasoning(effort="low"), temperature=1.0)[0]["inferenceConfig"] == {"temperature": 1.0}


def test_thinking_stays_off_where_the_last_calls_have_lost_their_thought() -> None:
    body, _, lost = built(*HISTORY, tools=[WEATHER], reasoning=Reasoning(effort="low"))
    assert "additionalModelRequestFields" not in body
    assert lost == ["clamp:thinking=disabled"]


@pytest.mark.parametrize(
    ("reasoning", "config"),
    [
        (Reasoning(effort="none"), {"type": "disabled"}),
        (Reasoning(effort="low"), {"type": "enabled", "maxReasoningEffort": "low"}),
        (Reasoning(effort="max"), {"type": "enabled", "maxReasoningEffort": "high"}),
        (Reasoning(budget_tokens=4000), {"type": "enabled", "maxReasoningEffort": "medium"}),
    ],
)
def test_nova_2_has_a_configuration_of_its_own(reasoning: Reasoning, config: dict[str, Any]) -> None:
    assert built(reasoning=reasoning, model=NOVA_2)[0]["additionalModelRequestFields"] == {"reasoningConfig": config}


def test_nova_2_thinks_hard_only_without_a_limit() -> None:
    body, _, lost = built(reasoning=Reasoning(effort="high"), max_output_tokens=100, model=NOVA_2)
    assert body["additionalModelRequestFields"]["reasoningConfig"]["maxReasoningEffort"] == "medium"
    assert lost == ["clamp:reasoning_effort=medium"]


def test_gpt_oss_takes_three_efforts() -> None:
    assert built(reasoning=Reasoning(effort="xhigh"), model=GPT_OSS)[0]["additionalModelRequestFields"] == {"reasoning_effort": "high"}
    assert built(reasoning=Reasoning(budget_tokens=2000), model=GPT_OSS)[2] == ["drop:thinking.budget_tokens"]


@pytest.mark.parametrize("model", [LLAMA, NOVA, OLD_CLAUDE])
def test_a_model_that_cannot_think_is_not_told_to(model: str) -> None:
    body, _, lost = built(reasoning=Reasoning(effort="high"), model=model)
    assert set(body) == {"messages"}
    assert lost == ["drop:reasoning_effort"]
    assert built(reasoning=Reasoning(effort="none"), model=model)[2] == []


def form(schema: dict[str, Any] | None = None) -> ResponseFormat:
    return ResponseFormat(kind="json_schema", name="place", description="A place", schema=SCHEMA if schema is None else schema)


def test_a_schema_is_sent_closed_as_text_to_models_that_take_it() -> None:
    body, asked, lost = built(response_format=form())
    wanted = body["outputConfig"]["textFormat"]
    assert wanted["type"] == "json_schema"
    definition = wanted["structure"]["jsonSchema"]
    assert orjson.loads(definition["schema"]) == {**SCHEMA, "additionalProperties": False}
    assert (definition["name"], definition["description"]) == ("place", "A place")
    assert (asked.answer_tool, lost) == ("", [])


def test_limits_that_structured_outputs_do_not_take_are_left_out_and_named() -> None:
    schema = {
        "type": "object",
        "properties": {
            "maximum": {"type": "integer", "maximum": 5, "minimum": 1},
            "list": {"type": "array", "items": {"type": "object", "properties": {}, "additionalProperties": True}},
            "kind": {"enum": [{"properties": 1}], "default": {"minimum": 3}},
        },
        "$defs": {"x": {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]}},
    }
    body, _, lost = built(response_format=form(schema))
    assert orjson.loads(body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]) == {
        "type": "object",
        "properties": {
            "maximum": {"type": "integer"},
            "list": {"type": "array", "items": {"type": "object", "properties": {}, "additionalProperties": False}},
            "kind": {"enum": [{"properties": 1}], "default": {"minimum": 3}},
        },
        "$defs": {"x": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        "additionalProperties": False,
    }
    assert lost == [
        "drop:response_format.maximum",
        "drop:response_format.minimum",
        "clamp:response_format.additionalProperties=false",
        "drop:response_format.maxLength",
    ]


def test_the_callers_schema_is_not_changed_in_place() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "object", "properties": {}}}}
    built(response_format=form(schema))
    assert schema == {"type": "object", "properties": {"a": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize("model", [OLD_CLAUDE, NOVA])
def test_older_models_answer_through_a_tool_that_is_forced(model: str) -> None:
    body, asked, lost = built(response_format=form(), model=model)
    assert body["toolConfig"] == {
        "tools": [{"toolSpec": {"name": "json_answer", "description": "A place", "inputSchema": {"json": SCHEMA}}}],
        "toolChoice": {"tool": {"name": "json_answer"}},
    }
    assert asked.answer_tool == "json_answer"
    assert lost == ["emulate:response_format"]


def test_beside_the_callers_tools_any_tool_may_be_called() -> None:
    body, asked, _ = built(response_format=form(), tools=[WEATHER, Tool(name="json_answer")], model=OLD_CLAUDE)
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["weather", "json_answer", "json_answer_"]
    assert body["toolConfig"]["toolChoice"] == {"any": {}}
    assert asked.answer_tool == "json_answer_"


def test_with_tool_choice_none_only_the_answers_tool_is_called() -> None:
    body, asked, _ = built(*HISTORY, response_format=form(), tools=[WEATHER], tool_choice=ToolChoice(mode="none"), model=OLD_CLAUDE)
    assert body["toolConfig"]["toolChoice"] == {"tool": {"name": "json_answer"}}
    assert asked.no_calls


def test_a_model_that_thinks_is_told_to_call_the_answers_tool() -> None:
    body, _, lost = built(response_format=form(), reasoning=Reasoning(effort="low"), model=CLAUDE_37)
    assert "toolChoice" not in body["toolConfig"]
    assert body["system"] == [{"text": "Give your answer by calling the tool json_answer."}]
    assert lost == ["emulate:response_format", "clamp:tool_choice=auto"]


def test_models_without_a_choice_of_tools_get_the_schema_in_words() -> None:
    body, asked, lost = built(response_format=form(), model=LLAMA)
    assert orjson.dumps(SCHEMA).decode() in body["system"][0]["text"]
    assert (asked.answer_tool, lost) == ("", ["emulate:response_format"])


def test_json_object_is_asked_for_in_words() -> None:
    body, _, lost = built(response_format=ResponseFormat(kind="json_object"))
    assert "JSON object" in body["system"][-1]["text"]
    assert lost == ["emulate:response_format"]


def test_text_is_what_no_format_means() -> None:
    assert set(built(response_format=ResponseFormat(kind="text"))[0]) == {"messages"}


def test_a_schema_of_too_many_levels_is_the_callers_mistake() -> None:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(300):
        schema = {"type": "object", "properties": {"a": schema}}
    for model in (CLAUDE, LLAMA):
        with pytest.raises(InvalidRequest) as caught:
            built(response_format=form(schema), model=model)
        assert caught.value.param == "response_format"


def test_the_same_request_gives_the_same_bytes() -> None:
    first, second = (built(*HISTORY, tools=[WEATHER, CLOCK], response_format=form(), temperature=0.1)[0] for _ in range(2))
    assert orjson.dumps(first) == orjson.dumps(second)
