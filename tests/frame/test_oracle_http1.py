"""HTTP/1.1 against h11: what is accepted is what h11 accepts, with the same method, target, fields and body, however it is cut."""

import os
from collections.abc import Iterator

import h11
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.oracle.chunked import decode, encode
from tests.oracle.cuts import PLACES, bytewise, cut
from tests.oracle.http1 import Answer, read_answer, read_request
from tests.oracle.line import Line, chat
from tests.oracle.mutations import MUTATION, mutate
from tests.oracle.server import Outcome, Server

ASK = chat(b'{"model":"group-a"}')
NAMES = (b"host", b"x-a", b"x-b", b"content-length", b"transfer-encoding", b"connection", b"expect", b"a", b"cookie")
# A dozen seconds in all; the fuzzer does the volume.
MANY = int(os.environ.get("FASTGATE_TEST_EXAMPLES", "500"))
QUICK = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server(NAMES)
    yield made
    made.check()
    made.close()


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    made = Line(("group-a", "openai", "up-model"))
    yield made
    made.close()


# --- strategies

FIELD = st.tuples(
    st.sampled_from([b"X-A", b"x-b", b"Cookie", b"a", b"Connection", b"Expect", b"Host"]),
    st.sampled_from([b": ", b":", b":\t ", b":  "]),
    st.sampled_from([b"", b"b", b"b c", b"keep-alive", b"close", b"Keep-Alive, x-a", b"100-continue", b"\x80\xff", b'a,b;c="d"', b"b\t"]),
).map(lambda parts: b"%s%s%s\r\n" % parts)
BODY = st.sampled_from([b"", b"a", b"abc\r\n", b"0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"x" * 300]) | st.binary(max_size=40)
SIZES = st.lists(st.integers(1, 20), max_size=4)
EXTENSION = st.sampled_from([b"", b"", b";a", b';a=b;c="d"', b"; a = b"])
TRAILER = st.sampled_from([b"", b"", b"X-A: b\r\n", b"X-A: b\r\nX-B:\r\n"])


@st.composite
def framed(draw: st.DrawFn) -> bytes:
    """Return framing fields, the empty line and a body."""
    body = draw(BODY)
    kind = draw(st.sampled_from(["none", "length", "chunked", "lie", "both"]))
    fields = draw(st.lists(FIELD, max_size=3).map(b"".join))
    length = len(body) + (draw(st.integers(-2, 3)) if kind == "lie" else 0)
    if kind in {"length", "lie", "both"}:
        fields += b"Content-Length: %d\r\n" % length
    if kind in {"chunked", "both"}:
        fields += b"Transfer-Encoding: chunked\r\n"
        body = encode(body, draw(SIZES), extension=draw(EXTENSION), trailer=draw(TRAILER))
    return fields + b"\r\n" + (b"" if kind == "none" else body)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"CONNECT", b"!x~", b"get"]))
    target = draw(st.sampled_from([b"/", b"/a?b=c&d", b"*", b"http://h/a", b"/%00", b"a:1", b"/a#b", b"//x"]))
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.1", b"1.0"]))
    host = draw(st.sampled_from([b"Host: a\r\n", b"Host: a\r\n", b"host:[::1]:80\r\n", b""]))
    return b"%s %s HTTP/%s\r\n%s" % (method, target, version, host) + draw(framed())


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Return some requests in a row, damaged or not."""
    whole = b"".join(draw(st.lists(requests(), min_size=1, max_size=3)))
    return mutate(draw(st.sampled_from([b"", b"", b"", b"\r\n", b"\r\n\r\n"])) + whole, draw(st.lists(MUTATION, max_size=3)))


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    status = draw(st.sampled_from([b"200 OK", b"200", b"204 No Content", b"304 x", b"400 \xff", b"500 a b", b"302 Found"]))
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.1", b"1.0"]))
    interim = draw(
        st.sampled_from([b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 x\r\nLink: a\r\n\r\n", b"HTTP/1.1 101 x\r\n\r\n"])
    )
    head = b"HTTP/%s %s\r\nContent-Type: application/octet-stream\r\n" % (version, status)
    return mutate(interim + head + draw(framed()), draw(st.lists(MUTATION, max_size=2)))


# --- the server role


def assert_h11_agrees(outcome: Outcome, data: bytes) -> None:
    """Every request we took is h11's next one; and if all went well, h11 sees no further one."""
    rest = data
    for message in outcome.messages:
        found = read_request(rest)
        assert found is not None, f"h11 refuses {rest!r}, we took {message}"
        theirs, rest = found
        assert (message.method, message.target, message.body) == (theirs.method, theirs.target, theirs.body)
        firsts = dict(reversed(theirs.fields))
        assert dict(message.fields) == {name: firsts.get(name, b"") for name in NAMES}
    if not outcome.refused and all(outcome.kept):
        assert read_request(rest) is None, f"we wait for more behind {rest!r}"


def has_framing_trailer(data: bytes) -> bool:
    """Return whether h11 may refuse a trailer for its meaning; trailers are dropped here, so that they have none."""
    behind = data.lower().partition(b"\r\n0")[2]
    return b"content-length" in behind or b"transfer-encoding" in behind


@settings(max_examples=MANY, suppress_health_check=QUICK)
@given(data=streams())
@example(data=b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 ;a\r\nx\r\n0\r\n\r\n")
@example(data=b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 30 + b"1\r\nx\r\n0\r\n\r\n")
@example(data=b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
def test_what_we_take_h11_takes_too(data: bytes, server: Server) -> None:
    outcome = server.play([data])
    server.check()
    if not has_framing_trailer(data):
        assert_h11_agrees(outcome, data)


@settings(max_examples=MANY // 3, suppress_health_check=QUICK)
@given(whole=st.lists(requests(), min_size=1, max_size=4))
def test_requests_in_a_row_are_as_many_messages_as_h11_sees(whole: list[bytes], server: Server) -> None:
    data = b"".join(whole)
    assert_h11_agrees(server.play([data]), data)
    server.check()


@settings(max_examples=MANY // 2, suppress_health_check=QUICK)
@given(data=streams(), places=PLACES)
@example(data=b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", places=[1])
def test_requests_are_the_same_however_they_are_cut(data: bytes, places: list[int], server: Server) -> None:
    whole = server.play([data])
    assert server.play(cut(data, places)) == whole
    assert server.play(bytewise(data)) == whole
    server.check()


@settings(max_examples=MANY // 2, suppress_health_check=QUICK)
@given(
    body=st.binary(max_size=100), sizes=SIZES, extension=EXTENSION, trailer=TRAILER, mutations=st.lists(MUTATION, max_size=2), places=PLACES
)
def test_a_chunked_body_is_what_the_coding_says(
    body: bytes,
    sizes: list[int],
    extension: bytes,
    trailer: bytes,
    mutations: list[tuple[int, int, bytes]],
    places: list[int],
    server: Server,
) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw = mutate(encode(body, sizes, extension=extension, trailer=trailer), mutations)
    outcome = server.play([head, *cut(raw, places)])
    server.check()
    wanted = decode(raw)
    bodies = [message.body for message in outcome.messages]
    assert bodies == [wanted[0]] if wanted is not None else bodies == []


# --- the client role


def their(data: bytes, *, closed: bool) -> Answer | None:
    try:
        return read_answer(data, b"POST", ended=closed)
    except h11.RemoteProtocolError:
        return None


def assert_relayed_as_h11_reads(line: Line, pieces: list[bytes], *, close: bool) -> None:
    """A provider's answer that we pass on without an error is h11's; any other is an error, or cut where the caller can see it."""
    data = b"".join(pieces)
    line.send(line.caller(), ASK)
    assert line.asked() is not None
    line.answer(pieces, close=close)
    heard, _ = line.hear()
    logged = line.log()
    line.reset()
    wanted = their(data, closed=close)
    # An answer to HTTP/1.1 never ends with its connection: cut ones are incomplete.
    told = read_answer(heard, b"POST")
    if not logged:
        assert wanted is None or not wanted.complete, f"we wait for more of {data!r}"
    elif "error" in logged[0]:
        assert told is None or told.status in {502, 503, 504} or not told.complete, heard
    else:
        assert wanted is not None, f"h11 refuses {data!r}"
        assert wanted.complete
        assert told is not None
        assert told.complete
        assert (told.status, told.body) == (wanted.status, wanted.body)


@settings(max_examples=MANY, suppress_health_check=QUICK)
@given(data=answers(), places=PLACES, close=st.booleans())
def test_what_we_take_from_a_provider_h11_takes_too(data: bytes, places: list[int], close: bool, line: Line) -> None:
    if not has_framing_trailer(data):
        assert_relayed_as_h11_reads(line, cut(data, places), close=close)


@settings(max_examples=MANY // 6, suppress_health_check=QUICK)
@given(data=answers())
def test_a_providers_answer_is_the_same_byte_by_byte(data: bytes, line: Line) -> None:
    if not has_framing_trailer(data):
        assert_relayed_as_h11_reads(line, bytewise(data), close=True)
