"""A request to Gemini beside its contents: tools, the generation config, and what Gemini has no word for."""

from typing import Any

import orjson
import pytest

from fastgate.providers.provider import Quirks
from fastgate.translate import gemini
from fastgate.translate.conversation import (
    Reasoning,
    ResponseFormat,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from fastgate.translate.losses import Losses, NotCarried
from fastgate.translate.target import Asked
from tests.translate.gemini.building import BLOB, CLEAN, SCHEMA, VERTEX, build, request, target, user


def test_functions_are_declared_with_json_schema_and_without_strict() -> None:
    tools = [Tool(name="f", description="d", parameters=SCHEMA, strict=True), Tool(name="g"), Tool(name="h", parameters={})]
    body, _, _ = build(request(tools=tools))
    declared = [{"name": "f", "description": "d", "parametersJsonSchema": CLEAN}, {"name": "g"}, {"name": "h"}]
    assert body["tools"] == [{"functionDeclarations": declared}]


def test_names_outside_googles_alphabet_are_rewritten_everywhere_and_told_back() -> None:
    call = Turn(role="assistant", parts=[ToolCall(id="1", name="1 f")])
    result = Turn(role="tool", parts=[ToolResult(call_id="1")])
    tools = [Tool(name="1 f"), Tool(name="_1_f"), Tool(name="x" * 200)]
    choice = ToolChoice(mode="named", names=["1 f"])
    body, asked, _ = build(request(user("a"), call, result, tools=tools, tool_choice=choice))
    names = [declared["name"] for declared in body["tools"][0]["functionDeclarations"]]
    assert names == ["_1_f", "_1_f_2", "x" * 128]
    assert asked.renamed == {"_1_f": "1 f", "_1_f_2": "_1_f", "x" * 128: "x" * 200}
    assert body["contents"][1]["parts"][0]["functionCall"]["name"] == "_1_f"
    assert body["contents"][2]["parts"][0]["functionResponse"]["name"] == "_1_f"
    assert body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == ["_1_f"]


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (ToolChoice(mode="auto"), {"mode": "AUTO"}),
        (ToolChoice(mode="required"), {"mode": "ANY"}),
        (ToolChoice(mode="none"), {"mode": "NONE"}),
        (ToolChoice(mode="named", names=["f"]), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice(mode="required", names=["f", "g"]), {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
        (ToolChoice(mode="auto", names=["f"]), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
    ],
)
def test_the_tool_choice_is_the_mode_of_function_calling(choice: ToolChoice, calling: dict[str, Any]) -> None:
    body, _, _ = build(request(tools=[Tool(name="f"), Tool(name="g")], tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": calling}


def test_a_tool_choice_without_functions_is_left_out_or_refused() -> None:
    body, _, _ = build(request(tool_choice=ToolChoice(mode="auto")))
    assert "toolConfig" not in body
    with pytest.raises(NotCarried, match="tool_choice"):
        build(request(tool_choice=ToolChoice(mode="required")))


def test_parallel_calls_are_forbidden_by_reading_the_first_alone() -> None:
    _, asked, warnings = build(request(tools=[Tool(name="f")], parallel_tool_calls=False))
    assert asked.one_call
    assert warnings == ["emulate:parallel_tool_calls"]


def test_a_tool_that_another_provider_runs_is_refused_by_name() -> None:
    hosted = Tool(name="web_search", kind="hosted", raw={"type": "web_search"}, dialect="openai_responses")
    with pytest.raises(NotCarried, match="web_search"):
        build(request(tools=[hosted]))


def test_sampling_goes_into_the_generation_config() -> None:
    body, _, warnings = build(
        request(
            max_output_tokens=5,
            temperature=0.5,
            top_p=0.9,
            top_k=3,
            stop=["x"],
            n=2,
            seed=7,
            presence_penalty=0.1,
            frequency_penalty=0.2,
            logprobs=True,
            top_logprobs=4,
        )
    )
    assert body["generationConfig"] == {
        "maxOutputTokens": 5,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 3,
        "candidateCount": 2,
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 4,
        "stopSequences": ["x"],
    }
    assert warnings == []


def test_what_has_no_word_and_no_effect_is_dropped_by_name() -> None:
    asked = request(
        Turn(role="user", parts=[Text(text="a", cache={"type": "ephemeral"})], name="bob"),
        logit_bias={"1": 1.0},
        verbosity="low",
        store=True,
        user="u",
        metadata={"a": "b"},
        service_tier="scale",
        extra={"prediction": {}, "stream_options": {}},
    )
    _, _, warnings = build(asked)
    names = [
        "name",
        "cache_control",
        "metadata",
        "user",
        "service_tier",
        "prediction",
        "stream_options",
        "logit_bias",
        "verbosity",
        "store",
    ]
    assert sorted(warnings) == sorted(f"drop:{name}" for name in names)


def test_what_changes_meaning_is_refused_and_with_drop_params_dropped() -> None:
    for asked in (request(stop=["1", "2", "3", "4", "5", "6"]), request(extra={"mcp_servers": []}), request(modalities=["audio"])):
        with pytest.raises(NotCarried):
            build(asked)
        _, _, warnings = build(asked, drop_params=True)
        assert len(warnings) == 1


def test_allowed_parameters_and_googles_own_pass_from_other_dialects() -> None:
    extra = {"safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}], "labels": {"a": "b"}}
    body, _, _ = build(request(extra=extra))
    assert body["safetySettings"] == extra["safety_settings"]
    losses = Losses("gemini", allowed=frozenset({"brandNew"}))
    assert gemini.build_request(request(extra={"brandNew": 1}), target(), losses)[0]["brandNew"] == 1


def test_labels_go_where_they_are_known_and_fit() -> None:
    body, _, warnings = build(request(user="u-1", metadata={"team": "a", "Note": "No!"}), target(quirks=VERTEX))
    assert body["labels"] == {"team": "a", "user": "u-1"}
    assert warnings == ["drop:metadata"]


@pytest.mark.parametrize(("tier", "word"), [("default", "standard"), ("flex", "flex"), ("priority", "priority"), ("auto", None)])
def test_the_service_tier_has_googles_word(tier: str, word: str | None) -> None:
    body, _, warnings = build(request(service_tier=tier))
    assert (body.get("serviceTier"), warnings) == (word, [])


def test_what_the_providers_row_excludes_is_dropped_or_refused() -> None:
    quirks = Quirks(drop=frozenset({"presencePenalty"}), refuse=frozenset({"seed"}))
    body, _, warnings = build(request(presence_penalty=1.0, temperature=1.0), target(quirks=quirks))
    assert (body["generationConfig"], warnings) == ({"temperature": 1.0}, ["drop:presence_penalty"])
    with pytest.raises(NotCarried, match="seed"):
        build(request(seed=1), target(quirks=quirks))


FORM = ResponseFormat(kind="json_schema", name="n", schema=SCHEMA, strict=True)


def test_a_schema_of_the_answer_goes_beside_its_media_type() -> None:
    body, _, _ = build(request(response_format=FORM, tools=[Tool(name="f")]))
    assert body["generationConfig"] == {"responseMimeType": "application/json", "responseJsonSchema": CLEAN}
    body, _, _ = build(request(response_format=ResponseFormat(kind="json_object")))
    assert body["generationConfig"] == {"responseMimeType": "application/json"}
    body, _, _ = build(request(response_format=ResponseFormat(kind="text")))
    assert "generationConfig" not in body


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (None, {"mode": "ANY"}),
        (ToolChoice(mode="none"), {"mode": "ANY", "allowedFunctionNames": ["give_answer_"]}),
        (ToolChoice(mode="auto", names=["f"]), {"mode": "ANY", "allowedFunctionNames": ["f", "give_answer_"]}),
    ],
)
def test_before_gemini_3_a_schema_beside_functions_is_a_function(choice: ToolChoice | None, calling: dict[str, Any]) -> None:
    tools = [Tool(name="f"), Tool(name="give_answer")]
    body, asked, warnings = build(request(response_format=FORM, tools=tools, tool_choice=choice), target("gemini-2.5-flash"))
    assert body["toolConfig"] == {"functionCallingConfig": calling}
    assert body["tools"][0]["functionDeclarations"][2]["parametersJsonSchema"] == CLEAN
    assert asked.answer_tool == "give_answer_"
    assert warnings == ["emulate:response_format"]
    assert "generationConfig" not in body


def test_before_gemini_3_a_forced_call_leaves_no_answer_to_give_a_form() -> None:
    forced = request(response_format=FORM, tools=[Tool(name="f")], tool_choice=ToolChoice(mode="required"))
    body, asked, _ = build(forced, target("gemini-2.5-flash"))
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}
    assert asked.answer_tool == ""


THINKING: list[tuple[str, Reasoning, dict[str, Any] | None]] = [
    ("gemini-2.5-flash", Reasoning(effort="none"), {"thinkingBudget": 0}),
    ("gemini-2.5-pro", Reasoning(effort="none"), {"thinkingBudget": 128}),
    ("gemini-2.5-flash", Reasoning(effort="minimal"), {"thinkingBudget": 512, "includeThoughts": True}),
    ("gemini-2.5-flash", Reasoning(effort="low"), {"thinkingBudget": 1024, "includeThoughts": True}),
    ("gemini-2.5-flash", Reasoning(effort="medium", show=False), {"thinkingBudget": 8192, "includeThoughts": False}),
    ("gemini-2.5-flash", Reasoning(effort="high"), {"thinkingBudget": 24576, "includeThoughts": True}),
    ("gemini-2.5-pro", Reasoning(effort="max"), {"thinkingBudget": 32768, "includeThoughts": True}),
    ("gemini-2.5-flash", Reasoning(budget_tokens=2000), {"thinkingBudget": 2000, "includeThoughts": True}),
    ("gemini-2.5-flash", Reasoning(budget_tokens=99999), {"thinkingBudget": 24576, "includeThoughts": True}),
    ("gemini-2.5-flash", Reasoning(adaptive=True), {"thinkingBudget": -1, "includeThoughts": True}),
    ("gemini-3-flash", Reasoning(effort="none"), {"thinkingLevel": "MINIMAL"}),
    ("gemini-3.1-pro-preview", Reasoning(effort="none"), {"thinkingLevel": "LOW"}),
    ("gemini-3-flash", Reasoning(effort="medium"), {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
    ("gemini-3-flash", Reasoning(effort="xhigh"), {"thinkingLevel": "HIGH", "includeThoughts": True}),
    ("gemini-3-flash", Reasoning(budget_tokens=1024), {"thinkingLevel": "LOW", "includeThoughts": True}),
    ("gemini-3-flash", Reasoning(budget_tokens=4000), {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
    ("gemini-3-flash", Reasoning(budget_tokens=9000), {"thinkingLevel": "HIGH", "includeThoughts": True}),
    ("gemini-3-flash", Reasoning(adaptive=True), {"includeThoughts": True}),
    ("gemini-3-flash", Reasoning(show=True), {"includeThoughts": True}),
    ("gemini-3-flash", Reasoning(), None),
    ("gemini-2.0-flash", Reasoning(effort="low"), None),
]


@pytest.mark.parametrize(("model", "reasoning", "config"), THINKING)
def test_how_much_to_think_is_said_as_the_generation_reads_it(model: str, reasoning: Reasoning, config: dict[str, Any] | None) -> None:
    body, _, _ = build(request(reasoning=reasoning), target(model))
    assert body.get("generationConfig", {}).get("thinkingConfig") == config


def test_levels_that_a_provider_knows_stand_in_its_row() -> None:
    quirks = Quirks(efforts={"xhigh": "XHIGH"})
    body, _, warnings = build(request(reasoning=Reasoning(effort="xhigh", show=False)), target(quirks=quirks))
    assert (body["generationConfig"]["thinkingConfig"], warnings) == ({"includeThoughts": False, "thinkingLevel": "XHIGH"}, [])


def test_thoughts_are_not_shown_to_responses_callers_who_asked_for_no_summary() -> None:
    body, _, _ = build(request(reasoning=Reasoning(effort="low"), dialect="openai_responses"))
    assert body["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "LOW"}


SAID: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "a"}, {"text": "b"}]},
    "contents": [
        {"role": "user", "parts": [{"text": "hi"}, {**BLOB, "mediaResolution": {"level": "MEDIA_RESOLUTION_MEDIUM"}}]},
        {
            "role": "model",
            "parts": [
                {"text": "hm", "thought": True},
                {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "YQ=="},
                {"functionCall": {"name": "f", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "f", "response": {"t": 1}}},
                {"functionResponse": {"name": "f", "response": {"error": "no"}}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"executableCode": {"language": "PYTHON", "code": "1"}},
                {"text": "done", "thoughtSignature": "Yg=="},
            ],
        },
        {"role": "user", "parts": [{"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/a"}, "videoMetadata": {"fps": 1}}]},
    ],
    "tools": [
        {"functionDeclarations": [{"name": "f", "parametersJsonSchema": CLEAN, "behavior": "BLOCKING"}]},
        {"googleSearch": {}},
    ],
    "toolConfig": {
        "functionCallingConfig": {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
        "retrievalConfig": {"languageCode": "de"},
    },
    "generationConfig": {
        "temperature": 1.0,
        "candidateCount": 1,
        "responseModalities": ["TEXT"],
        "thinkingConfig": {"thinkingBudget": 4000, "includeThoughts": True},
        "responseMimeType": "application/json",
        "responseJsonSchema": CLEAN,
        "speechConfig": {"languageCode": "de"},
    },
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
    "cachedContent": "cachedContents/1",
    "labels": {"team": "a"},
    "serviceTier": "flex",
}


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-3-flash"])
def test_a_gemini_callers_request_reaches_gemini_as_it_was_said(model: str) -> None:
    body, asked, warnings = build(gemini.parse_request(SAID, "generate_content"), target(model, quirks=VERTEX))
    assert body == SAID
    assert (asked, warnings) == (Asked(), [])


def test_the_same_request_gives_the_same_bytes() -> None:
    first, second = (orjson.dumps(build(gemini.parse_request(SAID, "generate_content"))[0]) for _ in range(2))
    assert first == second


def test_tokens_are_counted_of_a_whole_request_or_on_vertex_of_its_parts() -> None:
    asked = gemini.parse_request(SAID, "count_tokens")
    whole = gemini.build_count_request(asked, target(), Losses("gemini"))["generateContentRequest"]
    assert whole["model"] == "models/gemini-3-flash"
    assert whole["contents"] == SAID["contents"]
    flat = gemini.build_count_request(asked, target(quirks=VERTEX), Losses("gemini"))
    assert list(flat) == ["contents", "systemInstruction", "tools", "generationConfig"]
