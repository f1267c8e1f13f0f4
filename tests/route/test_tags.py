"""Tags and regions: a request goes only to deployments that are for it, also when it is made again."""

from collections.abc import Iterator

import orjson
import pytest

from tests.support.gateway import Gateway
from tests.support.groups import WELL, asked, failing, ordered, started, upstreams
from tests.support.upstream import Upstream
from tests.support.wire import Response, request

# By deployment.
TAGS = (["free", "eu"], ["paid"], ["default"], [])


@pytest.fixture(scope="module")
def served() -> Iterator[list[Upstream]]:
    with upstreams(4) as running:
        yield running


@pytest.fixture(autouse=True)
def _answers(served: list[Upstream]) -> None:
    for one in served:
        one.serve(WELL)


def tagged(served: list[Upstream], *tags: list[str], router: dict[str, object] | None = None, **more: str) -> Gateway:
    entries = ordered("g", *served[: len(tags)])
    for entry, own in zip(entries, tags, strict=True):
        entry["litellm_params"].pop("weight", None)  # type: ignore[attr-defined]
        if own:
            entry["litellm_params"]["tags"] = own  # type: ignore[index]
    return started(entries, {"routing_strategy": "round-robin", "enable_tag_filtering": True, **(router or {})}, **more)


@pytest.fixture(scope="module")
def gateway(served: list[Upstream]) -> Iterator[Gateway]:
    with tagged(served, *TAGS) as running:
        yield running


def ask(gateway: Gateway, members: dict[str, object], fields: tuple[str, ...] = ()) -> Response:
    body = orjson.dumps({"model": "g", "messages": [{"role": "user", "content": "hi"}], **members})
    with gateway.client() as client:
        return client.exchange(request("/v1/chat/completions", body, *fields))


def who(gateway: Gateway, served: list[Upstream], members: dict[str, object], *fields: str) -> set[int]:
    """Return which deployments are asked."""
    before = [len(one.requests) for one in served]
    for _ in range(8):
        answer = ask(gateway, members, fields)
        assert answer.status == 200, answer.body
    return {at for at, one in enumerate(served) if len(one.requests) > before[at]}


@pytest.mark.parametrize(
    ("members", "fields", "expected"),
    [
        ({"tags": ["free"]}, (), {0}),
        ({"tags": "paid"}, (), {1}),
        ({"metadata": {"tags": ["paid"]}}, (), {1}),
        ({}, ("x-litellm-tags: paid",), {1}),
        ({}, ("x-litellm-tags: other , free",), {0}),
        ({"tags": ["free", "paid"]}, (), {0, 1}),
        ({"tags": ["free"], "metadata": {"tags": ["paid"]}}, ("x-litellm-tags: default",), {0, 1, 2}),
        ({"tags": ["nobody's"]}, (), {2}),
        ({}, (), {2}),
        ({"tags": []}, (), {2}),
    ],
)
def test_a_request_goes_where_its_tags_say(
    members: dict[str, object], fields: tuple[str, ...], expected: set[int], gateway: Gateway, served: list[Upstream]
) -> None:
    assert who(gateway, served, members, *fields) == expected


def test_all_tags_of_a_request_are_wanted_if_so_configured(served: list[Upstream]) -> None:
    with tagged(served, ["a"], ["a", "b"], router={"tag_filtering_match_any": False}) as gateway:
        assert who(gateway, served, {"tags": ["a", "b"]}) == {1}
        assert who(gateway, served, {"tags": ["a"]}) == {0, 1}


def test_without_a_default_an_untagged_request_goes_to_all(served: list[Upstream]) -> None:
    with tagged(served, ["a"], [], ["b"]) as gateway:
        assert who(gateway, served, {}) == {0, 1, 2}


def test_tags_that_nobody_has_are_refused_without_naming_those_there_are(served: list[Upstream]) -> None:
    with tagged(served, ["hush"], []) as gateway:
        before = sum(len(one.requests) for one in served)
        answer = ask(gateway, {"tags": ["b", "a"]})
        assert (answer.status, answer.error()["code"], answer.error()["param"]) == (400, "no_deployment_fits", "tags")
        assert answer.error()["message"] == 'no deployment of model "g" is for the tags "a", "b"'
        assert sum(len(one.requests) for one in served) == before


def test_a_request_that_fails_is_made_again_only_where_it_may_go(served: list[Upstream]) -> None:
    with tagged(served, ["a"], ["a"], ["b"]) as gateway:
        served[0].serve(failing())
        served[1].serve(failing())
        before = len(served[2].requests)
        assert ask(gateway, {"tags": ["a"], "num_retries": 3}).status == 500
        assert len(served[2].requests) == before


def test_a_fallback_has_to_be_for_the_tags_too(served: list[Upstream]) -> None:
    served[0].serve(failing())
    models = ordered("g", served[0]) + ordered("other", served[1]) + ordered("fit", served[2])
    models[0]["litellm_params"] |= {"tags": ["a"]}  # type: ignore[operator]
    models[2]["litellm_params"] |= {"tags": ["a"]}  # type: ignore[operator]
    router = {"num_retries": 0, "enable_tag_filtering": True, "fallbacks": [{"g": ["other", "fit"]}]}
    before = len(served[1].requests)
    with started(models, router) as gateway:
        answer = ask(gateway, {"tags": ["a"]})
    assert (answer.status, answer.json()["model"]) == (200, "fit")
    assert len(served[1].requests) == before


def test_tags_of_the_body_are_the_gateways_own_and_metadata_is_the_providers(gateway: Gateway, served: list[Upstream]) -> None:
    body = b'{"model":"g","tags":["free"] , "metadata":{"tags":["free"],"a":1},"messages":[]}'
    assert asked(gateway, body).status == 200
    assert served[0].requests[-1].body == b'{"model":"up-g-0","metadata":{"tags":["free"],"a":1},"messages":[]}'


@pytest.mark.parametrize("tags", [b"1", b"[1]", b"{}"])
def test_tags_that_are_no_texts_are_refused(tags: bytes, gateway: Gateway) -> None:
    answer = asked(gateway, b'{"model":"g","tags":%s,"messages":[]}' % tags)
    assert (answer.status, answer.error()["param"], answer.error()["message"]) == (400, "tags", "`tags` must be a list of texts")


def test_tags_change_nothing_where_they_are_not_switched_on(served: list[Upstream]) -> None:
    with tagged(served, ["a"], ["b"], router={"enable_tag_filtering": False}) as gateway:
        assert who(gateway, served, {"tags": ["a"]}) == {0, 1}


def test_a_request_stays_in_the_region_that_it_names(served: list[Upstream]) -> None:
    models = ordered("g", *served[:4])
    for entry, region in zip(models, ("eu", "europe-west1", "us-east-1", ""), strict=True):
        entry["litellm_params"].pop("weight", None)  # type: ignore[attr-defined]
        if region:
            entry["litellm_params"]["region_name"] = region  # type: ignore[index]
    with started(models, {"routing_strategy": "round-robin"}) as gateway:
        assert who(gateway, served, {"allowed_model_region": "eu"}) == {0, 1}
        assert who(gateway, served, {"allowed_model_region": "us-east-1"}) == {2}
        assert who(gateway, served, {}) == {0, 1, 2, 3}
        answer = ask(gateway, {"allowed_model_region": "ap"})
        assert (answer.status, answer.error()["code"], answer.error()["param"]) == (400, "no_deployment_fits", "allowed_model_region")
        assert b"allowed_model_region" not in served[0].requests[-1].body
