"""A deployment that fails before it said anything: the caller gets one clean answer from another one, and knows nothing of it."""

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.support.answers import DONE, completion, delta
from tests.support.failures import FAILURES, WHOLE_FAILURES, WORDS, Dialect, stream_failures
from tests.support.gateway import Gateway, anthropic_model, configuration, openai_model
from tests.support.upstream import Step, Upstream, close, fence, send
from tests.support.wire import IncompleteResponseError, Response, chat, message, request

PATIENCE_S = 0.4
# Group -> the dialect of the deployment that fails and of the one that answers.
PAIRS: dict[str, tuple[Dialect, Dialect]] = {
    "same": ("openai", "openai"),
    "into": ("openai", "anthropic"),
    "from": ("anthropic", "openai"),
    "other": ("anthropic", "anthropic"),
}
MAKE = {"openai": openai_model, "anthropic": anthropic_model}
CALLERS = pytest.mark.parametrize("caller", ["openai", "anthropic"])
GROUPS = pytest.mark.parametrize("group", PAIRS)


@pytest.fixture(scope="module")
def bad() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def good() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(bad: Upstream, good: Upstream) -> Iterator[Gateway]:
    models = []
    for group, (first, second) in PAIRS.items():
        # Whoever has a weight is asked first.
        patience: dict[str, Any] = {"timeout": 20, "stream_timeout": PATIENCE_S, "max_retries": 2}
        models.append(MAKE[first](group, bad.port, weight=1, **patience))
        models.append(MAKE[second](group, good.port, max_retries=2))
    config = configuration(*models, upstream={"between_chunks_timeout_s": PATIENCE_S}) | {"router_settings": {"disable_cooldowns": True}}
    with Gateway(config) as running:
        bad.fence = good.fence = running.fence
        yield running


def ask(caller: str, group: str, *, stream: bool) -> bytes:
    if caller == "openai":
        return request(body=chat(group, stream=stream, usage=stream))
    return request("/v1/messages", message(group, stream=stream))


def said(caller: str, answer: Response, *, stream: bool) -> str:
    """Return the text that the caller got."""
    if not stream:
        found: Any = answer.json()
        return str(found["choices"][0]["message"]["content"] if caller == "openai" else found["content"][0]["text"])
    events = [orjson.loads(event) for event in re.findall(rb"data: (\{.*\})", answer.body)]
    assert not [event for event in events if "error" in event], answer.body
    if caller == "openai":
        assert answer.body.endswith(DONE)
        assert sum(event["choices"][0]["delta"].get("role") == "assistant" for event in events if event["choices"]) == 1
        return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"])
    assert [event["type"] for event in events].count("message_start") == 1
    assert events[-1]["type"] == "message_stop"
    return "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta")


def assert_made_good(
    gateway: Gateway, bad: Upstream, good: Upstream, caller: str, group: str, failure: tuple[Step, ...], stream: bool
) -> None:
    words = WORDS[PAIRS[group][1]]
    bad.serve(*failure)
    good.serve(send(words.streamed if stream else words.whole))
    with gateway.client() as client:
        answer = client.exchange(ask(caller, group, stream=stream))
    assert answer.status == 200, answer.raw
    assert said(caller, answer, stream=stream) == ("ab" if stream else "hello")
    assert answer.field("x-litellm-attempted-retries") == b"1"
    # Twice if its first connection was one that had served before and may have been stale.
    assert 1 <= len(bad.requests) <= 2
    good.request()
    name = re.search(rb'"model":"(.*?)"', answer.body)
    assert name is not None
    assert name[1].decode() == group


@pytest.mark.parametrize("failure", [name for name in FAILURES if name != "silence"])
@GROUPS
@CALLERS
def test_a_plain_request_is_answered_by_another_deployment(
    gateway: Gateway, bad: Upstream, good: Upstream, caller: str, group: str, failure: str
) -> None:
    assert_made_good(gateway, bad, good, caller, group, FAILURES[failure], stream=False)


@pytest.mark.parametrize("failure", WHOLE_FAILURES)
@pytest.mark.parametrize("group", ["same", "into"])
def test_a_plain_answer_that_is_not_whole_is_replaced(gateway: Gateway, bad: Upstream, good: Upstream, group: str, failure: str) -> None:
    assert_made_good(gateway, bad, good, "openai", group, WHOLE_FAILURES[failure], stream=False)


@pytest.mark.parametrize("failure", FAILURES)
@GROUPS
@CALLERS
def test_a_stream_is_answered_by_another_deployment(
    gateway: Gateway, bad: Upstream, good: Upstream, caller: str, group: str, failure: str
) -> None:
    assert_made_good(gateway, bad, good, caller, group, FAILURES[failure], stream=True)


@pytest.mark.parametrize("failure", stream_failures("openai"))
@GROUPS
@CALLERS
def test_a_stream_that_fails_before_it_says_anything_is_replaced(
    gateway: Gateway, bad: Upstream, good: Upstream, caller: str, group: str, failure: str
) -> None:
    assert_made_good(gateway, bad, good, caller, group, stream_failures(PAIRS[group][0])[failure], stream=True)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_the_second_deployment_gets_the_body_byte_for_byte(gateway: Gateway, bad: Upstream, good: Upstream, stream: bool) -> None:
    odd = b'{"model" : "same", "stream":%s,"stream_options":{"include_usage":true},\n "messages":[ {"role":"user",'
    odd += b'"content":"\\u00e9 \xc3\xa9"} ],"x":1e400}'
    body = odd % (b"true" if stream else b"false")
    bad.serve(close)
    good.serve(send(WORDS["openai"].streamed if stream else WORDS["openai"].whole))
    with gateway.client() as client:
        assert client.exchange(request(body=body)).status == 200
    assert bad.request().body == good.request().body == body.replace(b'"same"', b'"up-model"')


def test_a_stream_comes_byte_for_byte_from_the_second_deployment(gateway: Gateway, bad: Upstream, good: Upstream) -> None:
    role = WORDS["openai"].empty
    bad.serve(*stream_failures("openai")["empty events, then the end"])
    good.serve(send(WORDS["openai"].streamed))
    with gateway.client() as client:
        answer = client.exchange(ask("openai", "same", stream=True))
    assert answer.body == role.replace(b"up-model", b"same") + delta(model="same") + delta("b", model="same") + DONE


def test_a_large_body_that_was_half_sent_reaches_the_second_deployment(gateway: Gateway, bad: Upstream, good: Upstream) -> None:
    body = b'{"model":"same","messages":[],"user":"' + b"x" * (12 << 20) + b'"}'
    bad.serve(close, with_body=False)
    good.serve(send(WORDS["openai"].whole))
    with gateway.client() as client:
        assert client.exchange(request(body=body)).body == completion(model="same")
    assert good.request().body == body.replace(b'"same"', b'"up-model"', 1)


def test_a_stream_that_breaks_behind_its_first_content_ends_with_an_error_and_is_not_made_again(
    gateway: Gateway, bad: Upstream, good: Upstream
) -> None:
    bad.serve(send(WORDS["openai"].streamed[:-60]), fence, close)
    good.serve(send(WORDS["openai"].streamed))
    with gateway.client() as client:
        client.send(ask("openai", "same", stream=True))
        head = client.read_head()
        pieces: list[bytes] = []
        with pytest.raises(IncompleteResponseError):
            pieces.extend(client.pieces(head))
    assert b'"code":"upstream_cut"' in b"".join(pieces)
    assert good.requests == []


def test_what_the_caller_did_wrong_is_not_asked_twice(gateway: Gateway, bad: Upstream, good: Upstream) -> None:
    good.serve(send(WORDS["openai"].whole))
    for line in ("400 Bad Request", "404 Not Found", "413 Content Too Large", "422 Unprocessable Content", "415 Unsupported Media Type"):
        bad.serve(*FAILURES["status 500"]).serve(send(_refusal(line)))
        with gateway.client() as client:
            answer = client.exchange(ask("openai", "same", stream=False))
        assert answer.status == int(line[:3])
        assert answer.error()["message"] == "no"
        assert answer.field("x-fastgate-attempts") == b"1"
        bad.request()
    assert good.requests == []


def _refusal(line: str) -> bytes:
    body = b'{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}'
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (line.encode(), len(body), body)


def test_the_log_tells_of_all_attempts_and_names_the_last_deployment(gateway: Gateway, bad: Upstream, good: Upstream) -> None:
    bad.serve(close)
    good.serve(send(WORDS["openai"].whole))
    with gateway.client() as client:
        answer = client.exchange(request("/v1/chat/completions", chat("same"), "x-request-id: told-of-both"))
    deployment = (answer.field("x-fastgate-deployment") or b"").decode()
    line = gateway.wait_for_line(re.compile(r"\{.*told-of-both.*\}"))[0]
    assert str(orjson.loads(line)["attempts"]).encode() == answer.field("x-fastgate-attempts")
    assert orjson.loads(line)["deployment"] == deployment
    assert answer.field("x-litellm-attempted-retries") == b"1"
    assert answer.field("x-litellm-attempted-fallbacks") == b"0"
