"""Upstreams that cut, reset, stall or answer too early: what the caller sees is the truth, in its own dialect."""

import threading
import time
from collections.abc import Iterator

import orjson
import pytest

from tests.support.answers import DONE, LAST_CHUNK, STREAM_HEAD, chunk, delta, plain
from tests.support.gateway import SCALE, Gateway, anthropic_model, configuration, openai_model
from tests.support.upstream import Peer, Step, Upstream, close, fence, hold, reset, send, stall
from tests.support.wire import Client, Head, IncompleteResponseError, chat, message, request

PATIENCE_S = 0.4
STREAM = request(body=chat(stream=True, usage=True))
EVENT = delta(model="group-a")
UNTIL_END = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
ENDS = pytest.mark.parametrize("end", [close, reset], ids=["end", "reset"])


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    models = (
        openai_model("group-a", upstream.port),
        openai_model("first-byte", upstream.port, stream_timeout=PATIENCE_S, timeout=30),
        openai_model("total", upstream.port, timeout=PATIENCE_S),
        anthropic_model("claude", upstream.port),
    )
    with Gateway(configuration(*models, upstream={"between_chunks_timeout_s": PATIENCE_S})) as running:
        upstream.fence = running.fence
        yield running


def read_cut_stream(client: Client) -> tuple[Head, list[bytes]]:
    """Return what came of a stream, every event of which parses; the connection ended inside the stream."""
    head = client.read_head()
    events: list[bytes] = []
    with pytest.raises(IncompleteResponseError) as cut:
        events.extend(client.events(head))
    assert cut.value.body == b""
    return head, events


def parsed(event: bytes) -> dict[str, object]:
    lines = [line.removeprefix(b"data: ") for line in event.splitlines() if line.startswith(b"data: ")]
    found = orjson.loads(b"\n".join(lines))
    assert isinstance(found, dict)
    return found


def assert_error_event(event: bytes, code: str) -> None:
    assert event.startswith(b"data: {")
    error = parsed(event)["error"]
    assert isinstance(error, dict)
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code


def broken_stream(gateway: Gateway, data: bytes = STREAM) -> list[bytes]:
    with gateway.client() as client:
        client.send(data)
        head, events = read_cut_stream(client)
    assert head.status == 200
    return events


@ENDS
def test_a_stream_cut_between_events_ends_with_an_error_event_and_no_done(end: Step, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta()) * 2), fence, end)
    *events, last = broken_stream(gateway)
    assert events == [EVENT, EVENT]
    assert_error_event(last, "upstream_cut")


@ENDS
def test_a_stream_cut_inside_an_event_shows_whole_events_and_the_error(end: Step, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta()) + chunk(delta()[:-20])), fence, end)
    *events, last = broken_stream(gateway)
    assert events == [EVENT]
    assert_error_event(last, "upstream_cut")


def test_a_stream_cut_at_any_byte_shows_whole_events_and_the_error(gateway: Gateway, upstream: Upstream) -> None:
    rest = chunk(delta()) + chunk(DONE) + LAST_CHUNK
    for at in range(0, len(rest), 3):
        upstream.serve(send(STREAM_HEAD + chunk(delta()) + rest[:at]), fence, close)
        *events, last = broken_stream(gateway)
        assert [event for event in events if event != DONE] in ([EVENT], [EVENT, EVENT])
        assert_error_event(last, "upstream_cut")


def test_a_stream_that_loses_only_its_last_chunk_after_done_is_not_complete(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta()) + chunk(DONE)), fence, close)
    with gateway.client() as client:
        client.send(STREAM)
        _, events = read_cut_stream(client)
    assert events[0] == EVENT


def test_a_stream_until_the_end_without_done_was_cut(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(UNTIL_END + delta() * 2), fence, close)
    *events, last = broken_stream(gateway)
    assert events == [EVENT, EVENT]
    assert_error_event(last, "upstream_cut")


def test_a_stream_until_the_end_with_done_is_complete(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(UNTIL_END + delta() * 2 + DONE), fence, close)
    with gateway.client() as client:
        assert client.exchange(STREAM).body == EVENT * 2 + DONE


@ENDS
@pytest.mark.parametrize("sent", [STREAM_HEAD, STREAM_HEAD + chunk(delta()[:30])], ids=["no event", "half an event"])
def test_a_stream_cut_before_its_first_event_is_an_error_status(sent: bytes, end: Step, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(sent), fence, end)
    with gateway.client() as client:
        answer = client.exchange(STREAM)
    assert answer.status in (502, 503)
    assert answer.error()["code"] == "upstream_cut"


def test_wrong_bytes_inside_a_stream_are_an_error_event(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta())), fence, send(b"xyz\r\n"), stall)
    *events, last = broken_stream(gateway)
    assert events == [EVENT]
    assert_error_event(last, "upstream_protocol")
    assert upstream.closed_at()


def test_a_cut_messages_stream_ends_with_an_anthropic_error_event(gateway: Gateway, upstream: Upstream) -> None:
    ping = b'event: ping\ndata: {"type": "ping"}\n\n'
    text = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}\n\n'
    upstream.serve(send(STREAM_HEAD + chunk(ping) + chunk(text)), fence, close)
    first, second, last = broken_stream(gateway, request("/v1/messages", message(stream=True)))
    assert (first, second) == (ping, text)
    assert last.startswith(b"event: error\ndata: {")
    error = parsed(last)
    assert error["type"] == "error"
    assert isinstance(error["error"], dict)
    assert set(error["error"]) >= {"type", "message"}


def test_a_cut_responses_stream_ends_with_a_responses_error_event(gateway: Gateway, upstream: Upstream) -> None:
    created = (
        b'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","model":"up-model"}}\n\n'
    )
    text = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":1,"delta":"a"}\n\n'
    upstream.serve(send(STREAM_HEAD + chunk(created) + chunk(text)), fence, close)
    first, second, last = broken_stream(gateway, request("/v1/responses", b'{"model":"group-a","input":"hi","stream":true}'))
    assert first.startswith(b"event: response.created\n")
    assert second == text
    assert last.startswith(b"event: error\ndata: {")
    error = parsed(last)
    assert error["type"] == "error"
    assert {"code", "message"} <= set(error)


def test_the_upstream_of_a_cut_stream_is_not_used_again(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta()) + b"xyz\r\n"))
    broken_stream(gateway)
    broken_stream(gateway)
    first, second = upstream.requests
    assert first.connection != second.connection


def timed(gateway: Gateway, data: bytes) -> tuple[int, str, float]:
    """Return status, error code and seconds of an answer."""
    began = time.monotonic()
    with gateway.client() as client:
        answer = client.exchange(data)
    return answer.status, str(answer.error()["code"]), time.monotonic() - began


def assert_in_time(seconds: float) -> None:
    assert PATIENCE_S * 0.9 <= seconds <= PATIENCE_S + 1.5 * SCALE


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200", STREAM_HEAD], ids=["silence", "half a status line", "only a head"])
def test_a_stream_without_a_first_byte_is_504_by_stream_timeout(sent: bytes, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(sent), stall)
    status, code, seconds = timed(gateway, request(body=chat("first-byte", stream=True)))
    assert (status, code) == (504, "upstream_timeout")
    assert_in_time(seconds)
    assert upstream.closed_at()


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200"], ids=["silence", "half a status line"])
def test_a_plain_answer_that_does_not_begin_is_504_by_timeout(sent: bytes, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(sent), stall)
    status, code, seconds = timed(gateway, request(body=chat("total")))
    assert (status, code) == (504, "upstream_timeout")
    assert_in_time(seconds)
    assert upstream.closed_at()


def test_a_timeout_on_messages_is_an_anthropic_timeout_error(upstream: Upstream) -> None:
    upstream.serve(stall)
    with Gateway(configuration(anthropic_model("claude", upstream.port, timeout=PATIENCE_S))) as running, running.client() as client:
        answer = client.exchange(request("/v1/messages", message()))
    assert answer.status == 504
    assert answer.error()["type"] == "timeout_error"


def test_a_stream_that_falls_silent_ends_with_an_error_event(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta())), stall)
    began = time.monotonic()
    *events, last = broken_stream(gateway)
    assert_in_time(time.monotonic() - began)
    assert events == [EVENT]
    assert_error_event(last, "upstream_timeout")
    assert upstream.closed_at()


def test_a_plain_answer_that_falls_silent_is_cut(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(b'{"model":"up-model","choices":[]}')[:-5]), stall)
    began = time.monotonic()
    with gateway.client() as client:
        client.send(request(body=chat()))
        try:
            status = client.read_response().status
        except IncompleteResponseError:
            status = 0
    assert status in (0, 504)
    assert_in_time(time.monotonic() - began)
    assert upstream.closed_at()


def test_a_stream_that_keeps_talking_is_ended_by_the_timeout_of_the_whole(gateway: Gateway, upstream: Upstream) -> None:
    pace = threading.Event()

    def talk(peer: Peer) -> None:
        peer.send(STREAM_HEAD)
        while not pace.wait(0.02):
            peer.send(chunk(delta()))

    upstream.serve(talk)
    began = time.monotonic()
    *events, last = broken_stream(gateway, request(body=chat("total", stream=True, usage=True)))
    pace.set()
    assert_in_time(time.monotonic() - began)
    assert set(events) == {delta(model="total")}
    assert_error_event(last, "upstream_timeout")


TOO_LARGE = b'{"error":{"message":"too large","type":"invalid_request_error","param":null,"code":null}}'
EARLY = plain(TOO_LARGE, status="413 Content Too Large")
# More than all socket buffers on the way.
LARGE_BODY = b'{"model":"group-a","messages":[],"user":"' + b"x" * (24 << 20) + b'"}'


@ENDS
def test_an_answer_before_the_body_was_read_reaches_the_caller(end: Step, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(EARLY), fence, end, with_body=False)
    with gateway.client() as client:
        answer = client.exchange(request(body=LARGE_BODY))
    assert (answer.status, answer.body) == (413, TOO_LARGE)


def test_an_answer_before_the_body_was_read_ends_the_upstream_connection(gateway: Gateway, upstream: Upstream) -> None:
    answered = threading.Event()
    upstream.serve(send(EARLY), hold(answered), stall, with_body=False)
    with gateway.client() as client:
        assert client.exchange(request(body=LARGE_BODY)).status == 413
        answered.set()
        assert upstream.closed_at()


def test_an_upstream_that_resets_while_the_body_is_sent_is_an_error(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(reset, with_body=False)
    with gateway.client() as client:
        assert client.exchange(request(body=LARGE_BODY)).status in (502, 503)


@pytest.mark.parametrize("garbage", [b"SSH-2.0-OpenSSH_9.2\r\n", b"hello", b"\x15\x03\x01\0\2\2\x50", b"<html>"])
def test_garbage_and_an_end_instead_of_an_answer_is_502(garbage: bytes, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(garbage), fence, close)
    with gateway.client() as client:
        answer = client.exchange(request(body=chat()))
    assert (answer.status, answer.error()["code"]) == (502, "upstream_protocol")


@pytest.mark.parametrize("sent", [b"H", b"HTTP/1.", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"])
def test_half_a_head_and_an_end_is_503(sent: bytes, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(sent), fence, close)
    with gateway.client() as client:
        answer = client.exchange(request(body=chat()))
    assert (answer.status, answer.error()["code"]) == (503, "upstream_cut")


def test_a_broken_exchange_leaves_the_next_one_alone(gateway: Gateway, upstream: Upstream) -> None:
    with gateway.client() as client:
        for broken in (b"garbage\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n"):
            upstream.serve(send(broken), close)
            assert client.exchange(request(body=chat())).status in (502, 503)
            upstream.serve(send(plain(b'{"model":"up-model"}')))
            assert client.exchange(request(body=chat())).body == b'{"model":"group-a"}'
