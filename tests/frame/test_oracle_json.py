"""Bodies against the slow reading of JSON: what the provider gets is the caller's body with one model and at most one option edited."""

import os
from collections.abc import Iterator

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.oracle.http1 import read_answer
from tests.oracle.json_text import is_valid
from tests.oracle.line import Line, chat
from tests.oracle.mutations import MUTATION, mutate
from tests.oracle.requests import sent_on

NAMES = {"group-a": b"up-model", 'ü"\\': b'\xc3\xb6\\"', "🦊": b"fox"}
DONE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
MANY = int(os.environ.get("FASTGATE_TEST_EXAMPLES", "500"))
QUICK = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    made = Line(*((name, "openai", orjson.loads(b'"' + upstream + b'"')) for name, upstream in NAMES.items()))
    yield made
    made.close()


def asked(line: Line, body: bytes, target: bytes = b"/v1/chat/completions") -> bytes | int:
    """Return the body that the provider got, or the status of the refusal."""
    line.send(line.caller(), chat(body, target=target))
    request = line.asked()
    if request is not None:
        line.answer([DONE])
    heard, closed = line.hear()
    answer = read_answer(heard, b"POST")
    assert answer is not None
    assert answer.complete
    assert not closed
    if line.errors:
        raise line.errors.pop()
    if request is not None:
        assert answer.status == 200
        return request.partition(b"\r\n\r\n")[2]
    assert orjson.loads(answer.body)["error"]["message"]
    return answer.status


def assert_as_the_oracle(line: Line, body: bytes, target: bytes = b"/v1/chat/completions") -> None:
    wanted = sent_on(body, NAMES, usage_option=b"completions" in target)
    assert asked(line, body, target) == (wanted if isinstance(wanted, int) else wanted[0])


# --- strategies: texts, not values, so that spaces, escapes and doubles are in them

SPACE = st.sampled_from([b"", b"", b"", b" ", b"\n", b"\r\n\t "])
INSIDE = st.sampled_from(
    [
        b"",
        b"a",
        b"model",
        b'\\"',
        b"\\\\",
        b"\\\\\\\\",
        b"\\u0000",
        b"\\ud83e\\udd8a",
        b"\\ud800",
        b"\xc3\xa9",
        b"\xf0\x9f\xa6\x8a",
        b"{",
        b"}",
        b"]",
        b",",
        b":",
    ]
)
STRING = st.lists(INSIDE, max_size=6).map(lambda parts: b'"%s"' % b"".join(parts))
NUMBER = st.sampled_from([b"0", b"-0", b"1", b"-1.5e+10", b"1E400", b"9" * 40, b"0.10", b"12.0e-7"])
SCALAR = st.one_of(STRING, NUMBER, st.sampled_from([b"true", b"false", b"null"]))
KEYS = st.sampled_from(
    [
        *(b'"model"', b'"stream"', b'"stream_options"', b'"include_usage"', b'"messages"', b'"a"', b'""', b'"Model"', b'"models"'),
        *(
            b'"mod\\u0065l"',
            b'"\\u006D\\u006fdel"',
            b'"strea\\u006d"',
            b'"stream\\u005foptions"',
            b'"include\\u005Fusage"',
            b'"model\\u0000"',
            b'"\\ud800"',
        ),
    ]
)


@st.composite
def containers(draw: st.DrawFn, inner: st.SearchStrategy[bytes]) -> bytes:
    parts = [draw(SPACE) + value + draw(SPACE) for value in draw(st.lists(inner, max_size=4))]
    if draw(st.booleans()):
        return b"[" + (b",".join(parts) or draw(SPACE)) + b"]"
    return b"{" + (b",".join(draw(SPACE) + draw(KEYS) + draw(SPACE) + b":" + part for part in parts) or draw(SPACE)) + b"}"


VALUES = st.recursive(SCALAR, containers, max_leaves=8)
MODELS = st.sampled_from(
    [
        b'"group-a"',
        b'"group\\u002da"',
        b'"\xc3\xbc\\"\\\\"',
        b'"\\u00fc\\u0022\\u005c"',
        b'"\xf0\x9f\xa6\x8a"',
        b'"\\ud83e\\udd8a"',
        b'"none"',
        b'"\\ud83e"',
        b"1",
    ]
)
STREAMS = st.sampled_from([b"true", b"true", b"true", b"false", b"null", b'"true"', b"1", b"[true]"])
OPTIONS = st.sampled_from(
    [
        b"{}",
        b"{ }",
        b"null",
        b'{"include_usage":true}',
        b'{"include_usage" : false }',
        b'{"a":{"include_usage":true}}',
        b"[]",
        b'{"include\\u005fusage":null,"b":[{}]}',
    ]
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    members = [(b'"model"', draw(MODELS))]
    if draw(st.booleans()):
        members.append((draw(st.sampled_from([b'"stream"', b'"str\\u0065am"'])), draw(STREAMS)))
    if draw(st.booleans()):
        members.append((draw(st.sampled_from([b'"stream_options"', b'"stream\\u005foptions"'])), draw(OPTIONS)))
    others = draw(st.lists(VALUES, max_size=3))
    members += [(draw(KEYS) if draw(st.integers(0, 3)) == 0 else b'"x"', value) for value in others]
    members = draw(st.permutations(members))
    texts = [b"".join((draw(SPACE), key, draw(SPACE), b":", draw(SPACE), value, draw(SPACE))) for key, value in members]
    return draw(SPACE) + b"{" + b",".join(texts) + b"}" + draw(SPACE)


@settings(max_examples=MANY, suppress_health_check=QUICK)
@given(body=bodies())
def test_a_body_is_sent_on_with_its_model_and_usage_option_edited(body: bytes, line: Line) -> None:
    assert_as_the_oracle(line, body)


@settings(max_examples=MANY // 2, suppress_health_check=QUICK)
@given(body=bodies())
def test_responses_are_never_asked_for_usage(body: bytes, line: Line) -> None:
    assert_as_the_oracle(line, body, b"/v1/responses")


@settings(max_examples=MANY, suppress_health_check=QUICK)
@given(body=bodies(), mutations=st.lists(MUTATION, min_size=1, max_size=3))
@example(body=b'{"model":"group-a"}', mutations=[(0, 0, b"\xef\xbb\xbf")])
def test_a_damaged_body_is_refused_exactly_if_it_is_not_json(body: bytes, mutations: list[tuple[int, int, bytes]], line: Line) -> None:
    assert_as_the_oracle(line, mutate(body, mutations))


# --- what blocks of 64 bytes can get wrong


@pytest.mark.parametrize(
    "mark", [b'\\"', b"\\\\", b"\\u0022", b"\\u005c", b"\xc3\xa9", b"\xf0\x9f\xa6\x8a", b'\\\\\\"', b"\\", b"\x1f", b"\xff", b'"']
)
def test_a_mark_at_every_offset_of_strings_of_every_length(mark: bytes, line: Line) -> None:
    for length in range(130):
        for shift in (0, 1, 31, 62, 63):
            text = b"b" * length + mark
            body = b'{"%s":1,"a":"%s%s","model":"group-a"}' % (b"k" * shift, text, b"c" * ((length * 7) % 66))
            assert_as_the_oracle(line, body)


def test_a_string_of_every_length_may_end_in_any_run_of_backslashes(line: Line) -> None:
    for length in range(201):
        for run in (1, 2, 3, 4, 63, 64, 65, 127, 128, 129):
            assert_as_the_oracle(line, b'{"a":"%s%s","model":"group-a"}' % (b"b" * length, b"\\" * run))


def test_a_key_of_every_length_is_only_itself(line: Line) -> None:
    for length in range(140):
        for tail in (b"model", b"\\u006dodel", b'\\"model'):
            assert_as_the_oracle(line, b'{"%s%s":1,"model":"group-a","z":"%s"}' % (b"k" * length, tail, b"model" * 3))


def test_a_run_of_backslashes_in_an_answer_ends_a_string_as_it_should(line: Line) -> None:
    for length in range(70):
        for run in (0, 1, 2, 3, 62, 63, 64, 65):
            # An even run closes the string, an odd one takes the quote in.
            text = b"b" * length + b"\\" * run + (b'"' if run % 2 else b"")
            body = b'{"a":"%s","model":"up-model","choices":[{"text":"%s","model":1}],"usage":{"prompt_tokens":7}}' % (text, text)
            assert is_valid(body)
            line.send(line.caller(), chat(b'{"model":"group-a"}'))
            line.asked()
            cut = (length * run) % len(body)
            line.answer(
                [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:cut], body[cut:]]
            )
            answer = read_answer(line.hear()[0], b"POST")
            assert answer is not None
            assert answer.complete
            assert answer.body == body.replace(b"up-model", b"group-a")
            assert line.log()[-1]["input_tokens"] == 7


# RFC 3629 4: overlong, surrogates, above U+10FFFF, alone or cut short.
BAD_UTF8 = [
    *(
        b"\x80",
        b"\xbf",
        b"\xc0\x80",
        b"\xc0\xaf",
        b"\xc1\xbf",
        b"\xc2",
        b"\xc2\xc2",
        b"\xe0\x80\x80",
        b"\xe0\x9f\xbf",
        b"\xe1\x80",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
    ),
    *(
        b"\xf0\x80\x80\x80",
        b"\xf0\x8f\xbf\xbf",
        b"\xf1\x80\x80",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xfe",
        b"\xff",
        b"\xc3(",
        b"\xe2\x82(",
    ),
]
GOOD_UTF8 = [
    b"\xc2\x80",
    b"\xdf\xbf",
    b"\xe0\xa0\x80",
    b"\xed\x9f\xbf",
    b"\xee\x80\x80",
    b"\xef\xbf\xbf",
    b"\xf0\x90\x80\x80",
    b"\xf4\x8f\xbf\xbf",
]


@pytest.mark.parametrize("text", [*BAD_UTF8, *GOOD_UTF8])
def test_strings_are_utf8_at_every_offset_and_in_keys(text: bytes, line: Line) -> None:
    good = text in GOOD_UTF8
    for length in (*range(20), 61, 62, 63, 64, 65, 127, 128):
        for form in (b'{"model":"group-a","a":"%s%s"}', b'{"model":"group-a","%s%s":1}', b'{"model":"group-a","a":"%s%sb"}'):
            body = form % (b"b" * length, text)
            assert is_valid(body) is good
            assert asked(line, body) == (body.replace(b"group-a", b"up-model") if good else 400)


@pytest.mark.parametrize(
    "number",
    [
        b"01",
        b"-",
        b"+1",
        b".5",
        b"1.",
        b"1e",
        b"1e+",
        b"0x1",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1_0",
        b"--1",
        b"1.5.5",
        b"\xef\xbc\x91",
        b"-a",
        b"1e5.5",
        b"00",
        b"-01",
    ],
)
@pytest.mark.parametrize("form", [b'{"model":"group-a","a":%s}', b'{"a":[1,%s],"model":"group-a"}', b'{"a":%s,"model":"group-a"}'])
def test_what_is_no_number_is_refused(number: bytes, form: bytes, line: Line) -> None:
    assert not is_valid(form % number)
    assert asked(line, form % number) == 400


@pytest.mark.parametrize(
    ("depth", "good"),
    [(1, True), (63, True), (64, True), (65, True), (128, True), (1000, True), (4094, True), (4095, False), (20_000, False)],
)
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"model":', b"}]")])
def test_nesting_is_followed_to_4095_levels(depth: int, good: bool, opening: bytes, closing: bytes, line: Line) -> None:
    times = depth // (opening.count(b"[") + opening.count(b"{")) if opening != b'[{"model":' else depth // 2
    if opening == b'[{"model":' and depth % 2:
        return
    body = b'{"a":%s1%s,"model":"group-a"}' % (opening * times, closing * times)
    assert asked(line, body) == (body.replace(b'"group-a"', b'"up-model"') if good else 400)
    wrong = b'{"a":%s1%s,"model":"group-a"}' % (
        opening * times,
        closing[:-1] + (b"]" if closing.endswith(b"}") else b"}") + closing * (times - 1),
    )
    assert asked(line, wrong) == 400
