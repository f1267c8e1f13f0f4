"""Deployments that failed a moment ago are left alone, tried by one request, and come back."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.gateway import SCALE, Gateway
from tests.support.groups import WELL, Turns, asked, failing, ordered, started, upstreams
from tests.support.upstream import Upstream, hold
from tests.support.wire import chat


@pytest.fixture
def served() -> Iterator[list[Upstream]]:
    with upstreams(2) as running:
        yield running


def counts(served: list[Upstream]) -> list[int]:
    return [len(one.requests) for one in served]


def answered(gateway: Gateway, times: int = 1) -> None:
    for _ in range(times):
        assert asked(gateway, chat("g")).status == 200


def until_asked(gateway: Gateway, one: Upstream) -> float:
    """Ask until *one* is asked; return when that was."""
    before = len(one.requests)
    end = time.monotonic() + 10 * SCALE
    while len(one.requests) == before:
        assert time.monotonic() < end, "it does not come back"
        answered(gateway)
    return time.monotonic()


def test_two_failures_in_a_row_put_a_deployment_out_for_half_a_second(served: list[Upstream]) -> None:
    served[0].serve(Turns(failing(), failing(), WELL))
    with started(ordered("g", *served), {}) as gateway:
        answered(gateway, 2)
        out_since = time.monotonic()
        answered(gateway, 5)
        assert counts(served) == [2, 7]
        back = until_asked(gateway, served[0])
        assert back - out_since >= 0.45
        before = counts(served)
        answered(gateway, 5)
        assert counts(served) == [before[0] + 5, before[1]]


@pytest.mark.parametrize("failure", [failing(), failing("503 Service Unavailable"), failing("408 Request Timeout")])
def test_a_success_between_two_failures_keeps_a_deployment_in_service(failure: Any, served: list[Upstream]) -> None:
    served[0].serve(Turns(failure, WELL, failure, WELL, failure, WELL))
    with started(ordered("g", *served), {}) as gateway:
        answered(gateway, 6)
    assert counts(served)[1] == 3


def test_one_request_tries_a_deployment_that_was_out_and_the_others_wait_for_what_becomes_of_it(served: list[Upstream]) -> None:
    tried = threading.Event()
    served[0].serve(Turns(failing(), failing(), lambda peer: (hold(tried)(peer), WELL(peer))[0], WELL))
    with started(ordered("g", *served), {}) as gateway, ThreadPoolExecutor(1) as callers:
        answered(gateway, 2)
        # Whoever does not come back is the one that tries it.
        end = time.monotonic() + 10 * SCALE
        while len(served[0].requests) < 3:
            assert time.monotonic() < end
            probe = callers.submit(answered, gateway)
            while not probe.done() and len(served[0].requests) < 3:
                gateway.fence()
        before = counts(served)
        answered(gateway, 5)
        assert counts(served) == [3, before[1] + 5]
        tried.set()
        probe.result()
        answered(gateway, 3)
        assert counts(served)[0] == 6


def test_a_deployment_that_fails_when_it_is_tried_is_out_for_longer(served: list[Upstream]) -> None:
    served[0].serve(Turns(failing(), failing(), failing(), WELL))
    with started(ordered("g", *served), {}) as gateway:
        answered(gateway, 2)
        again = until_asked(gateway, served[0])
        back = until_asked(gateway, served[0])
    assert back - again >= 0.95


def test_429_puts_a_deployment_out_until_retry_after(served: list[Upstream]) -> None:
    served[0].serve(Turns(failing("429 Too Many Requests", "Retry-After: 1"), WELL))
    with started(ordered("g", *served), {}) as gateway:
        began = time.monotonic()
        answered(gateway, 4)
        assert counts(served) == [1, 4]
        assert until_asked(gateway, served[0]) - began >= 1.0


def test_429_alone_puts_a_deployment_out_for_half_a_second(served: list[Upstream]) -> None:
    served[0].serve(Turns(failing("429 Too Many Requests"), WELL))
    with started(ordered("g", *served), {}) as gateway:
        began = time.monotonic()
        answered(gateway)
        assert until_asked(gateway, served[0]) - began >= 0.5
    assert counts(served)[0] == 2


@pytest.mark.parametrize("line", ["401 Unauthorized", "403 Forbidden", "402 Payment Required"])
def test_a_refused_key_puts_its_deployment_out_at_once(line: str, served: list[Upstream]) -> None:
    served[0].serve(failing(line))
    with started(ordered("g", *served), {}) as gateway:
        answered(gateway, 6)
    assert counts(served) == [1, 6]


@pytest.mark.parametrize("line", ["400 Bad Request", "404 Not Found", "413 Content Too Large", "422 Unprocessable Content"])
def test_what_callers_do_wrong_is_not_held_against_a_deployment(line: str, served: list[Upstream]) -> None:
    served[0].serve(failing(line))
    with started(ordered("g", *served), {}) as gateway:
        for _ in range(6):
            assert asked(gateway, chat("g")).status == int(line[:3])
    assert counts(served) == [6, 0]


def test_all_are_asked_when_all_are_out(served: list[Upstream]) -> None:
    for one in served:
        one.serve(failing())
    with started(ordered("g", *served), {"num_retries": 1}) as gateway:
        for _ in range(5):
            assert asked(gateway, chat("g")).status == 500
        assert sum(counts(served)) >= 7
        served[1].serve(WELL)
        served[0].serve(WELL)
        answered(gateway)


@pytest.mark.parametrize("section", ["router_settings", "litellm_settings"])
def test_allowed_fails_and_cooldown_time_are_kept(section: str, served: list[Upstream]) -> None:
    served[0].serve(failing())
    settings = {"allowed_fails": 3, "cooldown_time": 60}
    router, sections = (settings, {}) if section == "router_settings" else ({}, {section: settings})
    with started(ordered("g", *served), router, **sections) as gateway:
        answered(gateway, 10)
    assert counts(served) == [4, 10]


@pytest.mark.parametrize("router", [{"disable_cooldowns": True}, {"cooldown_time": 0}])
def test_cooldown_can_be_left_out(router: dict[str, Any], served: list[Upstream]) -> None:
    served[0].serve(failing())
    with started(ordered("g", *served), router) as gateway:
        answered(gateway, 6)
    assert counts(served) == [6, 6]


def test_a_deployment_may_have_a_cooldown_time_of_its_own(served: list[Upstream]) -> None:
    served[0].serve(failing("429 Too Many Requests"))
    models = ordered("g", *served)
    models[0]["litellm_params"] |= {"cooldown_time": 60}  # type: ignore[operator]
    with started(models, {"cooldown_time": 0}) as gateway:
        answered(gateway, 6)
    assert counts(served) == [1, 6]


def test_an_alias_knows_of_the_failures_of_its_model(served: list[Upstream]) -> None:
    served[0].serve(failing("401 Unauthorized"))
    with started(ordered("g", *served), {"model_group_alias": {"other": "g", "hidden": {"model": "g", "hidden": True}}}) as gateway:
        answered(gateway)
        answer = asked(gateway, chat("other"))
        assert (answer.status, answer.json()["model"]) == (200, "other")
        assert asked(gateway, chat("hidden")).json()["model"] == "hidden"
    assert counts(served) == [1, 3]
