"""What holds for every input: wrong JSON is named and never crashes, streams keep their order, meaning survives the round trip."""

from contextlib import suppress
from typing import Any, TypeVar

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgate.translate.answer import ChatAnswer, Choice, Fault
from fastgate.translate.conversation import Text, Thinking, ToolCall
from fastgate.translate.events import (
    Event,
    Finish,
    RedactedThinking,
    RefusalDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    ThinkingSignature,
    ToolDelta,
    ToolStart,
)
from fastgate.translate.losses import InvalidRequest, Losses, NotCarried
from fastgate.translate.openai_responses import (
    build_answer,
    build_request,
    parse_answer,
    parse_error,
    parse_request,
    stream_builder,
    stream_parser,
)
from fastgate.translate.target import Asked
from tests.translate.openai_responses.wire import CASES, NAMING, TARGET, parsed, read_events

OWN = "openai_responses"
MODEST = settings(max_examples=150, deadline=None)

Value = TypeVar("Value")

WORDS = st.text(alphabet=st.characters(codec="utf-8"), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6)

REQUEST = orjson.loads((CASES / "codex_request.json").read_bytes())
LINES = [line[6:] for line in (CASES / "reasoning_and_calls.sse").read_bytes().split(b"\n") if line.startswith(b"data: ")]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside *value*."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for name, child in inner for found in places(child, (*path, name)))]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """Return *value* with another one at *path*."""
    if not path:
        return by
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], by)
    return copy


@st.composite
def broken(draw: st.DrawFn, whole: Any) -> Any:
    """Draw *whole* with one to three of its values replaced."""
    for _ in range(draw(st.integers(1, 3))):
        whole = replaced(whole, draw(st.sampled_from(places(whole))), draw(JSON))
    return whole


@MODEST
@given(st.dictionaries(st.sampled_from([*REQUEST, "user", "metadata", "conversation"]) | WORDS, JSON, max_size=6) | broken(REQUEST))
def test_a_request_is_parsed_or_named_as_wrong(body: Any) -> None:
    if not isinstance(body, dict):
        return
    try:
        request = parse_request(body, "responses")
    except InvalidRequest:
        return
    out, _ = build_request(request, TARGET, Losses(OWN, drop_params=True))
    orjson.dumps(out)
    for dialect in ("openai_chat", "anthropic_messages"):
        request.dialect = dialect
        with suppress(NotCarried):
            orjson.dumps(build_request(request, TARGET, Losses(OWN))[0])
    build_answer(ChatAnswer(), request, NAMING)


@MODEST
@given(broken(REQUEST))
def test_what_was_parsed_comes_out_with_the_same_meaning(body: Any) -> None:
    if not isinstance(body, dict):
        return
    try:
        first = parse_request(body, "responses")
    except InvalidRequest:
        return
    losses = Losses(OWN)
    out, _ = build_request(first, TARGET, losses)
    assert losses.warnings == []
    again, _ = build_request(parse_request(out, "responses"), TARGET, Losses(OWN))
    assert again == out


@MODEST
@given(JSON | broken(orjson.loads(LINES[-1])["response"]))
def test_an_answer_is_parsed_or_a_fault(value: Any) -> None:
    try:
        answer = parse_answer(orjson.dumps(value), TARGET, Asked())
    except Fault:
        return
    build_answer(answer, parsed(), NAMING)


@MODEST
@given(st.binary(max_size=40))
def test_bytes_are_an_answer_or_a_fault(body: bytes) -> None:
    with suppress(Fault):
        parse_answer(body, TARGET, Asked())
    assert parse_error(500, body).status == 500


@MODEST
@given(JSON)
def test_an_error_of_any_form_is_read(value: Any) -> None:
    for body in (value, {"error": value}):
        assert parse_error(429, orjson.dumps(body)).kind == "rate_limit"


@MODEST
@given(st.lists(st.sampled_from(LINES).flatmap(lambda line: broken(orjson.loads(line)) | st.just(orjson.loads(line))), max_size=8))
def test_a_stream_is_read_or_a_fault_and_can_be_written(lines: list[Any]) -> None:
    parser, builder = stream_parser(TARGET, Asked()), stream_builder(parsed(), NAMING)
    try:
        for line in lines:
            for event in parser.feed(orjson.dumps(line)):
                builder.add(event)
    except Fault:
        return
    assert builder.end()


def some(kind: type[Value], **members: Any) -> st.SearchStrategy[Value]:
    return st.builds(kind, **{name: value if isinstance(value, st.SearchStrategy) else st.just(value) for name, value in members.items()})


CALLS = st.integers(0, 2)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    some(TextDelta, text=WORDS),
    some(RefusalDelta, text=WORDS),
    some(ThinkingDelta, text=WORDS, summary=st.booleans()),
    some(ThinkingSignature, signature="S", dialect=st.sampled_from([OWN, "anthropic_messages", "cohere"])),
    some(RedactedThinking, redacted="R", dialect="anthropic_messages"),
    some(ToolStart, call=CALLS, id="", name=st.sampled_from(["f", "apply_patch"]), custom=st.booleans()),
    some(ToolDelta, call=CALLS, arguments=st.sampled_from(["", "{", "}", '{"a":1}', '"a":', "1"])),
    some(Finish, reason=st.sampled_from(["stop", "length", "tool_calls"])),
    some(Start),
)


@MODEST
@given(st.lists(EVENTS, max_size=14))
def test_every_stream_is_in_order_whatever_the_order_of_events(events: list[Event]) -> None:
    builder = stream_builder(parsed(tools=[{"type": "custom", "name": "apply_patch"}]), NAMING)
    stream = b"".join([builder.add(event) for event in events]) + builder.end()
    wire = read_events(stream)
    open_item: dict[str, Any] | None = None
    for event in wire:
        kind = event["type"]
        if kind == "response.output_item.added":
            assert open_item is None
            open_item = event
        elif kind == "response.output_item.done":
            assert open_item is not None
            assert open_item["item"]["id"] == event["item"]["id"]
            open_item = None
        elif "item_id" in event:
            assert open_item is not None
            assert (event["item_id"], event["output_index"]) == (open_item["item"]["id"], open_item["output_index"])
    assert open_item is None
    done = [event["item"] for event in wire if event["type"] == "response.output_item.done"]
    assert wire[-1]["response"]["output"] == done
    assert "".join(_texts(done, "output_text", "text")) == "".join(each.text for each in events if type(each) is TextDelta)
    assert "".join(_texts(done, "refusal", "refusal")) == "".join(each.text for each in events if type(each) is RefusalDelta)


def _texts(items: list[dict[str, Any]], kind: str, name: str) -> list[str]:
    return [part[name] for item in items for part in item.get("content", ()) if part["type"] == kind]


FILLED = WORDS.filter(bool)
PARTS = st.lists(
    st.one_of(
        some(Text, text=FILLED, refusal=st.booleans()),
        some(Thinking, text=FILLED, signature="S", dialect=OWN, summary=st.booleans(), id="rs_1"),
        some(Thinking, redacted="R", dialect=OWN, id="rs_2"),
        some(ToolCall, id=FILLED, name="f", arguments=st.sampled_from(["{}", '{"a":"b"}'])),
        some(ToolCall, id=FILLED, name="p", arguments=WORDS, custom=True),
    ),
    max_size=6,
)


@MODEST
@given(PARTS)
def test_an_answer_keeps_its_meaning(parts: list[Any]) -> None:
    finish: Any = "tool_calls" if any(type(part) is ToolCall for part in parts) else "stop"
    answer = ChatAnswer(choices=[Choice(parts=parts, finish=finish)], dialect=OWN)
    again = parse_answer(build_answer(answer, parsed(), NAMING), TARGET, Asked())
    assert again.choices == answer.choices


@MODEST
@given(PARTS, st.integers(1, 3))
def test_a_stream_keeps_its_meaning(parts: list[Any], size: int) -> None:
    builder, parser = stream_builder(parsed(), NAMING), stream_parser(TARGET, Asked())
    stream = b"".join([builder.add(event) for event in _played(parts, size)]) + builder.end()
    events = [event for wire in read_events(stream) for event in parser.feed(orjson.dumps(wire))]
    assert parser.ended
    for kind in (TextDelta, RefusalDelta, ThinkingDelta):
        said = [event.text for event in _played(parts, size) if type(event) is kind]
        assert "".join(event.text for event in events if type(event) is kind) == "".join(said)
    assert [event for event in events if type(event) is ToolStart] == [each for each in _played(parts, size) if type(each) is ToolStart]
    calls = [part for part in parts if type(part) is ToolCall]
    for number, call in enumerate(calls):
        assert "".join(each.arguments for each in events if type(each) is ToolDelta and each.call == number) == call.arguments


def _played(parts: list[Any], size: int) -> list[Event]:
    """Return the events of an answer whose texts come in pieces of *size*."""
    events: list[Event] = [Start()]
    calls = 0
    for part in parts:
        if type(part) is ToolCall:
            events.append(ToolStart(call=calls, id=part.id, name=part.name, custom=part.custom))
            events += [ToolDelta(call=calls, arguments=piece) for piece in _cut(part.arguments, size)]
            calls += 1
        elif type(part) is Text:
            kind = RefusalDelta if part.refusal else TextDelta
            events += [kind(text=piece) for piece in _cut(part.text, size)]
        elif part.text:
            events += [ThinkingDelta(text=piece, summary=part.summary) for piece in _cut(part.text, size)]
            events.append(ThinkingSignature(signature=part.signature, dialect=OWN, id=part.id))
        else:
            events.append(RedactedThinking(redacted=part.redacted, dialect=OWN))
    return [*events, Finish(reason="tool_calls" if calls else "stop")]


def _cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]
