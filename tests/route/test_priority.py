"""Of requests that wait in the gateway the more important go first."""

import orjson
import pytest

from tests.support.gateway import Gateway, configuration, openai_model
from tests.support.queues import Crowd, Places, body, crowded, refused
from tests.support.wire import request


def test_the_smaller_number_goes_first() -> None:
    with crowded() as (places, crowd):
        crowd.ask("later", priority=20)
        crowd.ask("soon", priority=10)
        crowd.ask("now", priority=0)
        places.release(4)
        assert places.wait_for(4) == ["slot", "now", "soon", "later"]


def test_the_field_says_the_same_as_the_member() -> None:
    with crowded() as (places, crowd):
        crowd.ask("later", "x-fastgate-priority: 20")
        crowd.ask("soon", "X-Fastgate-Priority: 10")
        places.release(3)
        assert places.wait_for(3) == ["slot", "soon", "later"]


def test_the_member_goes_before_the_field() -> None:
    with crowded() as (places, crowd):
        crowd.ask("later", "x-fastgate-priority: 1", priority=20)
        crowd.ask("soon", "x-fastgate-priority: 50", priority=10)
        places.release(3)
        assert places.wait_for(3) == ["slot", "soon", "later"]


def test_no_provider_gets_the_priority() -> None:
    with crowded() as (places, crowd):
        crowd.ask("a", "x-fastgate-priority: 7", priority=10, seed=1)
        places.release(2)
        places.wait_for(2)
        sent = places.requests[1]
        assert sent.body == body("a", model="up-model", seed=1)
        assert sent.field("x-fastgate-priority") is None


@pytest.mark.parametrize("value", [-1, 10_001, 1.5, "1", True])
def test_a_priority_that_is_none_is_refused(value: object) -> None:
    with Places() as places, Gateway(configuration(openai_model("group-a", places.port))) as gateway, Crowd(gateway) as crowd:
        answer = crowd.ask("a", priority=value).read_response()
        assert answer.status == 400
        assert answer.json()["error"]["param"] == "priority"  # type: ignore[index]
        if isinstance(value, (int, str)) and value not in ("1", True):
            answer = crowd.ask("a", f"x-fastgate-priority: {value}").read_response()
            assert answer.status == 400
            assert answer.json()["error"]["code"] == "invalid_request"  # type: ignore[index]
        assert places.requests == []


def test_who_says_nothing_has_the_priority_of_the_configuration() -> None:
    with Places() as places:
        made = configuration(openai_model("group-a", places.port, max_parallel_requests=1))
        made["router_settings"] = {"default_priority": 10, "num_retries": 0}
        with Gateway(made) as gateway, Crowd(gateway) as crowd:
            crowd.ask("slot")
            places.wait_for(1)
            crowd.ask("batch", priority=11)
            crowd.ask("usual")
            crowd.ask("chat", priority=9)
            places.release(4)
            assert places.wait_for(4) == ["slot", "chat", "usual", "batch"]


def test_who_has_waited_long_is_as_important_as_others() -> None:
    with crowded(aging_s=0.001) as (places, crowd):
        crowd.ask("old", priority=3, caller=1)
        # Halved twice and more: it counts as 0.
        crowd.let_pass(0.05)
        crowd.ask("new", priority=0, caller=2)
        places.release(3)
        assert places.wait_for(3) == ["slot", "old", "new"]


def test_a_more_important_request_takes_the_place_of_the_youngest_of_the_least_important() -> None:
    with crowded(max_requests=3) as (places, crowd):
        crowd.ask("soon", priority=10)
        crowd.ask("old", priority=20)
        young = crowd.ask("young", priority=20)
        crowd.ask("now", priority=0)
        status, code, again_s = refused(young)
        assert (status, code) == (503, "queue_full")
        assert 1 <= again_s <= 3
        places.release(4)
        assert places.wait_for(4) == ["slot", "now", "soon", "old"]


def test_a_less_important_request_takes_no_place() -> None:
    with crowded(max_requests=1) as (places, crowd):
        crowd.ask("now", priority=1, caller=1)
        assert refused(crowd.ask("later", priority=2, caller=2))[:2] == (503, "queue_full")
        places.release(2)
        assert places.wait_for(2) == ["slot", "now"]


def test_a_request_that_says_its_priority_twice_is_refused() -> None:
    with Places() as places, Gateway(configuration(openai_model("group-a", places.port))) as gateway, gateway.client() as client:
        answer = client.exchange(request("/v1/chat/completions", b'{"model":"group-a","priority":1,"priority":2,"messages":[]}'))
        assert answer.status == 400
        assert orjson.loads(answer.body)["error"]["code"] == "invalid_body"
