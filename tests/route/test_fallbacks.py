"""Models that stand in for one whose deployments all fail: as the file says and as the request says, in every form."""

import itertools
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.support.answers import DONE, STREAM_HEAD, answer_message, chunk, plain
from tests.support.failures import WORDS
from tests.support.gateway import Gateway, anthropic_model
from tests.support.groups import WELL, asked, failing, ordered, started, upstreams
from tests.support.upstream import Upstream, close, send
from tests.support.wire import chat, message, request

CONTEXT = failing("400 Bad Request", code="context_length_exceeded", message="This model's maximum context length is 8192 tokens.")
POLICY = failing("400 Bad Request", code="content_filter", message="filtered by the content management policy")
NAMES = ("first", "second", "third")


@pytest.fixture(scope="module")
def served() -> Iterator[list[Upstream]]:
    with upstreams(3) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(served: list[Upstream]) -> Iterator[Gateway]:
    models = [entry for name, one in zip(NAMES, served, strict=True) for entry in ordered(name, one)]
    models.append(anthropic_model("claude", served[2].port))
    with started(models, {"num_retries": 0, "disable_cooldowns": True}) as running:
        yield running


@pytest.fixture(autouse=True)
def _answers(served: list[Upstream]) -> None:
    for one in served:
        one.serve(WELL)


def model_of(body: bytes) -> str:
    found: Any = orjson.loads(body)["model"]
    return str(found)


FORMS: dict[str, dict[str, Any]] = {
    "router_settings": {"router_settings": {"fallbacks": [{"first": ["second"]}]}},
    "litellm_settings": {"litellm_settings": {"fallbacks": [{"first": ["second"]}]}},
    "top level": {"fallbacks": [{"first": ["second"]}]},
    "a name instead of a list": {"router_settings": {"fallbacks": [{"first": "second"}]}},
    "every model": {"router_settings": {"fallbacks": [{"*": ["second"]}]}},
    "default_fallbacks": {"litellm_settings": {"default_fallbacks": ["second"]}},
    "one that is not served comes first": {"router_settings": {"fallbacks": [{"first": ["nobody", "second"]}]}},
    "a chain": {"router_settings": {"fallbacks": [{"first": ["third"]}, {"third": ["second"]}]}},
    "a list": {"router_settings": {"fallbacks": [{"first": ["third", "second"]}]}},
    "an alias": {"router_settings": {"fallbacks": [{"first": ["other"]}], "model_group_alias": {"other": "second"}}},
}


@pytest.mark.parametrize("form", FORMS)
def test_the_file_names_who_stands_in(form: str, served: list[Upstream]) -> None:
    sections = {key: value if key == "fallbacks" else dict(value) for key, value in FORMS[form].items()}
    router = {"num_retries": 0, **sections.pop("router_settings", {})}
    served[0].serve(failing())
    served[2].serve(close)
    models = [entry for name, one in zip(NAMES, served, strict=True) for entry in ordered(name, one)]
    with started(models, router, **sections) as gateway:
        answer = asked(gateway, chat("first"))
    assert answer.status == 200
    assert model_of(answer.body) == ("other" if form == "an alias" else "second")
    assert model_of(served[1].request().body) == "up-second-0"
    taken = b"2" if form in ("a chain", "a list") else b"1"
    assert answer.field("x-fastgate-fallbacks-used") == taken
    assert answer.field("x-litellm-attempted-fallbacks") == taken
    assert answer.field("x-litellm-model-group") == b"second"


WISHES = {
    "fallback_models": b'"fallback_models":["second"]',
    "fallbacks": b'"fallbacks":["second"]',
    "an object": b'"fallbacks":[{"model":"second"}]',
    "by model": b'"fallbacks":[{"first":["second"]}]',
    "one name": b'"fallback_models":"second"',
    "after one that fails": b'"fallback_models":["third","second"]',
    "after one that is not served": b'"fallbacks":["nobody","second"]',
    "an escaped key": b'"f\\u0061llbacks":["second"]',
}


@pytest.mark.parametrize("wish", WISHES)
def test_the_request_names_who_stands_in(wish: str, gateway: Gateway, served: list[Upstream]) -> None:
    served[0].serve(failing())
    served[2].serve(close)
    answer = asked(gateway, b'{"model":"first","messages":[],%s}' % WISHES[wish])
    assert answer.status == 200
    assert model_of(answer.body) == "second"
    assert served[0].request().body == b'{"model":"up-first-0","messages":[]}'
    assert served[1].request().body == b'{"model":"up-second-0","messages":[]}'


def test_members_for_the_gateway_never_reach_a_provider_and_the_rest_does_byte_for_byte(gateway: Gateway, served: list[Upstream]) -> None:
    own = [
        b'"fallbacks" :\n["x", {"model":"y"}]',
        b'"num_retries": 0',
        b'"disable_fallbacks":false ',
        b'"max_fallbacks":1',
        b'"timeout": 30',
    ]
    rest = [b' "model":"first"', b'"messages": [ ]', b'"x":{"fallbacks":1}']
    for order in itertools.permutations([own[0], own[1], *rest]):
        served[0].serve(WELL)
        assert asked(gateway, b"{" + b",".join(order) + b"}").status == 200
        got = served[0].request().body
        assert [part.strip() for part in got[1:-1].split(b",")] == [
            part.strip().replace(b'"first"', b'"up-first-0"') for part in order if part in rest
        ]
    served[0].serve(WELL)
    assert asked(gateway, b"{ " + b" , ".join([rest[0], *own]) + b" }").status == 200
    assert orjson.loads(served[0].request().body) == {"model": "up-first-0"}


def test_members_for_the_gateway_do_not_reach_a_provider_of_another_dialect(gateway: Gateway, served: list[Upstream]) -> None:
    served[2].serve(send(plain(answer_message())))
    assert asked(gateway, b'{"model":"claude","messages":[{"role":"user","content":"hi"}],"num_retries":0,"fallbacks":["x"]}').status == 200
    assert not {"fallbacks", "num_retries"} & set(orjson.loads(served[2].request().body))


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        (b'"fallbacks":[1]', "fallbacks"),
        (b'"fallback_models":{"a":1}', "fallback_models"),
        (b'"fallbacks":7', "fallbacks"),
        (b'"num_retries":-1', "num_retries"),
        (b'"num_retries":true', "num_retries"),
        (b'"timeout":0', "timeout"),
        (b'"disable_fallbacks":1', "disable_fallbacks"),
        (b'"max_fallbacks":"2"', "max_fallbacks"),
    ],
)
def test_a_wish_that_cannot_be_read_is_400_and_named(wish: bytes, param: str, gateway: Gateway, served: list[Upstream]) -> None:
    answer = asked(gateway, b'{"model":"first","messages":[],%s}' % wish)
    assert (answer.status, answer.error()["param"]) == (400, param)
    assert served[0].requests == []


def test_an_object_replaces_members_of_the_body_for_its_model_alone(gateway: Gateway, served: list[Upstream]) -> None:
    served[0].serve(failing())
    served[1].serve(failing())
    fallbacks = b'"fallbacks":[{"model":"second","messages":[{"role":"user","content":"short"}]},"third"]'
    assert asked(gateway, b'{"model":"first","messages":[],"user":"u",%s}' % fallbacks).status == 200
    changed = {"model": "up-second-0", "messages": [{"role": "user", "content": "short"}], "user": "u"}
    assert orjson.loads(served[1].request().body) == changed
    assert served[2].request().body == b'{"model":"up-third-0","messages":[],"user":"u"}'


def test_a_request_may_want_no_fallbacks(served: list[Upstream]) -> None:
    served[0].serve(failing("503 Service Unavailable"))
    models = [entry for name, one in zip(NAMES, served, strict=True) for entry in ordered(name, one)]
    with started(models, {"num_retries": 0, "fallbacks": [{"first": ["second"]}]}) as gateway:
        answer = asked(gateway, b'{"model":"first","messages":[],"disable_fallbacks":true}')
    assert answer.status == 503
    assert answer.error()["message"] == "no"
    assert served[1].requests == []


@pytest.mark.parametrize(("where", "limit"), [("file", 1), ("request", 1), ("file", 0)])
def test_fallbacks_end_at_max_fallbacks(where: str, limit: int, served: list[Upstream]) -> None:
    served[0].serve(failing())
    served[1].serve(failing("502 Bad Gateway"))
    models = [entry for name, one in zip(NAMES, served, strict=True) for entry in ordered(name, one)]
    router: dict[str, object] = {"num_retries": 0, "fallbacks": [{"first": ["second", "third"]}]}
    if where == "file":
        router["max_fallbacks"] = limit
    wish = b',"max_fallbacks":%d' % limit if where == "request" else b""
    with started(models, router) as gateway:
        assert asked(gateway, b'{"model":"first","messages":[]%s}' % wish).status == (502 if limit else 500)
    assert len(served[1].requests) == limit
    assert served[2].requests == []


def test_models_that_stand_in_for_each_other_are_asked_once(served: list[Upstream]) -> None:
    served[0].serve(failing())
    served[1].serve(failing("502 Bad Gateway"))
    models = [entry for name, one in zip(NAMES, served, strict=True) for entry in ordered(name, one)]
    with started(models, {"num_retries": 0, "fallbacks": [{"first": ["second"]}, {"second": ["first", "second"]}]}) as gateway:
        assert asked(gateway, chat("first")).status == 502
    served[0].request()
    served[1].request()


@pytest.mark.parametrize(("failure", "key"), [(CONTEXT, "context_window_fallbacks"), (POLICY, "content_policy_fallbacks")])
@pytest.mark.parametrize("section", ["router_settings", "litellm_settings", "request"])
def test_a_prompt_that_a_model_does_not_take_goes_to_who_stands_in_for_that(
    failure: Any, key: str, section: str, served: list[Upstream]
) -> None:
    served[0].serve(failure)
    models = [entry for name, one in zip(NAMES, served, strict=True) for entry in ordered(name, one)]
    router: dict[str, object] = {"num_retries": 2, "fallbacks": [{"first": ["third"]}]}
    sections = {}
    if section == "router_settings":
        router[key] = [{"first": ["second"]}]
    elif section == "litellm_settings":
        sections = {"litellm_settings": {key: [{"first": ["second"]}]}}
    wish = b',"%s":["second"]' % key.encode() if section == "request" else b""
    with started(models, router, **sections) as gateway:
        answer = asked(gateway, b'{"model":"first","messages":[]%s}' % wish)
    assert answer.status == 200
    assert model_of(answer.body) == "second"
    served[0].request()
    assert served[2].requests == []


@pytest.mark.parametrize("failure", [CONTEXT, POLICY], ids=["context", "policy"])
def test_a_prompt_that_a_model_does_not_take_is_the_callers_fault_without_such_fallbacks(failure: Any, served: list[Upstream]) -> None:
    served[0].serve(failure)
    models = [entry for name, one in zip(NAMES, served, strict=True) for entry in ordered(name, one)]
    with started(models, {"num_retries": 2, "fallbacks": [{"first": ["third"]}]}) as gateway:
        assert asked(gateway, chat("first")).status == 400
    served[0].request()
    assert served[2].requests == []


def test_what_the_caller_did_wrong_asks_nobody_else(served: list[Upstream]) -> None:
    served[0].serve(failing("422 Unprocessable Content"))
    models = [entry for name, one in zip(NAMES, served, strict=True) for entry in ordered(name, one)]
    with started(models, {"fallbacks": [{"first": ["second"]}]}) as gateway:
        assert asked(gateway, chat("first")).status == 422
    assert served[1].requests == []


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_model_of_another_dialect_stands_in(stream: bool, gateway: Gateway, served: list[Upstream]) -> None:
    words = WORDS["anthropic"]
    served[0].serve(send(STREAM_HEAD + chunk(WORDS["openai"].empty)), close) if stream else served[0].serve(failing())
    served[2].serve(send(words.streamed if stream else words.whole))
    body = chat("first", stream=stream, usage=stream)[:-1] + b',"fallback_models":["claude"]}'
    answer = asked(gateway, body)
    assert answer.status == 200
    sent = orjson.loads(served[2].request().body)
    assert (sent["model"], sent["messages"]) == ("claude-up", [{"role": "user", "content": "hi"}])
    assert answer.body.endswith(DONE) if stream else model_of(answer.body) == "claude"
    assert b'"model":"claude"' in answer.body


def test_a_caller_of_messages_falls_back_to_a_model_of_its_own_dialect_and_of_another(gateway: Gateway, served: list[Upstream]) -> None:
    served[0].serve(failing())
    served[2].serve(send(plain(answer_message())))
    answer = asked(gateway, message("first")[:-1] + b',"fallback_models":["claude"]}', "/v1/messages")
    assert (answer.status, answer.body) == (200, answer_message(model="claude"))
    served[2].serve(failing())
    answer = asked(gateway, message("claude")[:-1] + b',"fallback_models":["second"]}', "/v1/messages")
    assert (answer.status, answer.json()["model"]) == (200, "second")


def test_a_stream_is_answered_by_the_fallback_alone(gateway: Gateway, served: list[Upstream]) -> None:
    words = WORDS["openai"]
    served[0].serve(send(STREAM_HEAD + chunk(words.empty) + chunk(words.broken)))
    served[1].serve(send(words.streamed))
    body = chat("first", stream=True, usage=True)[:-1] + b',"fallback_models":["second"]}'
    answer = asked(gateway, body)
    assert answer.status == 200
    assert answer.body.count(b'"role":"assistant"') == 1
    assert b"up-model" not in answer.body
    assert answer.body.count(b'"model":"second"') == 3


def test_the_last_failure_is_told_when_everybody_fails(gateway: Gateway, served: list[Upstream]) -> None:
    served[0].serve(failing())
    served[1].serve(failing("503 Service Unavailable", message="second is busy"))
    answer = asked(gateway, b'{"model":"first","messages":[],"fallbacks":["second"]}')
    assert (answer.status, answer.error()["message"]) == (503, "second is busy")


def test_a_fallback_that_cannot_be_asked_leaves_the_failure_before_it(gateway: Gateway, served: list[Upstream]) -> None:
    served[0].serve(failing("503 Service Unavailable"))
    body = b'{"model":"first","messages":[{"role":"user","content":"hi"}],"logit_bias":{"1":2},"n":3,"fallbacks":["claude"]}'
    with gateway.client() as client:
        answer = client.exchange(request(body=body))
    assert answer.error()["code"] == "upstream_error"
    assert answer.error()["message"] == "the provider answered 503"
    assert served[2].requests == []
