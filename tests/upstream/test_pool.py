"""Connections to one origin: how many there are, which one is taken, how long they are kept, who waits for them."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.answers import STREAM_HEAD, chunk, completion, delta, plain
from tests.support.gateway import SCALE, Gateway, configuration, openai_model
from tests.support.upstream import Peer, Upstream, close, hold, send, stall
from tests.support.wire import Client, chat, request

PLAIN = request(body=chat())
STREAM = request(body=chat(stream=True))
PATIENCE_S = 10 * SCALE


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def pooled(upstream: Upstream, host: str = "127.0.0.1", **upstream_settings: object) -> Gateway:
    model = openai_model("group-a", upstream.port, api_base=f"http://{host}:{upstream.port}/v1")
    return Gateway(configuration(model, upstream=upstream_settings))


class Rendezvous:
    """A step that answers when as many requests are there as were announced."""

    def __init__(self, count: int) -> None:
        self._barrier = threading.Barrier(count)

    def step(self, peer: Peer) -> None:
        self._barrier.wait(PATIENCE_S)
        peer.send(plain(completion()))


def ask_at_once(gateway: Gateway, count: int) -> None:
    """Ask *count* times side by side; all must be served."""
    with contextlib.ExitStack() as opened:
        clients = [opened.enter_context(gateway.client()) for _ in range(count)]
        for client in clients:
            client.send(PLAIN)
        assert [client.read_response().status for client in clients] == [200] * count


class Arrivals:
    """A step that counts the requests that have come."""

    def __init__(self) -> None:
        self._come = threading.Semaphore(0)

    def step(self, _: Peer) -> None:
        self._come.release()

    def wait(self, count: int) -> None:
        assert all(self._come.acquire(timeout=PATIENCE_S) for _ in range(count)), f"fewer than {count} requests came"


# Which connection is taken.


def test_the_connection_used_last_is_taken_first(upstream: Upstream) -> None:
    with pooled(upstream) as gateway:
        upstream.serve(Rendezvous(4).step)
        ask_at_once(gateway, 4)
        assert upstream.connections == 4
        upstream.serve(send(plain(completion())))
        with gateway.client() as client:
            for _ in range(10):
                assert client.exchange(PLAIN).status == 200
        assert len({made.connection for made in upstream.requests}) == 1
        assert upstream.connections == 4


def test_idle_connections_above_the_bound_are_closed(upstream: Upstream) -> None:
    with pooled(upstream, idle_connections=1) as gateway:
        upstream.serve(Rendezvous(4).step, stall)
        ask_at_once(gateway, 4)
        upstream.wait_for_closed(3)


def test_idle_connections_are_closed_after_their_time(upstream: Upstream) -> None:
    with pooled(upstream, keepalive_timeout_s=0.3) as gateway:
        upstream.serve(send(plain(completion())), stall)
        with gateway.client() as client:
            client.send(PLAIN)
            assert client.read_response().status == 200
            answered_at = time.monotonic()
            assert 0.25 < upstream.closed_at() - answered_at < 0.3 + 0.4 * SCALE


def test_a_connection_in_use_is_not_aged(upstream: Upstream) -> None:
    with pooled(upstream, keepalive_timeout_s=0.2) as gateway, gateway.client() as client:
        upstream.serve(send(plain(completion())))
        assert client.exchange(PLAIN).status == 200
        upstream.serve(think_longer_than_idle, send(plain(completion())))
        assert client.exchange(PLAIN).status == 200
        assert upstream.connections <= 2


def think_longer_than_idle(_: Peer) -> None:
    assert not threading.Event().wait(0.5)


# How many there are.


def test_a_request_above_the_cap_waits_and_is_served(upstream: Upstream) -> None:
    go_on, arrivals = threading.Event(), Arrivals()
    with pooled(upstream, connections=2) as gateway, contextlib.ExitStack() as opened:
        upstream.serve(arrivals.step, hold(go_on), send(plain(completion())))
        clients = [opened.enter_context(gateway.client()) for _ in range(3)]
        for client in clients:
            client.send(PLAIN)
        arrivals.wait(2)
        gateway.fence()
        assert len(upstream.requests) == 2
        go_on.set()
        assert [client.read_response().status for client in clients] == [200] * 3
        assert upstream.connections == 2


def test_requests_above_the_cap_are_served_in_their_order(upstream: Upstream) -> None:
    go_on = threading.Event()
    with pooled(upstream, connections=1) as gateway, contextlib.ExitStack() as opened:
        upstream.serve(hold(go_on), send(plain(completion())))
        clients = [opened.enter_context(gateway.client()) for _ in range(20)]
        for number, client in enumerate(clients):
            client.send(request(body=chat() + b" " * number))
            gateway.fence()
        go_on.set()
        assert [client.read_response().status for client in clients] == [200] * 20
        lengths = [len(made.body) for made in upstream.requests]
        assert lengths == sorted(lengths)
        assert upstream.connections == 1


@pytest.mark.parametrize("leave", [Client.close, Client.reset])
def test_who_waits_gets_the_place_of_a_caller_that_left(leave: Callable[[Client], None], upstream: Upstream) -> None:
    with pooled(upstream, connections=1) as gateway, gateway.client() as waiting:
        first = gateway.client()
        upstream.serve(send(STREAM_HEAD + chunk(delta())), stall)
        first.send(STREAM)
        assert next(first.events(first.read_head())) == delta(model="group-a")
        upstream.serve(send(plain(completion())))
        waiting.send(PLAIN)
        gateway.fence()
        leave(first)
        assert waiting.read_response().status == 200


def test_who_waits_gets_the_place_of_an_answer_that_was_cut(upstream: Upstream) -> None:
    with pooled(upstream, connections=1) as gateway, gateway.client() as first, gateway.client() as waiting:
        go_on, arrivals = threading.Event(), Arrivals()
        upstream.serve(arrivals.step, send(b"HTTP/1.1 200 OK\r\n"), hold(go_on), close)
        first.send(PLAIN)
        arrivals.wait(1)
        upstream.serve(send(plain(completion())))
        waiting.send(PLAIN)
        gateway.fence()
        go_on.set()
        assert first.read_response().status == 503
        assert waiting.read_response().status == 200


def test_a_caller_that_leaves_while_it_waits_is_forgotten(upstream: Upstream) -> None:
    go_on, arrivals = threading.Event(), Arrivals()
    with pooled(upstream, connections=1) as gateway, gateway.client() as first, gateway.client() as last:
        upstream.serve(arrivals.step, hold(go_on), send(plain(completion())))
        first.send(PLAIN)
        arrivals.wait(1)
        left = gateway.client()
        left.send(PLAIN)
        last.send(PLAIN)
        gateway.fence()
        left.close()
        gateway.fence()
        go_on.set()
        assert first.read_response().status == 200
        assert last.read_response().status == 200
        assert len(upstream.requests) == 2


# Opened before they are needed.


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_warm_connections_are_open_before_the_first_request(host: str, upstream: Upstream) -> None:
    upstream.serve(send(plain(completion())))
    with pooled(upstream, host, warm_connections=3) as gateway:
        deadline = time.monotonic() + PATIENCE_S / 5
        while upstream.connections < 3 and time.monotonic() < deadline:
            gateway.fence()
        assert upstream.connections == 3
        with gateway.client() as client:
            assert client.exchange(PLAIN).status == 200
        assert upstream.connections == 3


# Stale ones.


def stale_at_once(peer: Peer) -> None:
    """Serve a connection's first request and close under the second."""
    if peer.served:
        peer.reset()
    else:
        peer.send(plain(completion()))


def test_connections_that_go_stale_under_200_requests_lose_none(upstream: Upstream) -> None:
    with pooled(upstream) as gateway, contextlib.ExitStack() as opened:
        upstream.serve(stale_at_once)
        clients = [opened.enter_context(gateway.client()) for _ in range(20)]
        for _ in range(10):
            for client in clients:
                client.send(PLAIN)
            assert [client.read_response().status for client in clients] == [200] * 20


def test_a_restarted_provider_costs_no_request(upstream: Upstream) -> None:
    with pooled(upstream) as gateway:
        upstream.serve(Rendezvous(8).step, close)
        ask_at_once(gateway, 8)
        upstream.serve(send(plain(completion())))
        ask_at_once(gateway, 8)


def test_a_fresh_connection_that_dies_is_tried_once_only(upstream: Upstream) -> None:
    with pooled(upstream) as gateway, gateway.client() as client:
        upstream.serve(close)
        assert client.exchange(PLAIN).status == 503
        assert len(upstream.requests) == 1
        upstream.serve(stale_at_once)
        assert client.exchange(PLAIN).status == 200
        upstream.serve(close)
        assert client.exchange(PLAIN).status == 503
        # The stale connection, and the fresh one in its place.
        assert len(upstream.requests) == 2


# What /health knows.


def test_health_forgets_a_failure_when_a_connection_is_made_again(upstream: Upstream) -> None:
    health = request("/health", method="GET")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port: int = gone.getsockname()[1]
    with Gateway(configuration(openai_model("group-a", port))) as gateway, gateway.client() as client:
        assert client.exchange(PLAIN).status == 503
        assert client.exchange(health, "GET").json()["unhealthy_count"] == 1
        with socket.create_server(("127.0.0.1", port)) as back:
            client.send(PLAIN)
            accepted, _ = back.accept()
            with accepted:
                accepted.recv(1 << 16)
                accepted.sendall(plain(completion()))
                assert client.read_response().status == 200
                assert client.exchange(health, "GET").json()["unhealthy_count"] == 0


def test_health_does_not_take_one_port_for_another() -> None:
    health = request("/health", method="GET")
    refused = openai_model("refused", 0, api_base="http://127.0.0.1:1/v1")
    unasked = openai_model("unasked", 0, api_base="http://127.0.0.1:11/v1")
    with Gateway(configuration(refused, unasked)) as gateway, gateway.client() as client:
        assert client.exchange(request(body=chat("refused"))).status == 503
        assert client.exchange(health, "GET").json()["unhealthy_count"] == 1
