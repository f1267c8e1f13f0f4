"""How many retries an outage costs, and that nobody sees one of several deployments fail."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.gateway import Gateway
from tests.support.groups import WELL, asked, failing, ordered, started, upstreams
from tests.support.upstream import Upstream
from tests.support.wire import chat, request

# Kept for a group, and those that a deployment's first failures do not cost.
KEPT = 10
AT_FIRST = 8


@pytest.fixture
def served() -> Iterator[list[Upstream]]:
    with upstreams(3) as running:
        yield running


def even(name: str, *served: Upstream) -> list[dict[str, object]]:
    entries = ordered(name, *served)
    entries[0]["litellm_params"].pop("weight", None)  # type: ignore[attr-defined]
    return entries


def gateway_of(served: list[Upstream], budget: float | None = None, **router: Any) -> Gateway:
    own = {} if budget is None else {"fastgate_settings": {"retry_budget": budget}}
    return started(even("g", *served), {"retry_policy": {"delay": 0}, **router}, **own)


def total(served: list[Upstream]) -> int:
    return sum(len(one.requests) for one in served)


def ask(gateway: Gateway, times: int) -> list[int]:
    with gateway.client() as client:
        return [client.exchange(request("/v1/chat/completions", chat("g"))).status for _ in range(times)]


@pytest.mark.parametrize(("budget", "share"), [(None, 0.1), (0.5, 0.5)])
def test_in_a_full_outage_retries_are_a_share_of_the_requests(budget: float | None, share: float, served: list[Upstream]) -> None:
    for one in served:
        one.serve(failing())
    with gateway_of(served, budget) as gateway:
        assert ask(gateway, 100) == [500] * 100
        assert total(served) <= 100 * (1 + share) + KEPT + AT_FIRST
        before = total(served)
        assert ask(gateway, 300) == [500] * 300
        # Between a whole token's worth more and less.
        assert 300 * (1 + share) - 1 <= total(served) - before <= 300 * (1 + share) + 1


def test_with_a_budget_of_0_every_retry_that_is_configured_is_made(served: list[Upstream]) -> None:
    for one in served:
        one.serve(failing())
    with gateway_of(served, 0) as gateway:
        ask(gateway, 50)
    assert total(served) == 150


def test_with_num_retries_0_nothing_is_asked_twice(served: list[Upstream]) -> None:
    for one in served:
        one.serve(failing())
    with gateway_of(served, num_retries=0) as gateway:
        ask(gateway, 50)
    assert total(served) == 50


@pytest.mark.parametrize("strategy", ["simple-shuffle", "expected-latency"])
def test_no_caller_sees_that_one_of_three_deployments_fails_everything(strategy: str, served: list[Upstream]) -> None:
    served[0].serve(failing())
    with gateway_of(served, routing_strategy=strategy) as gateway, ThreadPoolExecutor(64) as callers:
        found = list(callers.map(lambda _: ask(gateway, 10), range(64)))
    assert found == [[200] * 10] * 64


def test_a_single_deployment_that_fails_now_and_then_is_retried_as_configured(served: list[Upstream]) -> None:
    state = {"turn": 0}

    def now_and_then(peer: Any) -> None:
        state["turn"] += 1
        (failing() if state["turn"] % 3 == 0 else WELL)(peer)

    served[0].serve(now_and_then)
    with gateway_of(served[:1]) as gateway:
        assert ask(gateway, 60) == [200] * 60


def test_what_the_budget_does_not_allow_goes_to_the_fallbacks(served: list[Upstream]) -> None:
    served[0].serve(failing())
    models = even("g", served[0]) + even("other", served[1])
    with started(models, {"retry_policy": {"delay": 0}, "fallbacks": [{"g": ["other"]}]}) as gateway:
        assert ask(gateway, 60) == [200] * 60
    assert len(served[1].requests) == 60
    assert len(served[0].requests) <= 60 * 1.1 + KEPT + AT_FIRST


def test_retries_are_made_again_when_a_deployment_is_well_again(served: list[Upstream]) -> None:
    for one in served:
        one.serve(failing())
    with gateway_of(served) as gateway:
        assert ask(gateway, 60) == [500] * 60
        served[1].serve(WELL)
        served[2].serve(WELL)
        found = ask(gateway, 60)
        # Until one has been found to be well, and from then on.
        assert 200 in found
        assert found[found.index(200) + 20 :] == [200] * (40 - found.index(200))


def test_a_wait_that_the_provider_asks_for_is_not_of_the_budget(served: list[Upstream]) -> None:
    for one in served:
        one.serve(failing("429 Too Many Requests", "retry-after-ms: 1"))
    with gateway_of(served[:1], num_retries=1) as gateway:
        for _ in range(20):
            assert asked(gateway, chat("g")).status == 429
    assert len(served[0].requests) == 40
