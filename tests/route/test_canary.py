"""Canaries: a share of the requests for a model is answered by another one, in the name of the first."""

from collections import Counter
from collections.abc import Iterator

import orjson
import pytest

from tests.support.answers import DONE, completion, delta, plain, stream
from tests.support.gateway import Gateway, configuration
from tests.support.groups import WELL, failing, ordered, started, upstreams
from tests.support.upstream import Upstream, send
from tests.support.wire import Response, request


@pytest.fixture(scope="module")
def served() -> Iterator[list[Upstream]]:
    with upstreams(3) as running:
        yield running


@pytest.fixture(autouse=True)
def _answers(served: list[Upstream]) -> None:
    for one in served:
        one.serve(WELL)


def diverting(served: list[Upstream], percent: float, router: dict[str, object] | None = None, **params: object) -> Gateway:
    models = ordered("old", served[0]) + ordered("new", served[1], **params) + ordered("spare", served[2])
    return started(models, router or {}, fastgate_settings={"canaries": [{"model": "old", "to": "new", "percent": percent}]})


def ask(gateway: Gateway, name: str = "old", *fields: str, **members: object) -> Response:
    body = orjson.dumps({"model": name, "messages": [{"role": "user", "content": "hi"}], **members})
    with gateway.client() as client:
        return client.exchange(request("/v1/chat/completions", body, *fields))


def counts(served: list[Upstream]) -> list[int]:
    return [len(one.requests) for one in served]


def asked_now(before: list[int], served: list[Upstream]) -> list[int]:
    return [now - then for now, then in zip(counts(served), before, strict=True)]


@pytest.mark.parametrize(("percent", "expected"), [(100, [0, 6, 0]), (0, [6, 0, 0])])
def test_all_or_none_of_the_requests_can_be_diverted(percent: float, expected: list[int], served: list[Upstream]) -> None:
    before = counts(served)
    with diverting(served, percent) as gateway:
        for _ in range(6):
            answer = ask(gateway)
            assert (answer.status, answer.json()["model"]) == (200, "old")
    assert asked_now(before, served) == expected


def test_a_share_of_the_requests_is_diverted(served: list[Upstream]) -> None:
    before = counts(served)
    with diverting(served, 30) as gateway, gateway.client() as client:
        body = orjson.dumps({"model": "old", "messages": []})
        for _ in range(400):
            assert client.exchange(request("/v1/chat/completions", body)).status == 200
    # Five standard deviations of 400 x 0.3.
    assert 74 <= asked_now(before, served)[1] <= 166


def test_a_stream_has_the_name_that_was_asked_for(served: list[Upstream]) -> None:
    served[1].serve(send(stream(delta(model="up-new-0"), DONE)))
    with diverting(served, 100) as gateway:
        answer = ask(gateway, stream=True)
    assert b'"model":"old"' in answer.body
    assert orjson.loads(served[1].requests[-1].body)["model"] == "up-new-0"


def test_other_models_are_left_alone_and_the_canary_can_be_asked_by_its_own_name(served: list[Upstream]) -> None:
    before = counts(served)
    with diverting(served, 100) as gateway:
        assert ask(gateway, "spare").json()["model"] == "spare"
        assert ask(gateway, "new").json()["model"] == "new"
    assert asked_now(before, served) == [0, 1, 1]


@pytest.mark.parametrize(
    ("fields", "members"),
    [
        (("x-litellm-session-id: SESSION",), {}),
        ((), {"user": "SESSION"}),
        ((), {"prompt_cache_key": "SESSION"}),
        ((), {"metadata": {"session_id": "SESSION"}}),
        ((), {"metadata": {"user_id": "SESSION"}}),
    ],
)
def test_a_session_stays_where_it_is(fields: tuple[str, ...], members: dict[str, object], served: list[Upstream]) -> None:
    seen = Counter[int]()
    with diverting(served, 50) as gateway:
        for session in range(20):
            before = counts(served)
            text = orjson.dumps(members).decode().replace("SESSION", f"s{session}")
            for _ in range(3):
                assert (
                    ask(gateway, "old", *(field.replace("SESSION", f"s{session}") for field in fields), **orjson.loads(text)).status == 200
                )
            found = asked_now(before, served)
            assert sorted(found) == [0, 0, 3]
            seen[found.index(3)] += 1
    # 20 sessions all on one side: 2 in a million, and the same ones each time.
    assert set(seen) == {0, 1}


def test_a_session_is_still_diverted_when_the_share_grows(served: list[Upstream]) -> None:
    diverted: list[set[int]] = []
    for percent in (20, 60):
        with diverting(served, percent) as gateway:
            found = set()
            for session in range(30):
                before = counts(served)
                assert ask(gateway, "old", f"x-litellm-session-id: {session}").status == 200
                if asked_now(before, served)[1]:
                    found.add(session)
            diverted.append(found)
    assert diverted[0] < diverted[1]


def test_an_alias_is_diverted_as_its_model_is(served: list[Upstream]) -> None:
    before = counts(served)
    with diverting(served, 100, {"model_group_alias": {"nick": "old"}}) as gateway:
        assert ask(gateway, "nick").json()["model"] == "nick"
    assert asked_now(before, served) == [0, 1, 0]


@pytest.mark.parametrize("failure", [failing(), failing("400 Bad Request"), failing("404 Not Found"), failing("401 Unauthorized")])
def test_a_canary_that_fails_is_made_good_by_the_model_that_was_asked_for(failure: object, served: list[Upstream]) -> None:
    served[1].serve(failure)  # type: ignore[arg-type]
    before = counts(served)
    with diverting(served, 100, {"num_retries": 0}) as gateway:
        answer = ask(gateway)
    assert (answer.status, answer.json()["model"]) == (200, "old")
    assert asked_now(before, served) == [1, 1, 0]


def test_the_fallbacks_of_a_diverted_request_are_those_of_its_model(served: list[Upstream]) -> None:
    for one in served[:2]:
        one.serve(failing())
    before = counts(served)
    with diverting(served, 100, {"num_retries": 0, "fallbacks": [{"old": ["spare"]}]}) as gateway:
        answer = ask(gateway)
    assert (answer.status, answer.json()["model"]) == (200, "spare")
    assert asked_now(before, served) == [1, 1, 1]


def test_when_both_fail_the_failure_of_the_model_that_was_asked_for_is_the_answer(served: list[Upstream]) -> None:
    served[0].serve(failing("503 Service Unavailable", message="old"))
    served[1].serve(failing(message="new"))
    with diverting(served, 100, {"num_retries": 0}) as gateway:
        answer = ask(gateway)
    assert (answer.status, answer.error()["message"]) == (503, "old")


def test_a_canary_that_is_not_for_the_request_is_passed_over(served: list[Upstream]) -> None:
    before = counts(served)
    with diverting(served, 100, {"enable_tag_filtering": True}, tags=["paid"]) as gateway:
        assert ask(gateway, tags=["paid"]).status == 200
        served_by_old = ask(gateway, tags=["free"])
    assert served_by_old.status == 400
    assert asked_now(before, served) == [0, 1, 0]


def test_a_canary_that_cannot_serve_the_operation_is_passed_over(served: list[Upstream]) -> None:
    served[0].serve(send(plain(completion())))
    before = counts(served)
    models = ordered("old", served[0]) + ordered("new", served[1])
    models[1]["litellm_params"] |= {"model": "anthropic/claude", "api_base": f"http://127.0.0.1:{served[1].port}"}  # type: ignore[operator]
    with started(models, {}, fastgate_settings={"canaries": [{"model": "old", "to": "new", "percent": 100}]}) as gateway:
        with gateway.client() as client:
            answer = client.exchange(request("/v1/embeddings", b'{"model":"old","input":"a"}'))
        assert answer.status == 200
    assert asked_now(before, served) == [1, 0, 0]


def test_a_response_that_continues_another_goes_where_that_was_made(served: list[Upstream]) -> None:
    made = b'{"id":"resp_1","object":"response","model":"m","output":[],"status":"completed"}'
    served[0].serve(send(plain(made)))
    served[1].serve(send(plain(made.replace(b"resp_1", b"resp_2"))))
    with diverting(served, 50) as gateway, gateway.client() as client:
        makers: dict[str, int] = {}
        while len(makers) < 2:
            before = counts(served)
            answer = client.exchange(request("/v1/responses", b'{"model":"old","input":"a"}'))
            makers[answer.json()["id"]] = asked_now(before, served).index(1)
        for name, maker in makers.items():
            before = counts(served)
            for _ in range(6):
                body = orjson.dumps({"model": "old", "input": "a", "previous_response_id": name})
                assert client.exchange(request("/v1/responses", body)).status == 200
            assert asked_now(before, served)[maker] == 6


def test_two_canaries_share_the_requests_of_a_model(served: list[Upstream]) -> None:
    models = ordered("old", served[0]) + ordered("new", served[1]) + ordered("spare", served[2])
    shares = [{"model": "old", "to": name, "percent": 50} for name in ("new", "spare")]
    before = counts(served)
    with Gateway(configuration(*models, canaries=shares)) as gateway:
        for session in range(20):
            assert ask(gateway, user=f"u{session}").status == 200
    found = asked_now(before, served)
    assert found[0] == 0
    assert found[1] > 0
    assert found[2] > 0
