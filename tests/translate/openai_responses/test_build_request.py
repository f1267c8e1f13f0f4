"""Requests of any dialect, as a provider of OpenAI Responses takes them."""

from typing import Any

import orjson
import pytest

from fastgate.providers.provider import Quirks
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
from fastgate.translate.losses import Losses, NotCarried
from fastgate.translate.openai_responses import FRAMING, PATHS, build_request
from fastgate.translate.target import Target
from tests.translate.openai_responses.wire import TARGET, asks, built

OWN = "openai_responses"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
LONG = "x" * 70


def turn(role: Any, *parts: Any) -> Turn:
    return Turn(role=role, parts=list(parts))


def text(role: Any, words: str) -> Turn:
    return turn(role, Text(text=words))


def message(role: str, content: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content}


CALL = ToolCall(id="c1", name="weather", arguments='{"city":"Paris"}')
CALL_ITEM = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":"Paris"}'}

TURNS: list[tuple[list[Turn], list[dict[str, Any]]]] = [
    ([text("user", "Hi")], [message("user", "Hi")]),
    (
        [turn("user", Text(text="a"), Image(data="AA==", media_type="image/png", detail="low"))],
        [
            message(
                "user",
                [
                    {"type": "input_text", "text": "a"},
                    {"type": "input_image", "detail": "low", "image_url": "data:image/png;base64,AA=="},
                ],
            )
        ],
    ),
    (
        [turn("user", Image(url="https://a/b.png"))],
        [message("user", [{"type": "input_image", "detail": "auto", "image_url": "https://a/b.png"}])],
    ),
    (
        [turn("user", File(data="AA==", media_type="application/pdf"))],
        [message("user", [{"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,AA=="}])],
    ),
    (
        [turn("user", File(text="words", filename="a.txt"))],
        [message("user", [{"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,d29yZHM="}])],
    ),
    ([turn("user", File(url="https://a/b.pdf"))], [message("user", [{"type": "input_file", "file_url": "https://a/b.pdf"}])]),
    (
        [turn("user", Audio(data="AA==", format="wav"))],
        [message("user", [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}])],
    ),
    ([text("assistant", "Hello")], [message("assistant", "Hello")]),
    ([text("assistant", "")], []),
    ([turn("assistant", Text(text="no", refusal=True))], [message("assistant", [{"type": "refusal", "refusal": "no"}])]),
    ([turn("assistant", Text(text="I look"), CALL)], [message("assistant", "I look"), CALL_ITEM]),
    ([turn("assistant", ToolCall(id="c1", name="now"))], [{"type": "function_call", "call_id": "c1", "name": "now", "arguments": "{}"}]),
    (
        [turn("tool", ToolResult(call_id="c1", parts=[Text(text="sunny")]), ToolResult(call_id="c2"))],
        [
            {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
            {"type": "function_call_output", "call_id": "c2", "output": ""},
        ],
    ),
    (
        [turn("tool", ToolResult(call_id="c1", parts=[Text(text="a"), Image(data="AA==", media_type="image/png")]))],
        [
            {
                "type": "function_call_output",
                "call_id": "c1",
                "output": [
                    {"type": "input_text", "text": "a"},
                    {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AA=="},
                ],
            }
        ],
    ),
    (
        [
            turn("assistant", ToolCall(id="c1", name="patch", arguments="*** Begin", custom=True)),
            turn("tool", ToolResult(call_id="c1", parts=[Text(text="ok")])),
        ],
        [
            {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": "*** Begin"},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "ok"},
        ],
    ),
    (
        [turn("assistant", Thinking(text="hm", summary=True, signature="gAAA", id="rs_1", dialect=OWN), CALL)],
        [
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "hm"}],
                "encrypted_content": "gAAA",
            },
            CALL_ITEM,
        ],
    ),
    (
        [turn("assistant", Thinking(redacted="gAAA", dialect=OWN), Text(text="a"))],
        [{"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}, message("assistant", "a")],
    ),
    ([turn("assistant", Thinking(text="hm", signature="s", dialect="anthropic_messages"), Text(text="a"))], [message("assistant", "a")]),
    ([turn("assistant", Thinking(text="hm", dialect="openai_chat"), Text(text="a"))], [message("assistant", "a")]),
    ([turn("assistant", Thinking(text="hm", id="rs_1", dialect=OWN), Text(text="a"))], [message("assistant", "a")]),
    ([text("user", "a"), text("system", "b"), text("user", "c")], [message("user", "a"), message("developer", "b"), message("user", "c")]),
    ([text("system", "a"), text("developer", "b")], [message("developer", "a"), message("developer", "b")]),
]


@pytest.mark.parametrize(("turns", "items"), TURNS, ids=[str(number) for number in range(len(TURNS))])
def test_turns_become_input_items(turns: list[Turn], items: list[dict[str, Any]]) -> None:
    body, warnings = built(asks(turns=turns))
    assert body["input"] == items
    assert "instructions" not in body
    assert warnings == []


@pytest.mark.parametrize("role", ["system", "developer"])
def test_one_leading_system_message_becomes_instructions(role: str) -> None:
    body, _ = built(asks(turns=[turn(role, Text(text="a"), Text(text="b")), text("user", "Hi")]))
    assert body["instructions"] == "a\nb"
    assert body["input"] == [message("user", "Hi")]


MEMBERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"model": "gpt-5", "store": False, "stream": None, "include": None, "reasoning": None, "text": None, "tools": None}),
    ({"stream": True}, {"stream": True, "stream_options": {"include_obfuscation": False}}),
    ({"store": True}, {"store": True}),
    ({"max_output_tokens": 16, "temperature": 0.0, "top_p": 0.5}, {"max_output_tokens": 16, "temperature": 0.0, "top_p": 0.5}),
    ({"user": "u", "metadata": {"a": "b"}}, {"safety_identifier": "u", "metadata": {"a": "b"}}),
    ({"service_tier": "flex", "verbosity": "low"}, {"service_tier": "flex", "text": {"verbosity": "low"}}),
    ({"logprobs": True, "top_logprobs": 2}, {"include": ["message.output_text.logprobs"], "top_logprobs": 2}),
    ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
    ({"n": 1, "stop": [], "modalities": ["text"]}, {"n": None, "stop": None, "modalities": None}),
    (
        {"reasoning": Reasoning(effort="high")},
        {"reasoning": {"effort": "high"}, "include": ["reasoning.encrypted_content"]},
    ),
    ({"reasoning": Reasoning(effort="none")}, {"reasoning": {"effort": "none"}, "include": None}),
    ({"reasoning": Reasoning(budget_tokens=1024)}, {"reasoning": {"effort": "low"}}),
    ({"reasoning": Reasoning(budget_tokens=2048)}, {"reasoning": {"effort": "medium"}}),
    ({"reasoning": Reasoning(budget_tokens=16384, show=True)}, {"reasoning": {"effort": "high", "summary": "auto"}}),
    ({"reasoning": Reasoning(budget_tokens=0)}, {"reasoning": {"effort": "none"}}),
    ({"reasoning": Reasoning(budget_tokens=-1)}, {"reasoning": None}),
    ({"reasoning": Reasoning(adaptive=True)}, {"reasoning": None, "include": ["reasoning.encrypted_content"]}),
    ({"reasoning": Reasoning(effort="low", summary="detailed", show=True)}, {"reasoning": {"effort": "low", "summary": "detailed"}}),
    (
        {"response_format": ResponseFormat(kind="json_schema", name="n", schema=SCHEMA, strict=True)},
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}}},
    ),
    (
        {"response_format": ResponseFormat(kind="json_schema", schema=SCHEMA)},
        {"text": {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA}}},
    ),
    ({"response_format": ResponseFormat(kind="json_object")}, {"text": {"format": {"type": "json_object"}}}),
    (
        {"tools": [Tool(name="weather", description="d", parameters=SCHEMA)]},
        {"tools": [{"type": "function", "name": "weather", "description": "d", "parameters": SCHEMA, "strict": False}]},
    ),
    (
        {"tools": [Tool(name="now", strict=True)]},
        {"tools": [{"type": "function", "name": "now", "parameters": {"type": "object", "properties": {}}, "strict": True}]},
    ),
    (
        {
            "tools": [
                Tool(
                    name="patch",
                    kind="custom",
                    raw={"type": "custom", "custom": {"format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}}},
                    dialect="openai_chat",
                )
            ]
        },
        {"tools": [{"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}}]},
    ),
    ({"tool_choice": ToolChoice(mode="required")}, {"tool_choice": "required"}),
    ({"tool_choice": ToolChoice(mode="none")}, {"tool_choice": "none"}),
    (
        {"tools": [Tool(name="weather")], "tool_choice": ToolChoice(mode="named", names=["weather"])},
        {"tool_choice": {"type": "function", "name": "weather"}},
    ),
    (
        {"tools": [Tool(name="p", kind="custom")], "tool_choice": ToolChoice(mode="named", names=["p"])},
        {"tool_choice": {"type": "custom", "name": "p"}},
    ),
    (
        {"tools": [Tool(name="a"), Tool(name="b")], "tool_choice": ToolChoice(mode="auto", names=["b"])},
        {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "b"}]}},
    ),
    ({"extra": {"prompt_cache_key": "k"}}, {"prompt_cache_key": "k"}),
]


@pytest.mark.parametrize(("members", "expected"), MEMBERS, ids=[str(number) for number in range(len(MEMBERS))])
def test_a_member_is_said(members: dict[str, Any], expected: dict[str, Any]) -> None:
    body, warnings = built(asks(**members))
    assert {name: body.get(name) for name in expected} == expected
    assert warnings == []


@pytest.mark.parametrize(
    ("members", "warning"),
    [
        ({"top_k": 3}, "drop:top_k"),
        ({"seed": 3}, "drop:seed"),
        ({"presence_penalty": 0.5}, "drop:presence_penalty"),
        ({"frequency_penalty": 0.5}, "drop:frequency_penalty"),
        ({"logit_bias": {"1": 5.0}}, "drop:logit_bias"),
        ({"extra": {"prediction": {}}}, "drop:prediction"),
        ({"max_output_tokens": 5}, "clamp:max_output_tokens=16"),
        ({"user": "u" * 129}, "emulate:user"),
        ({"turns": [Turn(role="user", parts=[Text(text="a")], name="Ann")]}, "drop:messages.name"),
        ({"turns": [Turn(role="user", parts=[Text(text="a", cache={"type": "ephemeral"})])]}, "drop:cache_control"),
        ({"turns": [Turn(role="tool", parts=[ToolResult(call_id="c", is_error=True)])]}, "drop:is_error"),
    ],
)
def test_a_loss_is_named(members: dict[str, Any], warning: str) -> None:
    body, warnings = built(asks(**members))
    assert warnings == [warning]
    assert not body.keys() & {"top_k", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "prediction"}
    assert body.get("max_output_tokens", 16) == 16
    assert len(body.get("safety_identifier", "")) <= 128


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"stop": ["x"]}, "stop"),
    ({"n": 2}, "n"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"extra": {"web_search_options": {}}}, "web_search_options"),
    ({"tools": [Tool(name="web_search_20250305", kind="hosted", dialect="anthropic_messages")]}, "tools.web_search_20250305"),
    ({"turns": [turn("assistant", Opaque(dialect="anthropic_messages", kind="server_tool_use", value={}))]}, "server_tool_use"),
    ({"turns": [turn("assistant", Image(data="AA==", media_type="image/png"))]}, "image"),
    ({"turns": [turn("assistant", Audio(id="audio_1"))]}, "audio"),
    ({"turns": [turn("user", Image(file_id="file_1", dialect="anthropic_messages"))]}, "image.file_id"),
    ({"turns": [turn("user", File(file_id="files/1", dialect="gemini"))]}, "file.file_id"),
    ({"turns": [turn("tool", ToolResult(call_id="c", parts=[Audio(data="AA==", format="wav")]))]}, "tool_result.audio"),
]


@pytest.mark.parametrize(("members", "param"), REFUSED, ids=[param for _, param in REFUSED])
def test_what_changes_meaning_is_refused_by_name(members: dict[str, Any], param: str) -> None:
    with pytest.raises(NotCarried) as caught:
        built(asks(**members))
    assert caught.value.param == param


@pytest.mark.parametrize(("members", "param"), REFUSED, ids=[param for _, param in REFUSED])
def test_what_would_be_refused_is_dropped_and_named_where_drop_params_says_so(members: dict[str, Any], param: str) -> None:
    _, warnings = built(asks(**members), drop_params=True)
    assert warnings == [f"drop:{param}"]


def test_an_allowed_parameter_is_sent_whatever_the_table_says() -> None:
    body, warnings = built(asks(seed=3, stop=["x"]), allowed=frozenset({"seed", "stop"}))
    assert (body["seed"], body["stop"], warnings) == (3, ["x"], [])


def test_names_that_do_not_fit_are_renamed_and_the_reader_is_told() -> None:
    call = ToolCall(id="c1", name="maps.find", arguments="{}")
    request = asks(
        turns=[text("user", "a"), turn("assistant", call)],
        tools=[Tool(name="maps.find"), Tool(name="maps_find"), Tool(name=LONG)],
        tool_choice=ToolChoice(mode="named", names=["maps.find"]),
    )
    body, asked = build_request(request, TARGET, Losses(OWN))
    names = [tool["name"] for tool in body["tools"]]
    assert len(set(names)) == 3
    assert all(len(name) <= 64 and name.replace("_", "").isalnum() for name in names)
    assert asked.renamed == {names[0]: "maps.find", names[2]: LONG}
    assert body["tool_choice"] == {"type": "function", "name": names[0]}
    assert body["input"][1]["name"] == names[0]


def test_an_id_of_a_call_that_does_not_fit_is_rewritten_in_call_and_result_alike() -> None:
    turns = [turn("assistant", ToolCall(id=LONG, name="a")), turn("tool", ToolResult(call_id=LONG))]
    first, second = (built(asks(turns=turns))[0]["input"] for _ in range(2))
    assert first[0]["call_id"] == first[1]["call_id"]
    assert len(first[0]["call_id"]) <= 64
    assert first == second


def test_ids_follow_the_pattern_of_the_provider() -> None:
    target = Target(model="m", dialect=OWN, quirks=Quirks(tool_ids="[a-zA-Z0-9]{9}"))
    body, _ = built(asks(turns=[turn("assistant", ToolCall(id="call_1", name="a"), ToolCall(id="abcdefghi", name="a"))]), target)
    assert [len(item["call_id"]) for item in body["input"]] == [9, 9]
    assert body["input"][1]["call_id"] == "abcdefghi"


def test_a_provider_is_asked_in_its_own_words() -> None:
    quirks = Quirks(
        rename={"max_output_tokens": "max_tokens"},
        roles={"developer": "system"},
        values={"tool_choice": {"required": "any"}},
        drop=frozenset({"stream_options", "service_tier"}),
        refuse=frozenset({"top_p"}),
        efforts={"xhigh": "high"},
        knows=frozenset({"top_k"}),
    )
    target = Target(model="m", dialect=OWN, quirks=quirks)
    request = asks(
        turns=[text("user", "a"), text("developer", "b")],
        stream=True,
        service_tier="flex",
        top_k=5,
        max_output_tokens=20,
        tool_choice=ToolChoice(mode="required"),
        reasoning=Reasoning(effort="xhigh"),
    )
    body, warnings = built(request, target)
    assert warnings == ["drop:service_tier"]
    assert body["input"][1]["role"] == "system"
    assert (body["max_tokens"], body["tool_choice"], body["top_k"]) == (20, "any", 5)
    assert body["reasoning"] == {"effort": "high"}
    assert not body.keys() & {"max_output_tokens", "stream_options", "service_tier"}
    with pytest.raises(NotCarried):
        built(asks(top_p=0.5), target)


@pytest.mark.parametrize("how", ["drop", "refuse"])
def test_what_only_the_gateway_adds_is_left_out_without_a_word(how: str) -> None:
    members: dict[str, Any] = {how: frozenset({"store", "include", "stream_options"})}
    target = Target(model="m", dialect=OWN, quirks=Quirks(**members))
    body, warnings = built(asks(stream=True, reasoning=Reasoning(effort="low")), target)
    assert not body.keys() & members[how]
    assert warnings == []
    _, warnings = built(asks(store=True, logprobs=True), target, drop_params=True)
    assert warnings == ["drop:include", "drop:store"]


def test_a_form_that_the_provider_cannot_is_asked_for_in_words() -> None:
    target = Target(model="m", dialect=OWN, quirks=Quirks(response_formats=frozenset({"json_object"})))
    body, warnings = built(asks(response_format=ResponseFormat(kind="json_schema", schema=SCHEMA)), target)
    assert warnings == ["emulate:response_format"]
    assert orjson.dumps(SCHEMA).decode() in body["instructions"]
    assert body["text"] == {"format": {"type": "json_object"}}


def test_a_cache_mark_is_a_breakpoint_where_it_was_one() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    turns = [turn("system", Text(text="a", cache=mark)), turn("user", Text(text="b", cache={"type": "ephemeral"}))]
    body, warnings = built(asks(turns=turns, cache_breakpoints=True))
    assert warnings == []
    assert [item["content"][0]["prompt_cache_breakpoint"] for item in body["input"]] == [
        {"mode": "explicit", "ttl": "12h"},
        {"mode": "explicit"},
    ]


def test_the_same_request_gives_the_same_bytes() -> None:
    request = asks(tools=[Tool(name=name, parameters=SCHEMA) for name in "cab"], turns=[turn("assistant", CALL)])
    assert orjson.dumps(built(request)[0]) == orjson.dumps(built(request)[0])
    assert [tool["name"] for tool in built(request)[0]["tools"]] == ["c", "a", "b"]


def test_chat_is_asked_at_responses() -> None:
    assert (FRAMING, PATHS["chat"], PATHS["chat_stream"]) == ("events", "/responses", "/responses")
