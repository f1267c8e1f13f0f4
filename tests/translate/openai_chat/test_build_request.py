"""A request of any caller, as a provider of this dialect is asked."""

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
from fastgate.translate.losses import NotCarried
from tests.translate.openai_chat.wire import asking, assistant, built, losses, messages, parsed, results, target, user

MARK = {"type": "ephemeral", "ttl": "1h"}
EMPTY = {"type": "object", "properties": {}}
F = Tool(name="f", parameters=EMPTY)
SCHEMA = ResponseFormat(kind="json_schema", name="n", schema={"type": "object"}, strict=True)


def test_a_small_request_has_model_and_messages_alone() -> None:
    assert built(asking()) == {"model": "up-1", "messages": [{"role": "user", "content": "hi"}]}


TURNS: list[tuple[Turn, list[dict[str, Any]]]] = [
    (Turn(role="system", parts=[Text(text="a"), Text(text="b")]), [{"role": "system", "content": "a\nb"}]),
    (Turn(role="developer", parts=[Text(text="a")]), [{"role": "developer", "content": "a"}]),
    (Turn(role="user", parts=[Text(text="a")], name="bob"), [{"role": "user", "content": "a", "name": "bob"}]),
    (user(Text(text="a"), Text(text="b")), [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]),
    (user(), []),
    (assistant(), []),
    (assistant(Text(text="")), []),
    (assistant(Text(text="a"), Text(text="b")), [{"role": "assistant", "content": "ab"}]),
    (assistant(Text(text="no", refusal=True)), [{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}]),
    (assistant(Thinking(text="hm", signature="s", dialect="anthropic_messages")), []),
    (assistant(Audio(id="audio_1")), [{"role": "assistant", "content": None, "audio": {"id": "audio_1"}}]),
    (assistant(Audio(transcript="said")), [{"role": "assistant", "content": "said"}]),
    (
        assistant(Text(text="a"), ToolCall(id="c", name="f", signature="g"), ToolCall(id="d", name="sh", arguments="ls", custom=True)),
        [
            {
                "role": "assistant",
                "content": "a",
                "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                    {"id": "d", "type": "custom", "custom": {"name": "sh", "input": "ls"}},
                ],
            }
        ],
    ),
    (
        user(Image(url="https://x"), Image(data="QUJD", media_type="image/png", detail="low")),
        [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "https://x"}},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}},
                ],
            }
        ],
    ),
    (
        user(Audio(data="QUJD", format="mp3")),
        [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}}]}],
    ),
    (
        user(File(data="QUJD", media_type="application/pdf", filename="a.pdf")),
        [{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "a.pdf"}}]}],
    ),
    (
        user(File(text="ABC", media_type="text/plain")),
        [{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:text/plain;base64,QUJD", "filename": "document.txt"}}]}],
    ),
    (
        user(File(file_id="file-1", dialect="openai_responses")),
        [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}],
    ),
    (
        results(ToolResult(call_id="c", parts=[Text(text="a"), Text(text="b")], is_error=True), ToolResult(call_id="d")),
        [{"role": "tool", "tool_call_id": "c", "content": "a\nb"}, {"role": "tool", "tool_call_id": "d", "content": ""}],
    ),
]


@pytest.mark.parametrize(("turn", "expected"), TURNS)
def test_a_turn_is_written(turn: Turn, expected: list[dict[str, Any]]) -> None:
    assert messages(turn) == expected


def test_images_of_tool_results_follow_in_one_user_message_behind_the_last() -> None:
    lost = losses()
    written = messages(
        results(
            ToolResult(call_id="c", parts=[Text(text="a"), Image(url="https://x")]), ToolResult(call_id="d", parts=[Image(url="https://y")])
        ),
        results(ToolResult(call_id="e", parts=[Text(text="b")])),
        user(Text(text="and?")),
        lost=lost,
    )
    assert written == [
        {"role": "tool", "tool_call_id": "c", "content": "a"},
        {"role": "tool", "tool_call_id": "d", "content": ""},
        {"role": "tool", "tool_call_id": "e", "content": "b"},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "https://x"}},
                {"type": "image_url", "image_url": {"url": "https://y"}},
            ],
        },
        {"role": "user", "content": "and?"},
    ]
    assert lost.warnings == ["emulate:tool_result.image_url"]


REFUSED: list[tuple[Turn, str]] = [
    (user(Image(file_id="file-1")), "messages[0].content[0]"),
    (user(Audio(id="audio_1")), "messages[0].content[0]"),
    (user(File(url="https://x", dialect="anthropic_messages")), "messages[0].content[0]"),
    (user(File(file_id="file-1", dialect="anthropic_messages")), "messages[0].content[0]"),
    (user(Opaque(dialect="anthropic_messages", kind="container_upload", value={})), "messages[0].content[0].container_upload"),
    (assistant(Opaque(dialect="anthropic_messages", kind="server_tool_use", value={})), "messages[0].content[0].server_tool_use"),
    (assistant(Image(url="https://x")), "messages[0].content[0].image"),
]


@pytest.mark.parametrize(("turn", "param"), REFUSED)
def test_a_part_that_cannot_be_said_is_refused_by_name_or_dropped(turn: Turn, param: str) -> None:
    with pytest.raises(NotCarried) as caught:
        messages(turn)
    assert caught.value.param == param
    lost = losses(drop_params=True)
    messages(turn, lost=lost)
    assert lost.warnings == [f"drop:{param}"]


MEMBERS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"max_output_tokens": 5}, {"max_completion_tokens": 5}, []),
    ({"temperature": 0, "top_p": 1, "n": 2, "seed": 0}, {"temperature": 0, "top_p": 1, "n": 2, "seed": 0}, []),
    ({"presence_penalty": 0.5, "frequency_penalty": 0}, {"presence_penalty": 0.5, "frequency_penalty": 0}, []),
    ({"logprobs": True, "top_logprobs": 0, "logit_bias": {"1": 2}}, {"logprobs": True, "top_logprobs": 0, "logit_bias": {"1": 2}}, []),
    ({"stop": ["a"], "user": "u", "service_tier": "flex"}, {"stop": ["a"], "user": "u", "service_tier": "flex"}, []),
    ({"verbosity": "low", "store": False, "metadata": {}}, {"verbosity": "low", "store": False, "metadata": {}}, []),
    ({"modalities": ["text", "image"]}, {"modalities": ["text", "image"]}, []),
    ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}, []),
    ({"top_k": 3}, {}, ["drop:top_k"]),
    ({"reasoning": Reasoning(effort="xhigh")}, {"reasoning_effort": "xhigh"}, []),
    ({"reasoning": Reasoning(budget_tokens=1024)}, {"reasoning_effort": "low"}, ["emulate:thinking.budget_tokens"]),
    ({"reasoning": Reasoning(budget_tokens=4096)}, {"reasoning_effort": "medium"}, ["emulate:thinking.budget_tokens"]),
    ({"reasoning": Reasoning(budget_tokens=8192)}, {"reasoning_effort": "high"}, ["emulate:thinking.budget_tokens"]),
    ({"reasoning": Reasoning(budget_tokens=0)}, {"reasoning_effort": "none"}, ["emulate:thinking.budget_tokens"]),
    ({"reasoning": Reasoning(adaptive=True, show=True)}, {}, []),
    ({"response_format": ResponseFormat(kind="text")}, {}, []),
    ({"response_format": ResponseFormat(kind="json_object")}, {"response_format": {"type": "json_object"}}, []),
    (
        {"response_format": SCHEMA},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}}},
        [],
    ),
    ({"tools": [Tool(name="f")]}, {"tools": [{"type": "function", "function": {"name": "f", "parameters": EMPTY}}]}, []),
    ({"tool_choice": ToolChoice(mode="none")}, {}, []),
    ({"parallel_tool_calls": False}, {}, []),
    ({"extra": {"labels": {"a": "b"}, "num_ctx": 4096}}, {}, ["drop:labels", "drop:num_ctx"]),
    ({"extra": {"background": False}}, {}, []),
    ({"dialect": "openai_responses", "extra": {"prompt_cache_key": "k"}}, {"prompt_cache_key": "k"}, []),
]


@pytest.mark.parametrize(("members", "expected", "warnings"), MEMBERS)
def test_a_member_is_written(members: dict[str, Any], expected: dict[str, Any], warnings: list[str]) -> None:
    lost = losses()
    body = built(asking(**members), lost=lost)
    del body["model"], body["messages"]
    assert (body, lost.warnings) == (expected, warnings)


CHOICES: list[tuple[ToolChoice, dict[str, Any], Any]] = [
    (ToolChoice(mode="auto"), {}, None),
    (ToolChoice(mode="required"), {}, "required"),
    (ToolChoice(mode="none"), {}, "none"),
    (ToolChoice(mode="named", names=["f"]), {}, {"type": "function", "function": {"name": "f"}}),
    (
        ToolChoice(mode="named", names=["sh"]),
        {"knows": frozenset({"custom_tools"})},
        {"type": "custom", "custom": {"name": "sh"}},
    ),
    (
        ToolChoice(mode="auto", names=["f"]),
        {"knows": frozenset({"allowed_tools"})},
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}},
    ),
    (ToolChoice(mode="required"), {"values": {"tool_choice": {"required": "any"}}}, "any"),
]


@pytest.mark.parametrize(("choice", "quirks", "expected"), CHOICES)
def test_a_choice_of_tools_is_written(choice: ToolChoice, quirks: dict[str, Any], expected: Any) -> None:
    tools = [F, Tool(name="sh", kind="custom", raw={"type": "custom", "name": "sh"}, dialect="openai_responses")]
    body = built(asking(tools=tools, tool_choice=choice), quirks)
    assert body.get("tool_choice") == expected


def test_allowed_tools_are_emulated_by_leaving_out_the_others() -> None:
    lost = losses()
    body = built(asking(tools=[F, Tool(name="g")], tool_choice=ToolChoice(mode="required", names=["f"])), lost=lost)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["f"]
    assert body["tool_choice"] == "required"
    assert lost.warnings == ["emulate:tool_choice.allowed_tools"]


def test_the_flat_grammar_of_responses_is_nested_here() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: A"}
    tool = Tool(name="sh", kind="custom", raw={"type": "custom", "name": "sh", "format": grammar}, dialect="openai_responses")
    [written] = built(asking(tools=[tool]), {"knows": frozenset({"custom_tools"})})["tools"]
    assert written["custom"]["format"] == {"type": "grammar", "grammar": {"definition": "start: A", "syntax": "lark"}}


def test_a_hosted_tool_of_another_dialect_is_refused_by_name() -> None:
    tool = Tool(name="web_search", kind="hosted", raw={"type": "web_search_20250305"}, dialect="anthropic_messages")
    with pytest.raises(NotCarried, match="web_search") as caught:
        built(asking(tools=[tool]))
    assert caught.value.param == "tools[0]"
    assert "tools" not in built(asking(tools=[tool]), lost=losses(drop_params=True))


def test_names_that_openai_refuses_are_replaced_everywhere_and_come_back() -> None:
    long = "mcp__" + "x" * 80
    turns = [user(Text(text="hi")), assistant(ToolCall(id="c", name=long)), results(ToolResult(call_id="c", name=long))]
    request = asking(turns=turns, tools=[Tool(name=long), Tool(name="a.b")], tool_choice=ToolChoice(mode="named", names=[long]))
    body, asked = openai_chat.build_request(request, target(), losses())
    names = [tool["function"]["name"] for tool in body["tools"]]
    assert all(len(name) <= 64 and "." not in name for name in names)
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == names[0]
    assert body["tool_choice"]["function"]["name"] == names[0]
    assert asked.renamed == {names[0]: long, names[1]: "a.b"}


def test_cache_marks_go_through_where_the_provider_takes_them() -> None:
    turns = [
        Turn(role="system", parts=[Text(text="a"), Text(text="b", cache=MARK)]),
        assistant(ToolCall(id="c", name="f", cache=MARK)),
        results(ToolResult(call_id="c", parts=[Text(text="r")], cache=MARK)),
        user(Text(text="u", cache=MARK)),
    ]
    request = asking(turns=turns, tools=[Tool(name="f", cache=MARK)])
    body = built(request, {"cache_marks": True})
    assert body["messages"][0]["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": MARK}]
    assert body["messages"][2]["content"] == [{"type": "text", "text": "r", "cache_control": MARK}]
    assert body["messages"][3]["content"] == [{"type": "text", "text": "u", "cache_control": MARK}]
    assert body["tools"][0]["cache_control"] == MARK
    lost = losses()
    assert "cache_control" not in str(built(request, lost=lost))
    assert lost.warnings == ["drop:cache_control"]


def test_breakpoints_of_openai_go_back_as_such() -> None:
    point = {"mode": "explicit", "ttl": "12h"}
    content = [{"type": "text", "text": "a", "prompt_cache_breakpoint": point}, {"type": "text", "text": "b"}]
    assert built(parsed({"role": "user", "content": content}))["messages"][0]["content"] == content


def test_a_member_of_another_dialect_that_changes_meaning_is_refused_unless_the_provider_knows_it() -> None:
    request = asking(extra={"typical_member": 1})
    with pytest.raises(NotCarried) as caught:
        built(request)
    assert caught.value.param == "typical_member"
    assert built(request, {"knows": frozenset({"typical_member"})})["typical_member"] == 1
    assert built(request, lost=losses(allowed=("typical_member",)))["typical_member"] == 1


def test_streams_are_asked_for_usage_unless_the_provider_refuses_that() -> None:
    request = parsed(stream=True, stream_options={"include_obfuscation": False})
    assert built(request)["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    lost = losses()
    assert "stream_options" not in built(request, {"stream_usage": False}, lost)
    assert lost.warnings == ["drop:stream_options"]


def test_members_that_another_dialect_alone_knows_are_named_as_lost() -> None:
    lost = losses()
    call = ToolCall(id="c", name="f", extra={"caller": {}}, cache=MARK)
    turns = [
        user(File(data="QUJD", media_type="application/pdf", extra={"title": "t"})),
        Turn(role="assistant", parts=[Text(text="a"), call], extra={"odd": 1}),
        results(ToolResult(call_id="c", extra={"toolset_name": "t"})),
    ]
    assert "title" not in str(messages(*turns, lost=lost))
    assert lost.warnings == [
        "drop:file.title",
        "drop:cache_control",
        "drop:tool_calls.caller",
        "drop:messages.odd",
        "drop:tool_results.toolset_name",
    ]


def test_members_that_this_dialect_alone_knows_go_back() -> None:
    called = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}, "odd": 1}
    talk = [
        {"role": "assistant", "content": "a", "prefix": True, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c", "content": "r", "odd": 2},
    ]
    assert built(parsed(*talk))["messages"] == talk


OWN_BODIES: list[dict[str, Any]] = [
    {"tools": [{"type": "function", "function": {"name": "a.b", "odd": 1}, "odd": 2}]},
    {"tools": [{"type": "function", "function": {"name": "f", "description": "d", "strict": True}}], "parallel_tool_calls": True},
    {"tools": [{"type": "web_search", "size": 1}], "tool_choice": "auto"},
    {"tools": [{"type": "custom", "custom": {"name": "sh", "description": "d", "format": {"type": "text"}}}]},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "description": "d", "schema": {}}}},
    {"response_format": {"type": "grammar", "grammar": "g"}},
    {"thinking": {"type": "between_tools"}, "reasoning_effort": "default", "min_p": 0, "chat_template_kwargs": {}},
    {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
]


@pytest.mark.parametrize("members", OWN_BODIES)
def test_what_a_caller_of_this_dialect_said_goes_on_as_it_stands(members: dict[str, Any]) -> None:
    body = built(parsed(**members))
    assert {name: body.get(name) for name in members} == members


def test_an_allowed_hosted_tool_is_named_by_its_type() -> None:
    allowed = {"mode": "auto", "tools": [{"type": "web_search"}, {"type": "function", "function": {"name": "f"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    tools = [{"type": "web_search"}, {"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}]
    assert built(parsed(tools=tools, tool_choice=choice), {"knows": frozenset({"allowed_tools"})})["tool_choice"] == choice
    assert built(parsed(tools=tools, tool_choice=choice))["tools"] == tools[:2]


def test_parameters_that_the_provider_knows_are_written() -> None:
    assert built(asking(top_k=3), {"knows": frozenset({"top_k"})})["top_k"] == 3
    assert built(asking(top_k=3), lost=losses(allowed=("top_k",)))["top_k"] == 3
