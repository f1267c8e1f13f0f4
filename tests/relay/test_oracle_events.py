"""Answers against the slow reading of streams and JSON: the caller's bytes differ in the model's name and our usage event alone."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.oracle.answers import Usage, note_usage, renames
from tests.oracle.chunked import encode
from tests.oracle.cuts import PLACES, bytewise, cut
from tests.oracle.events import split, told
from tests.oracle.http1 import Answer, read_answer
from tests.oracle.json_text import apply
from tests.oracle.line import Line, chat

NAME = 'g "ä"\\x'
LITERAL = b'g \\"\xc3\xa4\\"\\\\x'
ASK = b'{"model":"%s"%%s}' % LITERAL
# Asked for by the caller, so that nothing is taken out; and not, so that our event is.
OWN = ASK % b',"stream":true,"stream_options":{"include_usage":true}'
OURS = ASK % b',"stream":true'
PLAIN = ASK % b""
JSON = b"application/json"
EVENTS = b"text/event-stream"
MANY = int(os.environ.get("FASTGATE_TEST_EXAMPLES", "500"))
QUICK = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    made = Line((NAME, "openai", "up-model"))
    yield made
    made.close()


def relayed(
    line: Line, ask: bytes, content_type: bytes, body: bytes, places: list[int], *, framing: str = "chunked"
) -> tuple[Answer, Usage]:
    """Return what the caller gets for *body*, cut at *places* of the wire, and the usage in the log."""
    line.send(line.caller(), chat(ask))
    assert line.asked() is not None
    head = b"HTTP/1.1 200 OK\r\nContent-Type: " + content_type + b"\r\n"
    if framing == "chunked":
        wire = head + b"Transfer-Encoding: chunked\r\n\r\n" + encode(body, [place % 700 + 1 for place in places])
    elif framing == "length":
        wire = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    else:
        wire = head + b"\r\n" + body
    line.answer(bytewise(wire) if places == [0] else cut(wire, places), close=framing == "close")
    heard, closed = line.hear()
    logged = line.log()
    if framing == "close":
        line.reset()
    if line.errors:
        raise line.errors.pop()
    answer = read_answer(heard, b"POST")
    assert answer is not None, heard
    assert answer.complete, (heard, logged)
    assert answer.rest == b""
    assert not closed
    assert len(logged) == 1
    assert "error" not in logged[0]
    return answer, {key: value for key, value in logged[0].items() if key.endswith("_tokens")}


def assert_stream(line: Line, ask: bytes, stream: bytes, places: list[int], framing: str = "chunked") -> None:
    wanted = told(stream, LITERAL, usage_is_ours=ask == OURS)
    answer, usage = relayed(line, ask, EVENTS, stream, places, framing=framing)
    assert answer.body == wanted.stream
    assert usage == {name: count for name, count in wanted.usage.items() if count or name in {"input_tokens", "output_tokens"}}


# --- strategies

COUNT = st.sampled_from([b"0", b"3", b"17", b"1234567", b"9007199254740992", b"null"])
MODEL = st.sampled_from([b'"up-model"', b'"up-model"', b'""', b'"a\\"b\\\\"', b'"\xc3\xa4"', b"null", b"1", b'{"model":"x"}', b'["model"]'])
SPACE = st.sampled_from([b"", b"", b" "])
TEXT = st.sampled_from([b"a", b"", b'\\"model\\":\\"x\\"', b"\\\\", b"\\n", b"data: x", b"\xf0\x9f\xa6\x8a", b"}{][", b"\\u0022,"])


@st.composite
def usages(draw: st.DrawFn) -> bytes:
    pairs = [b'"%s":%s' % (key, draw(COUNT)) for key in draw(st.permutations([b"prompt_tokens", b"completion_tokens", b"total_tokens"]))]
    if draw(st.booleans()):
        pairs.append(b'"prompt_tokens_details":{"cached_tokens":%s,"audio_tokens":0}' % draw(COUNT))
    if draw(st.booleans()):
        pairs += [b'"cache_creation_input_tokens":%s' % draw(COUNT), b'"model":"x"', b'"service_tier":"a"', b'"list":["input_tokens",5]']
    return b"{" + b",".join(pairs) + b"}"


@st.composite
def objects(draw: st.DrawFn, nested: bool = False) -> bytes:
    """Return the JSON of an answer or an event."""
    space = draw(SPACE)
    pairs = [(b"id", b'"chatcmpl-1"'), (b"x", b'"%s"' % draw(TEXT))]
    pairs += [(b"model", model) for model in draw(st.lists(MODEL, max_size=2))]
    choice = b'{"index":0,"delta":{"content":"%s","model":"up"},"model":"in"}' % draw(TEXT)
    if draw(st.booleans()):
        pairs.append((b"choices", draw(st.sampled_from([b"[]", b"[ ]", b"[%s]" % choice, b"[%s,%s]" % (choice, choice), b"null"]))))
    if draw(st.booleans()):
        pairs.append((b"usage", draw(usages() | st.sampled_from([b"null", b"[]", b'{"a":{"input_tokens":4}}']))))
    if not nested and draw(st.integers(0, 3)) == 0:
        pairs.append(
            (
                draw(st.sampled_from([b"message", b"response"])),
                draw(objects(nested=True) | st.sampled_from([b'"model"', b"null", b'[{"model":"x"}]'])),
            )
        )
    return (
        b"{"
        + b",".join(space + b'"' + key + b'"' + space + b":" + space + value for key, value in draw(st.permutations(pairs)))
        + space
        + b"}"
    )


@st.composite
def events(draw: st.DrawFn, large: bool = False) -> bytes:
    """Return one event in lines of some style."""
    end = draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"]))
    lines = draw(
        st.lists(
            st.sampled_from([b"event: message", b"id: 1", b": a comment", b":", b"retry: 5", b"data_x: y", b"event: message_stop"]),
            max_size=2,
        )
    )
    kind = draw(st.sampled_from(["object", "object", "object", "several", "words", "none"]))
    mark = draw(st.sampled_from([b"data: ", b"data: ", b"data:"]))
    if kind == "object" or large:
        text = draw(objects())
        if large:
            filler = b"w" * (256 * 1024 + draw(st.integers(-300, 300)))
            text = text[:-1] + b',"filler":"%s","model":"late"}' % filler
        lines.append(mark + text)
    elif kind == "several":
        text = draw(objects())
        lines += [mark + piece for piece in _apart(text, draw(st.integers(1, 3)))]
    elif kind == "words":
        lines.append(mark + draw(st.sampled_from([b"[DONE]", b"", b"words", b"5", b"[1,2]", b'"model"', b"null"])))
    lines += draw(st.lists(st.sampled_from([b": late comment", b"id: 2"]), max_size=1))
    return b"".join(line + end for line in lines) + end


def _apart(text: bytes, pieces: int) -> list[bytes]:
    """Return *text* in lines, cut behind commas between members of the outermost object."""
    at, depth, quoted, places = 0, 0, False, []
    while at < len(text):
        byte = text[at : at + 1]
        if quoted:
            at += byte == b"\\"
            quoted = byte != b'"'
        elif byte == b'"':
            quoted = True
        else:
            depth += (byte in b"{[") - (byte in b"}]")
            if byte == b"," and depth == 1:
                places.append(at + 1)
        at += 1
    return cut(text, places[:pieces])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    return draw(st.sampled_from([b"", b"", b"", b"\xef\xbb\xbf"])) + b"".join(draw(st.lists(events(), max_size=5)))


# --- streams


@settings(max_examples=MANY, suppress_health_check=QUICK)
@given(stream=streams(), ask=st.sampled_from([OWN, OURS]), places=PLACES)
@example(stream=b'\xef\xbb\xbfdata: {"model":"up-model"}\n\n', ask=OWN, places=[])
@example(stream=b'\xef\xbb\xbf\r\ndata: {"choices":[],"usage":{"prompt_tokens":1}}\n\n', ask=OURS, places=[])
@example(stream=b'data: {"choices":[],\ndata: "usage":{"prompt_tokens":1}}\n\n', ask=OURS, places=[])
@example(stream=b'data: {"model":"up-model","choices":[],"x":"%s","usage":{"prompt_tokens":1}}\n\n' % (b"w" * 5000), ask=OURS, places=[])
def test_a_stream_reaches_the_caller_with_its_models_renamed(stream: bytes, ask: bytes, places: list[int], line: Line) -> None:
    assert_stream(line, ask, stream, places)


@settings(max_examples=MANY // 4, suppress_health_check=QUICK)
@given(stream=streams(), ask=st.sampled_from([OWN, OURS]))
def test_a_stream_is_the_same_byte_by_byte(stream: bytes, ask: bytes, line: Line) -> None:
    assert_stream(line, ask, stream, [0])


@settings(max_examples=MANY // 4, suppress_health_check=QUICK)
@given(
    stream=streams(), tail=st.sampled_from([b"", b"", b'data: {"model":"up-model"}', b"data", b": c\n", b'data: {"a":"up']), places=PLACES
)
def test_what_is_behind_the_last_event_reaches_the_caller_too(stream: bytes, tail: bytes, places: list[int], line: Line) -> None:
    assert_stream(line, OWN, stream + tail, places, "length")


@settings(max_examples=MANY // 6, suppress_health_check=QUICK)
@given(before=streams(), large=events(large=True), after=streams(), places=PLACES)
def test_an_event_above_what_is_held_passes_in_pieces(before: bytes, large: bytes, after: bytes, places: list[int], line: Line) -> None:
    assert_stream(line, OWN, before + large + after.removeprefix(b"\xef\xbb\xbf"), places, "length")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
def test_a_large_event_may_be_cut_anywhere_at_its_end(end: bytes, line: Line) -> None:
    event = b'data: {"a":"%s","model":"up-model"}' % (b"w" * 300_000) + end + b": c" + end + end
    following = b'data: {"model":"up-model"}' + end + end
    wire = len(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 300000\r\n\r\n") + len(event)
    for place in range(wire - 12, wire + 4):
        assert_stream(line, OWN, event + following, [place], "length")
        assert_stream(line, OWN, event + following, [place, place + 1], "length")


def test_a_large_event_of_several_lines_is_renamed_in_all_of_them(line: Line) -> None:
    filler = b"w" * 300_000
    event = b'event: x\ndata: {"a":"%s",\ndata: "model":"up-model",\nid: 5\ndata: "b":"%s",\ndata:"model":"up-model"}\n\n' % (
        filler,
        filler,
    )
    assert_stream(line, OWN, event + b'data: {"model":"up-model"}\n\n', [100, 290_000, 400_000], "length")


@pytest.mark.parametrize(
    "following",
    [b'data: {\ndata: "model":"up-model"}\n\n', b'data: {"a":"%s","model":"up-model"}\n\n' % (b"w" * 300_000)],
    ids=["several lines", "large"],
)
def test_an_event_whose_json_breaks_off_in_the_model_costs_the_next_one_nothing(following: bytes, line: Line) -> None:
    broken = b'data: {"model":"up\n\n'
    answer, _ = relayed(line, OWN, EVENTS, broken + following, [], framing="length")
    assert answer.body.endswith(b"\n\n" + following.replace(b"up-model", LITERAL))


def test_the_generated_streams_split_into_what_they_were_made_of() -> None:
    parts = [b"data: a\n\n", b": c\rdata: b\rdata:c\r\r", b"event: d\r\n\r\n", b"\n", b"data: e"]
    assert [event.raw for event in split(b"".join(parts))] == parts
    assert [event.text for event in split(b"".join(parts))] == [b"a", b"b\nc", b"", b"", b"e"]


# --- whole answers


@settings(max_examples=MANY, suppress_health_check=QUICK)
@given(
    body=objects() | st.sampled_from([b"[]", b'"model"', b'[{"model":"x"}]', b"5", b""]),
    framing=st.sampled_from(["length", "chunked", "close"]),
    places=PLACES,
)
@example(body=b'{"model":"a","response":{"model":"b"}}', framing="length", places=[96, 98])
@example(body=b'{"model":"a","model":"b"}', framing="length", places=[94])
def test_an_answer_reaches_the_caller_with_its_models_renamed(body: bytes, framing: str, places: list[int], line: Line) -> None:
    answer, usage = relayed(line, PLAIN, JSON, body, places, framing=framing)
    assert answer.body == apply(body, renames(body, LITERAL))
    wanted: Usage = {}
    note_usage(body, wanted)
    assert usage == {"input_tokens": 0, "output_tokens": 0} | {name: count for name, count in wanted.items() if count}


def test_an_answer_may_be_cut_at_every_offset(line: Line) -> None:
    body = (
        b'{"id":"x","mod":"model","model":"up-model","message":{"model":"b\\"","usage":{"input_tokens":12}},"usage":{"output_tokens":345}}'
    )
    wanted = apply(body, renames(body, LITERAL))
    for place in range(70, 80 + len(body)):
        for framing in ("length", "chunked"):
            answer, usage = relayed(line, PLAIN, JSON, body, [place], framing=framing)
            assert answer.body == wanted, place
            assert usage == {"input_tokens": 12, "output_tokens": 345}
