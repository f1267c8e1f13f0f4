"""What upstreams answer, byte for byte, and what of it a caller may see."""

from collections.abc import Iterator

import pytest

from tests.support.answers import completion, plain
from tests.support.gateway import Gateway, anthropic_model, configuration, openai_model
from tests.support.upstream import Peer, Step, Upstream, bytewise, close, cut, fence, reset, send, stall
from tests.support.wire import IncompleteResponseError, Response, chat, message, request
from tests.upstream.client_cases import BODY, BOMBS, BROKEN, GOOD, SEEN, WRONG, Answer

CHAT = request(body=chat())
UNASKED = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    with Gateway(configuration(openai_model("group-a", upstream.port), anthropic_model("claude", upstream.port))) as running:
        upstream.fence = running.fence
        yield running


def named(*cases: Answer) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def ending(case: Answer) -> tuple[Step, ...]:
    return (close,) if case.ends else ()


def ask(gateway: Gateway, data: bytes = CHAT) -> Response:
    with gateway.client() as client:
        return client.exchange(data)


def outcome(gateway: Gateway, data: bytes = CHAT) -> int:
    """Return the status of a complete answer, or 0 for one that was visibly cut."""
    try:
        return ask(gateway, data).status
    except IncompleteResponseError:
        return 0


@named(*GOOD)
def test_passed_on_whole(case: Answer, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(case.data), *ending(case))
    answer = ask(gateway)
    assert (answer.status, answer.body) == (case.status, case.body)


@named(*GOOD)
def test_passed_on_byte_by_byte(case: Answer, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(bytewise(case.data), *ending(case))
    answer = ask(gateway)
    assert (answer.status, answer.body) == (case.status, case.body)


@named(*GOOD)
def test_passed_on_cut_at_every_offset(case: Answer, gateway: Gateway, upstream: Upstream) -> None:
    with gateway.client() as client:
        for at in range(1, len(case.data)):
            upstream.serve(cut(case.data, at), *ending(case))
            answer = client.exchange(CHAT)
            assert (answer.status, answer.body) == (case.status, case.body), case.data[:at]


@named(*(case for case in GOOD if not case.ends))
def test_the_connection_is_used_again_after_a_clean_answer(case: Answer, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(case.data))
    with gateway.client() as client:
        for _ in range(3):
            client.exchange(CHAT)
    assert [request.connection for request in upstream.requests] == [upstream.requests[0].connection] * 3


@named(*(case for case in GOOD if not case.ends))
def test_the_connection_is_not_used_again_when_bytes_follow_the_answer(case: Answer, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(case.data + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"))
    with gateway.client() as client:
        for _ in range(3):
            assert client.exchange(CHAT).body == case.body
    assert len({request.connection for request in upstream.requests}) == 3


def test_the_connection_is_not_used_again_when_bytes_come_while_it_is_idle(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(BODY)), fence, send(UNASKED), stall)
    with gateway.client() as client:
        for served in range(3):
            assert client.exchange(CHAT).body == SEEN
            upstream.wait_for_closed(served + 1)
    assert len(upstream.requests) == 3


@pytest.mark.parametrize("field", ["Connection: close", "connection: Close", "Connection: keep-alive, close"])
def test_the_connection_is_not_used_again_after_a_close(field: str, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(BODY, field)))
    with gateway.client() as client:
        for _ in range(2):
            assert client.exchange(CHAT).body == SEEN
    first, second = upstream.requests
    assert first.connection != second.connection


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_without_a_body_needs_no_length(status: str, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(b"HTTP/1.1 %s\r\n\r\n" % status.encode()))
    with gateway.client() as client:
        assert client.exchange(CHAT).status == int(status[:3])


@named(*WRONG, *BOMBS)
def test_answered_with_502(case: Answer, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(case.data), close)
    answer = ask(gateway)
    assert answer.status == 502, answer.raw
    assert set(answer.error()) == {"message", "type", "param", "code"}
    assert len(upstream.requests) == 1


@named(*WRONG)
def test_answered_with_502_byte_by_byte(case: Answer, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(bytewise(case.data), close)
    assert ask(gateway).status == 502


def test_answered_with_502_while_the_upstream_waits_for_more(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(b"what is this\r\n\r\n"), stall)
    assert ask(gateway).status == 502
    assert upstream.closed_at()


def test_wrong_bytes_are_an_anthropic_error_on_messages(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(b"what is this\r\n\r\n"), close)
    answer = ask(gateway, request("/v1/messages", message()))
    assert answer.status == 502
    assert answer.json()["type"] == "error"
    assert answer.error()["type"] == "api_error"


@named(*BROKEN)
def test_never_a_complete_answer(case: Answer, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(case.data), *ending(case))
    assert outcome(gateway) in (0, 502, 503)


@named(*BROKEN)
def test_never_a_complete_answer_when_the_head_came_before(case: Answer, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(cut(case.data, case.data.index(b"\r\n\r\n") + 4), *ending(case))
    assert outcome(gateway) in (0, 502, 503)


@named(*(case for case in BROKEN if len(case.data) < 1000))
def test_never_a_complete_answer_byte_by_byte(case: Answer, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(bytewise(case.data), *ending(case))
    assert outcome(gateway) in (0, 502, 503)


@named(*(case for case in GOOD if not case.ends or b"Content-Length" in case.data))
@pytest.mark.parametrize("end", [close, reset], ids=["end", "reset"])
def test_no_prefix_of_an_answer_is_an_answer(case: Answer, end: Step, gateway: Gateway, upstream: Upstream) -> None:
    with_fence = (fence, end)
    for at in range(0, len(case.data), 1 if len(case.data) < 200 else 7):
        upstream.serve(send(case.data[:at]), *with_fence)
        assert outcome(gateway) in (0, 502, 503), case.data[:at]


def test_a_body_until_the_end_that_is_reset_is_not_an_answer(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + BODY), fence, reset)
    assert outcome(gateway) in (0, 502, 503)


@pytest.mark.parametrize("end", [close, reset], ids=["end", "reset"])
def test_a_fresh_connection_that_dies_without_an_answer_is_not_tried_again(end: Step, upstream: Upstream) -> None:
    upstream.serve(end)
    with Gateway(configuration(openai_model("group-a", upstream.port))) as fresh:
        assert outcome(fresh) in (502, 503)
        assert len(upstream.requests) == 1


def test_an_upstream_that_refuses_connections_is_503(upstream: Upstream) -> None:
    with Upstream() as gone:
        port = gone.port
    with Gateway(configuration(openai_model("group-a", port))) as running:
        answer = ask(running)
    assert answer.status in (502, 503)
    assert answer.error()["code"] == "upstream_unreachable"


def test_connections_that_went_stale_lose_no_request(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(completion())), close)
    with gateway.client() as client:
        assert [client.exchange(CHAT).status for _ in range(200)] == [200] * 200
    assert len(upstream.requests) == 200


@pytest.mark.parametrize("end", [close, reset], ids=["end", "reset"])
def test_connections_that_die_under_the_request_lose_none(end: Step, gateway: Gateway, upstream: Upstream) -> None:
    def answer_only_the_first(peer: Peer) -> None:
        if peer.served:
            end(peer)
        else:
            peer.send(plain(completion()))

    upstream.serve(answer_only_the_first)
    with gateway.client() as client:
        assert [client.exchange(CHAT).status for _ in range(200)] == [200] * 200


def test_a_connection_that_dies_after_the_first_byte_of_an_answer_is_not_tried_again(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(completion())))
    assert ask(gateway).status == 200
    upstream.serve(send(b"HTTP/1.1 2"), fence, close)
    assert outcome(gateway) in (502, 503)
    assert len(upstream.requests) == 1
