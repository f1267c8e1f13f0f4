"""When and how often a failed request is made again: every form of the settings, waits, Retry-After, and one deadline for it all."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import orjson
import pytest

from tests.support.failures import WORDS
from tests.support.gateway import SCALE, anthropic_model
from tests.support.groups import WELL, Turns, asked, failing, ordered, started, upstreams
from tests.support.upstream import Peer, Step, Upstream, close, reset, send, stall
from tests.support.wire import chat, request

AT_ONCE = {"retry_policy": {"delay": 0}}
# The timer's grain, and a loaded machine.
LATE_S = 0.4 * SCALE


@pytest.fixture(scope="module")
def served() -> Iterator[list[Upstream]]:
    with upstreams(2) as running:
        yield running


@pytest.fixture(autouse=True)
def _answers(served: list[Upstream]) -> None:
    for one in served:
        one.serve(WELL)


class Clock:
    """A step that notes when it was asked, then does another one."""

    def __init__(self, *steps: Step) -> None:
        self._turns = Turns(*steps)
        self.moments: list[float] = []

    def __call__(self, peer: Peer) -> None:
        self.moments.append(time.monotonic())
        self._turns(peer)

    @property
    def gaps(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.moments, self.moments[1:], strict=False)]


# Name -> router_settings, other sections, litellm_params, members of the body, and how often a request is sent that always fails.
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], bytes, int]] = {
    "nothing": ({}, {}, {}, b"", 3),
    "router_settings.num_retries": ({"num_retries": 1}, {}, {}, b"", 2),
    "router_settings.max_retries": ({"max_retries": 1}, {}, {}, b"", 2),
    "litellm_settings.num_retries": ({}, {"litellm_settings": {"num_retries": 3}}, {}, b"", 4),
    "litellm_params.max_retries": ({"num_retries": 4}, {}, {"max_retries": 1}, b"", 2),
    "litellm_params.num_retries": ({"num_retries": 4}, {}, {"num_retries": 1, "max_retries": 3}, b"", 2),
    "the body": ({"num_retries": 4}, {}, {"max_retries": 3}, b',"num_retries":1', 2),
    "none in the body": ({"num_retries": 4}, {}, {}, b',"num_retries":0', 1),
    "retry_policy.max_retries": ({"retry_policy": {"delay": 0, "max_retries": 3}}, {}, {}, b"", 4),
    "of its class": ({"retry_policy": {"delay": 0, "InternalServerErrorRetries": 1}}, {}, {}, b"", 2),
    "of another class": ({"num_retries": 0, "retry_policy": {"delay": 0, "TimeoutErrorRetries": 5}}, {}, {}, b"", 1),
    "DefaultRetries": ({"num_retries": 0, "retry_policy": {"delay": 0, "DefaultRetries": 1}}, {}, {}, b"", 2),
    "of the group": ({"model_group_retry_policy": {"g": {"InternalServerErrorRetries": 1}}}, {}, {}, b"", 2),
    "of another group": ({"num_retries": 0, "model_group_retry_policy": {"x": {"DefaultRetries": 1}}}, {}, {}, b"", 1),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_request_is_made_again_as_often_as_is_said(name: str, served: list[Upstream]) -> None:
    router, sections, params, members, expected = SETTINGS[name]
    served[0].serve(failing())
    with started(
        ordered("g", served[0], **params) if not params else with_params("g", served[0], params), AT_ONCE | router, **sections
    ) as gateway:
        answer = asked(gateway, b'{"model":"g","messages":[]%s}' % members)
    assert (answer.status, answer.error()["message"]) == (500, "no")
    assert len(served[0].requests) == expected
    assert answer.field("x-fastgate-attempts") == str(expected).encode()
    assert answer.field("x-litellm-attempted-retries") == str(expected - 1).encode()


def with_params(name: str, one: Upstream, params: dict[str, Any]) -> list[dict[str, object]]:
    entries = ordered(name, one)
    entries[0]["litellm_params"] |= params  # type: ignore[operator]
    return entries


@pytest.mark.parametrize(
    ("name", "line", "fields", "code"),
    [
        ("RateLimitErrorRetries", "429 Too Many Requests", (), ""),
        ("TimeoutErrorRetries", "408 Request Timeout", (), ""),
        ("ServiceUnavailableErrorRetries", "503 Service Unavailable", (), ""),
        ("BadRequestErrorRetries", "400 Bad Request", (), ""),
        ("NotFoundErrorRetries", "404 Not Found", (), ""),
        ("ContentPolicyViolationErrorRetries", "400 Bad Request", (), "content_filter"),
    ],
)
def test_each_class_of_failures_has_its_own_bound(name: str, line: str, fields: tuple[str, ...], code: str, served: list[Upstream]) -> None:
    served[0].serve(failing(line, *fields, code=code))
    with started(ordered("g", served[0]), {"num_retries": 0, "retry_policy": {"delay": 0, name: 1}}) as gateway:
        assert asked(gateway, chat("g")).status == int(line[:3])
    assert len(served[0].requests) == 2


def test_a_refused_key_is_not_asked_twice_but_another_one_is(served: list[Upstream]) -> None:
    for one in served:
        one.serve(failing("401 Unauthorized"))
    with started(ordered("g", *served), AT_ONCE | {"num_retries": 5}) as gateway:
        assert asked(gateway, chat("g")).status == 401
    assert [len(one.requests) for one in served] == [1, 1]


def test_an_empty_account_is_as_good_as_a_refused_key(served: list[Upstream]) -> None:
    served[0].serve(failing("429 Too Many Requests", code="insufficient_quota"))
    with started(ordered("g", served[0]), AT_ONCE | {"num_retries": 5}) as gateway:
        assert asked(gateway, chat("g")).status == 429
    served[0].request()


def test_the_ones_that_failed_are_asked_again_when_all_have(served: list[Upstream]) -> None:
    served[0].serve(failing())
    served[1].serve(Turns(failing("503 Service Unavailable"), WELL))
    with started(ordered("g", *served), AT_ONCE | {"num_retries": 5, "disable_cooldowns": True}) as gateway:
        assert asked(gateway, chat("g")).status == 200
    assert [len(one.requests) for one in served] == [2, 2]


def test_another_deployment_is_asked_at_once(served: list[Upstream]) -> None:
    first, second = Clock(failing()), Clock(WELL)
    served[0].serve(first)
    served[1].serve(second)
    with started(ordered("g", *served), {"retry_policy": {"delay": 20}}) as gateway:
        assert asked(gateway, chat("g")).status == 200
    assert second.moments[0] - first.moments[0] < 1 * SCALE


def test_configured_waits_grow_by_the_factor(served: list[Upstream]) -> None:
    clock = Clock(failing())
    served[0].serve(clock)
    with started(ordered("g", served[0]), {"retry_policy": {"max_retries": 2, "delay": 0.2, "backoff_factor": 3}}) as gateway:
        assert asked(gateway, chat("g")).status == 500
    for gap, expected in zip(clock.gaps, (0.2, 0.6), strict=True):
        assert expected <= gap <= expected * 1.1 + LATE_S


def test_usual_waits_are_between_a_quarter_and_half_of_a_second_at_first(served: list[Upstream]) -> None:
    clock = Clock(failing(), WELL)
    served[0].serve(clock)
    with started(ordered("g", served[0]), {}) as gateway:
        assert asked(gateway, chat("g")).status == 200
    assert 0.25 <= clock.gaps[0] <= 0.5 + LATE_S


def test_no_wait_is_shorter_than_retry_after_of_the_file(served: list[Upstream]) -> None:
    clock = Clock(failing(), WELL)
    served[0].serve(clock)
    with started(ordered("g", served[0]), {"retry_after": 0.9}) as gateway:
        assert asked(gateway, chat("g")).status == 200
    assert 0.9 <= clock.gaps[0] <= 0.9 + LATE_S


@pytest.mark.parametrize(("field", "least"), [("retry-after: 1", 1.0), ("retry-after-ms: 700", 0.7), ("Retry-After: 0.6", 0.6)])
@pytest.mark.parametrize("line", ["429 Too Many Requests", "503 Service Unavailable"])
def test_the_wait_that_a_provider_asks_for_is_kept(line: str, field: str, least: float, served: list[Upstream]) -> None:
    clock = Clock(failing(line, field), WELL)
    served[0].serve(clock)
    with started(ordered("g", served[0]), AT_ONCE) as gateway:
        assert asked(gateway, chat("g")).status == 200
    assert least <= clock.gaps[0] <= least * 1.1 + LATE_S


def test_a_date_in_retry_after_is_kept(served: list[Upstream]) -> None:
    until = int(time.time()) + 2
    clock = Clock(failing("429 Too Many Requests", f"Retry-After: {formatdate(until, usegmt=True)}"), WELL)
    served[0].serve(clock)
    with started(ordered("g", served[0]), AT_ONCE) as gateway:
        assert asked(gateway, chat("g")).status == 200
    assert time.time() >= until


@pytest.mark.parametrize("wait", ["61", "2"])
def test_a_wait_that_is_too_long_is_told_to_the_caller(wait: str, served: list[Upstream]) -> None:
    served[0].serve(failing("429 Too Many Requests", f"Retry-After: {wait}"))
    timeout = b',"timeout":1' if wait == "2" else b""
    with started(ordered("g", served[0]), AT_ONCE) as gateway:
        answer = asked(gateway, b'{"model":"g","messages":[]%s}' % timeout)
    assert (answer.status, answer.field("retry-after")) == (429, wait.encode())
    served[0].request()


def test_a_fallback_is_asked_before_a_long_wait(served: list[Upstream]) -> None:
    served[0].serve(failing("429 Too Many Requests", "Retry-After: 30"))
    began = time.monotonic()
    with started([*ordered("g", served[0]), *ordered("h", served[1])], {"fallbacks": [{"g": ["h"]}]}) as gateway:
        assert asked(gateway, chat("g")).status == 200
    assert time.monotonic() - began < 10 * SCALE


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_one_deadline_holds_for_everything(stream: bool, served: list[Upstream]) -> None:
    for one in served:
        one.serve(stall)
    models = [*ordered("g", *served, timeout=0.3), *ordered("h", *served, timeout=0.3)]
    with started(models, {"num_retries": 9, "timeout": 1, "fallbacks": [{"g": ["h"]}], "disable_cooldowns": True}) as gateway:
        began = time.monotonic()
        answer = asked(gateway, chat("g", stream=stream))
        took = time.monotonic() - began
    assert (answer.status, answer.error()["code"]) == (504, "upstream_timeout")
    assert 0.55 <= took <= 1 + LATE_S


def test_a_request_may_name_its_own_deadline(served: list[Upstream]) -> None:
    served[0].serve(stall)
    with started(ordered("g", served[0]), {}) as gateway:
        began = time.monotonic()
        answer = asked(gateway, b'{"model":"g","messages":[],"timeout":0.5}')
        took = time.monotonic() - began
    assert answer.status == 504
    assert 0.5 <= took <= 0.5 + LATE_S


def test_a_deployment_that_does_not_answer_in_its_time_is_left_for_another(served: list[Upstream]) -> None:
    served[0].serve(stall)
    with started(ordered("g", *served, timeout=0.3), {"timeout": 30}) as gateway:
        answer = asked(gateway, chat("g"))
    assert answer.status == 200
    assert served[0].closed_at()


@pytest.fixture
def closing_port() -> Iterator[int]:
    """A port at which every connection is closed without a word."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def turn_away() -> None:
            while True:
                try:
                    door.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=turn_away)
        thread.start()
        yield door.getsockname()[1]
        door.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("base", ["http://127.0.0.1:9/v1", "https://127.0.0.1:{port}/v1", "http://nowhere.invalid/v1"])
def test_a_deployment_that_cannot_be_reached_is_left_for_another(base: str, served: list[Upstream], closing_port: int) -> None:
    models = ordered("g", *served)
    models[0]["litellm_params"]["api_base"] = base.format(port=closing_port)  # type: ignore[index]
    with started(models, {}) as gateway:
        answer = asked(gateway, chat("g"))
    assert answer.status == 200
    assert answer.field("x-fastgate-attempts") == b"2"


def test_a_caller_that_leaves_during_a_wait_is_not_asked_for_again(served: list[Upstream]) -> None:
    clock = Clock(failing())
    served[0].serve(clock)
    with started(ordered("g", served[0]), {"retry_policy": {"delay": 0.3, "max_retries": 1}}) as gateway:
        with gateway.client() as client:
            client.send(request(body=chat("g")))
            served[0].request()
            # The failure was read: the wait has begun.
            gateway.fence()
        gateway.fence()
        with gateway.client() as other:
            assert other.exchange(request(body=b'{"model":"g","messages":[],"num_retries":1}')).status == 500
    # One of the first caller, two of the second, whose wait was the longer.
    assert len(clock.moments) == 3


def test_a_gateway_that_ends_answers_those_who_wait(served: list[Upstream]) -> None:
    served[0].serve(failing())
    with started(ordered("g", served[0]), {"retry_policy": {"delay": 50}}, fastgate_settings={"drain_timeout_s": 0.2}) as gateway:
        client = gateway.client()
        client.send(request(body=chat("g")))
        served[0].request()
        gateway.fence()
        stopper = threading.Thread(target=lambda: gateway.process.send_signal(15))
        stopper.start()
        answer = client.read_response()
        stopper.join()
        gateway.process.wait(10 * SCALE)
        assert gateway.process.returncode == 1
        assert (answer.status, answer.error()["code"]) == (503, "overloaded")
        assert "live objects: connections=0 exchanges=0 upstreams=0" in gateway.log
        client.close()
        gateway.process.returncode = 0


def test_nothing_is_left_of_many_requests_that_fail_in_many_ways() -> None:
    words = WORDS["openai"]
    ways = [
        failing(),
        close,
        reset,
        send(words.streamed),
        failing("429 Too Many Requests"),
        WELL,
        failing("400 Bad Request"),
        garbage,
        WELL,
    ]
    with upstreams(3) as served:
        for at, one in enumerate(served):
            one.serve(Mixed(ways[at:] + ways[:at]))
        models = [*ordered("g", *served[:2]), *ordered("h", served[2]), anthropic_model("claude", served[0].port)]
        router = AT_ONCE | {"num_retries": 3, "fallbacks": [{"g": ["claude", "h"]}, {"claude": ["h"]}]}
        with started(models, router, fastgate_settings={"retry_budget": 0}) as gateway, ThreadPoolExecutor(8) as callers:
            bodies = [chat(name, stream=stream) for name in ("g", "claude", "h") for stream in (False, True)] * 40
            statuses = list(callers.map(lambda body: asked(gateway, body).status, bodies))
    assert set(statuses) <= {200, 400, 429, 500, 502, 503}
    assert statuses.count(200) > len(statuses) // 2


def garbage(peer: Peer) -> None:
    peer.send(b"x")
    peer.close()


class Mixed:
    """A step that is another one each time, round and round."""

    def __init__(self, steps: list[Step]) -> None:
        self._steps = steps
        self._next = 0
        self._lock = threading.Lock()

    def __call__(self, peer: Peer) -> None:
        with self._lock:
            step = self._steps[self._next % len(self._steps)]
            self._next += 1
        step(peer)


def test_a_body_that_its_provider_needs_changed_is_changed_from_the_original_each_time(served: list[Upstream]) -> None:
    models = ordered("g", *served)
    models[0]["litellm_params"] |= {"extra_body": {"first": 1}}  # type: ignore[operator]
    models[1]["litellm_params"] |= {"extra_body": {"second": 2}}  # type: ignore[operator]
    served[0].serve(close)
    with started(models, {}) as gateway:
        assert asked(gateway, chat("g")).status == 200
    assert orjson.loads(served[1].request().body) == {"model": "up-g-1", "messages": [{"role": "user", "content": "hi"}], "second": 2}
