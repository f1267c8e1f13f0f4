"""What callers of OpenAI Responses ask for, as ChatRequest."""

from typing import Any

import orjson
import pytest

from fastgate.translate.conversation import (
    Audio,
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
from fastgate.translate.losses import InvalidRequest
from fastgate.translate.openai_responses import parse_request
from tests.translate.openai_responses.wire import CASES, parsed

OWN = "openai_responses"
EMPTY = {"type": "object", "properties": {}}
WEATHER: dict[str, Any] = {"type": "function", "name": "weather", "description": "d", "parameters": EMPTY, "strict": True}
PATCH = {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}

MEMBERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"temperature": 0.5, "top_p": 1}, {"temperature": 0.5, "top_p": 1}),
    ({"temperature": None, "tools": None, "reasoning": None}, {"temperature": None, "tools": [], "reasoning": None}),
    ({"max_output_tokens": 100}, {"max_output_tokens": 100}),
    ({"stream": True, "stream_options": {"include_obfuscation": True}}, {"stream": True, "extra": {}}),
    ({"store": True}, {"store": True}),
    ({}, {"store": None, "stream": False, "dialect": OWN, "operation": "responses"}),
    ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
    ({"top_logprobs": 3}, {"top_logprobs": 3, "logprobs": True}),
    ({"top_logprobs": 0}, {"top_logprobs": None, "logprobs": None}),
    ({"include": ["message.output_text.logprobs"]}, {"logprobs": True, "extra": {}}),
    ({"include": ["reasoning.encrypted_content"]}, {"sealed_thoughts": True, "extra": {}}),
    ({"include": ["web_search_call.results"]}, {"extra": {"include": ["web_search_call.results"]}}),
    ({"user": "u"}, {"user": "u"}),
    ({"user": "u", "safety_identifier": "s"}, {"user": "s"}),
    ({"safety_identifier": "s", "user": "u"}, {"user": "s"}),
    ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
    ({"service_tier": "flex"}, {"service_tier": "flex"}),
    ({"prompt_cache_key": "k", "max_tool_calls": 3}, {"extra": {"prompt_cache_key": "k", "max_tool_calls": 3}}),
    ({"truncation": "disabled"}, {"extra": {}}),
    ({"truncation": "auto"}, {"extra": {"truncation": "auto"}}),
    ({"reasoning": {"effort": "xhigh"}}, {"reasoning": Reasoning(effort="xhigh")}),
    ({"reasoning": {"effort": "low", "summary": "concise"}}, {"reasoning": Reasoning(effort="low", summary="concise", show=True)}),
    ({"reasoning": {"generate_summary": "auto"}}, {"reasoning": Reasoning(summary="auto", show=True)}),
    ({"reasoning": {"effort": None, "context": "all_turns"}}, {"reasoning": None, "extra": {"reasoning": {"context": "all_turns"}}}),
    ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
    ({"text": {"format": {"type": "text"}}}, {"response_format": ResponseFormat(kind="text")}),
    ({"text": {"format": {"type": "json_object"}}}, {"response_format": ResponseFormat(kind="json_object")}),
    (
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}}},
        {"response_format": ResponseFormat(kind="json_schema", name="n", schema=SCHEMA, strict=True)},
    ),
    ({"tools": [WEATHER]}, {"tools": [Tool(name="weather", description="d", parameters=WEATHER["parameters"], strict=True)]}),
    ({"tools": [PATCH]}, {"tools": [Tool(name="apply_patch", kind="custom", raw=PATCH, dialect=OWN)]}),
    (
        {"tools": [{"type": "web_search", "filters": {}}]},
        {"tools": [Tool(name="web_search", kind="hosted", raw={"type": "web_search", "filters": {}}, dialect=OWN)]},
    ),
    ({"tool_choice": "required"}, {"tool_choice": ToolChoice(mode="required")}),
    ({"tool_choice": "none"}, {"tool_choice": ToolChoice(mode="none")}),
    ({"tool_choice": {"type": "function", "name": "weather"}}, {"tool_choice": ToolChoice(mode="named", names=["weather"])}),
    ({"tool_choice": {"type": "custom", "name": "p"}}, {"tool_choice": ToolChoice(mode="named", names=["p"])}),
    (
        {"tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "a"}]}},
        {"tool_choice": ToolChoice(mode="required", names=["a"])},
    ),
    ({"tool_choice": {"type": "web_search"}}, {"tool_choice": None, "extra": {"tool_choice": {"type": "web_search"}}}),
    ({"conversation": None, "background": False, "previous_response_id": None, "prompt": None}, {"extra": {}}),
]


@pytest.mark.parametrize(("members", "expected"), MEMBERS, ids=[orjson.dumps(wire).decode()[:60] for wire, _ in MEMBERS])
def test_a_member_means(members: dict[str, Any], expected: dict[str, Any]) -> None:
    request = parsed(**members)
    assert {name: getattr(request, name) for name in expected} == expected


def user(*parts: Any) -> list[Turn]:
    return [Turn(role="user", parts=list(parts))]


def assistant(*parts: Any) -> list[Turn]:
    return [Turn(role="assistant", parts=list(parts))]


def says(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "message", "role": "user", "content": list(parts)}]


CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": "{}", "status": "completed"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}

INPUTS: list[tuple[Any, list[Turn]]] = [
    ("Hi", user(Text(text="Hi"))),
    ([{"role": "user", "content": "Hi"}], user(Text(text="Hi"))),
    ([{"role": "developer", "content": "Be brief"}], [Turn(role="developer", parts=[Text(text="Be brief")])]),
    (
        [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}],
        [Turn(role="system", parts=[Text(text="a")]), *user(Text(text="b"))],
    ),
    (says({"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}), user(Text(text="a"), Text(text="b"))),
    (
        says({"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"}),
        user(Image(data="AA==", media_type="image/png", detail="low")),
    ),
    (says({"type": "input_image", "image_url": "https://a/b.png"}), user(Image(url="https://a/b.png"))),
    (says({"type": "input_image", "file_id": "file-1", "image_url": None}), user(Image(file_id="file-1", dialect=OWN))),
    (
        says({"type": "input_file", "file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}),
        user(File(data="AA==", media_type="application/pdf", filename="a.pdf")),
    ),
    (says({"type": "input_file", "file_url": "https://a/b.pdf"}), user(File(url="https://a/b.pdf"))),
    (says({"type": "input_file", "file_id": "file-1"}), user(File(file_id="file-1", dialect=OWN))),
    (says({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}), user(Audio(data="AA==", format="wav"))),
    (
        [{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}],
        assistant(Text(text="no", refusal=True)),
    ),
    (
        [{"role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": [{"type": "file_path"}]}]}],
        assistant(Text(text="a", citations=[{"type": "file_path"}], dialect=OWN)),
    ),
    (
        [CALL, RESULT],
        [
            *assistant(ToolCall(id="c1", name="weather", arguments="{}")),
            Turn(role="tool", parts=[ToolResult(call_id="c1", name="weather", parts=[Text(text="sunny")])]),
        ],
    ),
    (
        [{**CALL, "namespace": "maps"}],
        assistant(ToolCall(id="c1", name="weather", arguments="{}", extra={"namespace": "maps"})),
    ),
    (
        [{"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]}],
        assistant(Thinking(text="a\n\nb", id="rs_1", summary=True)),
    ),
    (
        [{"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a"}], "encrypted_content": "gAAA"}],
        assistant(Thinking(text="a", id="rs_1", summary=True, signature="gAAA", dialect=OWN)),
    ),
    (
        [{"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}],
        assistant(Thinking(redacted="gAAA", dialect=OWN)),
    ),
    (
        [{"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "raw"}]}],
        assistant(Thinking(text="raw")),
    ),
    (
        [{"type": "reasoning", "summary": [{"text": "t"}], "encrypted_content": "anthropic_messages#Sig=="}],
        assistant(Thinking(text="t", signature="Sig==", dialect="anthropic_messages")),
    ),
    (
        [{"type": "reasoning", "summary": [], "encrypted_content": "anthropic_messages#redacted#Data=="}],
        assistant(Thinking(redacted="Data==", dialect="anthropic_messages")),
    ),
    (
        [{"type": "reasoning", "summary": [], "encrypted_content": "gemini#call#Sig"}, CALL],
        assistant(ToolCall(id="c1", name="weather", arguments="{}", signature="Sig")),
    ),
    (
        [{"type": "web_search_call", "id": "ws_1", "status": "completed"}],
        assistant(Opaque(dialect=OWN, kind="web_search_call", value={"type": "web_search_call", "id": "ws_1", "status": "completed"})),
    ),
    (
        [{"type": "computer_call_output", "call_id": "c", "output": {}}],
        user(Opaque(dialect=OWN, kind="computer_call_output", value={"type": "computer_call_output", "call_id": "c", "output": {}})),
    ),
]


@pytest.mark.parametrize(("wire", "turns"), INPUTS, ids=[orjson.dumps(wire).decode()[:70] for wire, _ in INPUTS])
def test_input_items_become_turns(wire: Any, turns: list[Turn]) -> None:
    assert parsed(input=wire).turns == turns


def test_instructions_are_the_leading_system_turn_wherever_they_stand_in_the_body() -> None:
    request = parse_request({"input": "Hi", "instructions": "Be brief"}, "responses")
    assert [turn.role for turn in request.turns] == ["system", "user"]


def test_what_the_assistant_thought_said_and_called_is_one_turn() -> None:
    body = orjson.loads((CASES / "codex_request.json").read_bytes())
    turns = parse_request(body, "responses").turns
    assert [turn.role for turn in turns] == ["system", "developer", "user", "user", "assistant", "tool", "assistant", "tool"]
    assert [type(part) for part in turns[4].parts] == [Thinking, Text, ToolCall, ToolCall]
    assert turns[4].parts[1] == Text(text="I look first.", phase="commentary")
    assert turns[4].parts[3] == ToolCall(id="call_2", name="apply_patch", arguments="*** Begin Patch\n*** End Patch", custom=True)
    assert turns[5].parts[1] == ToolResult(call_id="call_2", name="apply_patch", parts=[Text(text="Done!")], custom=True)


def test_a_codex_request_keeps_its_reasoning_cache_key_and_sealed_thoughts() -> None:
    request = parse_request(orjson.loads((CASES / "codex_request.json").read_bytes()), "responses")
    assert request.reasoning == Reasoning(effort="medium", summary="auto", show=True)
    assert request.sealed_thoughts
    assert request.store is False
    assert request.extra == {"prompt_cache_key": "0199-aa"}
    assert [tool.kind for tool in request.tools] == ["function", "function", "custom"]


def test_a_cache_breakpoint_is_a_cache_mark() -> None:
    part = {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}
    request = parsed(input=says(part))
    assert request.cache_breakpoints
    assert request.turns == user(Text(text="a", cache={"type": "ephemeral", "ttl": "1h"}))


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"id": "msg_1"}]}, "input[0]"),
    ],
)
def test_what_needs_a_store_is_refused_by_name(members: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parsed(**members)
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, "unsupported_parameter", param)
    assert f"`{param}`" in caught.value.message


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"input": None}, "input"),
    ({"input": 3}, "input"),
    ({"input": ["a"]}, "input[0]"),
    ({"input": [{}]}, "input[0].type"),
    ({"input": [{"type": 1}]}, "input[0].type"),
    ({"input": [{"role": "robot", "content": "a"}]}, "input[0].role"),
    ({"input": [{"role": "user"}]}, "input[0].content"),
    ({"input": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}, "input[0].content[0].type"),
    ({"input": [{"role": "user", "content": [1]}]}, "input[0].content[0]"),
    ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
    ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": {"url": "a"}}]}]}, "input[0].content[0].image_url"),
    ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
    ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input[0].content[0].input_audio"),
    ({"input": [{"type": "function_call", "name": "a", "arguments": "{}"}]}, "input[0].call_id"),
    ({"input": [{"type": "function_call", "call_id": "c", "name": "a", "arguments": {}}]}, "input[0].arguments"),
    ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input[0].output"),
    ({"input": [{"type": "reasoning", "summary": "a"}]}, "input[0].summary"),
    ({"instructions": ["a"]}, "instructions"),
    ({"temperature": "hot"}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"max_output_tokens": 1.5}, "max_output_tokens"),
    ({"stream": 1}, "stream"),
    ({"reasoning": "high"}, "reasoning"),
    ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
    ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
    ({"tools": {}}, "tools"),
    ({"tools": [{}]}, "tools[0].type"),
    ({"tools": [{"type": "function"}]}, "tools[0].name"),
    ({"tools": [{"type": "function", "function": {"name": "chat's form"}}]}, "tools[0].name"),
    ({"tool_choice": "any"}, "tool_choice"),
    ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
    ({"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}}, "tool_choice.tools"),
    ({"include": "a"}, "include"),
]


@pytest.mark.parametrize(("members", "param"), WRONG, ids=[param for _, param in WRONG])
def test_a_wrong_member_is_named_with_its_path(members: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parsed(**members)
    assert caught.value.param == param
    assert f"`{param}`" in caught.value.message
