"""Events reach the caller one by one, as they come: none is held back, merged, reordered or lost."""

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.answers import DONE, LAST_CHUNK, STREAM_HEAD, chunk, delta, usage_event
from tests.support.gateway import SCALE, Gateway, anthropic_model, configuration, openai_model
from tests.support.upstream import Peer, Upstream, bytewise, cut, send
from tests.support.wire import chat, message, request

Pieces = Callable[[bytes], list[bytes]]

EVENTS = 50


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    with Gateway(configuration(openai_model("group-a", upstream.port), anthropic_model("claude", upstream.port))) as running:
        upstream.fence = running.fence
        yield running


def anthropic_delta(text: str) -> bytes:
    made = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}}' % text.encode()
    return b"event: content_block_delta\ndata: " + made + b"\n\n"


class Lockstep:
    """Steps that send an event only when the caller has seen the one before."""

    def __init__(self, pieces_of_events: list[list[bytes]], *, chunked: bool = True) -> None:
        self._events = pieces_of_events
        self._chunked = chunked
        self._seen = threading.Semaphore(0)

    def serve(self, peer: Peer) -> None:
        peer.send(STREAM_HEAD if self._chunked else STREAM_HEAD.replace(b"Transfer-Encoding: chunked\r\n", b""))
        for pieces in self._events:
            for piece in pieces:
                peer.send(chunk(piece) if self._chunked else piece)
                peer.upstream.fence()
            assert self._seen.acquire(timeout=10 * SCALE), "the caller did not see the event"
        if self._chunked:
            peer.send(LAST_CHUNK)
        else:
            peer.close()

    def saw_one(self) -> None:
        self._seen.release()


def relayed(gateway: Gateway, upstream: Upstream, steps: Lockstep, data: bytes) -> list[bytes]:
    """Return the events as the caller saw them, each before the next was sent."""
    upstream.serve(steps.serve)
    seen = []
    with gateway.client() as client:
        client.send(data)
        for event in client.events(client.read_head()):
            seen.append(event)
            steps.saw_one()
    return seen


def whole(event: bytes) -> list[bytes]:
    return [event]


def halves(event: bytes) -> list[bytes]:
    return [event[: len(event) // 2], event[len(event) // 2 :]]


def blank_line_apart(event: bytes) -> list[bytes]:
    return [event[:-1], event[-1:]]


CUTS = pytest.mark.parametrize("cut_event", [whole, halves, blank_line_apart])


@CUTS
@pytest.mark.parametrize("asked", [True, False], ids=["usage asked", "usage not asked"])
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "until the end"])
def test_each_openai_event_arrives_before_the_next_is_sent(
    cut_event: Pieces, asked: bool, chunked: bool, gateway: Gateway, upstream: Upstream
) -> None:
    sent = [delta(str(n)) for n in range(EVENTS)] + [DONE]
    steps = Lockstep([cut_event(event) for event in sent], chunked=chunked)
    seen = relayed(gateway, upstream, steps, request(body=chat(stream=True, usage=asked)))
    assert seen == [delta(str(n), "group-a") for n in range(EVENTS)] + [DONE]


@CUTS
def test_each_anthropic_event_arrives_before_the_next_is_sent(cut_event: Pieces, gateway: Gateway, upstream: Upstream) -> None:
    sent = [anthropic_delta(str(n)) for n in range(EVENTS)] + [b'event: message_stop\ndata: {"type":"message_stop"}\n\n']
    steps = Lockstep([cut_event(event) for event in sent])
    assert relayed(gateway, upstream, steps, request("/v1/messages", message(stream=True))) == sent


def test_a_comment_behind_the_first_content_passes_at_once(gateway: Gateway, upstream: Upstream) -> None:
    sent = [delta(), b": PROCESSING\n\n", b": keep-alive\n\n", DONE]
    steps = Lockstep([[event] for event in sent])
    seen = relayed(gateway, upstream, steps, request(body=chat(stream=True, usage=True)))
    assert seen == [delta(model="group-a"), b": PROCESSING\n\n", b": keep-alive\n\n", DONE]


def test_many_events_in_one_write_are_all_relayed(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(b"".join(delta(str(n)) for n in range(1000)) + DONE) + LAST_CHUNK))
    with gateway.client() as client:
        answer = client.exchange(request(body=chat(stream=True, usage=True)))
    assert answer.body == b"".join(delta(str(n), "group-a") for n in range(1000)) + DONE


STREAM = STREAM_HEAD + chunk(delta("ä")) + chunk(usage_event()) + chunk(DONE) + LAST_CHUNK


@pytest.mark.parametrize("asked", [True, False], ids=["usage asked", "usage not asked"])
def test_a_stream_byte_by_byte_is_relayed_whole(asked: bool, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(bytewise(STREAM))
    with gateway.client() as client:
        answer = client.exchange(request(body=chat(stream=True, usage=asked)))
    assert answer.body == delta("ä", "group-a") + (usage_event("group-a") if asked else b"") + DONE


@pytest.mark.parametrize("asked", [True, False], ids=["usage asked", "usage not asked"])
def test_a_stream_cut_in_two_at_every_offset_is_relayed_whole(asked: bool, gateway: Gateway, upstream: Upstream) -> None:
    expected = delta("ä", "group-a") + (usage_event("group-a") if asked else b"") + DONE
    with gateway.client() as client:
        for at in range(1, len(STREAM)):
            upstream.serve(cut(STREAM, at))
            assert client.exchange(request(body=chat(stream=True, usage=asked))).body == expected, STREAM[:at]


@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"], ids=["crlf", "cr"])
def test_other_line_ends_are_relayed_as_they_are(line_end: bytes, gateway: Gateway, upstream: Upstream) -> None:
    sent = (delta() + delta("b") + DONE).replace(b"\n", line_end)
    upstream.serve(send(STREAM_HEAD + chunk(sent) + LAST_CHUNK))
    with gateway.client() as client:
        answer = client.exchange(request(body=chat(stream=True, usage=True)))
    assert answer.body == sent.replace(b"up-model", b"group-a")


def test_characters_that_only_look_like_line_ends_are_text(gateway: Gateway, upstream: Upstream) -> None:
    event = delta("a\u2028b\u2029c\u0085d")
    upstream.serve(send(STREAM_HEAD + chunk(event) + chunk(DONE) + LAST_CHUNK))
    with gateway.client() as client:
        answer = client.exchange(request(body=chat(stream=True, usage=True)))
    assert answer.body == event.replace(b"up-model", b"group-a") + DONE


def test_a_last_event_without_its_blank_line_is_not_lost(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta()) + chunk(b"data: [DONE]\n") + LAST_CHUNK))
    with gateway.client() as client:
        answer = client.exchange(request(body=chat(stream=True, usage=True)))
    assert answer.body.startswith(delta(model="group-a") + b"data: [DONE]\n")
