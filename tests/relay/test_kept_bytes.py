"""What is still to be sent keeps its bytes: behind an answer that came early, in an answer of two reads, when a caller vanishes."""

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.answers import DONE, LAST_CHUNK, STREAM_HEAD, chunk, delta
from tests.support.gateway import SCALE, Gateway, configuration, openai_model
from tests.support.upstream import Peer, Upstream, fence, send
from tests.support.wire import Client, chat, request

STREAM = request(body=chat(stream=True, usage=True))
UNTIL_END = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
MIB = 1 << 20


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    with Gateway(configuration(openai_model("group-a", upstream.port))) as running:
        upstream.fence = running.fence
        yield running


class Early:
    """A step that answers before it reads the body, and reads that when it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.body = b""

    def serve(self, peer: Peer) -> None:
        peer.send(STREAM_HEAD + chunk(delta()))
        assert self.go_on.wait(20 * SCALE)
        self.body = peer.read_body(peer.upstream.request().head)
        peer.send(chunk(DONE) + LAST_CHUNK)


# More than the sockets on the way hold while nobody reads.
LARGE = b'{"model":"%s","stream":true,"stream_options":{"include_usage":true},"messages":[],"user":"%s"}'
COUNTED = b"".join(b"%07d," % number for number in range(MIB))
OTHER = b'{"model":"nope","messages":[],"user":"%s"}' % (b"of-another-caller" * (MIB // 4))


def test_a_body_that_is_read_behind_the_answers_begin_arrives_byte_for_byte(gateway: Gateway, upstream: Upstream) -> None:
    early = Early()
    upstream.serve(early.serve, with_body=False)
    with gateway.client() as client:
        client.send(request(body=LARGE % (b"group-a", COUNTED)))
        events = client.events(client.read_head())
        assert next(events) == delta(model="group-a")
        for _ in range(4):
            with gateway.client() as other:
                assert other.exchange(request(body=OTHER)).status == 404
        early.go_on.set()
        assert list(events) == [DONE]
    assert early.body == LARGE % (b"up-model", COUNTED)


@pytest.mark.parametrize("size", [3000, 40_000])
def test_an_event_behind_a_head_of_two_reads_arrives_byte_for_byte(size: int, gateway: Gateway, upstream: Upstream) -> None:
    event = delta("".join(f"{number:05d}" for number in range(size // 5)))
    # The length of the head decides where the event begins in memory.
    for padding in range(1, 700, 23):
        head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nx-ratelimit-limit-requests: %s\r\n\r\n" % (b"9" * padding))
        upstream.serve(send(head[:30]), fence, send(head[30:] + chunk(event)), fence, send(chunk(DONE) + LAST_CHUNK))
        with gateway.client() as client:
            body = client.exchange(STREAM).body
        assert body == event.replace(b"up-model", b"group-a") + DONE, f"padding {padding}"


class Halted:
    """Steps that send *first*, and *rest* while the gateway's worker stands still: it finds that and the caller's end in one turn."""

    def __init__(self, gateway: Gateway, first: bytes, rest: bytes) -> None:
        self._gateway = gateway
        self._first = first
        self._rest = rest
        self.began = threading.Event()
        self.halted = threading.Event()

    def serve(self, peer: Peer) -> None:
        peer.send(self._first)
        peer.upstream.fence()
        self.began.set()
        self._gateway.halt()
        peer.send(self._rest)
        self.halted.set()
        peer.upstream.saw_closed(peer.wait_closed())

    def go_on(self) -> None:
        self._gateway.go_on()


# Each model of an event is replaced by the longer name: more pieces than one send takes, so the event is sent in the middle of its walk.
NAME = "m" * 700
SMALL = b"".join(b'data: {"model":"a","n":%d}\n\n' % number for number in range(2_500))
WIDE = b"".join(b'data: "%s"\n' % (b"x" * 2100) for _ in range(60)) + b"\n"
MODELS = b"data: {" + b",".join(b'"model":"a%d"' % number for number in range(6_000)) + b"}\n\n"
FIRST = UNTIL_END + b'data: {"a":1}\n\n'
TURNS = {
    "an event of many lines": (FIRST + WIDE[:30_000], WIDE[30_000:]),
    "an event of many models": (FIRST + MODELS[:30_000], MODELS[30_000:]),
    "events behind half a head": (UNTIL_END[:20], UNTIL_END[20:] + SMALL),
}


@pytest.mark.parametrize(("first", "rest"), TURNS.values(), ids=TURNS.keys())
@pytest.mark.parametrize("leave", [Client.reset, Client.close], ids=["reset", "end"])
def test_a_caller_that_vanishes_while_its_events_are_sent_takes_nothing_along(
    leave: Callable[[Client], None], first: bytes, rest: bytes, upstream: Upstream
) -> None:
    with Gateway(configuration(openai_model("*", upstream.port, model="*"))) as gateway:
        upstream.fence = gateway.fence
        halted = Halted(gateway, first, rest)
        before = gateway.pids()
        upstream.serve(halted.serve)
        with gateway.client() as client:
            client.send(request(body=chat(NAME, stream=True, usage=True)))
            assert halted.halted.wait(20 * SCALE)
            leave(client)
            halted.go_on()
            assert upstream.closed_at()
        gateway.fence()
        assert gateway.pids() == before
