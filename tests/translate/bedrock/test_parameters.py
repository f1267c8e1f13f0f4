"""Tools, limits and other parameters in Converse's body."""

from typing import Any

import pytest

from fastgate.translate.conversation import Text, Tool, ToolCall, ToolChoice, ToolResult
from fastgate.translate.losses import NotCarried
from tests.translate.bedrock.converse import CLAUDE, LLAMA, NEW_CLAUDE, NOVA, OLD_CLAUDE, assistant, built, results, user

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool(name="weather", description="Tells it", parameters=SCHEMA)
CLOCK = Tool(name="clock")
HISTORY = (
    user("hi"),
    assistant(ToolCall(id="a", name="weather", arguments="{}")),
    results(ToolResult(call_id="a", parts=[Text(text="1")])),
)


def spec(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"toolSpec": {"name": name, "inputSchema": {"json": schema}}}


def test_tools_keep_their_order_and_one_without_parameters_takes_an_empty_object() -> None:
    body, asked, lost = built(tools=[WEATHER, CLOCK])
    assert body["toolConfig"] == {
        "tools": [
            {"toolSpec": {"name": "weather", "description": "Tells it", "inputSchema": {"json": SCHEMA}}},
            spec("clock", {"type": "object", "properties": {}}),
        ]
    }
    assert (asked.renamed, asked.no_calls, asked.one_call, lost) == ({}, False, False, [])


def test_a_schema_without_a_type_is_one_of_an_object() -> None:
    body, _, _ = built(tools=[Tool(name="f", parameters={"properties": {}})])
    assert body["toolConfig"]["tools"] == [spec("f", {"type": "object", "properties": {}})]


def test_a_tools_mark_becomes_a_cache_point_behind_it() -> None:
    body, _, _ = built(tools=[Tool(name="f", cache={"type": "ephemeral", "ttl": "5m"}), CLOCK])
    assert body["toolConfig"]["tools"][1] == {"cachePoint": {"type": "default", "ttl": "5m"}}


@pytest.mark.parametrize("name", ["ns.tool", "x" * 65, "mcp:read/file", "größe"])
def test_a_name_that_converse_forbids_is_rewritten_everywhere_and_noted(name: str) -> None:
    call, result = ToolCall(id="a", name=name), ToolResult(call_id="a", name=name)
    body, asked, _ = built(
        user("x"), assistant(call), results(result), tools=[Tool(name=name)], tool_choice=ToolChoice(mode="named", names=[name])
    )
    sent = body["toolConfig"]["tools"][0]["toolSpec"]["name"]
    assert body["messages"][1]["content"][0]["toolUse"]["name"] == sent
    assert body["toolConfig"]["toolChoice"] == {"tool": {"name": sent}}
    assert asked.renamed == {sent: name}


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        (ToolChoice(mode="auto"), None),
        (ToolChoice(mode="required"), {"any": {}}),
        (ToolChoice(mode="named", names=["clock"]), {"tool": {"name": "clock"}}),
    ],
)
def test_a_choice_is_told_where_it_is_more_than_auto(choice: ToolChoice | None, sent: dict[str, Any] | None) -> None:
    assert built(tools=[WEATHER, CLOCK], tool_choice=choice)[0]["toolConfig"].get("toolChoice") == sent


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_only_the_allowed_tools_are_sent(mode: Any) -> None:
    body, _, _ = built(tools=[WEATHER, CLOCK], tool_choice=ToolChoice(mode=mode, names=["clock"]))
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["clock"]


def test_tool_choice_none_leaves_out_the_tools_where_none_was_called() -> None:
    body, asked, lost = built(tools=[WEATHER], tool_choice=ToolChoice(mode="none"))
    assert "toolConfig" not in body
    assert asked.no_calls
    assert lost == ["emulate:tool_choice"]


def test_tool_choice_none_leaves_the_tools_in_a_talk_that_has_calls_and_filters_further_ones() -> None:
    body, asked, lost = built(*HISTORY, tools=[WEATHER, CLOCK], tool_choice=ToolChoice(mode="none"))
    assert len(body["toolConfig"]["tools"]) == 2
    assert "toolChoice" not in body["toolConfig"]
    assert asked.no_calls
    assert lost == ["emulate:tool_choice"]


def test_calls_in_the_history_without_tools_bring_a_tool_config_because_converse_demands_one() -> None:
    body, asked, lost = built(*HISTORY)
    assert body["toolConfig"] == {"tools": [spec("weather", {"type": "object", "properties": {}})]}
    assert asked.no_calls
    assert lost == ["emulate:tools"]


def test_parallel_tool_calls_false_keeps_the_first_call_alone() -> None:
    _, asked, lost = built(tools=[WEATHER], parallel_tool_calls=False)
    assert asked.one_call
    assert lost == ["emulate:parallel_tool_calls"]
    assert built(tools=[WEATHER], parallel_tool_calls=True)[1:] == (built(tools=[WEATHER])[1], [])
    assert built(parallel_tool_calls=False)[2] == []


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        (Tool(name="web_search", kind="hosted", dialect="anthropic_messages", raw={"type": "web_search_20250305"}), "`web_search`"),
        (Tool(name="", kind="hosted", dialect="openai_responses", raw={"type": "mcp"}), "`hosted`"),
    ],
)
def test_a_tool_of_another_vendor_is_refused_by_name(tool: Tool, words: str) -> None:
    with pytest.raises(NotCarried, match=words):
        built(tools=[tool])
    assert "toolConfig" not in built(tools=[tool], drop_params=True)[0]


def test_a_hosted_tool_of_converse_itself_is_written_back() -> None:
    raw = {"systemTool": {"name": "nova_grounding"}}
    assert built(tools=[Tool(name="nova_grounding", kind="hosted", dialect="bedrock", raw=raw)])[0]["toolConfig"]["tools"] == [raw]


def test_strict_tools_are_told_to_models_that_know_them() -> None:
    strict = Tool(name="f", parameters=SCHEMA, strict=True)
    assert built(tools=[strict])[0]["toolConfig"]["tools"][0]["toolSpec"]["strict"] is True
    body, _, lost = built(tools=[strict], model=OLD_CLAUDE)
    assert "strict" not in body["toolConfig"]["tools"][0]["toolSpec"]
    assert lost == ["drop:tools.strict"]


def test_limits_and_sampling_stand_in_inference_config() -> None:
    body, _, lost = built(max_output_tokens=100, temperature=0.5, top_p=0.9, stop=["END", ""], model=NOVA)
    assert body["inferenceConfig"] == {"maxTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]}
    assert lost == ["drop:stop"]


def test_nothing_is_sent_that_was_not_said() -> None:
    assert built()[0] == {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}


def test_a_temperature_above_one_is_clamped_and_named() -> None:
    body, _, lost = built(temperature=1.7)
    assert body["inferenceConfig"] == {"temperature": 1}
    assert lost == ["clamp:temperature=1"]


@pytest.mark.parametrize("model", [NEW_CLAUDE, "anthropic.claude-mythos-preview", "global.anthropic.claude-fable-5-2"])
def test_sampling_is_dropped_for_claude_since_4_7(model: str) -> None:
    body, _, lost = built(temperature=0.5, top_p=0.9, top_k=5, model=model)
    assert "inferenceConfig" not in body
    assert "additionalModelRequestFields" not in body
    assert lost == ["drop:temperature", "drop:top_p", "drop:top_k"]


def test_claude_gets_temperature_or_top_p_and_not_both_since_4_1() -> None:
    assert built(temperature=0.5, top_p=0.9)[0]["inferenceConfig"] == {"temperature": 0.5}
    assert built(top_p=0.9)[0]["inferenceConfig"] == {"topP": 0.9}
    assert built(temperature=0.5, top_p=0.9, model=OLD_CLAUDE)[0]["inferenceConfig"] == {"temperature": 0.5, "topP": 0.9}


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CLAUDE, {"top_k": 5}),
        ("mistral.mistral-large-2407-v1:0", {"top_k": 5}),
        ("cohere.command-r-v1:0", {"k": 5}),
        (NOVA, {"inferenceConfig": {"topK": 5}}),
        (LLAMA, None),
    ],
)
def test_top_k_stands_where_each_family_looks_for_it(model: str, fields: dict[str, Any] | None) -> None:
    body, _, lost = built(top_k=5, model=model)
    assert body.get("additionalModelRequestFields") == fields
    assert lost == ([] if fields else ["drop:top_k"])


def test_what_converse_has_no_word_for_is_dropped_and_named() -> None:
    _, _, lost = built(
        seed=0, presence_penalty=0.1, frequency_penalty=0.1, logprobs=True, top_logprobs=2, logit_bias={"1": 1.0}, user="u",
        metadata={"a": "b"}, verbosity="low", store=True, service_tier="batch",
    )  # fmt: skip
    names = ["seed", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias", "user", "metadata", "verbosity"]
    assert lost == [f"drop:{name}" for name in [*names, "store", "service_tier"]]


def test_what_says_nothing_is_not_named() -> None:
    assert built(presence_penalty=0.0, logprobs=False, logit_bias={}, store=False, n=1, modalities=["text"], service_tier="auto")[2] == []


def test_an_allowed_parameter_is_sent_to_the_model_as_it_is() -> None:
    body, _, lost = built(seed=7, extra={"min_p": 0.1}, allowed=frozenset({"seed", "min_p"}), model=LLAMA)
    assert body["additionalModelRequestFields"] == {"seed": 7, "min_p": 0.1}
    assert lost == []


@pytest.mark.parametrize(("member", "value"), [("n", 2), ("modalities", ["text", "audio"])])
def test_what_cannot_be_had_is_refused(member: str, value: Any) -> None:
    with pytest.raises(NotCarried) as caught:
        built(**{member: value})
    assert caught.value.param == member


@pytest.mark.parametrize(
    ("tier", "sent"),
    [("flex", "flex"), ("priority", "priority"), ("fast", "priority"), ("scale", "reserved"), ("default", None), ("auto", None)],
)
def test_service_tiers_have_bedrocks_names(tier: str, sent: str | None) -> None:
    body, _, lost = built(service_tier=tier)
    assert body.get("serviceTier") == (sent and {"type": sent})
    assert lost == []


def test_converses_own_members_are_carried_whoever_says_them() -> None:
    guard = {"guardrailIdentifier": "abc", "guardrailVersion": "1"}
    assert built(extra={"guardrailConfig": guard}, dialect="openai_chat")[0]["guardrailConfig"] == guard


def test_other_members_are_dropped_if_harmless_and_refused_otherwise() -> None:
    assert built(extra={"prompt_cache_key": "k", "prediction": {}})[2] == ["drop:prompt_cache_key", "drop:prediction"]
    with pytest.raises(NotCarried) as caught:
        built(extra={"previous_response_id": "resp_1"})
    assert caught.value.param == "previous_response_id"
