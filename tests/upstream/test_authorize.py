"""Deployments without a key, through a gateway: signatures of AWS, tokens of Google and Entra."""

import re
from collections.abc import Iterator

import botocore.auth
import orjson
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support.answers import plain
from tests.support.gateway import Gateway, configuration
from tests.support.upstream import Request, Upstream, send
from tests.support.wire import Response, chat, request
from tests.upstream.test_google import account
from tests.upstream.token_server import Answer, answer, serving, token

CONVERSED = orjson.dumps(
    {
        "output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
    }
)
GENERATED = orjson.dumps(
    {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
    }
)
ASK = chat("group-a")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def vertex(upstream: Upstream, credentials: object) -> dict[str, object]:
    base = f"http://127.0.0.1:{upstream.port}/v1/projects/p/locations/l/publishers/google"
    params = {"model": "vertex_ai/gemini-2.5-flash", "api_base": base}
    return {"model_name": "group-a", "litellm_params": {**params, "vertex_credentials": credentials}}


def bedrock(upstream: Upstream) -> dict[str, object]:
    params = {
        "model": "bedrock/eu.anthropic.claude-sonnet-4-5-v1:0",
        "api_base": f"http://127.0.0.1:{upstream.port}",
        "aws_access_key_id": "AKIDEXAMPLE",
        "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "aws_session_token": "session/token+1",
        "aws_region_name": "eu-west-1",
    }
    return {"model_name": "group-a", "litellm_params": params}


def ask(gateway: Gateway, target: str = "/v1/chat/completions", body: bytes = ASK) -> Response:
    with gateway.client() as client:
        return client.exchange(request(target, body))


def theirs(asked: Request, stamp: str) -> str:
    """Return the Authorization field that botocore makes for the request as it came."""
    made = AWSRequest("POST", f"http://{(asked.field('host') or b'').decode()}{asked.target.decode()}", data=asked.body)
    made.headers["Content-Type"] = "application/json"
    made.headers["X-Amz-Date"] = stamp
    made.headers["X-Amz-Security-Token"] = "session/token+1"
    made.context["timestamp"] = stamp
    keys = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session/token+1")
    signer = botocore.auth.SigV4Auth(keys, "bedrock", "eu-west-1")
    canonical = signer.canonical_request(made)
    signature = signer.signature(signer.string_to_sign(made, canonical), made)
    names = ";".join(sorted(name.lower() for name in signer.headers_to_sign(made)))
    return f"AWS4-HMAC-SHA256 Credential={signer.scope(made)}, SignedHeaders={names}, Signature={signature}"


def test_a_bedrock_request_is_signed_as_botocore_signs_what_came(upstream: Upstream) -> None:
    upstream.serve(send(plain(CONVERSED)))
    with Gateway(configuration(bedrock(upstream))) as gateway:
        answered = ask(gateway)
        assert answered.status == 200
        assert answered.json()["choices"][0]["message"]["content"] == "hello"
        asked = upstream.request()
        assert asked.target == b"/model/eu.anthropic.claude-sonnet-4-5-v1%3A0/converse"
        stamp = (asked.field("x-amz-date") or b"").decode()
        assert re.fullmatch(r"\d{8}T\d{6}Z", stamp)
        assert asked.field("x-amz-security-token") == b"session/token+1"
        assert (asked.field("authorization") or b"").decode().endswith(theirs(asked, stamp).partition("Signature=")[2])
        assert "wJalr" not in gateway.log


def test_the_first_request_waits_for_its_token_and_later_ones_do_not(upstream: Upstream) -> None:
    upstream.serve(send(plain(GENERATED)))
    with serving(token("ya29.a")) as server, Gateway(configuration(vertex(upstream, account(server)))) as gateway:
        for _ in range(3):
            assert ask(gateway).status == 200
        assert [one.field("authorization") for one in upstream.requests[-3:]] == [b"Bearer ya29.a"] * 3
        assert len(server.asked) == 1


def test_a_request_in_the_dialect_of_the_deployment_has_the_token_too(upstream: Upstream) -> None:
    upstream.serve(send(plain(GENERATED)))
    with serving(token("ya29.b")) as server, Gateway(configuration(vertex(upstream, account(server)))) as gateway:
        body = b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'
        assert ask(gateway, "/v1beta/models/group-a:generateContent", body).status == 200
        asked = upstream.request()
        assert asked.field("authorization") == b"Bearer ya29.b"
        assert asked.target == b"/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash:generateContent"
        assert asked.body == body


@pytest.mark.parametrize("refused", [answer({"error": "invalid_grant"}, 400), (503, b"", {})], ids=["refused", "down"])
def test_without_a_token_it_is_503_that_says_why_and_no_secret(refused: Answer, upstream: Upstream) -> None:
    with serving(refused) as server, Gateway(configuration(vertex(upstream, account(server)))) as gateway:
        seen = len(upstream.requests)
        for _ in range(2):
            answered = ask(gateway)
            assert answered.status == 503
            assert answered.error()["code"] == "upstream_credentials"
            assert "PRIVATE KEY" not in str(answered.error())
        assert len(upstream.requests) == seen


def test_an_entra_token_stands_in_for_azures_key(upstream: Upstream) -> None:
    params = {"model": "azure/gpt-4o", "api_base": f"http://127.0.0.1:{upstream.port}", "azure_ad_token": "eyJ0.a"}
    upstream.serve(send(plain(b'{"id":"a","object":"chat.completion","model":"gpt-4o","choices":[]}')))
    with Gateway(configuration({"model_name": "group-a", "litellm_params": params})) as gateway:
        assert ask(gateway).status == 200
        assert upstream.request().field("authorization") == b"Bearer eyJ0.a"
        assert upstream.request().field("api-key") is None
