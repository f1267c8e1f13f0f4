"""Custom tools (free text in) at providers that know none: functions with one string, whose calls come back as free text."""

from typing import Any

import orjson
import pytest

from fastgate.providers.provider import Quirks
from fastgate.translate import UPSTREAMS
from fastgate.translate.answer import ChatAnswer, Choice
from fastgate.translate.conversation import ChatRequest, Text, Tool, ToolCall, ToolChoice, ToolResult, Turn
from fastgate.translate.custom_tools import KNOWN, CustomCalls, emulate_custom_tools, restore_calls
from fastgate.translate.events import Event, Finish, TextDelta, ToolDelta, ToolStart
from fastgate.translate.losses import Losses
from fastgate.translate.target import Target

FLAT = {"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"}}
NESTED = {"type": "custom", "custom": {"format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}}}}
EMULATING = sorted(UPSTREAMS.keys() - {"openai_responses"})


def asking(raw: dict[str, Any], dialect: str, **members: Any) -> ChatRequest:
    tools = [
        Tool(name="f", parameters={"type": "object"}),
        Tool(name="patch", description="Patches a file.", kind="custom", raw=raw, dialect=dialect),
    ]
    turns = [
        Turn(role="user", parts=[Text(text="hi")]),
        Turn(role="assistant", parts=[ToolCall(id="c1", name="patch", arguments='*** "Begin"', custom=True)]),
        Turn(role="tool", parts=[ToolResult(call_id="c1", name="patch", parts=[Text(text="Done!")], custom=True)]),
    ]
    return ChatRequest(turns=turns, tools=tools, dialect=dialect, **members)


def functions_in(value: Any) -> list[dict[str, Any]]:
    """Return the objects that say what a function named patch takes, wherever they stand."""
    if isinstance(value, list):
        return [found for one in value for found in functions_in(one)]
    if not isinstance(value, dict):
        return []
    own = [value] if value.get("name") == "patch" and "description" in value else []
    return own + [found for one in value.values() for found in functions_in(one)]


@pytest.mark.parametrize(("raw", "dialect"), [(FLAT, "openai_responses"), (NESTED, "openai_chat")])
@pytest.mark.parametrize("upstream", EMULATING)
def test_a_custom_tool_is_a_function_with_one_string_and_its_grammar_in_words(upstream: str, raw: dict[str, Any], dialect: str) -> None:
    request = asking(raw, dialect, tool_choice=ToolChoice(mode="named", names=["patch"]))
    target, losses = Target(model="m", dialect=upstream), Losses(upstream)
    assert emulate_custom_tools(request, target, losses) == {"patch"}
    assert losses.warnings == ["emulate:tools.custom"]
    body, _ = UPSTREAMS[upstream].build_request(request, target, losses)
    text = orjson.dumps(body).decode()
    assert '"custom' not in text
    [function] = functions_in(body)
    assert function["description"] == "Patches a file.\n\nThe input has to match this lark grammar:\nstart: A"
    assert '"required":["input"]' in orjson.dumps(function).decode()
    # The call of before, as an object or as JSON text.
    call = orjson.dumps({"input": '*** "Begin"'}).decode()
    assert call in text or orjson.dumps(call).decode() in text
    assert "Done!" in text


@pytest.mark.parametrize(("upstream", "knows"), [("openai_responses", frozenset()), ("openai_chat", frozenset({KNOWN}))])
def test_a_custom_tool_stays_one_where_the_provider_knows_them(upstream: str, knows: frozenset[str]) -> None:
    request, losses = asking(FLAT, "openai_responses"), Losses(upstream)
    target = Target(model="m", dialect=upstream, quirks=Quirks(knows=knows))
    assert not emulate_custom_tools(request, target, losses)
    assert (request.tools[1].kind, losses.warnings) == ("custom", [])
    body, _ = UPSTREAMS[upstream].build_request(request, target, losses)
    assert body["tools"][1]["type"] == "custom"
    assert '"custom' in orjson.dumps(body.get("messages", body.get("input"))).decode()


def test_calls_of_tools_that_are_no_longer_offered_are_functions_too() -> None:
    request = asking(FLAT, "openai_responses")
    request.tools = []
    losses = Losses("ollama")
    assert not emulate_custom_tools(request, Target(model="m", dialect="ollama"), losses)
    [call], [result] = request.turns[1].parts, request.turns[2].parts
    assert call == ToolCall(id="c1", name="patch", arguments=orjson.dumps({"input": '*** "Begin"'}).decode())
    assert isinstance(result, ToolResult)
    assert not result.custom


ARGUMENTS = [
    ('{"input":"a}\\n{b"}', "a}\n{b"),
    ('{"input":"a","more":1}', "a"),
    # What a model wrote that did not keep to the function's schema is passed on whole.
    ('{"patch":"a"}', '{"patch":"a"}'),
    ('{"input":1}', '{"input":1}'),
    ('"a"', '"a"'),
    ("*** Begin", "*** Begin"),
    ('{"input":"cut', '{"input":"cut'),
]


@pytest.mark.parametrize(("arguments", "text"), ARGUMENTS)
def test_a_call_comes_back_as_free_text(arguments: str, text: str) -> None:
    others = [Text(text="t"), ToolCall(id="d", name="f", arguments='{"input":"x"}')]
    answer = ChatAnswer(choices=[Choice(parts=[*others, ToolCall(id="c", name="patch", arguments=arguments)])])
    restore_calls(answer, frozenset({"patch"}))
    assert answer.choices[0].parts == [*others, ToolCall(id="c", name="patch", arguments=text, custom=True)]


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(("arguments", "text"), ARGUMENTS)
def test_a_streamed_call_is_told_as_free_text_once_it_is_whole(arguments: str, text: str, size: int) -> None:
    calls = CustomCalls(frozenset({"patch"}))
    pieces = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    told = calls.read([ToolStart(call=0, id="c", name="patch")])
    for piece in pieces:
        told += calls.read([ToolDelta(call=0, arguments=piece)])
    told += calls.read([Finish(reason="tool_calls")])
    assert told == [ToolStart(call=0, id="c", name="patch", custom=True), ToolDelta(call=0, arguments=text), Finish(reason="tool_calls")]
    assert calls.close() == []


def test_other_calls_and_texts_of_a_stream_are_told_as_they_come() -> None:
    calls = CustomCalls(frozenset({"patch"}))
    others: list[Event] = [
        ToolStart(call=0, id="c", name="f"),
        ToolDelta(call=0, arguments='{"input"'),
        TextDelta(text="}"),
        ToolStart(call=1, id="d", name="patch", custom=True),
        ToolDelta(call=1, arguments="free }"),
    ]
    assert calls.read(others) == others


def test_calls_of_several_alternatives_do_not_mix() -> None:
    calls = CustomCalls(frozenset({"patch"}))
    calls.read([ToolStart(call=0, id="c", name="patch", choice=choice) for choice in (0, 1)])
    assert calls.read([ToolDelta(call=0, arguments='{"input":"a', choice=0), ToolDelta(call=0, arguments='{"input":"b"}', choice=1)]) == [
        ToolDelta(call=0, arguments="b", choice=1)
    ]
    assert calls.close() == [ToolDelta(call=0, arguments='{"input":"a', choice=0)]
    assert calls.close() == []
