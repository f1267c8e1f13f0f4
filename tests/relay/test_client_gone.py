"""Callers that leave or do not read: their upstream is let go at once, or made to wait."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.answers import DONE, LAST_CHUNK, STREAM_HEAD, chunk, delta, plain
from tests.support.gateway import SCALE, Gateway, anthropic_model, configuration, openai_model
from tests.support.upstream import Peer, Step, Upstream, send, stall
from tests.support.wire import Client, IncompleteResponseError, chat, message, request

Leave = Callable[[Client], None]

CANCEL_S = 0.1 * SCALE
PLAIN = request(body=chat())
STREAM = request(body=chat(stream=True, usage=True))
MESSAGES = request("/v1/messages", message(stream=True))
GET = b"GET /health/liveliness HTTP/1.1\r\nHost: a\r\n\r\n"
LEAVE = pytest.mark.parametrize("leave", [Client.close, Client.reset], ids=["end", "reset"])
MIB = 1 << 20


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    with Gateway(configuration(openai_model("group-a", upstream.port), anthropic_model("claude", upstream.port))) as running:
        upstream.fence = running.fence
        yield running


class Said:
    """A step that marks that the gateway has read everything before it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def step(self, peer: Peer) -> None:
        peer.upstream.fence()
        self._event.set()

    def wait(self) -> None:
        assert self._event.wait(10 * SCALE)


def assert_cancelled_after(leave: Leave, client: Client, upstream: Upstream) -> None:
    left_at = time.monotonic()
    leave(client)
    assert upstream.closed_at() - left_at < CANCEL_S


@LEAVE
@pytest.mark.parametrize("data", [PLAIN, STREAM, MESSAGES], ids=["plain", "stream", "messages"])
def test_a_caller_gone_before_the_first_byte_cancels(leave: Leave, data: bytes, gateway: Gateway, upstream: Upstream) -> None:
    said = Said()
    upstream.serve(said.step, stall)
    with gateway.client() as client:
        client.send(data)
        said.wait()
        assert_cancelled_after(leave, client, upstream)


@LEAVE
def test_a_caller_gone_after_the_head_and_before_any_event_cancels(leave: Leave, gateway: Gateway, upstream: Upstream) -> None:
    said = Said()
    upstream.serve(send(STREAM_HEAD), said.step, stall)
    with gateway.client() as client:
        client.send(STREAM)
        said.wait()
        assert_cancelled_after(leave, client, upstream)


@LEAVE
def test_a_caller_gone_from_a_silent_stream_cancels(leave: Leave, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta())), stall)
    with gateway.client() as client:
        client.send(STREAM)
        assert next(client.events(client.read_head())) == delta(model="group-a")
        assert_cancelled_after(leave, client, upstream)


@LEAVE
def test_a_caller_gone_from_half_a_plain_answer_cancels(leave: Leave, gateway: Gateway, upstream: Upstream) -> None:
    said = Said()
    upstream.serve(send(plain(b'{"model":"up-model","choices":[' + b" " * 100_000 + b"]}")[:-1000]), said.step, stall)
    with gateway.client() as client:
        client.send(PLAIN)
        said.wait()
        assert_cancelled_after(leave, client, upstream)


def talking(peer: Peer) -> None:
    """Send events as fast as they are taken; end when the gateway closes."""
    try:
        peer.send(STREAM_HEAD)
        while True:
            peer.send(chunk(delta()) * 10)
    except ConnectionError:
        peer.upstream.saw_closed(time.monotonic())
        raise


@LEAVE
def test_a_caller_gone_from_the_middle_of_a_stream_cancels(leave: Leave, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(talking)
    with gateway.client() as client:
        client.send(STREAM)
        events = client.events(client.read_head())
        assert [next(events) for _ in range(100)] == [delta(model="group-a")] * 100
        assert_cancelled_after(leave, client, upstream)


@LEAVE
def test_a_caller_gone_with_another_request_behind_cancels(leave: Leave, gateway: Gateway, upstream: Upstream) -> None:
    said = Said()
    upstream.serve(said.step, stall)
    with gateway.client() as client:
        client.send(PLAIN + GET)
        said.wait()
        assert_cancelled_after(leave, client, upstream)


def test_a_hundred_callers_gone_at_once_are_all_cancelled(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta())), stall)
    clients = [gateway.client() for _ in range(100)]
    for client in clients:
        client.send(STREAM)
    for client in clients:
        assert client.read_head().status == 200
    for client in clients:
        client.close()
    upstream.wait_for_closed(100)


class Flood:
    """Steps that send numbered events until the gateway takes no more, then wait, then finish."""

    def __init__(self) -> None:
        self.events = 0
        self.paused = threading.Event()
        self.go_on = threading.Event()

    @property
    def event_bytes(self) -> int:
        return len(chunk(self._event(0)))

    @staticmethod
    def _event(number: int) -> bytes:
        return delta(f"{number:08d}" + "x" * 2000)

    def fill(self, peer: Peer) -> bytes:
        """Send until nothing more is taken; return the rest of the last event."""
        peer.send(STREAM_HEAD)
        peer.socket.settimeout(0.5)
        rest = b""
        while not rest:
            rest = self._send_what_fits(peer, chunk(self._event(self.events)))
            self.events += 1
        return rest

    def fill_and_reset(self, peer: Peer) -> None:
        self.fill(peer)
        peer.reset()
        self.paused.set()

    def serve(self, peer: Peer) -> None:
        rest = self.fill(peer)
        self.paused.set()
        assert self.go_on.wait(20 * SCALE)
        peer.socket.settimeout(20 * SCALE)
        try:
            peer.send(rest + chunk(DONE) + LAST_CHUNK)
        except ConnectionError:
            peer.upstream.saw_closed(time.monotonic())
            raise

    @staticmethod
    def _send_what_fits(peer: Peer, data: bytes) -> bytes:
        """Return what the gateway did not take."""
        try:
            while data:
                data = data[peer.socket.send(data) :]
        except TimeoutError:
            return data
        return b""

    def expected(self) -> list[bytes]:
        return [self._event(n).replace(b"up-model", b"group-a") for n in range(self.events)] + [DONE]


def test_a_caller_that_does_not_read_makes_the_upstream_wait_and_loses_nothing(gateway: Gateway, upstream: Upstream) -> None:
    flood = Flood()
    before = gateway.rss_bytes()
    upstream.serve(flood.serve)
    with Client(gateway.connect(receive_buffer_bytes=16 << 10)) as client:
        client.send(STREAM)
        assert flood.paused.wait(20 * SCALE)
        # What the kernel holds for the two connections, and a little of our own.
        assert flood.events * flood.event_bytes < 24 * MIB
        assert gateway.rss_bytes() - before < 4 * MIB
        flood.go_on.set()
        assert list(client.events(client.read_head())) == flood.expected()


def test_an_upstream_that_resets_while_it_waits_costs_no_cpu_and_is_told_of(gateway: Gateway, upstream: Upstream) -> None:
    flood = Flood()
    upstream.serve(flood.fill_and_reset)
    with Client(gateway.connect(receive_buffer_bytes=16 << 10)) as client:
        client.send(STREAM)
        assert flood.paused.wait(20 * SCALE)
        before = gateway.cpu_s()
        assert not flood.go_on.wait(0.4)
        assert gateway.cpu_s() - before < 0.2
        events: list[bytes] = []
        head = client.read_head()
        with pytest.raises(IncompleteResponseError):
            events.extend(client.events(head))
    assert events[:-1] == flood.expected()[: len(events) - 1]
    assert b'"error"' in events[-1]


@LEAVE
def test_a_caller_gone_without_having_read_cancels(leave: Leave, gateway: Gateway, upstream: Upstream) -> None:
    flood = Flood()
    upstream.serve(flood.serve, stall)
    with Client(gateway.connect(receive_buffer_bytes=16 << 10)) as client:
        client.send(STREAM)
        assert flood.paused.wait(20 * SCALE)
        left_at = time.monotonic()
        leave(client)
        gateway.fence()
        flood.go_on.set()
    assert upstream.closed_at() - left_at < CANCEL_S


def test_a_caller_that_does_not_read_is_given_up_after_the_write_timeout(upstream: Upstream) -> None:
    flood = Flood()
    upstream.serve(flood.serve, stall)
    patience_s = 1.0
    with (
        Gateway(configuration(openai_model("group-a", upstream.port), limits={"write_timeout_s": patience_s})) as running,
        Client(running.connect(receive_buffer_bytes=16 << 10)) as client,
    ):
        client.send(STREAM)
        assert flood.paused.wait(20 * SCALE)
        flood.go_on.set()
        assert upstream.closed_at()


def test_a_plain_answer_that_is_not_read_makes_the_upstream_wait(gateway: Gateway, upstream: Upstream) -> None:
    body = b'{"model":"up-model","data":"' + b"x" * (32 * MIB) + b'"}'
    before = gateway.rss_bytes()
    took_all = threading.Event()
    steps: tuple[Step, ...] = (send(plain(body)), lambda _: took_all.set())
    upstream.serve(*steps)
    with Client(gateway.connect(receive_buffer_bytes=16 << 10)) as client:
        client.send(PLAIN)
        assert not took_all.wait(0.5)
        assert gateway.rss_bytes() - before < 4 * MIB
        assert client.read_response().body == body.replace(b"up-model", b"group-a")
