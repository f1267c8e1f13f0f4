"""Mirrors: a share of the requests is asked of another model as well; no caller sees anything of that."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from tests.support.answers import DONE, STREAM_HEAD, chunk, completion, delta, plain, stream
from tests.support.gateway import SCALE, Gateway
from tests.support.groups import WELL, failing, ordered, started, upstreams
from tests.support.upstream import Upstream, close, hold, reset, send, stall
from tests.support.wire import Response, chat, request


@pytest.fixture
def served() -> Iterator[list[Upstream]]:
    with upstreams(3) as running:
        yield running


def mirroring(served: list[Upstream], percent: float = 100, router: dict[str, Any] | None = None, **own: object) -> Gateway:
    models = ordered("real", served[0]) + ordered("shadow", served[1]) + ordered("spare", served[2])
    mirrors = [{"model": "real", "to": "shadow", "percent": percent}]
    return started(models, router or {}, fastgate_settings={"mirrors": mirrors, **own})


def ask(gateway: Gateway, body: bytes = chat("real"), *fields: str) -> Response:
    with gateway.client() as client:
        return client.exchange(request("/v1/chat/completions", body, *fields))


def mirrored_line(gateway: Gateway) -> dict[str, Any]:
    """Return the log's line of a mirrored request, when it is there."""
    found: dict[str, Any] = orjson.loads(gateway.wait_for_line(re.compile(r"^\{.*\"mirrored\":true.*\}$")).group())
    return found


def until(gateway: Gateway, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10 * SCALE
    while not condition():
        assert time.monotonic() < end, gateway.log
        # A turn of the gateway's.
        gateway.fence()


def test_a_mirrored_request_is_asked_twice_and_answered_once(served: list[Upstream]) -> None:
    served[1].serve(send(plain(completion("shadow's"))))
    with mirroring(served) as gateway:
        answer = ask(gateway, chat("real"), "x-request-id: mine")
        line = mirrored_line(gateway)
    assert (answer.status, answer.json()["choices"][0]["message"]["content"]) == (200, "hello")
    assert (line["model"], line["status"], line["request_id"], line["output_tokens"]) == ("shadow", 200, "mine", 2)
    assert orjson.loads(served[1].requests[0].body) == {**orjson.loads(served[0].requests[0].body), "model": "up-shadow-0"}


def test_a_share_of_the_requests_is_mirrored(served: list[Upstream]) -> None:
    with mirroring(served, 25) as gateway, gateway.client() as client:
        for _ in range(400):
            assert client.exchange(request("/v1/chat/completions", chat("real"))).status == 200
        gateway.fence()
        until(gateway, lambda: gateway.log.count('"mirrored":true') == len(served[1].requests))
    # Five standard deviations of 400 x 0.25.
    assert 56 <= len(served[1].requests) <= 144
    assert len(served[0].requests) == 400


def test_a_stream_is_mirrored_and_read_to_its_end(served: list[Upstream]) -> None:
    events = (delta("a"), delta("b"), DONE)
    for one in served:
        one.serve(send(stream(*events)))
    with mirroring(served) as gateway:
        answer = ask(gateway, chat("real", stream=True))
        line = mirrored_line(gateway)
    assert answer.body.count(b"data:") == 3
    assert (line["stream"], line["events"], line["status"]) == (True, 3, 200)


@pytest.mark.parametrize("step", [failing(), failing("429 Too Many Requests"), close, reset, send(b"garbage\r\n\r\n")])
def test_a_mirror_that_fails_is_tried_once_and_no_caller_knows(step: Any, served: list[Upstream]) -> None:
    served[1].serve(step)
    with mirroring(served, router={"fallbacks": [{"shadow": ["spare"]}]}) as gateway:
        answer = ask(gateway)
        assert (answer.status, answer.field("x-fastgate-attempts")) == (200, b"1")
        assert mirrored_line(gateway)["status"] != 200
    assert [len(one.requests) for one in served] == [1, 1, 0]


def test_a_mirror_that_is_slow_delays_nobody(served: list[Upstream]) -> None:
    released = threading.Event()
    served[1].serve(hold(released), WELL)
    with mirroring(served) as gateway:
        for _ in range(3):
            assert ask(gateway).status == 200
        assert '"mirrored"' not in gateway.log
        released.set()
        until(gateway, lambda: gateway.log.count('"mirrored":true') == 3)


def test_copies_on_their_way_are_bounded(served: list[Upstream]) -> None:
    released = threading.Event()
    served[1].serve(hold(released), WELL)
    with mirroring(served, mirrors_in_flight=2) as gateway:
        for _ in range(5):
            assert ask(gateway).status == 200
        until(gateway, lambda: len(served[1].requests) == 2)
        released.set()
        until(gateway, lambda: gateway.log.count('"mirrored":true') == 2)
        assert ask(gateway).status == 200
        until(gateway, lambda: len(served[1].requests) == 3)


def test_a_caller_that_leaves_does_not_end_the_mirror(served: list[Upstream]) -> None:
    served[0].serve(send(STREAM_HEAD + chunk(delta("a"))), stall)
    released = threading.Event()
    served[1].serve(hold(released), WELL)
    with mirroring(served) as gateway:
        caller = gateway.connect()
        caller.sendall(request("/v1/chat/completions", chat("real", stream=True)))
        until(gateway, lambda: len(served[1].requests) == 1)
        assert caller.recv(1)
        caller.close()
        gateway.wait_for_line(re.compile("client_closed"))
        released.set()
        assert mirrored_line(gateway)["status"] == 200


def test_a_gateway_that_ends_waits_for_no_mirror(served: list[Upstream]) -> None:
    served[1].serve(stall)
    with mirroring(served, drain_timeout_s=60) as gateway:
        assert ask(gateway).status == 200
        until(gateway, lambda: len(served[1].requests) == 1)
        # Leaving sends SIGTERM: the exit must come long before the time that open requests have.
    assert served[1].closed_at


def test_a_mirror_may_speak_another_dialect(served: list[Upstream]) -> None:
    models = ordered("real", served[0]) + ordered("shadow", served[1])
    models[1]["litellm_params"] |= {"model": "anthropic/claude", "api_base": f"http://127.0.0.1:{served[1].port}"}  # type: ignore[operator]
    with started(models, {}, fastgate_settings={"mirrors": [{"model": "real", "to": "shadow", "percent": 100}]}) as gateway:
        answer = ask(gateway)
        assert answer.json()["model"] == "real"
        until(gateway, lambda: len(served[1].requests) == 1)
        mirrored_line(gateway)
    assert served[1].requests[0].head.startswith(b"POST /v1/messages ")


def test_what_the_provider_keeps_is_never_mirrored(served: list[Upstream]) -> None:
    served[0].serve(send(plain(b'{"id":"batch_1","object":"batch"}')))
    with mirroring(served) as gateway:
        with gateway.client() as client:
            assert client.exchange(request("/v1/batches", b'{"input_file_id":"a"}', "x-fastgate-model: real")).status == 200
        gateway.fence()
        assert '"mirrored"' not in gateway.log
    assert served[1].requests == []


def test_a_region_holds_for_the_mirror_too(served: list[Upstream]) -> None:
    models = ordered("real", served[0], region_name="eu") + ordered("shadow", served[1], region_name="us")
    with started(models, {}, fastgate_settings={"mirrors": [{"model": "real", "to": "shadow", "percent": 100}]}) as gateway:
        assert ask(gateway, b'{"model":"real","messages":[],"allowed_model_region":"eu"}').status == 200
        assert mirrored_line(gateway)["error"] == "no_deployment_fits"
    assert served[1].requests == []
