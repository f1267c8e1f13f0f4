"""Chat requests as Cohere's v2 body."""

from typing import Any

import pytest

from fastgate.translate.conversation import (
    Audio,
    File,
    Image,
    Opaque,
    Part,
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
from fastgate.translate.losses import InvalidRequest, NotCarried
from tests.translate.cohere.chat import MODEL, THINKER, assistant, built, results, user

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool(name="weather", description="Tells it", parameters=SCHEMA)
CLOCK = Tool(name="clock")
MARK = {"type": "ephemeral"}


def messages(*turns: Turn, **more: Any) -> list[dict[str, Any]]:
    return list(built(*turns, **more)[0]["messages"])


def test_nothing_is_sent_that_was_not_said() -> None:
    assert built()[0] == {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
    assert built(stream=True)[0]["stream"] is True


def test_roles_stay_in_their_places_and_a_developer_is_the_system() -> None:
    turns = [Turn(role=role, parts=[Text(text=role)]) for role in ("system", "developer", "user", "assistant", "system")]  # type: ignore[arg-type]
    assert [(one["role"], one["content"]) for one in messages(*turns)] == [
        ("system", "system"),
        ("system", "developer"),
        ("user", "user"),
        ("assistant", "assistant"),
        ("system", "system"),
    ]


def test_several_texts_stay_several_blocks() -> None:
    assert messages(user("a", "", "b"))[0]["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


def test_a_turn_that_holds_nothing_is_left_out() -> None:
    assert messages(user("a"), assistant(""), user("b")) == [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]


def test_images_are_urls_or_data_urls_with_their_detail() -> None:
    images: list[Part] = [
        Image(url="https://example.com/a.png", detail="low"),
        Image(data="AAAA", media_type="image/jpeg"),
        Image(data="AAAA", detail="original"),
    ]
    assert messages(user("look", *images))[0]["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "high"}},
    ]


def test_a_text_file_is_sent_as_text() -> None:
    body, _, lost = built(user("read", File(text="notes", filename="a.txt")))
    assert body["messages"][0]["content"][1] == {"type": "text", "text": "notes"}
    assert lost == ["emulate:file"]


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (Image(file_id="file-1"), "image"),
        (File(data="AAAA", media_type="application/pdf"), "file"),
        (Audio(data="AAAA", format="wav"), "audio"),
        (Opaque(dialect="anthropic_messages", kind="server_tool_use", value={}), "server_tool_use"),
    ],
)
def test_what_cohere_cannot_take_is_refused_by_name(part: Part, name: str) -> None:
    with pytest.raises(NotCarried) as caught:
        built(user("x", part))
    assert caught.value.param == name
    body, _, lost = built(user("x", part), drop_params=True)
    assert body["messages"] == [{"role": "user", "content": "x"}]
    assert lost == [f"drop:{name}"]


def test_calls_and_their_results_keep_ids_and_the_models_own_arguments() -> None:
    told = messages(
        user("hi"),
        assistant(ToolCall(id="functions.f:0", name="f", arguments='{"a": 1}'), ToolCall(id="b", name="g")),
        results(ToolResult(call_id="functions.f:0", parts=[Text(text="1"), Text(text="2")]), ToolResult(call_id="b")),
    )
    assert told[1:] == [
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "functions.f:0", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "functions.f:0", "content": "1\n2"},
        {"role": "tool", "tool_call_id": "b", "content": ""},
    ]


def test_text_beside_calls_is_the_plan_because_cohere_refuses_content_there() -> None:
    told = messages(user("hi"), assistant("I will look.", ToolCall(id="a", name="f")))
    assert told[1]["tool_plan"] == "I will look."
    assert "content" not in told[1]


def test_calls_without_ids_are_paired_with_results_in_their_order() -> None:
    told = messages(
        user("hi"), assistant(ToolCall(id="", name="f"), ToolCall(id="", name="g")), results(ToolResult(call_id=""), ToolResult(call_id=""))
    )
    assert [call["id"] for call in told[1]["tool_calls"]] == [one["tool_call_id"] for one in told[2:]]


def test_images_of_results_follow_the_last_of_them_as_the_users() -> None:
    picture = Image(url="https://example.com/a.png")
    body, _, lost = built(
        user("hi"),
        assistant(ToolCall(id="a", name="f"), ToolCall(id="b", name="g")),
        results(ToolResult(call_id="a", parts=[Text(text="see"), picture]), ToolResult(call_id="b", parts=[Text(text="2")], is_error=True)),
    )
    assert [(one["role"], one["content"]) for one in body["messages"][2:]] == [
        ("tool", "see"),
        ("tool", "2"),
        ("user", [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]),
    ]
    assert lost == ["drop:is_error", "emulate:messages.content"]


def test_only_coheres_own_thoughts_go_back() -> None:
    own, other = Thinking(text="hm", dialect="cohere"), Thinking(text="secret", signature="s", dialect="anthropic_messages")
    body, _, lost = built(user("hi"), assistant(own, other, "so"))
    assert body["messages"][1]["content"] == [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "so"}]
    assert lost == []
    assert messages(user("hi"), assistant(own, "plan", ToolCall(id="a", name="f")))[1]["content"] == [
        {"type": "thinking", "thinking": "hm"}
    ]


def test_marks_names_and_citations_are_dropped_and_named() -> None:
    spoken = Turn(role="user", name="ann", parts=[Text(text="a", cache=MARK, citations=[{}])])
    assert built(spoken, tools=[Tool(name="f", cache=MARK)])[2] == ["drop:messages.name", "drop:cache_control", "drop:citations"]


def test_tools_keep_their_order_and_one_without_parameters_takes_an_empty_object() -> None:
    assert built(tools=[WEATHER, CLOCK])[0]["tools"] == [
        {"type": "function", "function": {"name": "weather", "description": "Tells it", "parameters": SCHEMA}},
        {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}},
    ]


@pytest.mark.parametrize(
    ("choice", "word", "names", "lost"),
    [
        (None, None, ["weather", "clock"], []),
        (ToolChoice(mode="auto"), None, ["weather", "clock"], []),
        (ToolChoice(mode="required"), "REQUIRED", ["weather", "clock"], []),
        (ToolChoice(mode="none"), "NONE", ["weather", "clock"], []),
        (ToolChoice(mode="named", names=["clock"]), "REQUIRED", ["clock"], ["emulate:tool_choice"]),
        (ToolChoice(mode="auto", names=["clock"]), None, ["clock"], []),
    ],
)
def test_choices_of_tools(choice: ToolChoice | None, word: str | None, names: list[str], lost: list[str]) -> None:
    body, _, warnings = built(tools=[WEATHER, CLOCK], tool_choice=choice)
    assert body.get("tool_choice") == word
    assert [tool["function"]["name"] for tool in body["tools"]] == names
    assert warnings == lost


def test_tools_are_strict_if_all_of_them_are() -> None:
    strict = Tool(name="f", strict=True)
    assert built(tools=[strict])[0]["strict_tools"] is True
    body, _, lost = built(tools=[strict, CLOCK])
    assert "strict_tools" not in body
    assert lost == ["drop:tools.strict"]


def test_parallel_tool_calls_false_keeps_the_first_call_alone() -> None:
    _, asked, lost = built(tools=[WEATHER], parallel_tool_calls=False)
    assert asked.one_call
    assert lost == ["emulate:parallel_tool_calls"]


def test_a_tool_of_another_vendor_is_refused_by_name() -> None:
    tool = Tool(name="web_search", kind="hosted", dialect="openai_responses", raw={"type": "web_search"})
    with pytest.raises(NotCarried, match="`web_search`"):
        built(tools=[tool])
    assert "tools" not in built(tools=[tool], drop_params=True)[0]


def test_sampling_has_coheres_names() -> None:
    body, _, lost = built(
        max_output_tokens=10, temperature=1.5, top_k=5, top_p=0.5, seed=0, frequency_penalty=0.1, presence_penalty=0.2, stop=["END", ""],
        logprobs=True,
    )  # fmt: skip
    expected = {"max_tokens": 10, "temperature": 1.5, "k": 5, "seed": 0, "frequency_penalty": 0.1, "presence_penalty": 0.2, "p": 0.5}
    assert body == {"model": MODEL, "messages": body["messages"], **expected, "stop_sequences": ["END"], "logprobs": True}
    assert lost == []


@pytest.mark.parametrize(("top_p", "p"), [(1.0, 0.99), (0.0, 0.01)])
def test_p_is_clamped_to_what_cohere_takes_and_named(top_p: float, p: float) -> None:
    body, _, lost = built(top_p=top_p)
    assert body["p"] == p
    assert lost == [f"clamp:top_p={p}"]


def test_what_cohere_has_no_word_for_is_dropped_and_named() -> None:
    _, _, lost = built(
        top_logprobs=2, logit_bias={"1": 1.0}, user="u", metadata={"a": "b"}, verbosity="low", store=True, service_tier="flex"
    )
    assert lost == [f"drop:{name}" for name in ("top_logprobs", "logit_bias", "user", "metadata", "verbosity", "store", "service_tier")]
    assert built(n=1, modalities=["text"], service_tier="default", store=False, logprobs=False)[2] == []


@pytest.mark.parametrize(("member", "value"), [("n", 2), ("modalities", ["image"]), ("extra", {"previous_response_id": "x"})])
def test_what_cannot_be_had_is_refused(member: str, value: Any) -> None:
    with pytest.raises(NotCarried):
        built(**{member: value})


def test_coheres_own_members_are_carried_and_allowed_ones_too() -> None:
    own = {"documents": ["a"], "safety_mode": "STRICT", "citation_options": {"mode": "FAST"}}
    body, _, lost = built(extra={**own, "prompt_cache_key": "k"})
    assert {name: body[name] for name in own} == own
    assert lost == ["drop:prompt_cache_key"]
    assert built(extra={"min_p": 0.1}, user="u", allowed=frozenset({"min_p", "user"}))[0]["min_p"] == 0.1


@pytest.mark.parametrize(
    ("reasoning", "most", "thinking"),
    [
        (Reasoning(effort="none"), None, {"type": "disabled"}),
        (Reasoning(effort="low"), None, {"type": "enabled", "token_budget": 1024}),
        (Reasoning(effort="high"), None, {"type": "enabled", "token_budget": 16384}),
        (Reasoning(effort="high"), 1000, {"type": "enabled", "token_budget": 500}),
        (Reasoning(effort="max"), None, {"type": "enabled"}),
        (Reasoning(budget_tokens=2000), None, {"type": "enabled", "token_budget": 2000}),
        (Reasoning(adaptive=True), None, {"type": "enabled"}),
    ],
)
def test_models_that_think_are_told_how_much(reasoning: Reasoning, most: int | None, thinking: dict[str, Any]) -> None:
    assert built(reasoning=reasoning, max_output_tokens=most, model=THINKER)[0]["thinking"] == thinking


def test_a_model_that_cannot_think_is_not_told_to() -> None:
    body, _, lost = built(reasoning=Reasoning(effort="high"))
    assert "thinking" not in body
    assert lost == ["drop:reasoning_effort"]
    assert built(reasoning=Reasoning(effort="none"))[2] == []
    assert "thinking" in built(reasoning=Reasoning(effort="high"), allowed=frozenset({"reasoning_effort"}))[0]


FORM = ResponseFormat(kind="json_schema", name="place", schema=SCHEMA)


def test_formats_of_answers() -> None:
    assert built(response_format=FORM)[0]["response_format"] == {"type": "json_object", "json_schema": SCHEMA}
    assert built(response_format=ResponseFormat(kind="json_object"))[0]["response_format"] == {"type": "json_object"}
    assert "response_format" not in built(response_format=ResponseFormat(kind="text"))[0]


def test_beside_tools_a_schema_is_a_tool_whose_input_is_the_answer() -> None:
    body, asked, lost = built(response_format=FORM, tools=[WEATHER, Tool(name="json_answer")])
    assert [tool["function"]["name"] for tool in body["tools"]] == ["weather", "json_answer", "json_answer_"]
    assert body["tools"][2]["function"]["parameters"] == SCHEMA
    assert body["tool_choice"] == "REQUIRED"
    assert asked.answer_tool == "json_answer_"
    assert lost == ["emulate:response_format"]


@pytest.mark.parametrize("form", [ResponseFormat(kind="json_object"), ResponseFormat(kind="json_schema", schema={"type": "array"})])
def test_beside_tools_what_is_no_object_is_asked_for_in_words(form: ResponseFormat) -> None:
    body, asked, _ = built(response_format=form, tools=[WEATHER])
    assert body["messages"][0]["role"] == "system"
    assert "JSON" in body["messages"][0]["content"]
    assert asked.answer_tool == ""


def test_a_schema_of_too_many_levels_is_the_callers_mistake() -> None:
    schema: dict[str, Any] = {}
    for _ in range(400):
        schema = {"a": schema}
    with pytest.raises(InvalidRequest):
        built(response_format=ResponseFormat(kind="json_schema", schema=schema), tools=[WEATHER])
