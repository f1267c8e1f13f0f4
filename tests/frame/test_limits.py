"""Bounds of the whole process: descriptors, connections, memory per connection and per stream."""

import contextlib
import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.answers import STREAM_HEAD, chunk, completion, delta, plain
from tests.support.foreign import SANITIZED_FACTOR
from tests.support.gateway import SCALE, Gateway, configuration, openai_model
from tests.support.upstream import Upstream, send, stall
from tests.support.wire import Client, chat, request

PLAIN = request(body=chat())
STREAM = request(body=chat(stream=True))
GET = b"GET /health/liveliness HTTP/1.1\r\nHost: a\r\n\r\n"
KIB = 1024
ROOM = 20


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running.serve(send(plain(completion())))


def started(upstream: Upstream, **limits: object) -> Gateway:
    return Gateway(configuration(openai_model("group-a", upstream.port), limits=limits))


def limit_descriptors(gateway: Gateway, room: int) -> None:
    """Leave the worker *room* descriptors beside those it has."""
    # Once it has answered, its event loop has opened what it needs.
    gateway.fence()
    worker = gateway.pids()[1]
    bound = max(int(entry.name) for entry in Path(f"/proc/{worker}/fd").iterdir()) + 1 + room
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (bound, bound))


def connect(gateway: Gateway, opened: contextlib.ExitStack, count: int) -> list[Client]:
    return [opened.enter_context(gateway.client()) for _ in range(count)]


def cpu_while_nothing_happens_s(gateway: Gateway) -> float:
    before = gateway.cpu_s()
    assert not threading.Event().wait(0.5)
    return gateway.cpu_s() - before


def test_without_descriptors_nothing_spins_and_those_that_wait_are_served_later(upstream: Upstream) -> None:
    with started(upstream) as gateway, contextlib.ExitStack() as opened:
        limit_descriptors(gateway, ROOM)
        clients = connect(gateway, opened, 5 * ROOM)
        for client in clients:
            client.send(GET)
        served = [client for client in clients[:ROOM] if client.read_response("GET").status == 200]
        assert len(served) == ROOM
        assert cpu_while_nothing_happens_s(gateway) < 0.1
        # Each one that leaves makes room for one, whatever their number is.
        for leaving, waiting in zip(clients, clients[ROOM:], strict=False):
            leaving.close()
            assert waiting.read_response("GET").status == 200


def test_without_descriptors_a_provider_is_unreachable_and_the_caller_told(upstream: Upstream) -> None:
    with started(upstream) as gateway, contextlib.ExitStack() as opened:
        limit_descriptors(gateway, ROOM)
        clients = connect(gateway, opened, ROOM)
        for client in clients:
            assert client.exchange(GET, "GET").status == 200
        answer = clients[0].exchange(PLAIN)
        assert answer.status == 503
        assert os.strerror(24) in str(answer.error()["message"])
        clients[1].close()
        clients[2].close()
        gateway_sees_it = clients[3].exchange(GET, "GET")
        assert gateway_sees_it.status == 200
        assert clients[0].exchange(PLAIN).status == 200


def test_descriptors_that_providers_hold_are_given_back_to_callers(upstream: Upstream) -> None:
    # All descriptors are in idle connections to the provider when the next caller comes; no caller is left to go.
    settings = {"keepalive_timeout_s": 0.5}
    with Gateway(configuration(openai_model("group-a", upstream.port), upstream=settings)) as gateway, contextlib.ExitStack() as opened:
        barrier = threading.Barrier(ROOM // 2)

        def together(_: object) -> None:
            barrier.wait(10 * SCALE)

        upstream.serve(together, send(plain(completion())))
        clients = connect(gateway, opened, ROOM // 2)
        for client in clients:
            client.send(PLAIN)
        assert [client.read_response().status for client in clients] == [200] * (ROOM // 2)
        limit_descriptors(gateway, 0)
        with gateway.client() as late:
            late.send(GET)
            assert late.read_response("GET").status == 200


def test_connections_above_the_cap_wait_until_one_is_closed(upstream: Upstream) -> None:
    with started(upstream, client_connections=10) as gateway, contextlib.ExitStack() as opened:
        clients = connect(gateway, opened, 15)
        for client in clients:
            client.send(GET)
        assert [client.read_response("GET").status for client in clients[:10]] == [200] * 10
        assert clients[10].is_silent(0.2)
        assert cpu_while_nothing_happens_s(gateway) < 0.1
        for leaving, waiting in zip(clients, clients[10:], strict=False):
            leaving.close()
            assert waiting.read_response("GET").status == 200


def test_an_idle_connection_costs_less_than_4_kib(upstream: Upstream) -> None:
    count = 500
    with started(upstream) as gateway, contextlib.ExitStack() as opened:
        # What is allocated once and for all.
        assert all(client.exchange(PLAIN).status == 200 for client in connect(gateway, opened, 50))
        gateway.fence()
        before = gateway.rss_bytes()
        assert all(client.exchange(PLAIN).status == 200 for client in connect(gateway, opened, count))
        gateway.fence()
        assert (gateway.rss_bytes() - before) / count < 4 * KIB * SANITIZED_FACTOR


def test_an_open_stream_costs_less_than_24_kib(upstream: Upstream) -> None:
    count = 200
    upstream.serve(send(STREAM_HEAD + chunk(delta())), stall)
    with started(upstream) as gateway, contextlib.ExitStack() as opened:
        begin_streams(gateway, opened, 20)
        before = gateway.rss_bytes()
        begin_streams(gateway, opened, count)
        grown = gateway.rss_bytes() - before
        assert grown / count < 24 * KIB * SANITIZED_FACTOR, grown


def begin_streams(gateway: Gateway, opened: contextlib.ExitStack, count: int) -> None:
    clients = connect(gateway, opened, count)
    for client in clients:
        client.send(STREAM)
    assert all(next(client.events(client.read_head())) == delta(model="group-a") for client in clients)
