"""/api/chat and /api/generate as callers say them."""

from typing import Any

import pytest

from fastgate.translate.conversation import Audio, Image, Reasoning, ResponseFormat, Text, Thinking, Tool, ToolCall, ToolResult, Turn
from fastgate.translate.losses import InvalidRequest
from fastgate.translate.ollama import parse_request

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WEBP = "UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA"
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEA"


def chat(*messages: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages), **members}


TURNS = [
    ("a text", [{"role": "user", "content": "hi"}], [Turn(role="user", parts=[Text(text="hi")])]),
    (
        "roles",
        [{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}, {"role": "assistant", "content": "c"}],
        [
            Turn(role="system", parts=[Text(text="a")]),
            Turn(role="developer", parts=[Text(text="b")]),
            Turn(role="assistant", parts=[Text(text="c")]),
        ],
    ),
    (
        "images stand before the text",
        [{"role": "user", "content": "what?", "images": [PNG, WEBP]}],
        [
            Turn(
                role="user",
                parts=[Image(data=PNG, media_type="image/png"), Image(data=WEBP, media_type="image/webp"), Text(text="what?")],
            )
        ],
    ),
    (
        "sound among the images is audio",
        [{"role": "user", "content": "", "images": [WAV]}],
        [Turn(role="user", parts=[Audio(data=WAV, format="wav")])],
    ),
    (
        "thoughts are this dialect's",
        [{"role": "assistant", "content": "4", "thinking": "2+2"}],
        [Turn(role="assistant", parts=[Thinking(text="2+2", dialect="ollama"), Text(text="4")])],
    ),
    (
        "ids are kept",
        [
            {"role": "assistant", "content": "", "tool_calls": [{"id": "x", "function": {"name": "f", "arguments": {"b": 1, "a": "é"}}}]},
            {"role": "tool", "content": "ok", "tool_call_id": "x"},
        ],
        [
            Turn(role="assistant", parts=[ToolCall(id="x", name="f", arguments='{"b":1,"a":"é"}')]),
            Turn(role="tool", parts=[ToolResult(call_id="x", name="f", parts=[Text(text="ok")])]),
        ],
    ),
    (
        "null members are not said",
        [{"role": "assistant", "content": None, "images": None, "tool_calls": None, "thinking": None}],
        [Turn(role="assistant")],
    ),
]


@pytest.mark.parametrize(("messages", "turns"), [case[1:] for case in TURNS], ids=[case[0] for case in TURNS])
def test_messages_are_turns(messages: list[dict[str, Any]], turns: list[Turn]) -> None:
    assert parse_request(chat(*messages), "chat").turns == turns


def test_results_without_ids_find_their_calls_by_name_and_order() -> None:
    calls = [{"function": {"name": name, "arguments": {}}} for name in ("f", "g", "f")]
    results = [{"role": "tool", "content": text, "tool_name": name} for text, name in (("1", "g"), ("2", "f"), ("3", "f"))]
    request = parse_request(chat({"role": "user", "content": "go"}, {"role": "assistant", "tool_calls": calls}, *results), "chat")
    assert [part.id for part in request.turns[1].parts] == ["call_1_0", "call_1_1", "call_1_2"]
    assert [(part.call_id, part.name) for part in request.turns[2].parts] == [("call_1_1", "g"), ("call_1_0", "f"), ("call_1_2", "f")]


def test_results_without_id_and_name_answer_the_calls_in_order() -> None:
    calls = [{"function": {"name": name}} for name in ("f", "g")]
    request = parse_request(chat({"role": "assistant", "tool_calls": calls}, *[{"role": "tool", "content": "x"}] * 3), "chat")
    assert [(part.call_id, part.name) for part in request.turns[1].parts] == [("call_0_0", "f"), ("call_0_1", "g"), ("call_3", "")]


def test_calls_in_several_messages_stay_open_until_the_user_speaks() -> None:
    one, two = ({"role": "assistant", "tool_calls": [{"function": {"name": name}}]} for name in ("f", "g"))
    request = parse_request(chat(one, two, {"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}), "chat")
    assert [part.call_id for part in request.turns[2].parts] == ["call_0_0", "call_1_0"]
    request = parse_request(chat(one, {"role": "user", "content": "stop"}, {"role": "tool", "content": "1"}), "chat")
    assert request.turns[2].parts == [ToolResult(call_id="call_2", parts=[Text(text="1")])]


def test_results_in_neighbouring_messages_are_one_turn() -> None:
    request = parse_request(chat({"role": "tool", "content": "1"}, {"role": "tool", "content": "2", "images": [PNG]}), "chat")
    assert [len(turn.parts) for turn in request.turns] == [2]
    assert request.turns[0].parts[1].parts == [Image(data=PNG, media_type="image/png"), Text(text="2")]


def test_ids_of_a_conversation_stay_the_same_when_it_grows() -> None:
    said = [{"role": "user", "content": "go"}, {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}, {"role": "tool"}]
    short = parse_request(chat(*said), "chat")
    assert parse_request(chat(*said, {"role": "assistant", "content": "done"}), "chat").turns[:3] == short.turns


def test_streaming_is_the_default() -> None:
    assert parse_request(chat(), "chat").stream
    assert parse_request(chat(stream=None), "chat").stream
    assert not parse_request(chat(stream=False), "chat").stream


MEMBERS: list[tuple[dict[str, Any], str, Any]] = [
    ({"format": "json"}, "response_format", ResponseFormat(kind="json_object")),
    ({"format": {"type": "object"}}, "response_format", ResponseFormat(kind="json_schema", schema={"type": "object"})),
    ({"format": ""}, "response_format", None),
    ({"think": True}, "reasoning", Reasoning(adaptive=True, show=True)),
    ({"think": False}, "reasoning", Reasoning(effort="none")),
    ({"think": "high"}, "reasoning", Reasoning(effort="high", show=True)),
    ({"think": "max"}, "reasoning", Reasoning(effort="max", show=True)),
    ({"logprobs": True, "top_logprobs": 3}, "top_logprobs", 3),
    ({"logprobs": True}, "logprobs", True),
    ({"options": {"num_predict": 7}}, "max_output_tokens", 7),
    ({"options": {"num_predict": -1}}, "max_output_tokens", None),
    ({"options": {"temperature": 0}}, "temperature", 0),
    ({"options": {"top_p": 0.5}}, "top_p", 0.5),
    ({"options": {"top_k": 40.0}}, "top_k", 40),
    ({"options": {"seed": 42}}, "seed", 42),
    ({"options": {"seed": -1}}, "seed", None),
    ({"options": {"stop": ["a", "b"]}}, "stop", ["a", "b"]),
    ({"options": {"stop": "a"}}, "stop", ["a"]),
    ({"options": {"presence_penalty": 1.5}}, "presence_penalty", 1.5),
    ({"options": {"frequency_penalty": -1}}, "frequency_penalty", -1),
    ({"options": {"temperature": None}}, "temperature", None),
    ({"keep_alive": "5m", "truncate": False, "shift": True}, "extra", {"keep_alive": "5m", "truncate": False, "shift": True}),
    ({"options": {"num_ctx": 8192, "min_p": 0.1, "repeat_penalty": 1.1}}, "extra", {"num_ctx": 8192, "min_p": 0.1, "repeat_penalty": 1.1}),
    ({"options": {"an_option_of_tomorrow": 1}}, "extra", {"options": {"an_option_of_tomorrow": 1}}),
    ({"a_member_of_tomorrow": 1, "nothing": None}, "extra", {"a_member_of_tomorrow": 1}),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}}]},
        "tools",
        [Tool(name="f", description="d", parameters={"type": "object"}, strict=True)],
    ),
    ({"tools": [{"function": {"name": "f"}}]}, "tools", [Tool(name="f")]),
]


@pytest.mark.parametrize(("body", "member", "expected"), MEMBERS)
@pytest.mark.parametrize("operation", ["chat", "ollama_generate"])
def test_members_mean_what_the_server_says(body: dict[str, Any], member: str, expected: Any, operation: str) -> None:
    if operation == "ollama_generate" and "tools" in body:
        expected = []
    assert getattr(parse_request({"model": "m", **body}, operation), member) == expected


def test_a_prompt_with_system_and_images_is_two_turns() -> None:
    body = {"model": "m", "prompt": "hi", "system": "be brief", "images": [PNG], "raw": False, "context": []}
    request = parse_request(body, "ollama_generate")
    assert request.turns == [
        Turn(role="system", parts=[Text(text="be brief")]),
        Turn(role="user", parts=[Image(data=PNG, media_type="image/png"), Text(text="hi")]),
    ]
    assert request.operation == "ollama_generate"
    assert request.extra == {}


@pytest.mark.parametrize("body", [{}, {"prompt": ""}, {"prompt": None, "system": "s"}])
def test_without_a_prompt_there_are_no_turns(body: dict[str, Any]) -> None:
    assert parse_request({"model": "m", **body}, "ollama_generate").turns == []


@pytest.mark.parametrize(("name", "value"), [("suffix", "return x"), ("context", [1, 2]), ("raw", True), ("template", "{{ .Prompt }}")])
def test_what_is_no_chat_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"model": "m", "prompt": "x", name: value}, "ollama_generate")
    assert caught.value.param == name
    assert f"`{name}` is not supported" in caught.value.message


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"messages": "hi"}, "messages"),
    ({"messages": ["hi"]}, "messages[0]"),
    ({"messages": [{}]}, "messages[0].role"),
    ({"messages": [{"role": "robot"}]}, "messages[0].role"),
    ({"messages": [{"role": ["user"]}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "images": ["data:image/png;base64,AA"]}]}, "messages[0].images[0]"),
    ({"messages": [{"role": "user", "images": ["https://x.example/a.png"]}]}, "messages[0].images[0]"),
    ({"messages": [{"role": "user", "images": ["ü"]}]}, "messages[0].images[0]"),
    ({"messages": [{"role": "user", "images": [1]}]}, "messages[0].images[0]"),
    ({"messages": [{"role": "user", "images": PNG}]}, "messages[0].images"),
    ({"messages": [{"role": "assistant", "thinking": 1}]}, "messages[0].thinking"),
    ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0].function"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]}, "messages[0].tool_calls[0].function.name"),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]},
        "messages[0].tool_calls[0].function.arguments",
    ),
    ({"messages": [{"role": "tool", "tool_call_id": 5}]}, "messages[0].tool_call_id"),
    ({"tools": {}}, "tools"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}, "tools[0].function.parameters"),
    ({"format": "xml"}, "format"),
    ({"think": "deeply"}, "think"),
    ({"think": 1}, "think"),
    ({"stream": "yes"}, "stream"),
    ({"options": []}, "options"),
    ({"options": {"temperature": "hot"}}, "options.temperature"),
    ({"options": {"top_k": 1.5}}, "options.top_k"),
    ({"options": {"num_predict": True}}, "options.num_predict"),
    ({"options": {"stop": [1]}}, "options.stop[0]"),
    ({"logprobs": 1}, "logprobs"),
    ({"top_logprobs": "5"}, "top_logprobs"),
]


@pytest.mark.parametrize(("body", "path"), WRONG, ids=[case[1] for case in WRONG])
def test_wrong_input_is_named_by_its_path(body: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"model": "m", **body}, "chat")
    assert caught.value.param == path
    assert caught.value.message.startswith(f"`{path}`: expected ")
