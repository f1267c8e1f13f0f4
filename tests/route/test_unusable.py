"""What cannot be used is asked for elsewhere: answers that are none, and deployments that cannot say what a request asks for."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.support.answers import answer_message, completion, plain
from tests.support.gateway import Gateway, anthropic_model
from tests.support.groups import WELL, failing, ordered, started, upstreams
from tests.support.upstream import Upstream, send
from tests.support.wire import Response, chat, request

PAGE = b"<html><body>Sign in to the network</body></html>"
NO_ANSWERS = {
    "no JSON": plain(b"oops"),
    "half of an object": plain(completion()[:40]),
    "a web page": plain(PAGE, content_type="text/html; charset=utf-8"),
    "nothing": plain(b""),
}


@pytest.fixture
def served() -> Iterator[list[Upstream]]:
    with upstreams(2) as running:
        yield running


def ask(gateway: Gateway, body: bytes = chat("g"), target: str = "/v1/chat/completions") -> Response:
    with gateway.client() as client:
        return client.exchange(request(target, body))


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_a_200_without_an_answer_is_a_failure(name: str, served: list[Upstream]) -> None:
    served[0].serve(send(NO_ANSWERS[name]))
    with started(ordered("g", *served), {}) as gateway:
        for _ in range(4):
            assert ask(gateway).json()["choices"]
    # Two in a row put it out.
    assert len(served[0].requests) == 2


def test_a_web_page_is_no_answer_even_if_nobody_does_better(served: list[Upstream]) -> None:
    served[0].serve(send(plain(PAGE, content_type="text/html")))
    with started(ordered("g", served[0]), {"num_retries": 0}) as gateway:
        answer = ask(gateway)
    assert (answer.status, answer.error()["code"]) == (502, "upstream_protocol")


def mixed(served: list[Upstream], router: dict[str, Any] | None = None, *, second: bool = True) -> Gateway:
    """Return a gateway whose first deployment speaks Anthropic's dialect, which has no `n`."""
    models = [anthropic_model("g", served[0].port, weight=1)]
    if second:
        models += ordered("g", served[1])
    return started(models, router or {})


TWO = orjson.dumps({"model": "g", "n": 2, "messages": [{"role": "user", "content": "hi"}]})


def test_what_one_deployment_cannot_say_another_one_is_asked_for(served: list[Upstream]) -> None:
    served[0].serve(send(plain(answer_message())))
    with mixed(served) as gateway:
        assert ask(gateway).status == 200
        answer = ask(gateway, TWO)
        assert (answer.status, answer.field("x-fastgate-attempts")) == (200, b"1")
        assert ask(gateway).status == 200
    assert [len(one.requests) for one in served] == [2, 1]
    assert orjson.loads(served[1].requests[0].body)["n"] == 2


def test_what_nobody_can_say_is_refused(served: list[Upstream]) -> None:
    with mixed(served, second=False) as gateway:
        answer = ask(gateway, TWO)
    assert (answer.status, answer.error()["code"], answer.error()["param"]) == (400, "unsupported_parameter", "n")


def test_a_failure_elsewhere_does_not_lead_back_to_who_cannot_say_it(served: list[Upstream]) -> None:
    served[1].serve(failing(message="down"))
    with mixed(served, {"num_retries": 2, "retry_policy": {"delay": 0}}) as gateway:
        answer = ask(gateway, TWO)
    assert (answer.status, served[0].requests) == (500, [])


def test_what_is_wrong_in_itself_is_refused_at_once(served: list[Upstream]) -> None:
    served[1].serve(WELL)
    with mixed(served) as gateway:
        answer = ask(gateway, b'{"model":"g","messages":"hi"}')
    assert answer.status == 400
    assert served[1].requests == []
