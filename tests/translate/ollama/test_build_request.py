"""What an Ollama server is asked, checked with the official client's own types."""

from base64 import b64encode
from typing import Any

import pytest
from ollama import Message
from ollama._types import ChatRequest as OfficialRequest

from fastgate.providers.provider import Quirks
from fastgate.translate.conversation import (
    Audio,
    ChatRequest,
    File,
    Image,
    Opaque,
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
from fastgate.translate.losses import Losses, NotCarried
from fastgate.translate.ollama import FRAMING, PATHS, build_request
from fastgate.translate.target import Asked, Target

PNG = "iVBORw0KGgoAAAANSUhEUgAA"
TARGET = Target(model="llama3.2", dialect="ollama")


def ask(
    *turns: Turn, target: Target = TARGET, drop: bool = False, allowed: frozenset[str] = frozenset(), **members: Any
) -> tuple[dict[str, Any], Asked, list[str]]:
    losses = Losses("ollama", drop_params=drop, allowed=allowed)
    request = ChatRequest(turns=list(turns) or [Turn(role="user", parts=[Text(text="hi")])], **members)
    body, asked = build_request(request, target, losses)
    OfficialRequest.model_validate(body)
    for message in body["messages"]:
        Message.model_validate({**message, "images": [{"value": image} for image in message.get("images", [])]})
    return body, asked, losses.warnings


def user(*parts: Any) -> Turn:
    return Turn(role="user", parts=list(parts))


def assistant(*parts: Any) -> Turn:
    return Turn(role="assistant", parts=list(parts))


def test_a_request_says_always_whether_it_streams() -> None:
    plain = {"model": "llama3.2", "messages": [{"role": "user", "content": "hi"}], "stream": False}
    assert ask()[0] == plain
    assert ask(stream=True)[0] == {**plain, "stream": True}
    assert FRAMING == "lines"
    assert PATHS == {"chat": "/api/chat", "chat_stream": "/api/chat", "embeddings": "/api/embed"}


MESSAGES: list[tuple[str, list[Turn], list[dict[str, Any]]]] = [
    (
        "developers are systems, and stay in place",
        [Turn(role="system", parts=[Text(text="a")]), user(Text(text="b")), Turn(role="developer", parts=[Text(text="c")])],
        [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}, {"role": "system", "content": "c"}],
    ),
    (
        "texts are joined by newlines, empty ones are left out",
        [user(Text(text="a"), Text(text=""), Text(text="b"))],
        [{"role": "user", "content": "a\nb"}],
    ),
    (
        "images are bare base64, from data URLs too",
        [user(Text(text="a"), Image(data=PNG, media_type="image/png"), Image(url=f"data:image/png;base64,{PNG}"))],
        [{"role": "user", "content": "a", "images": [PNG, PNG]}],
    ),
    (
        "text files are text",
        [user(File(text="one"), File(data=b64encode("zwei ü".encode()).decode(), media_type="text/plain"), Text(text="sum?"))],
        [{"role": "user", "content": "one\nzwei ü\nsum?"}],
    ),
    (
        "refusals are text, own thoughts go back, foreign ones do not",
        [assistant(Thinking(text="mine", dialect="ollama"), Thinking(text="theirs", dialect="gemini"), Text(text="no", refusal=True))],
        [{"role": "assistant", "content": "no", "thinking": "mine"}],
    ),
    (
        "an assistant's turn without anything is left out",
        [user(Text(text="a")), assistant(Text(text="")), assistant(Thinking(text="t", dialect="anthropic_messages")), user(Text(text="b"))],
        [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    ),
    (
        "arguments are objects, results name their tool",
        [
            assistant(ToolCall(id="c1", name="f", arguments='{"b":[1],"a":null}'), ToolCall(id="c2", name="g")),
            Turn(role="tool", parts=[ToolResult(call_id="c2", parts=[Text(text="2")]), ToolResult(call_id="c1", parts=[Text(text="1")])]),
        ],
        [
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": "c1", "function": {"name": "f", "arguments": {"b": [1], "a": None}}},
                    {"id": "c2", "function": {"name": "g", "arguments": {}}},
                ],
            },
            {"role": "tool", "content": "2", "tool_name": "g", "tool_call_id": "c2"},
            {"role": "tool", "content": "1", "tool_name": "f", "tool_call_id": "c1"},
        ],
    ),
    (
        "images of results follow the last of them in one user message",
        [
            assistant(ToolCall(id="c1", name="f"), ToolCall(id="c2", name="f")),
            Turn(role="tool", parts=[ToolResult(call_id="c1", parts=[Text(text="1"), Image(data=PNG)])]),
            Turn(role="tool", parts=[ToolResult(call_id="c2", parts=[Image(data=PNG)])]),
            user(Text(text="and?")),
        ],
        [
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": "c1", "function": {"name": "f", "arguments": {}}},
                    {"id": "c2", "function": {"name": "f", "arguments": {}}},
                ],
            },
            {"role": "tool", "content": "1", "tool_name": "f", "tool_call_id": "c1"},
            {"role": "tool", "content": "", "tool_name": "f", "tool_call_id": "c2"},
            {"role": "user", "content": "", "images": [PNG, PNG]},
            {"role": "user", "content": "and?"},
        ],
    ),
    (
        "images of the last results are not forgotten",
        [Turn(role="tool", parts=[ToolResult(call_id="c1", name="f", parts=[Image(data=PNG)])])],
        [
            {"role": "tool", "content": "", "tool_name": "f", "tool_call_id": "c1"},
            {"role": "user", "content": "", "images": [PNG]},
        ],
    ),
]


@pytest.mark.parametrize(("turns", "messages"), [case[1:] for case in MESSAGES], ids=[case[0] for case in MESSAGES])
def test_turns_are_messages(turns: list[Turn], messages: list[dict[str, Any]]) -> None:
    body, _, warnings = ask(*turns)
    assert body["messages"] == messages
    assert warnings == []


CALL = ToolCall(id="c1", name="f", arguments='{"a":')
LOST: list[tuple[Turn, str]] = [
    (Turn(role="user", parts=[Text(text="a")], name="bob"), "drop:name"),
    (Turn(role="user", parts=[Text(text="a")], extra={"weight": 1}), "drop:messages.weight"),
    (user(Image(data=PNG, detail="high")), "drop:detail"),
    (user(Text(text="a", citations=[{}])), "drop:citations"),
    (Turn(role="tool", parts=[ToolResult(call_id="c", is_error=True)]), "drop:is_error"),
    (assistant(CALL), "emulate:tool_calls.arguments"),
]


@pytest.mark.parametrize(("turn", "warning"), LOST, ids=[case[1] for case in LOST])
def test_what_a_turn_loses_is_named(turn: Turn, warning: str) -> None:
    assert ask(turn)[2] == [warning]


def test_arguments_that_are_no_object_become_the_member_input() -> None:
    assert ask(assistant(CALL))[0]["messages"][0]["tool_calls"][0]["function"]["arguments"] == {"input": '{"a":'}


REFUSED: list[tuple[Any, str]] = [
    (Image(url="https://x.example/a.png"), "image_url"),
    (Image(file_id="file-1"), "file_id"),
    (Audio(data="AAAA", format="wav"), "input_audio"),
    (File(data="JVBERi0=", media_type="application/pdf"), "file"),
    (File(data="/w==", media_type="text/plain"), "file"),
    (File(file_id="file-1"), "file_id"),
    (Opaque(dialect="anthropic_messages", kind="server_tool_use", value={}), "server_tool_use"),
]


@pytest.mark.parametrize(("part", "param"), REFUSED)
def test_parts_that_mean_nothing_here_are_refused_by_name_or_dropped(part: Any, param: str) -> None:
    with pytest.raises(NotCarried) as caught:
        ask(user(part, Text(text="hi")))
    assert caught.value.param == param
    body, _, warnings = ask(user(part, Text(text="hi")), drop=True)
    assert body["messages"] == [{"role": "user", "content": "hi"}]
    assert warnings == [f"drop:{param}"]


def test_sound_goes_among_the_images_of_models_that_hear() -> None:
    hearing = Target(model="gemma", dialect="ollama", quirks=Quirks(knows=frozenset({"input_audio"})))
    assert ask(user(Audio(data="UklGRg", format="wav")), target=hearing)[0]["messages"][0]["images"] == ["UklGRg"]


MEMBERS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    (
        {
            "max_output_tokens": 9,
            "temperature": 0.0,
            "top_p": 0.9,
            "top_k": 3,
            "seed": 1,
            "stop": ["x"],
            "presence_penalty": 1.0,
            "frequency_penalty": 2.0,
        },
        {
            "options": {
                "num_predict": 9,
                "temperature": 0.0,
                "top_p": 0.9,
                "top_k": 3,
                "seed": 1,
                "presence_penalty": 1.0,
                "frequency_penalty": 2.0,
                "stop": ["x"],
            }
        },
        [],
    ),
    ({"response_format": ResponseFormat(kind="text")}, {}, []),
    ({"response_format": ResponseFormat(kind="json_object")}, {"format": "json"}, []),
    (
        {"response_format": ResponseFormat(kind="json_schema", name="n", schema={"type": "object"}, strict=True)},
        {"format": {"type": "object"}},
        [],
    ),
    (
        {"response_format": ResponseFormat(kind="json_schema", description="d", schema={})},
        {"format": {}},
        ["drop:response_format.json_schema.description"],
    ),
    ({"logprobs": True, "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}, []),
    ({"reasoning": Reasoning(effort="none")}, {"think": False}, []),
    ({"reasoning": Reasoning(effort="minimal")}, {"think": "low"}, ["clamp:reasoning_effort=low"]),
    ({"reasoning": Reasoning(effort="low")}, {"think": "low"}, []),
    ({"reasoning": Reasoning(effort="medium")}, {"think": "medium"}, []),
    ({"reasoning": Reasoning(effort="high")}, {"think": "high"}, []),
    ({"reasoning": Reasoning(effort="xhigh")}, {"think": "max"}, ["clamp:reasoning_effort=max"]),
    ({"reasoning": Reasoning(effort="max")}, {"think": "max"}, []),
    ({"reasoning": Reasoning(adaptive=True)}, {"think": True}, []),
    ({"reasoning": Reasoning(budget_tokens=0)}, {"think": False}, []),
    ({"reasoning": Reasoning(budget_tokens=1024)}, {"think": "low"}, ["clamp:thinking.budget_tokens=low"]),
    ({"reasoning": Reasoning(budget_tokens=4096)}, {"think": "medium"}, ["clamp:thinking.budget_tokens=medium"]),
    ({"reasoning": Reasoning(budget_tokens=32000)}, {"think": "high"}, ["clamp:thinking.budget_tokens=high"]),
    ({"reasoning": Reasoning(show=True)}, {}, []),
    ({"n": 1, "parallel_tool_calls": True, "store": False, "modalities": ["text"]}, {}, []),
    ({"logit_bias": {"1": 1.0}, "user": "u", "metadata": {"a": "b"}}, {}, ["drop:logit_bias", "drop:user", "drop:metadata"]),
    ({"service_tier": "flex", "verbosity": "low", "store": True}, {}, ["drop:service_tier", "drop:verbosity", "drop:store"]),
    ({"extra": {"keep_alive": "1h", "num_ctx": 8192}}, {"keep_alive": "1h", "options": {"num_ctx": 8192}}, []),
    ({"extra": {"min_p": 0.1, "repetition_penalty": 1.1}}, {"options": {"min_p": 0.1, "repeat_penalty": 1.1}}, []),
    ({"extra": {"options": {"num_gpu": 1, "seed": 2}}, "seed": 3}, {"options": {"seed": 3, "num_gpu": 1}}, []),
    ({"extra": {"think": "low"}, "reasoning": Reasoning(effort="high")}, {"think": "high"}, []),
    ({"extra": {"prompt_cache_key": "k", "web_search_options": {}}}, {}, ["drop:prompt_cache_key", "drop:web_search_options"]),
    ({"extra": {"tomorrow": 1, "nothing": None}, "dialect": "ollama"}, {"tomorrow": 1}, []),
]


@pytest.mark.parametrize(("members", "expected", "warnings"), MEMBERS)
def test_members_are_carried_changed_or_dropped_and_named(members: dict[str, Any], expected: dict[str, Any], warnings: list[str]) -> None:
    body, _, seen = ask(**members)
    assert {name: body[name] for name in body if name not in ("model", "messages", "stream")} == expected
    assert seen == warnings


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"n": 2}, "n"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"extra": {"audio": {"voice": "x"}}, "dialect": "openai_chat"}, "audio"),
        ({"extra": {"width": 512}, "dialect": "ollama"}, "width"),
        ({"extra": {"previous_response_id": "r"}}, "previous_response_id"),
        ({"tools": [Tool(name="web_search", kind="hosted", dialect="anthropic_messages")]}, "tools.web_search"),
        ({"tools": [Tool(name="f")], "tool_choice": ToolChoice(mode="named", names=["g"])}, "tool_choice"),
    ],
)
def test_members_that_mean_something_are_refused_by_name(members: dict[str, Any], param: str) -> None:
    with pytest.raises(NotCarried) as caught:
        ask(**members)
    assert caught.value.param == param
    body, _, warnings = ask(drop=True, **members)
    assert f"drop:{param}" in warnings
    assert "tools" not in body


def test_parameters_that_the_configuration_allows_are_sent_on() -> None:
    body, _, warnings = ask(n=2, user="u", extra={"grammar": "g"}, allowed=frozenset({"n", "user", "grammar"}))
    assert (body["n"], body["user"], body["grammar"], warnings) == (2, "u", "g", [])


F = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"a": {}}}}}
G = {"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {}}}}
CHOICES: list[tuple[ToolChoice | None, list[Any] | None, list[str]]] = [
    (None, [F, G], []),
    (ToolChoice(mode="auto"), [F, G], []),
    (ToolChoice(mode="required"), [F, G], ["drop:tool_choice"]),
    (ToolChoice(mode="none"), None, ["emulate:tool_choice"]),
    (ToolChoice(mode="named", names=["g"]), [G], ["emulate:tool_choice"]),
    (ToolChoice(mode="auto", names=["f"]), [F], ["emulate:tool_choice"]),
    (ToolChoice(mode="required", names=["g", "f"]), [F, G], ["emulate:tool_choice", "drop:tool_choice"]),
]


@pytest.mark.parametrize(("choice", "expected", "warnings"), CHOICES)
def test_a_choice_of_tools_is_emulated_by_what_is_offered(choice: ToolChoice | None, expected: Any, warnings: list[str]) -> None:
    tools = [Tool(name="f", description="d", parameters={"type": "object", "properties": {"a": {}}}), Tool(name="g")]
    body, asked, seen = ask(tools=tools, tool_choice=choice)
    assert body.get("tools") == expected
    assert seen == warnings
    assert asked.no_calls is (choice is not None and choice.mode == "none")


def test_one_call_at_a_time_is_emulated_in_the_answer() -> None:
    _, asked, warnings = ask(tools=[Tool(name="f")], parallel_tool_calls=False)
    assert asked.one_call
    assert warnings == ["emulate:parallel_tool_calls"]


def test_strict_tools_lose_their_strictness_by_name() -> None:
    body, _, warnings = ask(tools=[Tool(name="f", strict=True)])
    assert "strict" not in body["tools"][0]["function"]
    assert warnings == ["drop:strict"]


def test_a_row_of_providers_may_drop_refuse_and_rename() -> None:
    quirks = Quirks(drop=frozenset({"seed", "logprobs"}), refuse=frozenset({"min_p"}), rename={"num_predict": "max_new"})
    target = Target(model="m", dialect="ollama", quirks=quirks)
    body, _, warnings = ask(target=target, seed=1, logprobs=True, max_output_tokens=5)
    assert body["options"] == {"max_new": 5}
    assert "logprobs" not in body
    assert sorted(warnings) == ["drop:logprobs", "drop:seed"]
    with pytest.raises(NotCarried):
        ask(target=target, extra={"min_p": 0.1})
