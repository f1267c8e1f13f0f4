"""`order` of deployments: those with a lower one are asked first, the others when none of them can be."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.groups import WELL, Turns, asked, failing, ordered, started, upstreams
from tests.support.upstream import Upstream, hold
from tests.support.wire import chat

STRATEGIES = ("expected-latency", "simple-shuffle", "round-robin", "least-busy", "usage-based-routing", "cost-based-routing")


@pytest.fixture
def served() -> Iterator[list[Upstream]]:
    with upstreams(3) as running:
        yield running


def counts(served: list[Upstream]) -> list[int]:
    return [len(one.requests) for one in served]


def in_order(served: list[Upstream], *orders: int | None) -> list[dict[str, object]]:
    entries = ordered("g", *served)
    for entry, order in zip(entries, orders, strict=True):
        entry["litellm_params"].pop("weight", None)  # type: ignore[attr-defined]
        if order is not None:
            entry["litellm_params"]["order"] = order  # type: ignore[index]
    return entries


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_chooses_among_the_lowest_order_alone(strategy: str, served: list[Upstream]) -> None:
    with started(in_order(served, 2, 1, 1), {"routing_strategy": strategy}) as gateway:
        for _ in range(12):
            assert asked(gateway, chat("g")).status == 200
    found = counts(served)
    assert [bool(count) for count in found] == [False, True, True]


def test_a_deployment_without_an_order_comes_last(served: list[Upstream]) -> None:
    with started(in_order(served, None, 7, None), {}) as gateway:
        for _ in range(6):
            assert asked(gateway, chat("g")).status == 200
    assert counts(served) == [0, 6, 0]


def test_equal_orders_are_as_good_as_none(served: list[Upstream]) -> None:
    with started(in_order(served, 1, 1, 1), {"routing_strategy": "round-robin"}) as gateway:
        for _ in range(9):
            assert asked(gateway, chat("g")).status == 200
    assert counts(served) == [3, 3, 3]


def test_a_failed_request_goes_through_the_orders_in_turn(served: list[Upstream]) -> None:
    served[2].serve(failing())
    served[0].serve(failing())
    with started(in_order(served, 2, 3, 1), {}) as gateway:
        answer = asked(gateway, chat("g"))
    assert (answer.status, answer.field("x-fastgate-attempts")) == (200, b"3")
    assert counts(served) == [1, 1, 1]


def test_all_of_one_order_are_tried_before_the_next(served: list[Upstream]) -> None:
    served[0].serve(failing())
    served[1].serve(failing())
    with started(in_order(served, 1, 1, 2), {}) as gateway:
        assert asked(gateway, chat("g")).status == 200
    assert counts(served) == [1, 1, 1]


def test_the_next_order_is_asked_while_the_lowest_is_out_of_service(served: list[Upstream]) -> None:
    served[0].serve(failing("429 Too Many Requests", "Retry-After: 60"))
    with started(in_order(served, 1, 2, 3), {}) as gateway:
        for _ in range(5):
            assert asked(gateway, chat("g")).status == 200
    assert counts(served) == [1, 5, 0]


def test_others_keep_to_the_next_order_while_one_request_finds_out_how_the_lowest_is(served: list[Upstream]) -> None:
    served[0].serve(Turns(failing("401 Unauthorized"), lambda peer: (hold(tried)(peer), WELL(peer))[0], WELL))
    tried = threading.Event()
    with started(in_order(served, 1, 2, 2), {"cooldown_time": 0.2}) as gateway, ThreadPoolExecutor(1) as callers:
        assert asked(gateway, chat("g")).status == 200
        while len(served[0].requests) < 2:
            probe = callers.submit(asked, gateway, chat("g"))
            while not probe.done() and len(served[0].requests) < 2:
                gateway.fence()
        before = counts(served)
        for _ in range(4):
            assert asked(gateway, chat("g")).status == 200
        assert (counts(served)[0], sum(counts(served))) == (2, sum(before) + 4)
        tried.set()
        assert probe.result().status == 200
        assert asked(gateway, chat("g")).status == 200
        assert counts(served)[0] == 3


def test_when_all_orders_are_out_somebody_is_asked_all_the_same(served: list[Upstream]) -> None:
    for one in served:
        one.serve(failing("401 Unauthorized"))
    with started(in_order(served, 1, 2, 3), {}) as gateway:
        assert asked(gateway, chat("g")).status == 401
        before = sum(counts(served))
        assert asked(gateway, chat("g")).status == 401
        assert sum(counts(served)) > before
