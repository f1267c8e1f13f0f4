"""What one turn of a worker does for many connections that are ready at once: small sends are held to its end."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.answers import plain
from tests.support.gateway import Gateway, configuration, openai_model
from tests.support.upstream import Peer, Upstream, send, stall
from tests.support.wire import Client, chat, request
from tests.upstream.client_cases import BODY, SEEN

CALLERS = 24
CHAT = request(body=chat())
PING = request("/health/liveliness", method="GET")
# More models than a small send has room for.
MODELS = request("/v1/models", method="GET")
LAST = request("/nowhere", b"", "Connection: close", method="GET")
UNASKED = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    models = [openai_model(f"model-{number}", upstream.port) for number in range(100)]
    with Gateway(configuration(openai_model("group-a", upstream.port), *models)) as running:
        yield running


@pytest.fixture
def callers(gateway: Gateway) -> Iterator[list[Client]]:
    with ExitStack() as stack:
        yield [stack.enter_context(gateway.client()) for _ in range(CALLERS)]


def test_answers_keep_their_order_and_come_before_the_end(callers: list[Client], gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(BODY)))
    gateway.halt()
    for caller in callers:
        caller.send(PING + MODELS + PING + CHAT + MODELS + LAST)
    gateway.go_on()
    for caller in callers:
        answers = [caller.read_response() for _ in range(6)]
        assert [answer.status for answer in answers] == [200, 200, 200, 200, 200, 404]
        assert answers[0].body == answers[2].body != answers[1].body == answers[4].body
        assert len(answers[1].body) > 4096
        assert answers[3].body == SEEN
        assert caller.at_end()


def test_a_caller_that_leaves_at_once_costs_the_others_nothing(callers: list[Client], gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(BODY)))
    gateway.halt()
    for caller in callers:
        caller.send(PING + CHAT)
    for caller in callers[::3]:
        caller.reset()
    for caller in callers[1::3]:
        caller.finish_sending()
    gateway.go_on()
    for caller in callers[2::3]:
        assert [caller.read_response().status for _ in range(2)] == [200, 200]


def test_a_request_held_for_a_connection_that_turns_out_stale_goes_to_a_new_one(
    callers: list[Client], gateway: Gateway, upstream: Upstream
) -> None:
    together, late, stale = threading.Barrier(CALLERS), threading.Event(), threading.Barrier(CALLERS + 1)

    def join(_: Peer) -> None:
        together.wait(20)

    def spoil(peer: Peer) -> None:
        late.wait(20)
        peer.send(UNASKED)
        stale.wait(20)

    upstream.serve(join, send(plain(BODY)), spoil, stall)
    for caller in callers:
        caller.send(CHAT)
    for caller in callers:
        assert caller.read_response().body == SEEN
    upstream.serve(send(plain(BODY)))
    gateway.halt()
    for caller in callers:
        caller.send(CHAT)
    late.set()
    stale.wait(20)
    gateway.go_on()
    for caller in callers:
        assert caller.read_response().body == SEEN
    assert len(upstream.requests) == CALLERS
