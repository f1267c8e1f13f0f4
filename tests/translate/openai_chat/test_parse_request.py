"""A chat body of a caller, and what it means."""

from typing import Any

import pytest

from fastgate.translate import openai_chat
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
from tests.translate.openai_chat.wire import chat, parsed

OWN = "openai_chat"
MARK = {"type": "ephemeral"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}}
WEATHER = ToolCall(id="call_1", name="weather", arguments='{"city":"Rome"}')


def user(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


PARTS: list[tuple[dict[str, Any], Any]] = [
    ({"type": "text", "text": "a"}, Text(text="a")),
    ({"type": "text", "text": "a", "cache_control": MARK}, Text(text="a", cache=MARK)),
    ({"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}, Text(text="a", cache=MARK)),
    (
        {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}},
        Text(text="a", cache={"type": "ephemeral", "ttl": "1h"}),
    ),
    ({"type": "image_url", "image_url": {"url": "https://x/y.png"}}, Image(url="https://x/y.png", dialect=OWN)),
    ({"type": "image_url", "image_url": "https://x/y.png"}, Image(url="https://x/y.png", dialect=OWN)),
    (
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}},
        Image(media_type="image/png", data="QUJD", detail="low", dialect=OWN),
    ),
    ({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}, Audio(data="QUJD", format="wav")),
    ({"type": "file", "file": {"file_id": "file-1"}}, File(file_id="file-1", dialect=OWN)),
    ({"type": "file", "file": {"file_id": "https://x/y.pdf"}}, File(url="https://x/y.pdf", dialect=OWN)),
    ({"type": "file", "file": {"file_data": "https://x/y.pdf"}}, File(url="https://x/y.pdf", dialect=OWN)),
    (
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "a.pdf"}},
        File(data="QUJD", media_type="application/pdf", filename="a.pdf", dialect=OWN),
    ),
    (
        {"type": "file", "file": {"file_data": "QUJD", "filename": "a.TXT"}},
        File(data="QUJD", media_type="text/plain", filename="a.TXT", dialect=OWN),
    ),
    (
        {"type": "video_url", "video_url": {"url": "https://x"}},
        Opaque(dialect=OWN, kind="video_url", value={"type": "video_url", "video_url": {"url": "https://x"}}),
    ),
]


@pytest.mark.parametrize(("part", "meaning"), PARTS)
def test_a_part_of_a_user_is_read(part: dict[str, Any], meaning: Any) -> None:
    assert parsed(user(part)).turns == [Turn(role="user", parts=[meaning])]


ASSISTANTS: list[tuple[dict[str, Any], list[Any]]] = [
    ({"content": "a"}, [Text(text="a")]),
    ({"content": None, "tool_calls": [CALL]}, [WEATHER]),
    ({"content": "", "tool_calls": [CALL]}, [WEATHER]),
    ({"content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "no"}]}, [Text(text="a"), Text(text="no", refusal=True)]),
    ({"content": None, "refusal": "no"}, [Text(text="no", refusal=True)]),
    ({"audio": {"id": "audio_1"}}, [Audio(id="audio_1")]),
    ({"content": "a", "reasoning_content": "hm"}, [Thinking(text="hm", dialect=OWN), Text(text="a")]),
    ({"content": "a", "reasoning": "hm"}, [Thinking(text="hm", dialect=OWN), Text(text="a")]),
    (
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "a"}]},
        [Thinking(text="hm", dialect=OWN), Text(text="a")],
    ),
    (
        {"reasoning_content": "hm", "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "sig"}], "content": "a"},
        [Thinking(text="hm", signature="sig", dialect="anthropic_messages"), Text(text="a")],
    ),
    (
        {"thinking_blocks": [{"type": "redacted_thinking", "data": "bedrock#enc"}], "content": "a"},
        [Thinking(redacted="enc", dialect="bedrock"), Text(text="a")],
    ),
    (
        {"thinking_blocks": [{"type": "thinking", "thinking": "s", "signature": "openai_responses#enc", "id": "rs_1", "summary": True}]},
        [Thinking(text="s", signature="enc", id="rs_1", summary=True, dialect="openai_responses")],
    ),
    (
        {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}]},
        [Image(media_type="image/png", data="QUJD", dialect=OWN)],
    ),
    (
        {"tool_calls": [{**CALL, "extra_content": {"google": {"thought_signature": "g"}}}]},
        [ToolCall(id="call_1", name="weather", arguments='{"city":"Rome"}', signature="g")],
    ),
    (
        {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]},
        [ToolCall(id="c", name="sh", arguments="ls", custom=True)],
    ),
]


@pytest.mark.parametrize(("message", "parts"), ASSISTANTS)
def test_a_message_of_an_assistant_is_read(message: dict[str, Any], parts: list[Any]) -> None:
    assert parsed({"role": "assistant", **message}).turns == [Turn(role="assistant", parts=parts)]


def test_reasoning_details_come_back_as_signatures_of_this_dialect() -> None:
    detail = {"type": "reasoning.text", "text": "hm", "signature": "sig", "format": "anthropic-claude-v1"}
    [thought] = parsed({"role": "assistant", "reasoning": "hm", "reasoning_details": [detail]}).turns[0].parts
    assert isinstance(thought, Thinking)
    assert (thought.text, thought.dialect) == ("hm", OWN)
    assert thought.signature.startswith("{")


MEMBERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"max_tokens": 5}, {"max_output_tokens": 5}),
    ({"max_completion_tokens": 6, "max_tokens": 5}, {"max_output_tokens": 6}),
    ({"max_tokens": 5, "max_completion_tokens": 6}, {"max_output_tokens": 6}),
    ({"temperature": 0}, {"temperature": 0}),
    ({"top_p": 0.5, "top_k": 3}, {"top_p": 0.5, "top_k": 3}),
    ({"stop": "x"}, {"stop": ["x"]}),
    ({"stop": ["x", "y"]}, {"stop": ["x", "y"]}),
    ({"n": 2, "seed": 1}, {"n": 2, "seed": 1}),
    ({"presence_penalty": 1, "frequency_penalty": -1}, {"presence_penalty": 1, "frequency_penalty": -1}),
    ({"logprobs": True, "top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
    ({"logit_bias": {"50256": -100}}, {"logit_bias": {"50256": -100}}),
    ({"user": "u"}, {"user": "u"}),
    ({"safety_identifier": "u"}, {"user": "u", "extra": {}}),
    ({"user": "u", "safety_identifier": "s"}, {"user": "u", "extra": {"safety_identifier": "s"}}),
    ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
    ({"service_tier": "flex", "verbosity": "low", "store": True}, {"service_tier": "flex", "verbosity": "low", "store": True}),
    ({"modalities": ["text", "audio"]}, {"modalities": ["text", "audio"]}),
    ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
    ({"stream": True}, {"stream": True, "include_usage": False}),
    ({"stream_options": {"include_usage": True}}, {"include_usage": True, "extra": {}}),
    (
        {"stream_options": {"include_obfuscation": False}},
        {"include_usage": False, "extra": {"stream_options": {"include_obfuscation": False}}},
    ),
    ({"min_p": 0.1, "prediction": {"type": "content"}}, {"extra": {"min_p": 0.1, "prediction": {"type": "content"}}}),
    ({"temperature": None, "min_p": None, "tools": None}, {"temperature": None, "extra": {}, "tools": []}),
    ({"reasoning_effort": "low"}, {"reasoning": Reasoning(effort="low")}),
    ({"reasoning_effort": "default"}, {"reasoning": None, "extra": {"reasoning_effort": "default"}}),
    ({"reasoning_effort": {"effort": "low", "summary": "auto"}}, {"reasoning": Reasoning(effort="low", summary="auto", show=True)}),
    ({"reasoning": {"max_tokens": 900, "exclude": True}}, {"reasoning": Reasoning(budget_tokens=900, show=False)}),
    ({"reasoning": {"enabled": True}}, {"reasoning": Reasoning(adaptive=True)}),
    ({"reasoning": {"enabled": False}}, {"reasoning": Reasoning(effort="none")}),
    ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {"reasoning": Reasoning(budget_tokens=2048)}),
    ({"thinking": {"type": "enabled"}, "reasoning_effort": "high"}, {"reasoning": Reasoning(effort="high", adaptive=True)}),
    ({"reasoning_effort": "high", "thinking": {"type": "disabled"}}, {"reasoning": Reasoning(effort="none")}),
    ({"response_format": {"type": "text"}}, {"response_format": ResponseFormat(kind="text")}),
    ({"response_format": {"type": "json_object"}}, {"response_format": ResponseFormat(kind="json_object")}),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}}},
        {"response_format": ResponseFormat(kind="json_schema", name="n", schema={"type": "object"}, strict=True)},
    ),
    (
        {"response_format": {"type": "grammar", "grammar": "g"}},
        {"response_format": None, "extra": {"response_format": {"type": "grammar", "grammar": "g"}}},
    ),
    ({"tool_choice": "none"}, {"tool_choice": ToolChoice(mode="none")}),
    ({"function_call": "auto"}, {"tool_choice": ToolChoice(mode="auto")}),
    ({"thinking": {"type": "adaptive"}}, {"reasoning": Reasoning(adaptive=True)}),
    ({"thinking": {"type": "between_tools"}}, {"reasoning": None, "extra": {"thinking": {"type": "between_tools"}}}),
    (
        {"response_format": {"type": "json_object", "schema": {}}},
        {"response_format": None, "extra": {"response_format": {"type": "json_object", "schema": {}}}},
    ),
    ({"tool_choice": "any"}, {"tool_choice": ToolChoice(mode="required")}),
    ({"tool_choice": {"type": "auto"}}, {"tool_choice": ToolChoice(mode="auto")}),
    ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, {"tool_choice": ToolChoice(mode="named", names=["f"])}),
    ({"tool_choice": {"type": "custom", "custom": {"name": "f"}}}, {"tool_choice": ToolChoice(mode="named", names=["f"])}),
    (
        {
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
            }
        },
        {"tool_choice": ToolChoice(mode="required", names=["f"])},
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}}]},
        {"tools": [Tool(name="f", description="d", parameters={"type": "object"}, strict=True)], "legacy_calls": False},
    ),
    ({"tools": [{"type": "function", "function": {"name": "f"}, "cache_control": MARK}]}, {"tools": [Tool(name="f", cache=MARK)]}),
    (
        {"tools": [{"type": "custom", "custom": {"name": "f"}}]},
        {"tools": [Tool(name="f", kind="custom", raw={"type": "custom", "custom": {"name": "f"}}, dialect=OWN)]},
    ),
    (
        {"tools": [{"type": "web_search"}]},
        {"tools": [Tool(name="web_search", kind="hosted", raw={"type": "web_search"}, dialect=OWN)]},
    ),
    (
        {"functions": [{"name": "f"}], "function_call": {"name": "f"}},
        {"tools": [Tool(name="f")], "tool_choice": ToolChoice(mode="named", names=["f"]), "legacy_calls": True},
    ),
]


@pytest.mark.parametrize(("members", "meaning"), MEMBERS)
def test_a_member_is_read(members: dict[str, Any], meaning: dict[str, Any]) -> None:
    request = parsed(**members)
    assert {name: getattr(request, name) for name in meaning} == meaning


def test_leading_and_later_instructions_keep_their_places_and_roles() -> None:
    said = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}, {"role": "developer", "content": "c"}]
    assert parsed(*said).turns == [
        Turn(role="system", parts=[Text(text="a")]),
        Turn(role="user", parts=[Text(text="b")]),
        Turn(role="developer", parts=[Text(text="c")]),
    ]


def test_neighbouring_tool_results_are_one_turn_and_know_their_tool() -> None:
    talk = [
        {"role": "assistant", "tool_calls": [CALL, {"id": "call_2", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "a.txt"}], "cache_control": MARK},
    ]
    assert parsed(*talk).turns[1:] == [
        Turn(
            role="tool",
            parts=[
                ToolResult(call_id="call_1", name="weather", parts=[Text(text="sunny")]),
                ToolResult(call_id="call_2", name="sh", parts=[Text(text="a.txt")], custom=True, cache=MARK),
            ],
        )
    ]


def test_deprecated_function_messages_are_matched_by_name() -> None:
    talk = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "one"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "two"},
    ]
    turns = parsed(*talk).turns
    assert turns[1].parts == [ToolCall(id="call_1", name="f", arguments="{}")]
    assert turns[2].parts == [ToolResult(call_id="call_1", name="f", parts=[Text(text="one")])]
    assert turns[4].parts == [ToolResult(call_id="call_3", name="f", parts=[Text(text="two")])]


def test_a_mark_on_a_message_is_one_on_its_last_text() -> None:
    [turn] = parsed({"role": "system", "content": "a", "cache_control": MARK}).turns
    assert turn.parts == [Text(text="a", cache=MARK)]


def test_speakers_and_unknown_members_of_messages_are_kept() -> None:
    [turn] = parsed({"role": "assistant", "content": "a", "name": "bob", "prefix": True}).turns
    assert (turn.name, turn.extra) == ("bob", {"prefix": True})


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": ["hi"]}, "messages[0]"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "messages[0].content[0].image_url.url"),
    ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}, "messages[0].content[0].file.file_id"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "messages[0].name"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"id": "x"}]}]}, "messages[0].tool_calls[0].function"),
    ({"messages": [{"role": "assistant", "tool_calls": [{**CALL, "id": 5}]}]}, "messages[0].tool_calls[0].id"),
    ({"messages": [{"role": "assistant", "tool_calls": "x"}]}, "messages[0].tool_calls"),
    ({"messages": [{"role": "assistant", "thinking_blocks": ["x"]}]}, "messages[0].thinking_blocks[0]"),
    ({"temperature": "hot"}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"n": True}, "n"),
    ({"stop": [1]}, "stop[0]"),
    ({"logit_bias": {"a": "b"}}, "logit_bias.a"),
    ({"tools": {}}, "tools"),
    ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    ({"tools": [{}]}, "tools[0].type"),
    ({"tools": [5]}, "tools[0]"),
    ({"tools": [{"type": "function", "function": {"name": "f", "description": []}}]}, "tools[0].function.description"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}, "tools[0].function.parameters"),
    ({"tools": [{"type": "function", "function": {"name": "f", "strict": 1}}]}, "tools[0].function.strict"),
    ({"tool_choice": {"type": "sometimes"}}, "tool_choice.type"),
    ({"functions": [{}]}, "functions[0].name"),
    ({"function_call": "required"}, "function_call"),
    ({"stop": 5}, "stop"),
    ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
    ({"tool_choice": "sometimes"}, "tool_choice"),
    ({"tool_choice": {"type": "function"}}, "tool_choice.function"),
    ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": ["auto"], "tools": []}}}, "tool_choice.allowed_tools.mode"),
    ({"response_format": "json"}, "response_format"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ({"reasoning_effort": 5}, "reasoning_effort"),
    ({"stream": "yes"}, "stream"),
    ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
]


@pytest.mark.parametrize(("members", "path"), WRONG)
def test_what_the_dialect_does_not_allow_is_named_with_its_path(members: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        openai_chat.parse_request({**chat(), **members}, "chat")
    assert caught.value.param == path
    assert "expected" in str(caught.value) or "no earlier" in str(caught.value)
