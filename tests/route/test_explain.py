"""What POST /router/explain tells of where a request would go, and that telling it changes nothing."""

import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.support.gateway import MASTER_KEY, OPENAI_KEY, SCALE, Gateway, anthropic_model, openai_model
from tests.support.groups import WELL, failing, ordered
from tests.support.parked import Parked, asking, narrow, queueing, send_in_order
from tests.support.upstream import Upstream
from tests.support.wire import Response, message, request

# Nobody listens there.
NOWHERE = 9


@pytest.fixture(scope="module")
def silent() -> Iterator[Gateway]:
    """Give a gateway whose provider is not there: whoever asked it would fail."""
    with queueing(openai_model("m", NOWHERE)) as running:
        yield running


@pytest.fixture
def provider() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running.serve(WELL)


def explained(gateway: Gateway, model: str = "m", query: str = "", **members: object) -> Response:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **members}
    return told(gateway, orjson.dumps(body), query)


def told(gateway: Gateway, body: bytes, query: str = "", key: str | None = MASTER_KEY) -> Response:
    with gateway.client() as client:
        return client.exchange(request(f"/router/explain{query}", body, key=key))


def rows(answer: Response) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.body
    found: Any = answer.json()["candidates"]
    return list(found)



def test_only_who_has_the_key_is_told(silent: Gateway) -> None:
    assert told(silent, b"{}", key=None).status == 401
    with silent.client() as client:
        assert client.exchange(request("/router/explain", method="GET"), "GET").status == 405


def test_the_choice_is_told_with_what_it_is_made_of_and_nobody_is_asked(provider: Upstream) -> None:
    with queueing(openai_model("m", provider.port), router={"fallbacks": [{"m": ["n"]}, {"n": ["o"]}]}) as gateway:
        answer = explained(gateway, stream=True, max_tokens=77, messages=[{"role": "user", "content": "x" * 4500}])
        body = answer.json()
    (row,) = rows(answer)
    assert (body["outcome"], body["deployment"], body["reason"]) == ("asked", row["deployment"], None)
    assert (body["model"], body["operation"], body["dialect"], body["strategy"]) == ("m", "chat", "openai_chat", "expected-latency")
    asked: Any = body["request"]
    assert (asked["stream"], asked["max_tokens"]) == (True, 77)
    assert 1000 <= asked["prompt_tokens"] <= 1040
    assert (row["chosen"], row["why_not"], row["provider"], row["model"]) == (True, None, "openai", "up-model")
    assert row["prediction"]["score"] == pytest.approx(row["prediction"]["own_s"] + row["prediction"]["inflicted_s"])
    assert not [secret for secret in (OPENAI_KEY, MASTER_KEY) if secret in answer.body.decode()]
    assert provider.requests == []


def test_fallbacks_that_would_follow_are_told_as_the_file_and_the_request_say() -> None:
    models = [openai_model(name, NOWHERE) for name in "mnop"]
    router = {"fallbacks": [{"m": ["n"]}, {"n": ["o", "m"]}], "context_window_fallbacks": [{"m": ["p"]}]}
    with queueing(*models, router=router) as gateway:
        assert explained(gateway).json()["fallbacks"] == {"any_failure": ["n", "o"], "context_window": ["p"], "content_policy": []}
        own = explained(gateway, fallbacks=["p"]).json()["fallbacks"]
        assert own == {"any_failure": ["p"], "context_window": ["p"], "content_policy": []}
        none = explained(gateway, disable_fallbacks=True).json()["fallbacks"]
        assert none == {"any_failure": [], "context_window": [], "content_policy": []}


@pytest.mark.parametrize(
    ("strategy", "reason"),
    [
        ("round-robin", "its turn comes later"),
        ("simple-shuffle", "chance chose another, by their shares"),
        ("least-busy", "it has 0 in flight, the one that was chosen 0"),
        ("usage-based-routing", "it had 0 tokens in this minute, the one that was chosen 0"),
        ("cost-based-routing", "it is no cheaper than the one that was chosen"),
        ("expected-latency", "as good as the one that was chosen: chance decides"),
    ],
)
def test_asking_again_tells_the_same_and_the_next_request_goes_there(strategy: str, reason: str, provider: Upstream) -> None:
    with Upstream() as other:
        other.serve(WELL)
        models = [openai_model("m", one.port, model=name) for one, name in ((provider, "a"), (other, "b"))]
        with queueing(*models, router={"routing_strategy": strategy}) as gateway:
            answers = [explained(gateway) for _ in range(5)]
            chosen = {str(answer.json()["deployment"]) for answer in answers}
            assert len(chosen) == 1
            assert [row["why_not"] for row in rows(answers[0]) if not row["chosen"]] == [reason]
            with gateway.client() as client:
                answer = client.exchange(request("/v1/chat/completions", b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'))
            assert {(answer.field("x-fastgate-deployment") or b"").decode()} == chosen


def test_a_slower_deployment_is_told_how_much_more_it_would_cost(provider: Upstream) -> None:
    parked = Parked()
    with Upstream() as slow:
        slow.serve(parked)
        models = [openai_model("m", one.port, model=name) for one, name in ((provider, "fast"), (slow, "slow"))]
        with queueing(*models) as gateway:
            clients = send_in_order(gateway, *(f"r{number}" for number in range(6)))
            parked.wait_for(1)
            end = time.monotonic() + 10 * SCALE
            while True:
                found = {row["model"]: row for row in rows(explained(gateway))}
                if not found["fast"]["in_flight"]:
                    break
                assert time.monotonic() < end, "the fast one does not answer"
            parked.let_all_go()
            assert [client.read_response().status for client in clients] == [200] * 6
    assert found["fast"]["chosen"]
    assert found["slow"]["why_not"].startswith("it is expected to cost ")
    assert found["slow"]["prediction"]["score"] > found["fast"]["prediction"]["score"]


def test_a_request_that_would_wait_is_told_for_what(provider: Upstream) -> None:
    parked = Parked()
    provider.serve(parked)
    with queueing(narrow(provider.port)) as gateway:
        clients = send_in_order(gateway, "r0", "r1")
        parked.wait_for(1)
        answer = explained(gateway)
        (row,) = rows(answer)
        body = answer.json()
        assert (body["outcome"], body["deployment"], body["held_for"]) == ("held", None, row["deployment"])
        assert body["expected_wait_s"] > 0  # type: ignore[operator]
        assert (row["chosen"], row["why_not"]) == (False, "all of its 1 slots are taken, and 1 wait for one")
        assert (row["in_flight"], row["queued"]) == (1, 1)
        parked.let_all_go()
        assert [client.read_response().status for client in clients] == [200, 200]


def test_who_is_out_of_service_is_told_with_the_reason(provider: Upstream) -> None:
    with Upstream() as broken:
        broken.serve(failing("401 Unauthorized"))
        models = ordered("m", broken, provider)
        with queueing(*models, router={"routing_strategy": "simple-shuffle", "num_retries": 1}) as gateway:
            with gateway.client() as client:
                assert client.exchange(asking("r0")).status == 200
            refused, whole = rows(explained(gateway))
            assert refused["why_not"].startswith("ejected after failures, for ")
            assert refused["prediction"] is None
            assert whole["chosen"]


def test_a_deployment_that_cannot_serve_the_operation_is_told_so() -> None:
    models = (openai_model("m", NOWHERE), anthropic_model("m", NOWHERE))
    with queueing(*models) as gateway:
        first, second = rows(told(gateway, b'{"model":"m","input":"hi"}', "?path=/v1/embeddings"))
        assert first["chosen"]
        assert second["why_not"] == "it speaks anthropic_messages, which has nothing like embeddings of openai_chat"


@pytest.mark.parametrize(
    ("path", "body", "dialect"),
    [
        ("/v1/messages", message("m"), "anthropic_messages"),
        ("/v1/responses", b'{"model":"m","input":"hi"}', "openai_responses"),
        ("/v1beta/models/m:generateContent", b'{"contents":[{"parts":[{"text":"hi"}]}]}', "gemini"),
        ("/api/chat", b'{"model":"m","messages":[]}', "ollama"),
    ],
)
def test_requests_of_other_dialects_are_explained_too(path: str, body: bytes, dialect: str, silent: Gateway) -> None:
    found = told(silent, body, f"?path={path}").json()
    assert (found["outcome"], found["dialect"]) == ("asked", dialect)


@pytest.mark.parametrize(
    ("body", "query", "status", "code", "words"),
    [
        (b'{"model":"x","messages":[]}', "", 404, "model_not_found", "is not in model_list"),
        (b'{"messages":[]}', "", 400, "invalid_body", "no `model`"),
        (b'{"model":7}', "", 400, "invalid_body", "not a string"),
        (b"{", "", 400, "invalid_body", ""),
        (b"", "", 400, "invalid_body", "the body is empty"),
        (b'{"model":"m","num_retries":-1}', "", 400, "invalid_body", "num_retries"),
        (b'{"model":"m"}', "?path=/v1/nowhere", 400, "invalid_request", "there is no /v1/nowhere here"),
        (b'{"model":"m"}', "?path=/router/explain", 400, "invalid_request", "takes no JSON that goes to a provider"),
        (b'{"model":"m"}', "?path=/v1/files", 400, "invalid_request", "takes no JSON that goes to a provider"),
    ],
)
def test_what_cannot_be_explained_is_refused_as_the_request_itself_would_be(
    body: bytes, query: str, status: int, code: str, words: str, silent: Gateway
) -> None:
    answer = told(silent, body, query)
    assert (answer.status, answer.error()["code"]) == (status, code)
    assert words in str(answer.error()["message"])


def test_explaining_is_no_request_of_the_model_in_any_count(provider: Upstream) -> None:
    with queueing(openai_model("m", provider.port)) as gateway:
        for _ in range(3):
            assert explained(gateway).status == 200
        with gateway.client() as client:
            state: Any = client.exchange(request("/router/state", method="GET"), "GET").json()["groups"]
    (row,) = state[0]["deployments"]
    assert row["this_minute"] == {"tokens": 0, "requests": 0}
    assert row["in_flight"] == 0
