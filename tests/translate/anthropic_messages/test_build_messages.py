"""Turns of a talk become `system` and `messages` that Anthropic accepts."""

from typing import Any

import pytest

from fastgate.translate.anthropic_messages import build_request
from fastgate.translate.conversation import (
    Audio,
    ChatRequest,
    File,
    Image,
    Opaque,
    Part,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from fastgate.translate.losses import InvalidRequest, Losses, NotCarried
from fastgate.translate.target import Asked, Target

OWN = "anthropic_messages"
MARK = {"type": "ephemeral"}
OLD = "claude-sonnet-4-5"


def build(
    *turns: Turn, model: str = OLD, dialect: str = "openai_chat", drop: bool = False, modify: bool = False, **members: Any
) -> tuple[dict[str, Any], list[str], Asked]:
    losses = Losses(OWN, drop_params=drop)
    request = ChatRequest(turns=list(turns), dialect=dialect, **members)
    body, asked = build_request(request, Target(model=model, dialect=OWN, modify_params=modify), losses)
    return body, losses.warnings, asked


def said(role: Any, *parts: Part | ToolResult | str) -> Turn:
    return Turn(role=role, parts=[Text(text=part) if isinstance(part, str) else part for part in parts])


def messages_of(*turns: Turn, **more: Any) -> Any:
    return build(*turns, **more)[0]["messages"]


def blocks_of(*parts: Part, **more: Any) -> Any:
    return messages_of(said("user", "x", *parts), **more)[0]["content"][1:]


def test_leading_instructions_are_joined_in_order() -> None:
    body, warnings, _ = build(said("system", "a"), said("developer", "b", "c"), said("user", "hi"))
    assert body["system"] == "a\nb\nc"
    assert body["messages"] == [{"role": "user", "content": "hi"}]
    assert warnings == []


def test_instructions_stay_blocks_if_one_carries_a_cache_breakpoint() -> None:
    body, _, _ = build(said("system", "a", Text(text="b", cache=MARK)), said("user", "hi"))
    assert body["system"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": MARK}]


def test_later_instructions_are_marked_text_for_models_without_system_messages() -> None:
    body, warnings, _ = build(said("user", "hi"), said("assistant", "yes"), said("developer", "be brief"), said("user", "go"))
    assert body["messages"][2] == {
        "role": "user",
        "content": [{"type": "text", "text": "<system>\nbe brief\n</system>"}, {"type": "text", "text": "go"}],
    }
    assert warnings == ["emulate:messages.system"]


def test_later_instructions_stay_in_place_where_the_model_takes_them() -> None:
    turns = (said("user", "hi"), said("system", "be brief"), said("assistant", "yes"), said("user", "go"), said("system", "now"))
    body, warnings, _ = build(*turns, model="claude-opus-4-8")
    assert [(message["role"], message["content"]) for message in body["messages"]] == [
        ("user", "hi"), ("system", "be brief"), ("assistant", "yes"), ("user", "go"), ("system", "now"),
    ]  # fmt: skip
    assert warnings == []


def test_instructions_behind_the_assistant_are_marked_text_for_every_model() -> None:
    body, _, _ = build(said("user", "hi"), said("assistant", "yes"), said("system", "now"), model="claude-opus-4-8")
    assert body["messages"][2] == {"role": "user", "content": "<system>\nnow\n</system>"}


# bifrost#1164, mlflow#25788, pydantic-ai#580
def test_tool_results_of_one_turn_become_one_user_message() -> None:
    calls = said("assistant", "look", ToolCall(id="a", name="f", arguments='{"x":1}'), ToolCall(id="b", name="g"))
    body, _, _ = build(
        said("user", "hi"),
        calls,
        said("tool", ToolResult(call_id="a", parts=[Text(text="1")])),
        said("user", "and"),
        said("tool", ToolResult(call_id="b", parts=[Text(text="2")], is_error=True)),
        said("user", "so?"),
    )
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                {"type": "tool_use", "id": "b", "name": "g", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                {"type": "tool_result", "tool_use_id": "b", "content": "2", "is_error": True},
                {"type": "text", "text": "and"},
                {"type": "text", "text": "so?"},
            ],
        },
    ]


def test_images_stay_inside_their_tool_result() -> None:
    result = ToolResult(call_id="a", parts=[Text(text="see"), Image(data="iVBORw0KGgo=", media_type="image/png")], cache=MARK)
    messages = messages_of(said("user", "x"), said("assistant", ToolCall(id="a", name="f")), said("tool", result))
    assert messages[2]["content"] == [
        {
            "type": "tool_result",
            "tool_use_id": "a",
            "content": [
                {"type": "text", "text": "see"},
                image("image/png", "iVBORw0KGgo="),
            ],
            "cache_control": MARK,
        }
    ]


def test_neighbours_of_one_role_are_one_message() -> None:
    messages = messages_of(said("user", "a"), said("user", "b"), said("assistant", "c"), said("assistant", "d"), said("user", "e"))
    assert messages == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "c"}, {"type": "text", "text": "d"}]},
        {"role": "user", "content": "e"},
    ]


# bifrost#2765, claude-code#62396
def test_empty_text_is_left_out_and_a_turn_of_nothing_else_with_it() -> None:
    turns = (said("user", "a", "", " \n"), said("assistant", ""), said("user", "b"))
    assert messages_of(*turns) == [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]


THOUGHTS: list[tuple[Thinking, dict[str, Any] | None]] = [
    (Thinking(text="hm", signature="s", dialect=OWN), {"type": "thinking", "thinking": "hm", "signature": "s"}),
    (Thinking(text="", signature="s", dialect="bedrock"), {"type": "thinking", "thinking": "", "signature": "s"}),
    (Thinking(redacted="r", dialect=OWN), {"type": "redacted_thinking", "data": "r"}),
    (Thinking(text="hm", dialect=OWN), None),
    (Thinking(text="hm", signature="s", dialect="gemini"), None),
    (Thinking(redacted="r", dialect="openai_responses"), None),
    (Thinking(text="hm", dialect="openai_chat"), None),
]


@pytest.mark.parametrize(("thought", "block"), THOUGHTS, ids=[str(number) for number in range(len(THOUGHTS))])
def test_a_thought_comes_first_and_only_to_those_who_signed_it(thought: Thinking, block: dict[str, Any] | None) -> None:
    turns = (said("user", "x"), said("assistant", "text", thought, ToolCall(id="a", name="f")), said("tool", ToolResult(call_id="a")))
    body, warnings, _ = build(*turns)
    rest = [{"type": "text", "text": "text"}, {"type": "tool_use", "id": "a", "name": "f", "input": {}}]
    assert body["messages"][1]["content"] == ([block] if block else []) + rest
    assert warnings == []


def test_blocks_of_a_caller_of_this_dialect_keep_their_order() -> None:
    opaque = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    thought = Thinking(text="hm", signature="s", dialect=OWN)
    turns = (said("user", "x"), said("assistant", Opaque(dialect=OWN, kind="server_tool_use", value=opaque), thought, "so"))
    kinds = [block["type"] for block in messages_of(*turns, dialect=OWN)[1]["content"]]
    assert kinds == ["server_tool_use", "thinking", "text"]


def test_ids_of_calls_are_rewritten_to_the_charset_the_same_way_on_both_sides() -> None:
    turns = (
        said("user", "x"),
        said("assistant", ToolCall(id="functions.x:0", name="x"), ToolCall(id="functions.x.0", name="x")),
        said("tool", ToolResult(call_id="functions.x:0"), ToolResult(call_id="functions.x.0")),
    )
    messages = messages_of(*turns)
    calls = [block["id"] for block in messages[1]["content"]]
    assert calls == [block["tool_use_id"] for block in messages[2]["content"]]
    assert calls[0] != calls[1]
    assert all(call.startswith("functions_x_0_") and call.isascii() for call in calls)
    assert messages == messages_of(*turns)


def test_calls_without_ids_get_them_by_their_place_and_results_find_them_by_name() -> None:
    messages = messages_of(
        said("user", "x"),
        said("assistant", ToolCall(id="", name="f"), ToolCall(id="", name="g")),
        said("tool", ToolResult(call_id="", name="g"), ToolResult(call_id="", name="f")),
    )
    assert [block["id"] for block in messages[1]["content"]] == ["call_1", "call_2"]
    assert [block["tool_use_id"] for block in messages[2]["content"]] == ["call_2", "call_1"]


def test_names_of_tools_are_rewritten_everywhere_and_told_to_the_reader_of_the_answer() -> None:
    long = "n" * 200
    tools = [Tool(name="my.tool"), Tool(name="my_tool"), Tool(name=long), Tool(name="größe")]
    turns = (said("user", "x"), said("assistant", ToolCall(id="a", name="my.tool")), said("tool", ToolResult(call_id="a")))
    body, _, asked = build(*turns, tools=tools)
    sent = [tool["name"] for tool in body["tools"]]
    assert len(set(sent)) == 4
    assert all(len(name) <= 128 and name.isascii() for name in sent)
    assert body["messages"][1]["content"][0]["name"] == sent[0]
    assert {asked.renamed.get(name, name) for name in sent} == {tool.name for tool in tools}
    assert build(*turns, tools=tools)[0] == body


ARGUMENTS = [
    ("", {}),
    ("{}", {}),
    ("null", {}),
    ('{"a": 1}', {"a": 1}),
    ('{"a": 1', {"input": '{"a": 1'}),
    ('"x"', {"input": "x"}),
    ("[1]", {"input": [1]}),
]


@pytest.mark.parametrize(("arguments", "given"), ARGUMENTS)
def test_arguments_become_an_object_whatever_the_model_wrote(arguments: str, given: dict[str, Any]) -> None:
    messages = messages_of(said("user", "x"), said("assistant", ToolCall(id="a", name="f", arguments=arguments)), said("user", "y"))
    assert messages[1]["content"][0]["input"] == given


def image(media_type: str, data: str) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


PNG = "iVBORw0KGgoAAAANSUhEUg=="
WEBP = "UklGRiQAAABXRUJQVlA4IBgA"
PARTS: list[tuple[Part, dict[str, Any]]] = [
    (Text(text="no", refusal=True), {"type": "text", "text": "no"}),
    (Text(text="t", citations=[{"url": "u"}], dialect="openai_chat"), {"type": "text", "text": "t"}),
    (Text(text="t", cache=MARK), {"type": "text", "text": "t", "cache_control": MARK}),
    (
        Image(url="https://x/a.png", cache=MARK),
        {"type": "image", "source": {"type": "url", "url": "https://x/a.png"}, "cache_control": MARK},
    ),
    (Image(data=PNG, media_type="image/jpeg"), image("image/png", PNG)),
    (Image(data=WEBP), image("image/webp", WEBP)),
    (
        Image(url=f"data:image/gif;base64,{PNG}"),
        image("image/png", PNG),
    ),
    (Image(data="/9j/4AAQ", media_type="x"), image("image/jpeg", "/9j/4AAQ")),
    (Image(data="QUJD", media_type="image/gif"), image("image/gif", "QUJD")),
    (
        Image(data="JVBERi0x", media_type="image/png"),
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"}},
    ),
    (Image(file_id="f", dialect=OWN), {"type": "image", "source": {"type": "file", "file_id": "f"}}),
    (
        File(data="JVBERi0x", media_type="text/plain", filename="a.pdf"),
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"}, "title": "a.pdf"},
    ),
    (
        File(data="R3LDvMOfZQ==", media_type="text/markdown"),
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}},
    ),
    (File(text="words"), {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}),
    (File(url="https://x/a.pdf"), {"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}}),
    (File(file_id="f", dialect=OWN), {"type": "document", "source": {"type": "file", "file_id": "f"}}),
    (File(data=PNG, media_type="application/pdf"), image("image/png", PNG)),
    (Audio(id="audio_1", transcript="spoken"), {"type": "text", "text": "spoken"}),
]


@pytest.mark.parametrize(("part", "block"), PARTS, ids=[str(number) for number in range(len(PARTS))])
def test_a_part_becomes_a_block(part: Part, block: dict[str, Any]) -> None:
    assert blocks_of(part) == [block]


REFUSED: list[tuple[Part, str]] = [
    (Audio(data="x", format="wav"), "input_audio"),
    (Image(file_id="f", dialect="openai_responses"), "file_id"),
    (File(file_id="f", dialect="openai_chat"), "file_id"),
    (Image(data="Qk1G", media_type="image/bmp"), "image_url"),
    (Image(url="gs://x/y"), "image_url"),
    (File(data="UEsDBA==", media_type="application/zip"), "file"),
    (Opaque(dialect="openai_responses", kind="web_search_call", value={}), "web_search_call"),
]


@pytest.mark.parametrize(("part", "param"), REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_what_cannot_be_said_is_refused_by_name_or_dropped_by_name(part: Part, param: str) -> None:
    with pytest.raises(NotCarried) as raised:
        build(said("user", "x", part))
    assert raised.value.param == param
    body, warnings, _ = build(said("user", "x", part), drop=True)
    assert body["messages"] == [{"role": "user", "content": "x"}]
    assert warnings == [f"drop:{param}"]


def test_text_that_is_no_text_is_the_callers_mistake() -> None:
    with pytest.raises(InvalidRequest, match="base64 of UTF-8"):
        build(said("user", File(data="/////w==", media_type="text/plain")))


def test_members_of_a_message_that_have_no_place_are_dropped_by_name() -> None:
    turn = Turn(role="user", parts=[Text(text="x")], name="ann", extra={"weight": 1})
    assert build(turn)[1] == ["drop:messages.name", "drop:messages.weight"]


def test_unsigned_thoughts_go_back_to_models_that_sign_nothing() -> None:
    turns = (said("user", "x"), said("assistant", Thinking(text="hm", dialect=OWN), "y"), said("user", "z"))
    thought = {"type": "thinking", "thinking": "hm", "signature": ""}
    assert messages_of(*turns, model="kimi-k2", dialect=OWN)[1]["content"][0] == thought
    assert messages_of(*turns, dialect=OWN)[1]["content"] == "y"


def test_an_images_detail_is_dropped_by_name() -> None:
    assert build(said("user", Image(url="https://x/a.png", detail="high")))[1] == ["drop:image_url.detail"]
    assert build(said("user", Image(url="https://x/a.png", detail="auto")))[1] == []


def test_the_first_and_the_last_three_of_too_many_cache_breakpoints_stay() -> None:
    turns = [said("system", Text(text="s", cache=MARK)), said("user", *[Text(text=str(number), cache=MARK) for number in range(5)])]
    body, warnings, _ = build(*turns, tools=[Tool(name="f", cache=MARK)])
    marked = ["cache_control" in block for block in (*body["tools"], *body["system"], *body["messages"][0]["content"])]
    assert marked == [True, False, False, False, True, True, True]
    assert warnings == ["drop:cache_control"]


def test_a_talk_that_does_not_begin_with_the_user_is_refused_or_completed() -> None:
    with pytest.raises(NotCarried, match="begin with a message of the user"):
        build(said("assistant", "hi"), said("user", "x"))
    with pytest.raises(NotCarried, match="begin with a message of the user"):
        build(said("system", "hi"))
    body, warnings, _ = build(said("system", "hi"), modify=True)
    assert body["messages"] == [{"role": "user", "content": "."}]
    assert warnings == ["emulate:messages"]
    assert messages_of(said("assistant", "hi"), said("user", "x"), model="claude-opus-5")[0]["role"] == "assistant"


def test_a_prefill_is_trimmed_for_models_that_continue_it_and_refused_by_others() -> None:
    turns = (said("user", "x"), said("assistant", "The answer is \n"))
    body, warnings, _ = build(*turns)
    assert body["messages"][1]["content"] == "The answer is"
    assert warnings == ["clamp:messages=trimmed"]
    with pytest.raises(NotCarried, match="trailing message"):
        build(*turns, model="claude-opus-4-6")
    assert messages_of(*turns, model="claude-opus-4-6", dialect=OWN)[1]["content"] == "The answer is \n"
    assert messages_of(*turns, model="claude-opus-4-6", drop=True) == [{"role": "user", "content": "x"}]
