"""What clients may send and what they are answered: a strict HTTP profile, seen from the wire."""

from collections.abc import Iterator

import pytest

from tests.frame.server_cases import BAD, CHAT_BODY, GOOD, LARGE_BAD, LARGE_GOOD, Case
from tests.support.answers import completion, plain
from tests.support.gateway import Gateway, anthropic_model, configuration, openai_model
from tests.support.upstream import Upstream, send
from tests.support.wire import Client, Response

SENT_ON = CHAT_BODY.replace(b"group-a", b"up-model")
PING = b"GET /health/liveliness HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    with Gateway(configuration(openai_model("group-a", upstream.port), anthropic_model("claude", upstream.port))) as running:
        yield running


@pytest.fixture(autouse=True)
def _answers(upstream: Upstream) -> None:
    upstream.serve(send(plain(completion())))


def named(*cases: Case) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def method_of(case: Case) -> str:
    return "HEAD" if b"HEAD " in case.data else "GET"


def assert_refused(client: Client, case: Case) -> Response:
    """Read the one answer that *case* gets; after it the connection ends."""
    answer = client.read_response()
    assert answer.status in case.statuses, answer.raw
    assert answer.field("connection") == b"close"
    assert set(answer.error()) == {"message", "type", "param", "code"}
    assert client.at_end()
    return answer


def assert_taken(client: Client, case: Case, upstream: Upstream) -> None:
    """Read the answer that *case* gets; after it the connection serves another request."""
    answer = client.read_response(method_of(case))
    assert answer.status in case.statuses, answer.raw
    assert not answer.head.says_close
    if case.body:
        assert upstream.requests[-1].body == SENT_ON
    assert client.exchange(PING).status == 200


@named(*GOOD, *LARGE_GOOD)
def test_taken_whole(case: Case, gateway: Gateway, upstream: Upstream) -> None:
    with gateway.client() as client:
        client.send(case.data)
        assert_taken(client, case, upstream)


@named(*GOOD)
def test_taken_byte_by_byte(case: Case, gateway: Gateway, upstream: Upstream) -> None:
    with gateway.client() as client:
        client.send_bytewise(case.data, gateway.fence)
        assert_taken(client, case, upstream)


@named(*GOOD)
def test_taken_cut_at_every_offset(case: Case, gateway: Gateway, upstream: Upstream) -> None:
    with gateway.client() as client:
        for at in range(1, len(case.data)):
            client.send_cut(case.data, at, gateway.fence)
            assert client.read_response(method_of(case)).status in case.statuses, case.data[:at]
        assert client.exchange(PING).status == 200
    if case.body:
        assert {request.body for request in upstream.requests} == {SENT_ON}


@named(*GOOD)
def test_taken_with_a_second_request_behind(case: Case, gateway: Gateway, upstream: Upstream) -> None:
    with gateway.client() as client:
        client.send(case.data + case.data)
        for _ in range(2):
            assert client.read_response(method_of(case)).status in case.statuses
        if case.body:
            assert [request.body for request in upstream.requests] == [SENT_ON] * 2


@named(*GOOD)
def test_taken_with_garbage_behind(case: Case, gateway: Gateway) -> None:
    with gateway.client() as client:
        client.send(case.data + b"\0garbage\r\n\r\n")
        assert client.read_response(method_of(case)).status in case.statuses
        answer = client.read_response()
        assert answer.status == 400
        assert answer.field("connection") == b"close"
        assert client.at_end()


@named(*BAD, *LARGE_BAD)
def test_refused_whole(case: Case, gateway: Gateway, upstream: Upstream) -> None:
    with gateway.client() as client:
        client.send(case.data)
        assert_refused(client, case)
    assert upstream.requests == []


@named(*BAD)
def test_refused_byte_by_byte(case: Case, gateway: Gateway, upstream: Upstream) -> None:
    with gateway.client() as client:
        client.send_bytewise(case.data, gateway.fence)
        assert_refused(client, case)
    assert upstream.requests == []


@named(*BAD)
def test_refused_cut_at_every_offset(case: Case, gateway: Gateway, upstream: Upstream) -> None:
    for at in range(case.interesting_from, len(case.data)):
        with gateway.client() as client:
            client.send_cut(case.data, at, gateway.fence)
            assert_refused(client, case)
    assert upstream.requests == []


@named(*BAD, *LARGE_BAD)
def test_refused_with_a_request_behind_that_is_never_read(case: Case, gateway: Gateway, upstream: Upstream) -> None:
    with gateway.client() as client:
        client.send(case.data + PING)
        assert_refused(client, case)
    assert upstream.requests == []


def test_a_refusal_names_what_was_seen_in_the_openai_shape(gateway: Gateway) -> None:
    with gateway.client() as client:
        error = client.exchange(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n").error()
    assert error["code"] == "bad_http"
    assert isinstance(error["message"], str)
    assert error["message"]


def test_a_bad_chunk_on_messages_is_refused_in_the_anthropic_shape(gateway: Gateway) -> None:
    data = b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nx-api-key: sk-master\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"
    with gateway.client() as client:
        answer = client.exchange(data)
    assert answer.status == 400
    assert answer.json()["type"] == "error"
    assert answer.error()["type"] == "invalid_request_error"


def test_a_refusal_reaches_a_client_that_goes_on_sending(gateway: Gateway) -> None:
    with gateway.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n" + b"x" * 60_000)
        assert client.read_response().status == 400
        assert client.at_end()
