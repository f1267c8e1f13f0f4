"""Arguments that come in pieces, as Vertex AI streams them: the call is told once they are whole."""

from typing import Any

import orjson
import pytest
from google.genai import types

from fastgate.translate import gemini
from fastgate.translate.answer import Fault
from fastgate.translate.events import Event, Finish, TextDelta, ToolDelta, ToolStart
from fastgate.translate.target import Asked
from tests.translate.gemini.streaming import TARGET, chunk, read


def piece(*args: dict[str, Any], more: bool = True, **call: Any) -> dict[str, Any]:
    """Return a part that says some of a call; it is held against the types of Google's SDK."""
    said = call | ({"partialArgs": list(args)} if args else {}) | ({"willContinue": True} if more else {})
    types.FunctionCall.model_validate(said)
    return {"functionCall": said}


def told(*parts: dict[str, Any], asked: Asked | None = None) -> list[Event]:
    """Return what a stream says of which every chunk has one part."""
    events, ended = read(*(chunk(part) for part in parts), chunk(finishReason="STOP"), asked=asked)
    assert ended
    return events


def call_of(name: str, arguments: str, call: int = 0, **more: str) -> list[Event]:
    return [ToolStart(call=call, id=more.pop("id", ""), name=name, **more), ToolDelta(call=call, arguments=arguments)]  # type: ignore[arg-type]


def test_a_text_that_comes_in_pieces_is_joined_and_the_call_is_told_once() -> None:
    begun = piece(name="f", id="x") | {"thoughtSignature": "c2ln"}
    events = told(
        begun,
        piece({"jsonPath": "$.city", "stringValue": "Bo", "willContinue": True}),
        piece({"jsonPath": "$.city", "stringValue": "Bo", "willContinue": True}),
        piece({"jsonPath": "$.city", "stringValue": ""}, {"jsonPath": "$.days", "numberValue": 3}),
        piece(more=False),
    )
    assert events == [*call_of("f", '{"city":"BoBo","days":3}', id="x", signature="c2ln"), Finish(reason="tool_calls")]


PATHS: list[tuple[list[dict[str, Any]], dict[str, Any]]] = [
    (
        [{"jsonPath": "$.a.b[0].c", "stringValue": "x"}, {"jsonPath": "$.a.b[1].c", "boolValue": False}],
        {"a": {"b": [{"c": "x"}, {"c": False}]}},
    ),
    ([{"jsonPath": "$.a[0]", "numberValue": 1.5}, {"jsonPath": "$.a[1]", "nullValue": "NULL_VALUE"}], {"a": [1.5, None]}),
    ([{"jsonPath": "$.a[0][0]", "stringValue": "x"}, {"jsonPath": "$.a[0][1]", "stringValue": "y"}], {"a": [["x", "y"]]}),
    (
        [{"jsonPath": "$['a b'][\"c\"]", "stringValue": "x"}, {"jsonPath": "$['it\\'s']", "boolValue": True}],
        {"a b": {"c": "x"}, "it's": True},
    ),
    # The end of a text of which all was said.
    ([{"jsonPath": "$.a", "stringValue": "x", "willContinue": True}, {"jsonPath": "$.a"}], {"a": "x"}),
]


@pytest.mark.parametrize(("args", "arguments"), PATHS)
def test_a_path_leads_to_the_argument(args: list[dict[str, Any]], arguments: dict[str, Any]) -> None:
    [_, delta, _] = told(piece(name="f"), *(piece(one) for one in args), piece(more=False))
    assert isinstance(delta, ToolDelta)
    assert orjson.loads(delta.arguments) == arguments


def test_a_call_in_one_part_needs_no_end() -> None:
    [_, delta, _] = told(piece({"jsonPath": "$.a", "stringValue": "x"}, name="f", more=False))
    assert delta == ToolDelta(call=0, arguments='{"a":"x"}')


def test_the_name_of_another_call_ends_the_one_before() -> None:
    a = {"jsonPath": "$.a", "stringValue": "x"}
    whole = {"functionCall": {"name": "h", "args": {"b": 1}}}
    events = told(piece(name="f"), piece(a), piece(name="g"), {"text": "t"}, piece(a, more=False), whole)
    calls = [call_of("f", '{"a":"x"}'), call_of("g", '{"a":"x"}', 1), call_of("h", '{"b":1}', 2)]
    assert events == [*calls[0], TextDelta(text="t"), *calls[1], *calls[2], Finish(reason="tool_calls")]


def test_a_call_that_the_end_of_the_answer_cuts_is_told_as_far_as_it_came() -> None:
    a = piece({"jsonPath": "$.a", "stringValue": "x", "willContinue": True})
    events, ended = read(chunk(piece(name="f")), chunk(a, finishReason="MAX_TOKENS"))
    assert events == [*call_of("f", '{"a":"x"}'), Finish(reason="length")]
    assert ended


def test_a_call_that_the_end_of_the_connection_cuts_is_not_told() -> None:
    assert read(chunk(piece(name="f"))) == ([], False)


def test_what_the_request_did_to_tools_is_undone() -> None:
    a = {"jsonPath": "$.a", "stringValue": "x"}
    calls = [piece(name="_f"), piece(a, more=False), piece(name="g"), piece(a, more=False)]
    assert told(*calls, asked=Asked(renamed={"_f": "1f"}, one_call=True))[:-1] == call_of("1f", '{"a":"x"}')
    assert told(*calls[:2], asked=Asked(answer_tool="_f")) == [TextDelta(text='{"a":"x"}'), Finish(reason="stop")]


@pytest.mark.parametrize(
    "paths", [["$"], [""], ["a"], ["$[0]"], ["$.a[2]"], ["$.a", "$.a.b"], ["$.a[0]", "$.a.b"], ["$..a"], ["$.a[*]"], ["$" + ".a" * 100]]
)
def test_a_path_that_names_no_one_place_is_a_fault(paths: list[str]) -> None:
    parser = gemini.stream_parser(TARGET, Asked())
    said = [piece({"jsonPath": path, "numberValue": 1}) for path in paths]
    with pytest.raises(Fault, match="the path of an argument") as caught:
        parser.feed(orjson.dumps(chunk(piece(name="f"), *said)))
    assert caught.value.status == 502
