"""Which header fields pass, both ways: an allow-list, written anew, that no value can break out of."""

from collections.abc import Iterator

import pytest

from tests.support.answers import answer_message, completion, plain
from tests.support.gateway import Gateway, anthropic_model, configuration, openai_model
from tests.support.upstream import Upstream, send
from tests.support.wire import Response, chat, message, request


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    models = (
        openai_model("group-a", upstream.port),
        openai_model("own", upstream.port, extra_headers={"X-Own": "from the file"}),
        anthropic_model("claude", upstream.port),
    )
    with Gateway(configuration(*models)) as running:
        yield running


@pytest.fixture(autouse=True)
def _answers(upstream: Upstream) -> None:
    upstream.serve(send(plain(completion())))


def ask(gateway: Gateway, *fields: str, target: str = "/v1/chat/completions", body: bytes = b"") -> Response:
    with gateway.client() as client:
        return client.exchange(request(target, body or chat(), *fields))


NEVER_SENT_ON = [
    "Cookie: canary=1",
    "Proxy-Authorization: Basic canary",
    "X-Forwarded-Host: canary",
    "Forwarded: for=canary",
    "Connection: X-Nominated\r\nX-Nominated: canary",
    "Keep-Alive: canary",
    "TE: canary",
    "Trailer: canary",
    "Upgrade: canary",
    "Origin: http://canary",
    "Referer: http://canary",
    "X-Unknown: canary",
    "x-litellm-tags: canary",
    "x-fastgate-canary: canary",
]


@pytest.mark.parametrize("fields", NEVER_SENT_ON)
def test_a_field_that_is_not_the_providers_is_not_sent_on(fields: str, gateway: Gateway, upstream: Upstream) -> None:
    assert ask(gateway, fields).status == 200
    head = upstream.request().head.replace(b"sk-upstream-canary", b"").replace(b"sk-ant-upstream-canary", b"")
    assert b"canary" not in head.lower()


def test_the_request_is_written_anew(gateway: Gateway, upstream: Upstream) -> None:
    ask(gateway, "X-Filler: " + "x" * 1000)
    sent = upstream.request()
    assert sent.request_line == b"POST /v1/chat/completions HTTP/1.1"
    assert sent.field("host") == f"127.0.0.1:{upstream.port}".encode()
    assert sent.field("content-type") == b"application/json"
    assert sent.field("content-length") == str(len(sent.body)).encode()
    assert sent.all("transfer-encoding") == []
    assert sent.all("expect") == []


def test_a_chunked_request_arrives_with_a_length(gateway: Gateway, upstream: Upstream) -> None:
    with gateway.client() as client:
        head = request().replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        assert client.exchange(head + b"%x\r\n%s\r\n0\r\nX-Trailer: canary\r\n\r\n" % (len(chat()), chat())).status == 200
    sent = upstream.request()
    assert sent.body == chat("up-model")
    assert sent.field("content-length") == str(len(sent.body)).encode()
    assert b"X-Trailer" not in sent.head


def test_a_caller_that_accepts_no_coding_gets_none(gateway: Gateway, upstream: Upstream) -> None:
    ask(gateway)
    assert upstream.request().field("accept-encoding") in (None, b"identity")


def test_a_streams_coding_is_identity_whatever_the_caller_accepts(gateway: Gateway, upstream: Upstream) -> None:
    ask(gateway, "Accept-Encoding: gzip, br, zstd", body=chat(stream=True, usage=True))
    assert upstream.request().field("accept-encoding") in (None, b"identity")


def test_the_deployments_own_fields_are_sent(gateway: Gateway, upstream: Upstream) -> None:
    ask(gateway, "X-Own: canary", body=chat("own"))
    assert upstream.request().field("x-own") == b"from the file"


def test_anthropics_own_fields_pass(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(answer_message())))
    ask(gateway, "anthropic-version: 2026-10-21", "anthropic-beta: a-1,b-2", target="/v1/messages", body=message())
    assert upstream.request().field("anthropic-version") == b"2026-10-21"
    assert upstream.request().field("anthropic-beta") == b"a-1,b-2"


def test_a_compressed_request_is_415_or_decoded_but_never_misread(gateway: Gateway, upstream: Upstream) -> None:
    assert ask(gateway, "Content-Encoding: gzip").status in (400, 415)
    assert upstream.requests == []


@pytest.mark.parametrize(
    "field", ["x-stainless-lang: python", "idempotency-key: a", "openai-organization: o", "openai-beta: assistants=v2"]
)
def test_fields_of_the_sdks_are_never_a_reason_to_refuse(field: str, gateway: Gateway) -> None:
    assert ask(gateway, field).status == 200


@pytest.mark.parametrize(
    "target",
    [
        "/v1/chat/completions?x=%0d%0aX-Evil:%201",
        "/openai/deployments/group-a%0d%0aX-Evil:%201/chat/completions?api-version=1",
        "/v1/responses/resp_%0d%0aX-Evil:%201%0d%0a%0d%0a",
        "/v1/models/%0d%0aX-Evil:%201",
        "/v1/responses/..%2f..%2fadmin",
        "/v1/responses/../../admin",
        "/v1/responses/%2e%2e/admin",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_in_a_target_becomes_a_field_or_another_path(method: str, target: str, gateway: Gateway, upstream: Upstream) -> None:
    with gateway.client() as client:
        client.send(request(target, chat() if method == "POST" else b"", method=method))
        answer = client.read_response()
    assert b"\r\nx-evil" not in answer.head.raw.lower()
    for sent in upstream.requests:
        assert b"\r\nx-evil" not in sent.head.lower()
        assert b"admin" not in sent.target.replace(b"..%2f..%2fadmin", b"").replace(b"..%2F..%2Fadmin", b"")


PASSED_BACK = {
    "retry-after": "3",
    "retry-after-ms": "2500",
    "x-should-retry": "true",
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-tokens": "0",
    "x-ratelimit-reset-requests": "6m0s",
    "anthropic-ratelimit-tokens-remaining": "0",
}
NEVER_PASSED_BACK = [
    "Set-Cookie: canary=1",
    "Connection: X-Nominated\r\nX-Nominated: canary",
    "Keep-Alive: timeout=5, canary",
    "Proxy-Authenticate: canary",
    "Upgrade: canary",
    "Trailer: canary",
    "Alt-Svc: canary",
    "Strict-Transport-Security: canary",
    "Access-Control-Allow-Origin: http://canary",
    "X-Unknown: canary",
]


@pytest.mark.parametrize(("name", "value"), PASSED_BACK.items(), ids=PASSED_BACK.keys())
def test_a_field_that_sdks_obey_passes_back(name: str, value: str, gateway: Gateway, upstream: Upstream) -> None:
    body = b'{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}'
    upstream.serve(send(plain(body, f"{name}: {value}", status="429 Too Many Requests")))
    answer = ask(gateway)
    assert (answer.status, answer.body) == (429, body)
    assert answer.field(name) == value.encode()


@pytest.mark.parametrize("fields", NEVER_PASSED_BACK)
def test_another_field_of_the_upstream_does_not_pass_back(fields: str, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(completion(), fields)))
    answer = ask(gateway)
    assert answer.status == 200
    assert b"canary" not in answer.head.raw


def test_the_content_type_passes_back(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(completion(), content_type="application/json; charset=utf-8")))
    assert ask(gateway).field("content-type") == b"application/json; charset=utf-8"


def test_every_answer_has_a_request_id_of_its_own(gateway: Gateway) -> None:
    first, second = ask(gateway).field("x-request-id"), ask(gateway).field("x-request-id")
    assert first
    assert second
    assert first != second


def test_a_message_has_its_request_id_under_anthropics_name(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(answer_message())))
    assert ask(gateway, target="/v1/messages", body=message()).field("request-id")


def test_answers_say_which_deployment_and_how_many_attempts(gateway: Gateway) -> None:
    answer = ask(gateway)
    names = {name for name, _ in answer.head.fields}
    assert len([name for name in names if name.startswith("x-fastgate-")]) >= 3, names
    assert len(answer.head.raw) < 4096
