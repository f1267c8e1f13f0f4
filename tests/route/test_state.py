"""What GET /router/state tells of the deployments."""

import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.gateway import ANTHROPIC_KEY, MASTER_KEY, OPENAI_KEY, Gateway, anthropic_model, openai_model
from tests.support.groups import WELL, failing
from tests.support.parked import Parked, asking, narrow, one_of_each_worker, queueing, send_in_order
from tests.support.upstream import Upstream
from tests.support.wire import Response, request

# Nobody listens there.
NOWHERE = 9


@pytest.fixture
def provider() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running.serve(WELL)


def told(gateway: Gateway, key: str | None = MASTER_KEY) -> Response:
    with gateway.client() as client:
        return client.exchange(request("/router/state", method="GET", key=key), "GET")


def groups(gateway: Gateway) -> dict[str, dict[str, Any]]:
    found: Any = told(gateway).json()["groups"]
    return {group["model"]: group for group in found}


def only(gateway: Gateway) -> dict[str, Any]:
    """Return the one deployment of the one group."""
    (group,) = groups(gateway).values()
    (deployment,) = group["deployments"]
    assert isinstance(deployment, dict)
    return deployment


def test_only_who_has_the_key_is_told() -> None:
    with queueing(openai_model("m", NOWHERE)) as gateway:
        assert [told(gateway, key).status for key in (None, "sk-other", MASTER_KEY)] == [401, 401, 200]


def test_each_group_tells_its_strategy_and_who_its_deployments_are() -> None:
    models = (
        openai_model("m", NOWHERE, model="a", weight=1),
        openai_model("wild/*", NOWHERE, model="*"),
        anthropic_model("claude", NOWHERE, api_base=f"http://127.0.0.1:{NOWHERE}/below"),
    )
    with queueing(*models, router={"model_group_routing_strategy": {"claude": "least-busy"}}) as gateway:
        seen = groups(gateway)
        body = told(gateway).body.decode()
    assert {name: group["strategy"] for name, group in seen.items()} == {
        "m": "simple-shuffle",
        "wild/*": "expected-latency",
        "claude": "least-busy",
    }
    assert [row["model"] for group in seen.values() for row in group["deployments"]] == ["a", "*", "claude-up"]
    (claude,) = seen["claude"]["deployments"]
    assert (claude["provider"], claude["origin"]) == ("anthropic", f"http://127.0.0.1:{NOWHERE}")
    assert not [secret for secret in (OPENAI_KEY, ANTHROPIC_KEY, MASTER_KEY, "below") if secret in body]


def test_a_deployment_that_was_never_asked_has_shown_nothing() -> None:
    with queueing(openai_model("m", NOWHERE)) as gateway:
        row = only(gateway)
    assert (row["in_service"], row["out_of_service"], row["failing"]) == (True, None, 0)
    assert (row["in_flight"], row["queued"], row["work_s"], row["without_first_byte"]) == (0, 0, 0, 0)
    assert row["slots"] == {"configured": None, "seen": 0, "queue_seen": False}
    assert row["speed"]["samples"] == 0
    assert row["this_minute"] == {"tokens": 0, "requests": 0}
    assert row["prediction"]["score"] == row["prediction"]["own_s"] > 0


def test_what_is_in_flight_and_what_waits_is_told_by_any_worker(provider: Upstream) -> None:
    parked = Parked()
    provider.serve(parked)
    with queueing(narrow(provider.port)) as gateway:
        clients = send_in_order(gateway, "r0", "r1", "r2")
        parked.wait_for(1)
        row = only(gateway)
        assert (row["in_flight"], row["in_flight_by_worker"], row["without_first_byte"], row["queued"]) == (1, [1], 1, 2)
        assert row["slots"]["configured"] == 1
        assert row["work_s"] > 0
        assert row["this_minute"]["requests"] == 1
        parked.let_all_go()
        assert [client.read_response().status for client in clients] == [200] * 3
        row = only(gateway)
        assert (row["in_flight"], row["queued"], row["work_s"]) == (0, 0, 0)
        assert row["speed"]["samples"] == 3
        assert row["speed"]["output_token_s"] > 0


def test_who_is_out_of_service_is_told_with_the_reason_and_the_time(provider: Upstream) -> None:
    with Upstream() as other:
        models = (openai_model("m", provider.port), openai_model("n", other.port))
        provider.serve(failing("429 Too Many Requests", "Retry-After: 20"))
        other.serve(failing("401 Unauthorized"))
        with queueing(*models, router={"num_retries": 0}) as gateway:
            for model in "mn":
                with gateway.client() as client:
                    client.exchange(asking("r", model=model))
            limited, refused = (group["deployments"][0] for group in groups(gateway).values())
    assert limited["in_service"] is False
    assert limited["out_of_service"]["reason"] == "rate limited by its provider"
    assert 0 < limited["out_of_service"]["for_s"] <= 20
    assert refused["out_of_service"]["reason"] == "ejected after failures"
    assert refused["failures_in_a_row"] == 1
    assert refused["prediction"] is None


def test_a_killed_workers_requests_are_in_flight_no_more(provider: Upstream) -> None:
    parked = Parked()
    provider.serve(parked)
    with queueing(openai_model("m", provider.port), workers=2) as gateway:
        first, second = one_of_each_worker(gateway)
        first.send(asking("r0"))
        second.send(asking("r1"))
        parked.wait_for(2)
        row = only(gateway)
        assert (row["in_flight"], row["in_flight_by_worker"]) == (2, [1, 1])
        victim = gateway.worker_of(first)
        os.kill(victim, signal.SIGKILL)
        gateway.wait_for_line(re.compile(rf"pid {victim}.*was killed"))
        row = only(gateway)
        assert (row["in_flight"], sorted(row["in_flight_by_worker"])) == (1, [0, 1])
        parked.let_all_go()
        assert second.read_response().status == 200
