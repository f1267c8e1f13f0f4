"""Where a stream ends: complete ones whose end is the connection's get no error, and an error is an event of its own."""

from collections.abc import Iterator

import orjson
import pytest

from tests.support.answers import DONE, STREAM_HEAD, chunk, delta
from tests.support.gateway import Gateway, anthropic_model, configuration, openai_model
from tests.support.upstream import Step, Upstream, close, fence, reset, send, stall
from tests.support.wire import IncompleteResponseError, chat, message, request

PATIENCE_S = 0.4
UNTIL_END = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
CHAT = request(body=chat(stream=True, usage=True))
MESSAGES = request("/v1/messages", message(stream=True))
RESPONSES = request("/v1/responses", b'{"model":"group-a","input":"hi","stream":true}')


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    models = openai_model("group-a", upstream.port), anthropic_model("claude", upstream.port)
    with Gateway(configuration(*models, upstream={"between_chunks_timeout_s": PATIENCE_S})) as running:
        upstream.fence = running.fence
        yield running


COMPLETE = {
    "[DONE]": (CHAT, DONE),
    "[DONE] with a space behind": (CHAT, b"data: [DONE] \n\n"),
    "[DONE] without a space before": (CHAT, b"data:[DONE]\n\n"),
    "message_stop": (MESSAGES, b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
    "message_stop without spaces": (MESSAGES, b'event:message_stop\ndata:{"type":"message_stop"}\n\n'),
    "message_stop behind an id": (MESSAGES, b'id: 7\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'),
    "message_stop behind an id, with CRLF": (MESSAGES, b'id: 7\r\nevent: message_stop\r\ndata: {"type":"message_stop"}\r\n\r\n'),
    "message_stop behind its data": (MESSAGES, b'data: {"type":"message_stop"}\nevent: message_stop\n\n'),
    "message_stop of data alone": (MESSAGES, b'data: {"type": "message_stop"}\n\n'),
    "an error": (MESSAGES, b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"no"}}\n\n'),
    "response.completed": (RESPONSES, b'event: response.completed\ndata: {"type":"response.completed"}\n\n'),
    "message_stop whose type is not first": (MESSAGES, b'data: {"x":1, "type": "message_stop"}\n\n'),
    "message_stop of two data lines": (MESSAGES, b'event: message_stop\ndata: {"type":\ndata: "message_stop"}\n\n'),
    "response.incomplete of data alone": (RESPONSES, b'data: {"type":"response.incomplete"}\n\n'),
}


@pytest.mark.parametrize(("data", "last"), COMPLETE.values(), ids=COMPLETE.keys())
def test_a_stream_until_the_connections_end_is_complete_with_its_own_last_event(
    data: bytes, last: bytes, gateway: Gateway, upstream: Upstream
) -> None:
    first = b'data: {"type":"ping"}\n\n'
    upstream.serve(send(UNTIL_END + first + last), close)
    with gateway.client() as client:
        assert client.exchange(data).body == first + last


NOT_LAST = {
    "another event's name": (MESSAGES, b'event: message_stopped\ndata: {"type":"message_stopped"}\n\n'),
    "the word in a text": (MESSAGES, b'data: {"type":"content_block_delta","delta":{"text":"event: message_stop"}}\n\n'),
    "[DONE] in a text": (CHAT, b'data: {"choices":[{"delta":{"content":"[DONE]"}}]}\n\n'),
}


@pytest.mark.parametrize(("data", "last"), NOT_LAST.values(), ids=NOT_LAST.keys())
def test_a_stream_until_the_connections_end_without_a_last_event_was_cut(
    data: bytes, last: bytes, gateway: Gateway, upstream: Upstream
) -> None:
    upstream.serve(send(UNTIL_END + last), close)
    with gateway.client() as client:
        client.send(data)
        events = read_cut(client.events(client.read_head()))
    assert events[0] == last
    assert b'"error"' in events[1]


def read_cut(coming: Iterator[bytes]) -> list[bytes]:
    """Return the events of a stream that breaks off."""
    events: list[bytes] = []
    with pytest.raises(IncompleteResponseError):
        events.extend(coming)
    return events


# An incomplete event that is longer passes in pieces.
HELD_BYTES = 256 << 10
LARGE = b'data: {"x":"' + b"y" * 400_000
LARGE_LINES = b'data: {"x":\ndata: "' + b"y" * 400_000 + b'",\n'


def assert_prefix(event: bytes, sent: bytes) -> None:
    """Prove that the event is what was sent, up to a place behind what is held, and has an end."""
    assert event.endswith(b"\n\n")
    text = event.rstrip(b"\n")
    assert len(text) > HELD_BYTES
    assert sent.startswith(text)


@pytest.mark.parametrize("sent", [LARGE, LARGE_LINES], ids=["in a line", "behind a line"])
@pytest.mark.parametrize("end", [close, reset, stall], ids=["end", "reset", "silence"])
def test_a_large_event_that_is_cut_is_followed_by_an_error_event_of_its_own(
    end: Step, sent: bytes, gateway: Gateway, upstream: Upstream
) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta()) + chunk(sent)), fence, end)
    with gateway.client() as client:
        client.send(CHAT)
        first, large, last = read_cut(client.events(client.read_head()))
    assert first == delta(model="group-a")
    assert_prefix(large, sent)
    assert last.lstrip(b"\n").startswith(b'data: {"error":')
    error = orjson.loads(last.strip().removeprefix(b"data: "))["error"]
    assert error["code"] == ("upstream_timeout" if end is stall else "upstream_cut")


def test_a_large_event_of_messages_that_is_cut_is_followed_by_an_anthropic_error_event(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(b"event: content_block_delta\n" + LARGE)), fence, close)
    with gateway.client() as client:
        client.send(MESSAGES)
        large, last = read_cut(client.events(client.read_head()))
    assert_prefix(large, b"event: content_block_delta\n" + LARGE)
    assert last.startswith(b'event: error\ndata: {"type":"error"')
