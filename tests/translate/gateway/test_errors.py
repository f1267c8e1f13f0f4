"""Errors between dialects: a provider's are the caller's own, and so are those that the gateway makes."""

from collections.abc import Iterator, Mapping

import anthropic
import ollama
import openai
import orjson
import pytest
from google.genai import errors

from tests.support.answers import plain
from tests.support.gateway import Gateway
from tests.support.upstream import Upstream, send
from tests.support.wire import Client, request
from tests.translate.bedrock.converse import exception
from tests.translate.gateway.callers import CALLERS, Sdks
from tests.translate.gateway.providers import PROVIDERS
from tests.translate.gateway.raw import RAW, build, error_of
from tests.translate.gateway.said import KEY, Provider

OWN = {"chat": "openai_chat", "completions": "openai_chat", "messages": "anthropic_messages", "gemini": "gemini", "ollama": "ollama"}
STATUSES = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests", 500: "Server Error", 529: "Overloaded"}
GOOGLE = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 529: "UNAVAILABLE"}
ANTHROPIC = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
CALLED = [(caller, provider) for caller in CALLERS if caller != "generate" for provider in PROVIDERS if OWN.get(caller) != provider.dialect]


def name(value: object) -> str | None:
    return value.dialect if isinstance(value, Provider) else None


def error_body(provider: Provider, status: int) -> bytes:
    says = "no, because"
    made: Mapping[str, object] = {
        "openai_chat": {"error": {"message": says, "type": "t", "param": None, "code": None}},
        "anthropic_messages": {"type": "error", "error": {"type": ANTHROPIC[status], "message": says}, "request_id": "req_1"},
        "gemini": {"error": {"code": status, "message": says, "status": GOOGLE[status]}},
        "ollama": {"error": says},
        "bedrock": {"message": says},
        "cohere": {"id": "1", "message": says},
    }
    return orjson.dumps(made[provider.dialect])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(("caller", "provider"), CALLED, ids=name)
def test_a_providers_error_is_the_sdks_own(
    caller: str, provider: Provider, status: int, stream: bool, sdks: Sdks, upstream: Upstream
) -> None:
    fields = ["Retry-After: 7"] if status == 429 else []
    upstream.serve(send(plain(error_body(provider, status), *fields, status=f"{status} {STATUSES[status]}")))
    kinds = (openai.APIStatusError, anthropic.APIStatusError, errors.APIError, ollama.ResponseError)
    with pytest.raises(kinds) as raised:
        CALLERS[caller](sdks, provider.name, stream, False)
    told = raised.value
    assert "no, because" in str(told)
    # 529 is Anthropic's own.
    expected = 503 if status == 529 and caller != "messages" else status
    assert (told.code if isinstance(told, errors.APIError) else told.status_code) == expected
    if isinstance(told, openai.APIStatusError | anthropic.APIStatusError):
        assert told.response.headers.get("retry-after") == ("7" if status == 429 else None)
    if isinstance(told, anthropic.APIStatusError):
        assert isinstance(told.body, dict)
        assert told.body["error"]["type"] == ANTHROPIC[status]
    assert KEY not in str(told)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Client]:
    with gateway.client() as connected:
        yield connected


@pytest.mark.parametrize("caller", RAW)
def test_a_wrong_key_is_told_in_the_callers_dialect(caller: str, client: Client) -> None:
    answer = client.exchange(build(caller, "up-openai", stream=False, key="sk-wrong"))
    assert answer.status == 401
    assert "key" in error_of(caller, answer)[1]


@pytest.mark.parametrize("caller", RAW)
def test_an_unknown_model_is_told_in_the_callers_dialect(caller: str, client: Client) -> None:
    answer = client.exchange(build(caller, "no-such", stream=False))
    assert answer.status == 404
    assert "no-such" in error_of(caller, answer)[1]


@pytest.mark.parametrize("caller", RAW)
def test_a_body_that_is_no_json_is_told_in_the_callers_dialect(caller: str, client: Client) -> None:
    answer = client.exchange(request(RAW[caller][0].replace("MODEL", "up-bedrock"), b'{"model": "up-bedrock", '))
    assert answer.status == 400
    assert error_of(caller, answer)[1]


WRONG: Mapping[str, dict[str, object]] = {
    "chat": {"messages": [{"role": "user", "content": 7}]},
    "completions": {"prompt": 7},
    "responses": {"input": [{"role": "user", "content": 7}]},
    "messages": {"messages": [{"role": "user", "content": 7}]},
    "gemini": {"contents": [{"role": "user", "parts": 7}]},
    "ollama": {"messages": [{"role": "user", "content": 7}]},
    "generate": {"prompt": 7},
}


@pytest.mark.parametrize("caller", WRONG)
def test_a_member_of_a_wrong_type_is_named(caller: str, client: Client, upstream: Upstream) -> None:
    upstream.serve()
    answer = client.exchange(build(caller, "up-bedrock", stream=True, more=WRONG[caller]))
    assert answer.status == 400
    message = error_of(caller, answer)[1]
    assert any(word in message for word in ("content", "parts", "prompt"))
    assert not upstream.requests


UNCARRIED: Mapping[str, tuple[dict[str, object], str]] = {
    "chat": ({"n": 3}, "n"),
    "completions": ({"n": 3}, "n"),
    "responses": ({"previous_response_id": "resp_1"}, "previous_response_id"),
    "messages": ({"mcp_servers": [{"type": "url", "url": "https://mcp.test", "name": "m"}]}, "mcp_servers"),
    "gemini": ({"cachedContent": "cachedContents/1"}, "cachedContent"),
    "gemini array": ({"tools": [{"googleSearch": {}}]}, "googleSearch"),
}


@pytest.mark.parametrize("caller", UNCARRIED)
def test_what_cannot_be_carried_is_refused_by_name_and_dropped_if_asked(caller: str, client: Client, upstream: Upstream) -> None:
    more, param = UNCARRIED[caller]
    upstream.serve()
    answer = client.exchange(build(caller, "up-bedrock", stream=False, more=more))
    assert answer.status == 400
    assert param.lower() in error_of(caller, answer)[1].replace("google_search", "googlesearch").lower()
    if caller in ("chat", "completions", "responses"):
        assert answer.error()["param"] == param
        assert answer.error()["code"] == ("unsupported_parameter" if caller != "responses" else answer.error()["code"])
    assert not upstream.requests


@pytest.mark.parametrize("caller", ["chat", "completions"])
def test_drop_params_in_the_body_drops_and_names(caller: str, client: Client, upstream: Upstream) -> None:
    bedrock = next(provider for provider in PROVIDERS if provider.dialect == "bedrock")
    upstream.serve(send(bedrock.whole("text")))
    answer = client.exchange(build(caller, bedrock.name, stream=False, more={"n": 3, "seed": 1, "drop_params": True}))
    assert answer.status == 200
    warnings = (answer.field("x-fastgate-warnings") or b"").split(b"; ")
    assert b"drop:n" in warnings
    assert b"drop:seed" in warnings
    assert b"drop_params" not in upstream.request().body


def test_an_exception_of_aws_before_the_first_event_has_its_status(client: Client, upstream: Upstream) -> None:
    bedrock = next(provider for provider in PROVIDERS if provider.dialect == "bedrock")
    from_aws = exception("validationException", message="no, because")
    upstream.serve(send(bedrock.head() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(from_aws), from_aws)))
    answer = client.exchange(build("chat", bedrock.name, stream=True))
    assert answer.status == 400
    assert error_of("chat", answer)[1] == "no, because"
