"""Members of a ChatRequest become members of a request for messages, as far as the model takes them."""

from typing import Any

import pytest

from fastgate.translate.anthropic_messages import build_count_request, build_request, version_fields
from fastgate.translate.conversation import (
    ChatRequest,
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
from fastgate.translate.target import Asked, Target

OWN = "anthropic_messages"
OLD = "claude-sonnet-4-5"
HI = [Turn(role="user", parts=[Text(text="hi")])]
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
F = Tool(name="f", description="d", parameters=SCHEMA)
G = Tool(name="g")


def build(
    model: str = OLD, *, drop: bool = False, keep: tuple[str, ...] = (), dialect: str = "openai_chat", most: int = 0, **members: Any
) -> tuple[dict[str, Any], list[str], Asked]:
    losses = Losses(OWN, drop_params=drop, allowed=frozenset(keep))
    request = ChatRequest(turns=members.pop("turns", HI), dialect=dialect, **members)
    body, asked = build_request(request, Target(model=model, dialect=OWN, max_output_tokens=most), losses)
    return body, losses.warnings, asked


def rest_of(model: str = OLD, **members: Any) -> tuple[dict[str, Any], list[str]]:
    """Return what is said beside model and messages, and the warnings."""
    body, warnings, _ = build(model, **{"max_output_tokens": 9000, **members})
    return {member: value for member, value in body.items() if member not in ("model", "messages", "max_tokens")}, warnings


def test_max_tokens_are_the_callers_else_the_models_else_4096() -> None:
    assert build(max_output_tokens=7, most=100)[0]["max_tokens"] == 7
    assert build(max_output_tokens=0, most=100)[0]["max_tokens"] == 0
    assert build(most=100)[0]["max_tokens"] == 100
    assert build()[0]["max_tokens"] == 4096


def test_a_plain_request_says_no_more_than_the_caller_did() -> None:
    body, warnings, asked = build()
    assert body == {"model": OLD, "max_tokens": 4096, "messages": [{"role": "user", "content": "hi"}]}
    assert (warnings, asked) == ([], Asked())


MEMBERS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"stream": True}, {"stream": True}, []),
    ({"temperature": 0.0}, {"temperature": 0.0}, []),
    ({"temperature": 1.7}, {"temperature": 1.0}, ["clamp:temperature=1"]),
    ({"top_p": 0.5, "top_k": 3}, {"top_p": 0.5, "top_k": 3}, []),
    ({"temperature": 0.2, "top_p": 0.5}, {"temperature": 0.2}, ["drop:top_p"]),
    ({"stop": ["END", "\n", ""]}, {"stop_sequences": ["END"]}, ["drop:stop"]),
    ({"stop": ["\n"]}, {}, ["drop:stop"]),
    ({"user": "u1"}, {"metadata": {"user_id": "u1"}}, []),
    ({"metadata": {"k": "v"}}, {}, ["drop:metadata"]),
    ({"service_tier": "priority"}, {"service_tier": "auto"}, []),
    ({"service_tier": "default"}, {"service_tier": "standard_only"}, []),
    ({"service_tier": "flex"}, {"service_tier": "standard_only"}, ["clamp:service_tier=standard_only"]),
    ({"service_tier": "gold"}, {}, ["drop:service_tier"]),
    ({"n": 1}, {}, []),
    ({"seed": 0}, {}, ["drop:seed"]),
    ({"presence_penalty": 0.5, "frequency_penalty": 0.0}, {}, ["drop:presence_penalty"]),
    ({"logprobs": True, "top_logprobs": 3}, {}, ["drop:logprobs", "drop:top_logprobs"]),
    ({"logit_bias": {"1": 2.0}}, {}, ["drop:logit_bias"]),
    ({"verbosity": "low", "store": True}, {}, ["drop:verbosity", "drop:store"]),
    ({"modalities": ["text"]}, {}, []),
    ({"extra": {"prediction": {}, "web_search_options": {}}}, {}, ["drop:prediction", "drop:web_search_options"]),
    ({"extra": {"mcp_servers": [], "speed": "fast"}}, {"mcp_servers": [], "speed": "fast"}, []),
]


@pytest.mark.parametrize(("said", "sent", "warnings"), MEMBERS, ids=[str(number) for number in range(len(MEMBERS))])
def test_a_member(said: dict[str, Any], sent: dict[str, Any], warnings: list[str]) -> None:
    assert rest_of(**said) == (sent, warnings)


@pytest.mark.parametrize(
    ("said", "param"), [({"n": 2}, "n"), ({"modalities": ["text", "audio"]}, "modalities"), ({"extra": {"background": True}}, "background")]
)
def test_what_would_change_the_meaning_is_refused_unless_params_are_dropped(said: dict[str, Any], param: str) -> None:
    with pytest.raises(NotCarried) as raised:
        build(**said)
    assert raised.value.param == param
    assert rest_of(drop=True, **said) == ({}, [f"drop:{param}"])


def test_sampling_is_dropped_where_the_model_refuses_it() -> None:
    sampling = {"temperature": 0.3, "top_p": 0.5, "top_k": 3}
    for model in ("claude-opus-4-7", "claude-sonnet-5", "claude-haiku-5-5", "claude-fable-5-2", "anthropic/claude-opus-4.8", "claude-x-7"):
        assert rest_of(model, **sampling) == ({}, ["drop:temperature", "drop:top_p", "drop:top_k"])
    assert rest_of("claude-opus-5", temperature=1.0, top_p=1.0) == ({}, [])
    assert rest_of("claude-opus-5", temperature=0.3, keep=("temperature",)) == ({"temperature": 0.3}, [])
    assert rest_of("claude-3-5-sonnet-20241022", **sampling) == (sampling, [])
    assert rest_of("kimi-k2", **sampling) == (sampling, [])


def test_a_parameter_that_the_configuration_allows_is_sent() -> None:
    assert rest_of("kimi-k2", seed=7, presence_penalty=0.5, keep=("seed",)) == ({"seed": 7}, ["drop:presence_penalty"])


TOOL_F = {"name": "f", "description": "d", "input_schema": SCHEMA}
TOOL_G = {"name": "g", "input_schema": {"type": "object", "properties": {}}}
ALONE = {"disable_parallel_tool_use": True}
CHOICES: list[tuple[ToolChoice | None, bool | None, dict[str, Any] | None]] = [
    (None, None, None),
    (None, True, None),
    (None, False, {"type": "auto", **ALONE}),
    (ToolChoice(mode="auto"), False, {"type": "auto", **ALONE}),
    (ToolChoice(mode="required"), None, {"type": "any"}),
    (ToolChoice(mode="required"), False, {"type": "any", **ALONE}),
    (ToolChoice(mode="named", names=["f"]), None, {"type": "tool", "name": "f"}),
    (ToolChoice(mode="none"), False, {"type": "none"}),
]


@pytest.mark.parametrize(("choice", "parallel", "sent"), CHOICES, ids=[str(number) for number in range(len(CHOICES))])
def test_a_choice_of_tools(choice: ToolChoice | None, parallel: bool | None, sent: dict[str, Any] | None) -> None:
    said, warnings = rest_of(tools=[F, G], tool_choice=choice, parallel_tool_calls=parallel)
    assert said.pop("tool_choice", None) == sent
    assert (said, warnings) == ({"tools": [TOOL_F, TOOL_G]}, [])


def test_a_choice_without_tools_is_not_sent() -> None:
    assert rest_of(tool_choice=ToolChoice(mode="auto"), parallel_tool_calls=False) == ({}, [])


def test_allowed_tools_leave_the_others_out() -> None:
    said, _ = rest_of(tools=[F, G], tool_choice=ToolChoice(mode="required", names=["g"]))
    assert said == {"tools": [TOOL_G], "tool_choice": {"type": "any"}}


def test_forced_calls_give_way_to_thinking_and_to_models_that_refuse_them() -> None:
    forced = {"tools": [F], "tool_choice": ToolChoice(mode="named", names=["f"])}
    for model, reasoning in ((OLD, Reasoning(effort="low")), ("claude-opus-4-7", Reasoning(effort="low")), ("claude-opus-5-5", None)):
        said, warnings = rest_of(model, **forced, reasoning=reasoning)
        assert said["tool_choice"] == {"type": "auto"}
        assert warnings == ["clamp:tool_choice=auto"]
    assert rest_of("claude-opus-5", **forced)[0]["tool_choice"] == {"type": "tool", "name": "f"}


def test_a_strict_tool_has_closed_objects_where_the_model_knows_strict() -> None:
    loose = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}, "b": {"oneOf": [{"type": "object"}]}}}
    tool = Tool(name="f", parameters=loose, strict=True)
    assert rest_of(tools=[tool])[0]["tools"][0] == {
        "name": "f",
        "strict": True,
        "input_schema": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"anyOf": [{"type": "object", "additionalProperties": False}]}},
            "additionalProperties": False,
        },
    }
    said, warnings = rest_of("claude-opus-4-1", tools=[tool])
    assert said["tools"] == [{"name": "f", "input_schema": loose}]
    assert warnings == ["drop:tools.strict"]


def test_a_hosted_tool_of_another_provider_is_refused_by_name() -> None:
    tool = Tool(name="web_search", kind="hosted", raw={"type": "web_search"}, dialect="openai_responses")
    with pytest.raises(NotCarried, match="'web_search'"):
        build(tools=[tool])
    assert rest_of(drop=True, tools=[tool]) == ({}, ["drop:tools.web_search"])


REASONINGS: list[tuple[str, Reasoning, dict[str, Any], list[str]]] = [
    (OLD, Reasoning(effort="none"), {}, []),
    (OLD, Reasoning(effort="minimal"), {"thinking": {"type": "enabled", "budget_tokens": 1024}}, []),
    (OLD, Reasoning(effort="medium"), {"thinking": {"type": "enabled", "budget_tokens": 4096}}, []),
    (OLD, Reasoning(effort="high"), {"thinking": {"type": "enabled", "budget_tokens": 4500}}, ["clamp:reasoning=4500"]),
    (OLD, Reasoning(budget_tokens=100), {"thinking": {"type": "enabled", "budget_tokens": 1024}}, ["clamp:reasoning=1024"]),
    (OLD, Reasoning(adaptive=True), {"thinking": {"type": "enabled", "budget_tokens": 4096}}, []),
    (OLD, Reasoning(show=True), {}, []),
    ("claude-3-5-haiku-20241022", Reasoning(effort="high"), {}, ["drop:reasoning"]),
    ("claude-opus-4-6", Reasoning(effort="high"), {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}, []),
    (
        "claude-sonnet-4-6",
        Reasoning(effort="max"),
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        ["clamp:reasoning_effort=high"],
    ),
    (
        "claude-opus-4-6",
        Reasoning(budget_tokens=2000, show=True),
        {"thinking": {"type": "enabled", "budget_tokens": 2000, "display": "summarized"}},
        [],
    ),
    (
        "claude-opus-4-7",
        Reasoning(budget_tokens=4096, show=False),
        {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "medium"}},
        ["clamp:reasoning=medium"],
    ),
    ("claude-opus-4-7", Reasoning(effort="xhigh"), {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}, []),
    ("claude-opus-4-7", Reasoning(effort="minimal"), {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, []),
    ("claude-opus-4-7", Reasoning(effort="none"), {}, []),
    ("claude-opus-5", Reasoning(effort="none"), {"thinking": {"type": "disabled"}}, []),
    ("claude-sonnet-5-5", Reasoning(effort="none"), {"thinking": {"type": "between_tools"}}, []),
    ("claude-opus-5-5", Reasoning(effort="none"), {"output_config": {"effort": "low"}}, ["clamp:reasoning_effort=low"]),
    ("claude-opus-5-5", Reasoning(show=True), {"thinking": {"type": "adaptive", "display": "summarized"}}, []),
]


@pytest.mark.parametrize(("model", "reasoning", "sent", "warnings"), REASONINGS, ids=[str(number) for number in range(len(REASONINGS))])
def test_how_much_to_think(model: str, reasoning: Reasoning, sent: dict[str, Any], warnings: list[str]) -> None:
    assert rest_of(model, reasoning=reasoning) == (sent, warnings)


def test_thinking_is_left_off_where_max_tokens_leave_no_room_for_it() -> None:
    assert rest_of(reasoning=Reasoning(effort="low"), max_output_tokens=1024) == ({}, ["drop:reasoning"])


def test_thinking_excludes_temperature_and_top_k() -> None:
    said, warnings = rest_of(reasoning=Reasoning(effort="low"), temperature=0.5, top_k=2, top_p=0.96)
    assert said == {"top_p": 0.96, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    assert warnings == ["drop:temperature", "drop:top_k"]


def test_a_budget_is_left_off_when_the_thoughts_of_an_answered_call_are_gone() -> None:
    def talk(*thoughts: Thinking) -> list[Turn]:
        calls = Turn(role="assistant", parts=[*thoughts, ToolCall(id="a", name="f")])
        return [*HI, calls, Turn(role="tool", parts=[ToolResult(call_id="a")])]

    asked = {"tools": [F], "reasoning": Reasoning(effort="low"), "max_output_tokens": 9000}
    body, warnings, _ = build(turns=talk(), **asked)
    assert "thinking" not in body
    assert warnings == ["drop:reasoning"]
    assert "thinking" in build(turns=talk(Thinking(text="hm", signature="s", dialect=OWN)), **asked)[0]
    assert "thinking" in build("claude-opus-4-7", turns=talk(), **asked)[0]


def test_thinking_in_this_dialects_words_is_understood_from_every_caller() -> None:
    extra = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    assert rest_of(extra=extra) == (extra, [])
    assert rest_of("claude-opus-4-7", extra=extra)[0] == {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}
    with pytest.raises(InvalidRequest, match=r"thinking\.budget_tokens"):
        build(extra={"thinking": {"type": "enabled"}})


WANTED = ResponseFormat(kind="json_schema", name="shape", description="A shape.", schema=SCHEMA, strict=True)


def test_a_structured_answer_has_a_format_where_the_model_knows_one() -> None:
    layout = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
    assert rest_of(response_format=WANTED) == (layout, [])
    assert rest_of("claude-opus-5-5", response_format=WANTED, reasoning=Reasoning(effort="low"))[0]["output_config"] == {
        "effort": "low",
        **layout["output_config"],
    }
    loose = ResponseFormat(kind="json_schema", schema={"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}})
    said, warnings = rest_of(response_format=loose)
    assert said["output_config"]["format"]["schema"] == {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "additionalProperties": False,
    }
    assert warnings == ["emulate:response_format.schema"]


# litellm#8291, #9411, #12463, #7135
def test_a_structured_answer_is_a_forced_tool_of_older_models() -> None:
    body, warnings, asked = build("claude-sonnet-4-20250514", response_format=WANTED)
    assert [tool["name"] for tool in body["tools"]] == ["json_answer_shape"]
    assert body["tools"][0]["input_schema"] == SCHEMA
    assert body["tool_choice"] == {"type": "tool", "name": "json_answer_shape"}
    assert (asked.answer_tool, warnings) == ("json_answer_shape", ["emulate:response_format"])


def test_the_answer_tool_stands_beside_the_callers_tools() -> None:
    body, _, _ = build("claude-sonnet-4-20250514", response_format=WANTED, tools=[F], parallel_tool_calls=False)
    assert [tool["name"] for tool in body["tools"]] == ["f", "json_answer_shape"]
    assert body["tool_choice"] == {"type": "any", **ALONE}
    none = ToolChoice(mode="none")
    assert build("claude-sonnet-4-20250514", response_format=WANTED, tools=[F], tool_choice=none)[0]["tool_choice"]["type"] == "tool"
    named = ToolChoice(mode="named", names=["f"])
    body, _, asked = build("claude-sonnet-4-20250514", response_format=WANTED, tools=[F], tool_choice=named)
    assert (body["tool_choice"], asked.answer_tool) == ({"type": "tool", "name": "f"}, "")


def test_the_answer_tool_is_asked_for_in_words_when_the_model_thinks() -> None:
    body, _, _ = build("claude-sonnet-4-20250514", response_format=WANTED, reasoning=Reasoning(effort="low"), max_output_tokens=9000)
    assert body["tool_choice"] == {"type": "auto"}
    assert "json_answer_shape" in body["system"]


def test_json_without_a_schema_is_asked_for_in_words() -> None:
    turns = [Turn(role="system", parts=[Text(text="be brief")]), *HI]
    body, warnings, _ = build(response_format=ResponseFormat(kind="json_object"), turns=turns)
    assert body["system"].startswith("be brief\n\nAnswer with a single JSON object")
    assert warnings == ["emulate:response_format"]
    array = ResponseFormat(kind="json_schema", schema={"type": "array"})
    assert '{"type":"array"}' in build("claude-sonnet-4-20250514", response_format=array)[0]["system"]
    assert rest_of(response_format=ResponseFormat(kind="text")) == ({}, [])


VERSIONS = [
    ({"messages": []}, "claude-opus-5", "", "2026-10-21", ""),
    ({"messages": [], "temperature": 1}, OLD, "", "2023-06-01", ""),
    ({"messages": []}, OLD, "", "2026-10-21", ""),
    ({"messages": []}, "kimi-k2", "", "2023-06-01", ""),
    ({"messages": []}, OLD, "2023-06-01", "2023-06-01", ""),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "citations": [{}]}]}]}, OLD, "", "2023-06-01", ""),
    ({"messages": [{"role": "assistant", "content": [{"type": "document", "source": {"x": 1}}]}]}, OLD, "", "2023-06-01", ""),
    ({"messages": [{"role": "user", "content": [{"type": "document", "source": {"x": 1}}]}]}, OLD, "", "2026-10-21", ""),
    (
        {"messages": [], "mcp_servers": [], "context_management": {}},
        OLD, "", "2026-10-21", "mcp-client-2025-11-20,context-management-2025-06-27",
    ),
    ({"messages": [], "container": {"skills": [{}]}}, OLD, "", "2026-10-21", "skills-2025-10-02"),
    ({"messages": [], "output_config": {"task_budget": {}}}, OLD, "", "2026-10-21", "task-budgets-2026-03-13"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "model", "configured", "version", "beta"), VERSIONS, ids=[str(number) for number in range(len(VERSIONS))])
def test_the_version_is_the_newest_that_takes_the_body(body: dict[str, Any], model: str, configured: str, version: str, beta: str) -> None:
    fields = dict(version_fields(body, Target(model=model, dialect=OWN, api_version=configured)))
    assert (fields["anthropic-version"], fields.get("anthropic-beta", "")) == (version, beta)


def test_a_count_asks_for_what_is_counted_alone() -> None:
    request = ChatRequest(turns=HI, stream=True, tools=[F], temperature=0.5, user="u", max_output_tokens=5, stop=["x"])
    body = build_count_request(request, Target(model=OLD, dialect=OWN), Losses(OWN))
    assert body == {"model": OLD, "messages": [{"role": "user", "content": "hi"}], "tools": [TOOL_F]}
