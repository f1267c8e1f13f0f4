"""A caller's request of this dialect becomes a ChatRequest."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from fastgate.translate.anthropic_messages import parse_request
from fastgate.translate.conversation import (
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
from fastgate.translate.losses import InvalidRequest

CASES = Path(__file__).parents[2] / "cases" / "translate" / "anthropic_messages"
OWN = "anthropic_messages"
MARK = {"type": "ephemeral"}


def parsed(**members: Any) -> ChatRequest:
    return parse_request({"model": "m", "max_tokens": 10, "messages": [], **members}, "messages")


def turns_of(*messages: dict[str, Any]) -> list[Turn]:
    return parsed(messages=list(messages)).turns


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"}
BLOCKS: list[tuple[dict[str, Any], Any]] = [
    ({"type": "text", "text": "hi"}, Text(text="hi")),
    ({"type": "text", "text": "hi", "cache_control": MARK}, Text(text="hi", cache=MARK)),
    ({"type": "text", "text": "hi", "citations": [{"x": 1}]}, Text(text="hi", citations=[{"x": 1}], dialect=OWN)),
    (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}, "cache_control": MARK},
        Image(data="iVBORw0KGgo=", media_type="image/png", dialect=OWN, cache=MARK),
    ),
    ({"type": "image", "source": {"type": "url", "url": "https://x/a.png"}}, Image(url="https://x/a.png", dialect=OWN)),
    (
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}, "transformations": {}},
        Image(file_id="file_1", extra={"transformations": {}}, dialect=OWN),
    ),
    (
        {"type": "document", "source": PDF, "title": "a.pdf", "context": "c", "citations": {"enabled": True}},
        File(
            data="JVBERi0x",
            media_type="application/pdf",
            filename="a.pdf",
            extra={"context": "c", "citations": {"enabled": True}},
            dialect=OWN,
        ),
    ),
    (
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
        File(text="words", media_type="text/plain", dialect=OWN),
    ),
    ({"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}}, File(url="https://x/a.pdf", dialect=OWN)),
    ({"type": "document", "source": {"type": "file", "file_id": "file_1"}}, File(file_id="file_1", dialect=OWN)),
    (
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}},
        File(
            text="a\nb",
            media_type="text/plain",
            extra={"source": {"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}},
            dialect=OWN,
        ),
    ),
    *(
        (block, Opaque(dialect=OWN, kind=block["type"], value=block))
        for block in (
            {"type": "search_result", "source": "s", "title": "t", "content": []},
            {"type": "container_upload", "file_id": "file_1"},
            {"type": "a_block_of_tomorrow", "x": 1},
            {"type": "document", "source": {"type": "content", "content": [{"type": "image", "source": {}}]}},
        )
    ),
]


@pytest.mark.parametrize(("block", "part"), BLOCKS, ids=[str(number) for number in range(len(BLOCKS))])
def test_a_block_becomes_a_part(block: dict[str, Any], part: Any) -> None:
    assert turns_of(user(block)) == [Turn(role="user", parts=[part])]


ASSISTANT_BLOCKS: list[tuple[dict[str, Any], Any]] = [
    ({"type": "thinking", "thinking": "hm", "signature": "sig+/=="}, Thinking(text="hm", signature="sig+/==", dialect=OWN)),
    ({"type": "thinking", "thinking": "hm", "signature": "gemini#abc"}, Thinking(text="hm", signature="abc", dialect="gemini")),
    (
        {"type": "thinking", "thinking": "hm", "signature": "openai_responses#rs_1#enc="},
        Thinking(text="hm", signature="enc=", id="rs_1", dialect="openai_responses"),
    ),
    ({"type": "thinking", "thinking": "hm", "signature": ""}, Thinking(text="hm", dialect=OWN)),
    ({"type": "redacted_thinking", "data": "blob"}, Thinking(redacted="blob", dialect=OWN)),
    (
        {"type": "redacted_thinking", "data": "openai_responses#rs_1#enc"},
        Thinking(redacted="enc", id="rs_1", dialect="openai_responses"),
    ),
    (
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": [1, None]}, "caller": {"type": "direct"}, "cache_control": MARK},
        ToolCall(id="toolu_1", name="f", arguments='{"a":[1,null]}', extra={"caller": {"type": "direct"}}, cache=MARK),
    ),
    *(
        (block, Opaque(dialect=OWN, kind=block["type"], value=block))
        for block in (
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
            {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "f", "server_name": "s", "input": {}},
            {"type": "compaction", "content": "so far"},
        )
    ),
]


@pytest.mark.parametrize(("block", "part"), ASSISTANT_BLOCKS, ids=[str(number) for number in range(len(ASSISTANT_BLOCKS))])
def test_a_block_of_the_assistant_becomes_a_part(block: dict[str, Any], part: Any) -> None:
    assert turns_of({"role": "assistant", "content": [block]}) == [Turn(role="assistant", parts=[part])]


def test_results_become_a_tool_turn_before_the_rest_of_the_message() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
    image = {"type": "image", "source": {"type": "url", "url": "https://x/a.png"}}
    results = [
        {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "see"}, image], "cache_control": MARK},
        {"type": "tool_result", "tool_use_id": "t2", "content": "broke", "is_error": True},
        {"type": "tool_result", "tool_use_id": "t3"},
    ]
    assert turns_of({"role": "assistant", "content": [call]}, user(*results, {"type": "text", "text": "go on"}))[1:] == [
        Turn(
            role="tool",
            parts=[
                ToolResult(call_id="t1", name="look", parts=[Text(text="see"), Image(url="https://x/a.png", dialect=OWN)], cache=MARK),
                ToolResult(call_id="t2", parts=[Text(text="broke")], is_error=True),
                ToolResult(call_id="t3"),
            ],
        ),
        Turn(role="user", parts=[Text(text="go on")]),
    ]


def test_a_signature_that_was_sealed_for_a_call_comes_back_to_the_call() -> None:
    seal = {"type": "thinking", "thinking": "", "signature": "gemini#call#abc"}
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    assert turns_of({"role": "assistant", "content": [seal, call, {**call, "id": "t2"}]}) == [
        Turn(
            role="assistant",
            parts=[ToolCall(id="t1", name="f", arguments="{}", signature="abc"), ToolCall(id="t2", name="f", arguments="{}")],
        )
    ]


def test_system_is_one_turn_whatever_its_form() -> None:
    assert parsed(system="be brief").turns == [Turn(role="system", parts=[Text(text="be brief")])]
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": MARK}]
    assert parsed(system=blocks).turns == [Turn(role="system", parts=[Text(text="a"), Text(text="b", cache=MARK)])]
    assert parsed(system="").turns == parsed(system=[]).turns == []


def test_a_system_message_amid_the_talk_stays_in_its_place() -> None:
    talk = ({"role": "user", "content": "hi"}, {"role": "system", "content": "be brief"})
    assert [turn.role for turn in turns_of(*talk)] == ["user", "system"]


def test_tools_keep_what_only_this_dialect_knows() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    tools = [
        {"name": "f", "description": "d", "input_schema": schema, "strict": True, "defer_loading": True, "cache_control": MARK},
        {"type": "custom", "name": "g", "input_schema": {}},
        {"type": "web_search_20260318", "name": "web_search", "max_uses": 3},
        {"type": "mcp_toolset", "mcp_server_name": "s"},
    ]
    assert parsed(tools=tools).tools == [
        Tool(name="f", description="d", parameters=schema, strict=True, raw={"defer_loading": True}, dialect=OWN, cache=MARK),
        Tool(name="g", parameters={}, dialect=OWN),
        Tool(name="web_search", kind="hosted", raw=tools[2], dialect=OWN),
        Tool(name="s", kind="hosted", raw=tools[3], dialect=OWN),
    ]


@pytest.mark.parametrize(
    ("wire", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice(mode="auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice(mode="required"), False),
        ({"type": "tool", "name": "f"}, ToolChoice(mode="named", names=["f"]), None),
        ({"type": "none"}, ToolChoice(mode="none"), None),
        ({"type": "auto", "disable_parallel_tool_use": False}, ToolChoice(mode="auto"), True),
    ],
)
def test_a_choice_of_tools(wire: dict[str, Any], choice: ToolChoice, parallel: bool | None) -> None:
    request = parsed(tool_choice=wire)
    assert (request.tool_choice, request.parallel_tool_calls) == (choice, parallel)


@pytest.mark.parametrize(
    ("members", "reasoning"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, Reasoning(budget_tokens=2000)),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, Reasoning(adaptive=True, show=True)),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, Reasoning(adaptive=True, effort="max")),
        ({"output_config": {"effort": "low"}, "thinking": {"type": "disabled"}}, Reasoning(effort="none")),
        ({"output_config": {"effort": "low"}, "thinking": {"type": "enabled", "budget_tokens": 2000}}, Reasoning(budget_tokens=2000)),
        ({"thinking": {"type": "between_tools"}}, Reasoning(effort="none")),
        ({"output_config": {"effort": "low"}}, Reasoning(effort="low")),
    ],
)
def test_how_much_to_think(members: dict[str, Any], reasoning: Reasoning) -> None:
    request = parsed(**members)
    assert request.reasoning is not None
    assert request.reasoning.raw
    request.reasoning.raw = {}
    assert request.reasoning == reasoning
    assert not request.extra


def test_an_output_format_in_either_form_is_a_response_format() -> None:
    wanted = ResponseFormat(kind="json_schema", schema={"type": "object"})
    layout = {"type": "json_schema", "schema": {"type": "object"}}
    assert parsed(output_config={"format": layout}).response_format == wanted
    assert parsed(output_format=layout).response_format == wanted


def test_all_that_an_agent_sends_is_kept() -> None:
    request = parse_request(orjson.loads((CASES / "agent_request.json").read_bytes()), "messages")
    assert [turn.role for turn in request.turns] == ["system", "user", "assistant", "tool", "user"]
    assert [part.cache for part in request.turns[0].parts] == [None, MARK, {"type": "ephemeral", "ttl": "1h"}]  # type: ignore[union-attr]
    assert [tool.kind for tool in request.tools] == ["function", "function", "hosted"]
    assert (request.stream, request.max_output_tokens, request.temperature, request.user) == (True, 32000, 1, "user_abc_session_def")
    assert set(request.extra) == {"mcp_servers", "context_management", "container", "betas_of_tomorrow"}
    assert request.turns[2].parts[0] == Thinking(text="Look first.", signature="EqQBCkYIBxgC", dialect=OWN)
    result = request.turns[3].parts[1]
    assert isinstance(result, ToolResult)
    assert (result.is_error, result.name) == (True, "Bash")


def test_members_at_the_top() -> None:
    request = parsed(
        stream=True, stop_sequences=["x"], temperature=0.5, top_p=0.9, top_k=4, service_tier="standard_only",
        metadata={"user_id": "u", "other": 1}, cache_control=MARK, system=None, tools=None,
    )  # fmt: skip
    assert request == ChatRequest(
        turns=[], operation="messages", stream=True, max_output_tokens=10, stop=["x"], temperature=0.5, top_p=0.9, top_k=4,
        service_tier="default", user="u", metadata={"other": 1}, extra={"cache_control": MARK}, dialect=OWN,
    )  # fmt: skip


def test_a_count_needs_no_max_tokens() -> None:
    assert parse_request({"messages": []}, "count_tokens").operation == "count_tokens"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": None}, "max_tokens"),
    ({"max_tokens": "9"}, "max_tokens"),
    ({"max_tokens": True}, "max_tokens"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"messages": {}}, "messages"),
    ({"messages": ["hi"]}, "messages[0]"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": "a"}, user(3)]}, "messages[1].content[0]"),
    ({"messages": [user({"type": "text"})]}, "messages[0].content[0].text"),
    ({"messages": [user({"text": "x"})]}, "messages[0].content[0].type"),
    ({"messages": [user({"type": "image", "source": {"type": "base64", "data": "x"}})]}, "messages[0].content[0].source.media_type"),
    ({"messages": [user({"type": "document", "source": 1})]}, "messages[0].content[0].source"),
    ({"messages": [user({"type": "text", "text": "x", "cache_control": 1})]}, "messages[0].content[0].cache_control"),
    ({"messages": [user({"type": "tool_use", "id": "a", "name": "b", "input": {}})]}, "messages[0].content[0].type"),
    (
        {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": "{}"}]}]},
        "messages[0].content[0].input",
    ),
    (
        {"messages": [user({"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": 1}]})]},
        "messages[0].content[0].content[0].text",
    ),
    ({"system": 1}, "system"),
    ({"system": [{"type": "image", "source": {"type": "url", "url": "u"}}]}, "system[0].type"),
    ({"tools": {}}, "tools"),
    ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
    ({"tools": [{"name": "", "input_schema": {}}]}, "tools[0].name"),
    ({"tool_choice": "auto"}, "tool_choice"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"tool_choice": {"type": "required"}}, "tool_choice.type"),
    ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
    ({"thinking": {"type": "on"}}, "thinking.type"),
    ({"output_config": {"effort": "huge"}}, "output_config.effort"),
    ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
    ({"metadata": {"user_id": 1}}, "metadata.user_id"),
    ({"stop_sequences": "x"}, "stop_sequences"),
    ({"temperature": "hot"}, "temperature"),
    ({"top_k": 1.5}, "top_k"),
    ({"stream": "yes"}, "stream"),
]


@pytest.mark.parametrize(("members", "path"), WRONG, ids=[path for _, path in WRONG])
def test_a_mistake_is_named_with_its_path(members: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest, match="expected") as raised:
        parsed(**members)
    assert raised.value.param == path
    assert raised.value.message.startswith(f"{path}: expected ")
