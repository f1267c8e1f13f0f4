"""enable_pre_call_checks: a chat goes to a deployment whose model it fits, or is refused before anybody is asked."""

from collections.abc import Iterator

import orjson
import pytest

from tests.support.answers import completion, plain
from tests.support.gateway import Gateway, configuration, openai_model
from tests.support.upstream import Upstream, send
from tests.support.wire import Response, request


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def model(upstream: Upstream, name: str, up: str, **known: object) -> dict[str, object]:
    return {**openai_model(name, upstream.port, model=up), "model_info": known}


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    upstream.serve(send(plain(completion())))
    config = configuration(
        model(upstream, "mixed", "narrow", max_input_tokens=100),
        model(upstream, "mixed", "wide", max_input_tokens=100_000),
        model(upstream, "narrow", "narrow", max_input_tokens=100, max_output_tokens=50),
        model(upstream, "blind", "blind", supports_vision=False),
        model(upstream, "unknown", "anything"),
    )
    config["router_settings"] = {"enable_pre_call_checks": True, "routing_strategy": "simple-shuffle"}
    with Gateway(config) as running:
        yield running


def ask(gateway: Gateway, name: str, content: object, **more: object) -> Response:
    body = orjson.dumps({"model": name, "messages": [{"role": "user", "content": content}], **more})
    with gateway.client() as client:
        return client.exchange(request("/v1/chat/completions", body))


LONG = "word " * 1000
PICTURE = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]


def test_a_long_prompt_goes_only_where_it_fits(gateway: Gateway, upstream: Upstream) -> None:
    for _ in range(6):
        assert ask(gateway, "mixed", LONG).status == 200
        assert orjson.loads(upstream.requests[-1].body)["model"] == "wide"


def test_a_short_prompt_goes_to_all(gateway: Gateway, upstream: Upstream) -> None:
    seen = set()
    for _ in range(30):
        assert ask(gateway, "mixed", "hi").status == 200
        seen.add(orjson.loads(upstream.requests[-1].body)["model"])
    assert seen == {"narrow", "wide"}


def test_a_prompt_above_every_window_is_refused_before_it_is_sent(gateway: Gateway, upstream: Upstream) -> None:
    seen = len(upstream.requests)
    answer = ask(gateway, "narrow", LONG)
    assert answer.status == 400
    assert answer.error()["code"] == "context_length_exceeded"
    assert "100" in str(answer.error()["message"])
    assert len(upstream.requests) == seen


def test_more_output_than_the_model_writes_is_refused_by_its_parameter(gateway: Gateway) -> None:
    answer = ask(gateway, "narrow", "hi", max_tokens=51)
    assert (answer.status, answer.error()["code"], answer.error()["param"]) == (400, "unsupported_parameter", "max_tokens")


def test_a_picture_for_a_model_that_sees_none_is_refused(gateway: Gateway) -> None:
    answer = ask(gateway, "blind", PICTURE)
    assert answer.status == 400
    assert "vision" in str(answer.error()["message"])


def test_what_is_not_known_is_the_providers_to_judge(gateway: Gateway) -> None:
    assert ask(gateway, "unknown", LONG).status == 200
    assert ask(gateway, "unknown", PICTURE).status == 200
