"""Who may call: every form of the key on every surface, and no key ever where it does not belong."""

from collections.abc import Iterator

import pytest

from tests.support.answers import answer_message, completion, plain
from tests.support.gateway import ANTHROPIC_KEY, MASTER_KEY, OPENAI_KEY, Gateway, anthropic_model, configuration, openai_model
from tests.support.upstream import Request, Upstream, send
from tests.support.wire import Response, chat, message, request

SURFACES = {
    "chat": ("POST", "/v1/chat/completions", chat()),
    "messages": ("POST", "/v1/messages", message()),
    "models": ("GET", "/v1/models", b""),
    "azure": ("POST", "/openai/deployments/group-a/chat/completions?api-version=2024-10-21", chat()),
}
FIELDS = {
    "bearer": "Authorization: Bearer {}",
    "bearer in lower case": "authorization: bearer {}",
    "x-api-key": "x-api-key: {}",
    "api-key": "api-key: {}",
    "x-goog-api-key": "x-goog-api-key: {}",
    "x-litellm-api-key": "x-litellm-api-key: {}",
    "x-litellm-api-key as bearer": "x-litellm-api-key: Bearer {}",
}
ON_EVERY_SURFACE = pytest.mark.parametrize(("method", "target", "body"), SURFACES.values(), ids=SURFACES.keys())
IN_EVERY_FIELD = pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS.keys())
WRONG_KEYS = {
    "another": "sk-other",
    "a prefix": MASTER_KEY[:-1],
    "longer": MASTER_KEY + "x",
    "in other case": MASTER_KEY.upper(),
    "nothing": "",
    "beyond ascii": "sk-m\u00e4ster",
    "very long": "k" * 8000,
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    with Gateway(configuration(openai_model("group-a", upstream.port), anthropic_model("claude", upstream.port))) as running:
        yield running
    assert "canary" not in running.log


@pytest.fixture(autouse=True)
def _answers(upstream: Upstream) -> None:
    upstream.serve(send(plain(completion())))


def ask(gateway: Gateway, data: bytes) -> Response:
    with gateway.client() as client:
        return client.exchange(data)


def assert_unauthenticated(answer: Response, target: str) -> None:
    assert answer.status == 401
    if target == "/v1/messages":
        assert answer.json()["type"] == "error"
        assert answer.error()["type"] == "authentication_error"
    else:
        assert set(answer.error()) == {"message", "type", "param", "code"}
        assert answer.error()["code"] == "invalid_api_key"


def everything(sent: Request) -> bytes:
    return sent.head + sent.body


@IN_EVERY_FIELD
@ON_EVERY_SURFACE
def test_the_key_is_taken(method: str, target: str, body: bytes, field: str, gateway: Gateway, upstream: Upstream) -> None:
    assert ask(gateway, request(target, body, field.format(MASTER_KEY), method=method, key=None)).status == 200
    assert all(MASTER_KEY.encode() not in everything(sent) for sent in upstream.requests)


@IN_EVERY_FIELD
@ON_EVERY_SURFACE
def test_a_wrong_key_is_401(method: str, target: str, body: bytes, field: str, gateway: Gateway, upstream: Upstream) -> None:
    answer = ask(gateway, request(target, body, field.format("sk-caller-canary"), method=method, key=None))
    assert_unauthenticated(answer, target)
    assert b"sk-caller-canary" not in answer.raw
    assert upstream.requests == []


@ON_EVERY_SURFACE
def test_the_key_is_taken_from_the_query(method: str, target: str, body: bytes, gateway: Gateway, upstream: Upstream) -> None:
    with_key = target + ("&" if "?" in target else "?") + f"key={MASTER_KEY}"
    assert ask(gateway, request(with_key, body, method=method, key=None)).status == 200
    assert all(MASTER_KEY.encode() not in everything(sent) for sent in upstream.requests)


@ON_EVERY_SURFACE
def test_no_key_is_401_and_says_which_field_to_send(method: str, target: str, body: bytes, gateway: Gateway) -> None:
    answer = ask(gateway, request(target, body, method=method, key=None))
    assert_unauthenticated(answer, target)
    assert "authorization" in str(answer.error()["message"]).lower()


@pytest.mark.parametrize("key", WRONG_KEYS.values(), ids=WRONG_KEYS.keys())
def test_a_key_that_is_not_exactly_the_key_is_401(key: str, gateway: Gateway, upstream: Upstream) -> None:
    assert ask(gateway, request(body=chat(), key=key)).status == 401
    assert upstream.requests == []


@pytest.mark.parametrize("field", ["Authorization: Basic c2stbWFzdGVy", "Authorization: Bearer", "Authorization: Digest sk-master"])
def test_another_scheme_is_401(field: str, gateway: Gateway) -> None:
    assert ask(gateway, request("/v1/chat/completions", chat(), field, key=None)).status == 401


def test_x_api_key_wins_over_bearer(gateway: Gateway) -> None:
    assert ask(gateway, request("/v1/messages", message(), f"x-api-key: {MASTER_KEY}", key="sk-other")).status == 200
    assert ask(gateway, request("/v1/messages", message(), "x-api-key: sk-other", key=MASTER_KEY)).status == 401


@pytest.mark.parametrize("target", ["/health/liveliness", "/health/liveness", "/health/readiness", "/"])
def test_probes_need_no_key(target: str, gateway: Gateway) -> None:
    assert ask(gateway, request(target, method="GET", key=None)).status == 200


def test_an_unknown_model_is_not_told_to_a_caller_without_a_key(gateway: Gateway) -> None:
    assert ask(gateway, request(body=chat("nope"), key="sk-other")).status == 401


def test_an_openai_deployment_is_asked_with_its_own_key(gateway: Gateway, upstream: Upstream) -> None:
    assert ask(gateway, request(body=chat())).status == 200
    assert upstream.request().field("authorization") == f"Bearer {OPENAI_KEY}".encode()
    assert upstream.request().all("x-api-key") == []


def test_an_anthropic_deployment_is_asked_with_its_own_key(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(answer_message())))
    assert ask(gateway, request("/v1/messages", message(), "anthropic-version: 2023-06-01")).status == 200
    assert upstream.request().field("x-api-key") == ANTHROPIC_KEY.encode()
    assert upstream.request().all("authorization") == []
    assert upstream.request().field("anthropic-version") == b"2023-06-01"


def test_an_anthropic_deployment_is_told_a_version_even_if_the_caller_told_none(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(answer_message())))
    assert ask(gateway, request("/v1/messages", message())).status == 200
    assert upstream.request().field("anthropic-version") == b"2023-06-01"


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "500 Internal Server Error"])
def test_the_upstreams_key_never_comes_back(status: str, gateway: Gateway, upstream: Upstream) -> None:
    body = b'{"error":{"message":"Incorrect API key provided: %s.","type":"x","param":null,"code":null}}' % OPENAI_KEY.encode()
    upstream.serve(send(plain(body, status=status)))
    answer = ask(gateway, request(body=chat()))
    assert OPENAI_KEY.encode() not in answer.raw


def test_the_upstreams_key_never_comes_back_in_an_anthropic_error(gateway: Gateway, upstream: Upstream) -> None:
    body = b'{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key %s"}}' % ANTHROPIC_KEY.encode()
    upstream.serve(send(plain(body, status="401 Unauthorized")))
    answer = ask(gateway, request("/v1/messages", message()))
    assert ANTHROPIC_KEY.encode() not in answer.raw
    assert answer.error()["type"] == "authentication_error"


def test_without_a_master_key_a_caller_on_this_host_needs_none(upstream: Upstream) -> None:
    config = configuration(openai_model("group-a", upstream.port)) | {"general_settings": {}}
    with Gateway(config) as running:
        assert ask(running, request(body=chat(), key=None)).status == 200
        assert ask(running, request(body=chat(), key="sk-caller-canary")).status == 200
    assert all(b"canary" not in everything(sent).replace(OPENAI_KEY.encode(), b"") for sent in upstream.requests)
