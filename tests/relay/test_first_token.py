"""`first_token_timeout`: a stream that has begun but says nothing in time is asked for elsewhere, and nothing of it was sent."""

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.answers import DONE, STREAM_HEAD, chunk, delta, stream
from tests.support.gateway import SCALE, anthropic_model
from tests.support.groups import asked, ordered, started, upstreams
from tests.support.upstream import Peer, Step, Upstream, send, stall
from tests.support.wire import chat, message

ROLE = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
WELL = send(stream(ROLE, delta("well"), DONE))


@pytest.fixture
def served() -> Iterator[list[Upstream]]:
    with upstreams(2) as running:
        running[1].serve(WELL)
        yield running


def then_silent(*pieces: bytes) -> Step:
    def step(peer: Peer) -> None:
        for piece in pieces:
            peer.send(piece)
        stall(peer)

    return step


@pytest.mark.parametrize(
    "step",
    [stall, then_silent(STREAM_HEAD), then_silent(STREAM_HEAD, chunk(ROLE)), then_silent(STREAM_HEAD, chunk(ROLE), chunk(b": ping\n\n"))],
    ids=["nothing", "a head", "a role", "a role and a ping"],
)
def test_a_stream_that_says_nothing_in_time_is_asked_for_elsewhere(step: Step, served: list[Upstream]) -> None:
    served[0].serve(step)
    with started(ordered("g", *served, first_token_timeout=0.2), {}) as gateway:
        began = time.monotonic()
        answer = asked(gateway, chat("g", stream=True))
        took = time.monotonic() - began
    assert (answer.status, answer.field("x-fastgate-attempts")) == (200, b"2")
    assert answer.body.count(b'"role":"assistant"') == 1
    assert b"well" in answer.body
    assert 0.2 <= took < 3 * SCALE


def test_empty_events_do_not_win_time(served: list[Upstream]) -> None:
    def pinging(peer: Peer) -> None:
        peer.send(STREAM_HEAD)
        pace = threading.Event()
        with contextlib.suppress(OSError):
            while not pace.wait(0.02):
                peer.send(chunk(ROLE))
        peer.close()

    served[0].serve(pinging)
    with started(ordered("g", *served, first_token_timeout=0.2), {}) as gateway:
        began = time.monotonic()
        assert b"well" in asked(gateway, chat("g", stream=True)).body
        assert time.monotonic() - began < 3 * SCALE


def test_a_stream_that_has_said_something_may_take_its_time(served: list[Upstream]) -> None:
    def slow(peer: Peer) -> None:
        peer.send(STREAM_HEAD + chunk(delta("first")))
        threading.Event().wait(0.5)
        peer.send(chunk(delta("last")) + chunk(DONE) + b"0\r\n\r\n")

    served[0].serve(slow)
    with started(ordered("g", *served, first_token_timeout=0.2), {}) as gateway:
        answer = asked(gateway, chat("g", stream=True))
    assert b"first" in answer.body
    assert b"last" in answer.body
    assert served[1].requests == []


def test_whole_answers_have_no_such_bound(served: list[Upstream]) -> None:
    with started(ordered("g", served[0], first_token_timeout=0.001), {"num_retries": 0}) as gateway:
        assert asked(gateway, chat("g")).status == 200


def test_without_another_deployment_the_caller_is_told(served: list[Upstream]) -> None:
    served[0].serve(then_silent(STREAM_HEAD, chunk(ROLE)))
    with started(ordered("g", served[0], first_token_timeout=0.2), {"num_retries": 0}) as gateway:
        answer = asked(gateway, chat("g", stream=True))
    assert (answer.status, answer.error()["code"]) == (504, "upstream_timeout")


def test_it_holds_between_dialects_too(served: list[Upstream]) -> None:
    start = b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","role":"assistant","content":[],"usage":{}}}\n\n'
    served[0].serve(then_silent(STREAM_HEAD, chunk(start)))
    models = [anthropic_model("g", served[0].port, first_token_timeout=0.2, weight=1), *ordered("g", served[1])]
    del models[0]["litellm_params"]["max_retries"]  # type: ignore[attr-defined]
    with started(models, {}) as gateway:
        assert b"well" in asked(gateway, message("g", stream=True), "/v1/messages").body
        assert b"well" in asked(gateway, chat("g", stream=True)).body
    assert served[0].requests
