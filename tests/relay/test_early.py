"""What a stream says before it says anything is held, and goes out with the first content, byte for byte and at once."""

import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.answers import DONE, LAST_CHUNK, STREAM_HEAD, chunk, delta, plain
from tests.support.failures import WORDS
from tests.support.gateway import SCALE, Gateway, anthropic_model, configuration, openai_model
from tests.support.upstream import Peer, Upstream, close, fence, send, stall
from tests.support.wire import chat, message, request

HOLD_S = 10.0
ROLE = WORDS["openai"].empty


def chat_chunk(rest: bytes) -> bytes:
    return b'data: {"id":"c","model":"up-model",' + rest + b"}\n\n"


def response(kind: str, rest: bytes = b"") -> bytes:
    return b'event: %s\ndata: {"type":"%s"%s}\n\n' % (kind.encode(), kind.encode(), rest)


# Target, body, events that say nothing.
EMPTY: dict[str, tuple[str, bytes, tuple[bytes, ...]]] = {
    "role": ("/v1/chat/completions", chat(stream=True, usage=True), (ROLE,)),
    "comments": ("/v1/chat/completions", chat(stream=True, usage=True), (b": a\n\n", b": b\n\n")),
    "nulls": (
        "/v1/chat/completions",
        chat(stream=True, usage=True),
        (chat_chunk(b'"choices":[{"delta":{ "role" : "assistant" , "content":null, "tool_calls":[] },"finish_reason":null}]'),),
    ),
    "a filter's word on the prompt": ("/v1/chat/completions", chat(stream=True, usage=True), (chat_chunk(b'"choices":[ ]'), ROLE)),
    "two choices": (
        "/v1/chat/completions",
        chat(stream=True, usage=True),
        (chat_chunk(b'"choices":[{"delta":{"content":""}},{"delta":{"role":"assistant"}}]'),),
    ),
    "a completion": ("/v1/completions", b'{"model":"group-a","prompt":"","stream":true,"stream_options":{"include_usage":true}}',
                     (chat_chunk(b'"choices":[{"text":"","finish_reason":null}]'),)),
    "messages": ("/v1/messages", message(stream=True), (WORDS["anthropic"].empty,)),
    "responses": (
        "/v1/responses",
        b'{"model":"group-a","input":"hi","stream":true}',
        (
            response("response.created", b',"response":{"error":null,"tools":[{"parameters":{"error":{}}}]}'),
            response("response.in_progress"),
            response("response.output_item.added", b',"item":{"type":"message"}'),
            response("response.content_part.added", b',"part":{"text":""}'),
        ),
    ),
}  # fmt: skip

# Content of any kind.
CONTENT: dict[str, tuple[str, bytes, bytes]] = {
    "text": (
        "/v1/chat/completions",
        chat(stream=True, usage=True),
        chat_chunk(b'"choices":[{"delta":{"role":"assistant","content":"a"}}]'),
    ),
    "text of the second choice": (
        "/v1/chat/completions",
        chat(stream=True, usage=True),
        chat_chunk(b'"choices":[{"delta":{"content":""}},{"delta":{"content":"a"}}]'),
    ),
    "a thought": ("/v1/chat/completions", chat(stream=True, usage=True), chat_chunk(b'"choices":[{"delta":{"reasoning_content":"a"}}]')),
    "a call": ("/v1/chat/completions", chat(stream=True, usage=True), chat_chunk(b'"choices":[{"delta":{"tool_calls":[{"index":0}]}}]')),
    "a finish": ("/v1/chat/completions", chat(stream=True, usage=True), chat_chunk(b'"choices":[{"delta":{},"finish_reason":"stop"}]')),
    "a shape of its own": ("/v1/chat/completions", chat(stream=True, usage=True), b'data: {"progress":0.1}\n\n'),
    "no JSON": ("/v1/chat/completions", chat(stream=True, usage=True), b"data: hello\n\n"),
    "two data lines": ("/v1/chat/completions", chat(stream=True, usage=True), b"data: {\ndata: }\n\n"),
    "a message's text": ("/v1/messages", message(stream=True), WORDS["anthropic"].content),
    "a tool": (
        "/v1/messages",
        message(stream=True),
        b'data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}\n\n',
    ),
    "a response's text": (
        "/v1/responses",
        b'{"model":"group-a","input":"hi","stream":true}',
        response("response.output_text.delta", b',"delta":"a"'),
    ),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    with Gateway(configuration(openai_model("group-a", upstream.port), anthropic_model("claude", upstream.port))) as running:
        upstream.fence = running.fence
        yield running


def named(sent: bytes) -> bytes:
    """Return what a caller gets of *sent*."""
    return sent.replace(b'"up-model"', b'"group-a"').replace(b'"claude-up"', b'"claude"')


@pytest.mark.parametrize("name", EMPTY)
def test_events_that_say_nothing_are_held_and_lost_if_nothing_follows(name: str, gateway: Gateway, upstream: Upstream) -> None:
    target, body, events = EMPTY[name]
    upstream.serve(send(STREAM_HEAD + b"".join(map(chunk, events))), fence, close)
    with gateway.client() as client:
        answer = client.exchange(request(target, body))
    assert answer.status == 503
    assert b"upstream_cut" in answer.body or b"closed the connection" in answer.body


@pytest.mark.parametrize("content", CONTENT)
def test_the_first_content_brings_what_was_held_along_at_once(content: str, gateway: Gateway, upstream: Upstream) -> None:
    target, body, event = CONTENT[content]
    seen = threading.Event()

    def wait_until_seen(_: Peer) -> None:
        assert seen.wait(10 * SCALE), "it was not sent at once"

    upstream.serve(send(STREAM_HEAD), fence, send(chunk(b": first\n\n")), fence, send(chunk(event)), wait_until_seen, send(LAST_CHUNK))
    with gateway.client() as client:
        client.send(request(target, body))
        events = client.events(client.read_head())
        assert next(events) == b": first\n\n"
        assert next(events) == named(event)
        seen.set()
        assert list(events) == []


def test_a_stream_of_empty_events_passes_whole_when_nothing_else_can_be_done(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(ROLE) + chunk(DONE) + LAST_CHUNK))
    with gateway.client() as client:
        answer = client.exchange(request(body=chat(stream=True, usage=True)))
    assert (answer.status, answer.body) == (200, named(ROLE) + DONE)


def test_an_error_event_passes_whole_when_nothing_else_can_be_done(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(ROLE) + chunk(WORDS["openai"].broken) + LAST_CHUNK))
    with gateway.client() as client:
        answer = client.exchange(request(body=chat(stream=True, usage=True)))
    assert (answer.status, answer.body) == (200, named(ROLE) + WORDS["openai"].broken)


def test_a_provider_that_thinks_for_long_is_shown_to_be_alive(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(ROLE)), stall)
    with gateway.client() as client:
        client.socket.settimeout(3 * HOLD_S)
        began = time.monotonic()
        client.send(request(body=chat(stream=True, usage=True)))
        assert next(client.events(client.read_head())) == named(ROLE)
        assert HOLD_S - 0.1 <= time.monotonic() - began <= HOLD_S + 1 * SCALE


@pytest.mark.parametrize("size", [1 << 10, 1 << 19])
def test_many_events_that_say_nothing_are_held_up_to_256_kib(size: int, gateway: Gateway, upstream: Upstream) -> None:
    comments = b": %s\n\n" % (b"x" * 1000) * (size // 1000)
    upstream.serve(send(STREAM_HEAD + chunk(comments)), fence, close)
    with gateway.client() as client:
        client.send(request(body=chat(stream=True, usage=True)))
        assert client.read_head().status == (503 if size < 1 << 18 else 200)


def test_a_plain_answer_in_pieces_has_a_length_and_every_byte(gateway: Gateway, upstream: Upstream) -> None:
    body = b'{"model":"up-model","choices":[],"x":"%s"}' % (b"y" * 5000)
    whole = plain(body)
    upstream.serve(send(whole[:90]), fence, send(whole[90:2000]), fence, send(whole[2000:]))
    with gateway.client() as client:
        answer = client.exchange(request(body=chat()))
    assert answer.body == named(body)
    assert answer.field("content-length") == str(len(named(body))).encode()


def test_a_plain_answer_larger_than_what_is_held_begins_before_it_ends(gateway: Gateway, upstream: Upstream) -> None:
    body = b'{"model":"up-model","choices":[],"x":"%s"}' % (b"y" * (1 << 20))
    seen = threading.Event()

    def wait_until_seen(_: Peer) -> None:
        assert seen.wait(10 * SCALE), "it was held"

    upstream.serve(send(plain(body)[:-10]), wait_until_seen, send(plain(body)[-10:]))
    with gateway.client() as client:
        client.send(request(body=chat()))
        head = client.read_head()
        seen.set()
        assert b"".join(client.pieces(head)) == named(body)


def test_what_follows_the_first_content_is_not_held(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(ROLE) + chunk(delta()) + chunk(ROLE)), fence, close)
    with gateway.client() as client:
        client.send(request(body=chat(stream=True, usage=True)))
        events = client.events(client.read_head())
        assert [next(events) for _ in range(3)] == [named(ROLE), named(delta()), named(ROLE)]
