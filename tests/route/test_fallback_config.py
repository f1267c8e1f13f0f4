"""`fallback_config` and its kin: when another model is asked, for how long, how often; fallbacks of deployments and of names with a *."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.support.gateway import SCALE, Gateway
from tests.support.groups import WELL, failing, ordered, started, upstreams
from tests.support.upstream import Upstream, hold
from tests.support.wire import Response, request

FAILURES = {"rate_limit": failing("429 Too Many Requests"), "timeout": failing("408 Request Timeout"), "error": failing()}


@pytest.fixture(scope="module")
def served() -> Iterator[list[Upstream]]:
    with upstreams(3) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(served: list[Upstream]) -> Iterator[Gateway]:
    models = ordered("g", served[0]) + ordered("b", served[1]) + ordered("c", served[2])
    with started(models, {"num_retries": 0, "disable_cooldowns": True}) as running:
        yield running


@pytest.fixture(autouse=True)
def _answers(served: list[Upstream]) -> None:
    for one in served:
        one.serve(WELL)


def ask(gateway: Gateway, model: str = "g", **members: Any) -> Response:
    with gateway.client() as client:
        return client.exchange(request("/v1/chat/completions", orjson.dumps({"model": model, "messages": [], **members})))


def chain(*models: Any) -> dict[str, Any]:
    return {"models": list(models), "retry_primary": True, "strategy": "sequential"}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("condition", [*FAILURES, "all"])
def test_a_model_is_asked_under_its_conditions_alone(condition: str, failure: str, gateway: Gateway, served: list[Upstream]) -> None:
    served[0].serve(FAILURES[failure])
    answer = ask(gateway, fallback_config=chain({"model": "b", "conditions": [condition]}))
    assert (answer.status == 200) is (condition in (failure, "all"))


def test_models_are_asked_in_turn_and_those_whose_condition_is_another_are_passed_over(gateway: Gateway, served: list[Upstream]) -> None:
    served[0].serve(failing())
    answer = ask(gateway, fallback_config=chain({"model": "b", "conditions": ["rate_limit"]}, {"model": "c"}))
    assert answer.json()["model"] == "c"
    served[1].serve(failing("429 Too Many Requests"))
    answer = ask(gateway, fallback_config=chain({"model": "c", "conditions": ["rate_limit"]}, "b"))
    assert answer.json()["model"] == "c"


def test_a_model_is_asked_as_often_as_its_attempts_say(gateway: Gateway, served: list[Upstream]) -> None:
    served[0].serve(failing())
    served[1].serve(failing())
    served[2].serve(failing())
    ask(gateway, fallback_config=chain({"model": "b", "max_attempts": 2}, {"model": "c"}))
    assert [len(one.requests) for one in served] == [1, 2, 1]


def test_a_model_that_does_not_answer_within_its_timeout_is_given_up(gateway: Gateway, served: list[Upstream]) -> None:
    released = threading.Event()
    served[0].serve(failing())
    served[1].serve(hold(released))
    began = time.monotonic()
    answer = ask(gateway, fallback_config=chain({"model": "b", "timeout": 0.1}, {"model": "c"}))
    took = time.monotonic() - began
    released.set()
    assert answer.json()["model"] == "c"
    assert 0.1 <= took < 3 * SCALE


@pytest.mark.parametrize(("member", "failure"), [("fallback_on_rate_limit", "rate_limit"), ("fallback_on_error", "error")])
def test_a_kind_of_failure_can_be_kept_from_the_fallbacks(member: str, failure: str, gateway: Gateway, served: list[Upstream]) -> None:
    for name, step in FAILURES.items():
        served[0].serve(step)
        answer = ask(gateway, fallback_models=["b"], **{member: False})
        assert (answer.status == 200) is (name != failure)
        assert ask(gateway, fallback_models=["b"], **{member: True}).status == 200


def test_no_provider_gets_these_members(gateway: Gateway, served: list[Upstream]) -> None:
    ask(gateway, fallback_config=chain("b"), fallback_on_error=True, fallback_on_rate_limit=True)
    assert served[0].requests[-1].body == b'{"model":"up-g-0","messages":[]}'


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"fallback_config": []}, "`fallback_config` must be an object such as"),
        ({"fallback_config": {"models": "b"}}, "`fallback_config` must be an object such as"),
        ({"fallback_config": chain({})}, "an object whose models each have a model"),
        ({"fallback_config": chain({"model": "b", "conditions": ["often"]})}, "conditions are among rate_limit, timeout, error, all"),
        ({"fallback_config": chain({"model": "b", "conditions": "all"})}, "conditions are among rate_limit, timeout, error, all"),
        ({"fallback_config": chain({"model": "b", "timeout": "1"})}, "whose timeouts are seconds"),
        ({"fallback_config": chain({"model": "b", "max_attempts": 1.5})}, "whose max_attempts are whole numbers up to 100"),
        ({"fallback_on_error": "no"}, "`fallback_on_error` must be true or false"),
    ],
)
def test_what_cannot_be_meant_is_refused(members: dict[str, Any], expected: str, gateway: Gateway) -> None:
    answer = ask(gateway, **members)
    assert (answer.status, answer.error()["param"]) == (400, next(iter(members)))
    assert expected in answer.error()["message"]


def test_a_deployment_has_fallbacks_of_its_own(served: list[Upstream]) -> None:
    served[0].serve(failing())
    models = ordered("g", served[0], fallbacks=["c"]) + ordered("b", served[1]) + ordered("c", served[2])
    with started(models, {"num_retries": 0, "fallbacks": [{"g": ["b"]}]}) as gateway:
        assert ask(gateway).json()["model"] == "c"
        assert ask(gateway, fallbacks=["b"]).json()["model"] == "b"


def test_a_name_with_a_star_has_the_fallbacks_of_all_that_it_covers(served: list[Upstream]) -> None:
    served[0].serve(failing())
    models = ordered("gpt-4o", served[0]) + ordered("gpt-9", served[0]) + ordered("b", served[1]) + ordered("c", served[2])
    with started(models, {"num_retries": 0, "fallbacks": [{"*": ["b"]}, {"gpt-4*": ["c"]}, {"nobody-*": ["c"]}]}) as gateway:
        assert ask(gateway, "gpt-4o").json()["model"] == "c"
        assert ask(gateway, "gpt-9").json()["model"] == "b"
        assert '"nobody-*" is not in model_list' in gateway.log
        assert '"gpt-4*" is not in model_list' not in gateway.log
