"""What the configuration changes in requests between dialects, in LiteLLM's words."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.support.gateway import Gateway, configuration
from tests.support.upstream import Upstream, send
from tests.support.wire import Response
from tests.translate.gateway.hosts import BEDROCK, OLLAMA
from tests.translate.gateway.makers import ANTHROPIC, GEMINI, OPENAI
from tests.translate.gateway.raw import build
from tests.translate.gateway.said import Provider

DEFAULTS = {"temperature": 0.3, "max_tokens": 1234, "top_k": 7, "stop": ["END"]}


def named(provider: Provider, name: str, port: int, **more: object) -> dict[str, object]:
    return provider.model(port, **more) | {"model_name": name}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    port = upstream.port
    models = [
        *(named(provider, f"defaults-{provider.dialect}", port, **DEFAULTS) for provider in (OPENAI, ANTHROPIC, GEMINI, OLLAMA, BEDROCK)),
        named(GEMINI, "effort", port, reasoning_effort="low"),
        named(OLLAMA, "context", port, num_ctx=9000, keep_alive="5m"),
        named(BEDROCK, "dropping", port, drop_params=True),
        named(BEDROCK, "strict", port),
        named(ANTHROPIC, "allowing", port, allowed_openai_params=["seed"]),
        named(ANTHROPIC, "without", port, additional_drop_params=["user", "tools[*].function.strict"]),
        named(ANTHROPIC, "more", port, extra_body={"metadata": {"user_id": "u-1"}, "x": 1}, extra_headers={"x-team": "blue"}),
    ]
    with Gateway(configuration(*models)) as running:
        yield running


def ask(gateway: Gateway, upstream: Upstream, caller: str, model: str, provider: Provider, **more: object) -> tuple[Response, Any]:
    upstream.serve(send(provider.whole("text")))
    with gateway.client() as client:
        answer = client.exchange(build(caller, model, stream=False, more=more))
    return answer, orjson.loads(upstream.request().body) if answer.status == 200 else None


def said(dialect: str, limit: int) -> dict[str, object]:
    """Return what the defaults are in a provider's words."""
    made: dict[str, dict[str, object]] = {
        "openai_chat": {"temperature": 0.3, "max_tokens": limit, "stop": ["END"]},
        "anthropic_messages": {"temperature": 0.3, "max_tokens": limit, "top_k": 7, "stop_sequences": ["END"]},
        "gemini": {"generationConfig": {"temperature": 0.3, "maxOutputTokens": limit, "topK": 7, "stopSequences": ["END"]}},
        "ollama": {"options": {"temperature": 0.3, "num_predict": limit, "top_k": 7, "stop": ["END"]}},
        "bedrock": {"inferenceConfig": {"temperature": 0.3, "maxTokens": limit, "stopSequences": ["END"]}},
    }
    return made[dialect]


@pytest.mark.parametrize("caller", ["chat", "responses", "messages", "gemini", "ollama"])
@pytest.mark.parametrize("provider", [OPENAI, ANTHROPIC, GEMINI, OLLAMA, BEDROCK], ids=lambda provider: provider.dialect)
def test_defaults_are_said_in_the_providers_words_whatever_the_callers_dialect(
    caller: str, provider: Provider, gateway: Gateway, upstream: Upstream
) -> None:
    _, body = ask(gateway, upstream, caller, f"defaults-{provider.dialect}", provider)
    # Anthropic's callers always say a limit.
    expected = said(provider.dialect, 4000 if caller == "messages" else 1234)
    for member, value in expected.items():
        assert body[member] == value, member
    assert not {"temperature", "top_k"} & set(body) or provider.dialect in ("openai_chat", "anthropic_messages")


def test_what_the_caller_says_goes_before_a_default(gateway: Gateway, upstream: Upstream) -> None:
    _, body = ask(gateway, upstream, "gemini", "defaults-ollama", OLLAMA, generationConfig={"temperature": 0.9, "maxOutputTokens": 5})
    assert body["options"] == {"temperature": 0.9, "num_predict": 5, "top_k": 7, "stop": ["END"]}
    _, body = ask(gateway, upstream, "chat", "defaults-openai_chat", OPENAI, max_completion_tokens=5)
    # `openai_like` knows the old word alone.
    assert body["max_tokens"] == 5
    assert "max_completion_tokens" not in body


def test_a_default_of_the_effort_is_a_providers_own_word(gateway: Gateway, upstream: Upstream) -> None:
    _, body = ask(gateway, upstream, "messages", "effort", GEMINI)
    assert body["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 1024


def test_ollamas_own_defaults_reach_it_from_every_caller(gateway: Gateway, upstream: Upstream) -> None:
    for caller in ("chat", "messages", "gemini", "responses"):
        _, body = ask(gateway, upstream, caller, "context", OLLAMA)
        assert body["options"]["num_ctx"] == 9000
        assert body["keep_alive"] == "5m"


def test_drop_params_of_a_deployment_drops_and_names(gateway: Gateway, upstream: Upstream) -> None:
    answer, body = ask(gateway, upstream, "chat", "dropping", BEDROCK, n=2)
    assert answer.field("x-fastgate-warnings") == b"drop:n"
    assert "n" not in body
    # The request's own word goes first.
    answer, _ = ask(gateway, upstream, "chat", "dropping", BEDROCK, n=2, drop_params=False)
    assert answer.status == 400
    assert answer.error()["param"] == "n"


def test_drop_params_of_all_deployments(upstream: Upstream) -> None:
    config = configuration(named(BEDROCK, "strict", upstream.port)) | {"litellm_settings": {"drop_params": True}}
    with Gateway(config) as running:
        answer, _ = ask(running, upstream, "chat", "strict", BEDROCK, n=2)
        assert answer.field("x-fastgate-warnings") == b"drop:n"


def test_without_drop_params_a_parameter_is_refused_by_name(gateway: Gateway, upstream: Upstream) -> None:
    answer, _ = ask(gateway, upstream, "chat", "strict", BEDROCK, n=2)
    assert answer.status == 400
    assert answer.error()["code"] == "unsupported_parameter"
    assert "drop_params" in str(answer.error()["message"])


def test_allowed_openai_params_are_sent_on(gateway: Gateway, upstream: Upstream) -> None:
    answer, body = ask(gateway, upstream, "chat", "allowing", ANTHROPIC, seed=5)
    assert body["seed"] == 5
    assert answer.field("x-fastgate-warnings") is None


def test_additional_drop_params_are_left_out(gateway: Gateway, upstream: Upstream) -> None:
    strict = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}]
    _, body = ask(gateway, upstream, "chat", "without", ANTHROPIC, user="me", tools=strict)
    assert "metadata" not in body
    assert "strict" not in body["tools"][0]


def test_extra_body_and_extra_headers_go_upstream(gateway: Gateway, upstream: Upstream) -> None:
    _, body = ask(gateway, upstream, "chat", "more", ANTHROPIC)
    assert body["metadata"] == {"user_id": "u-1"}
    assert body["x"] == 1
    assert upstream.request().field("x-team") == b"blue"
