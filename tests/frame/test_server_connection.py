"""How a client's connection lives and ends: order, persistence, expectations, limits and patience."""

import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.answers import completion, delta, plain, stream
from tests.support.gateway import SCALE, Gateway, anthropic_model, configuration, openai_model
from tests.support.upstream import Upstream, hold, send
from tests.support.wire import Client, chat, request

GET = b"GET /health/liveliness HTTP/1.1\r\nHost: a\r\n\r\n"
MISSING = b"GET /missing HTTP/1.1\r\nHost: a\r\n\r\n"
PATIENCE_S = 0.4
BODY_BYTES = 4096


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    with Gateway(configuration(openai_model("group-a", upstream.port), anthropic_model("claude", upstream.port))) as running:
        yield running


@pytest.fixture(scope="module")
def strict(upstream: Upstream) -> Iterator[Gateway]:
    """Give a gateway with little room and little patience."""
    limits = {"head_timeout_s": PATIENCE_S, "body_timeout_s": PATIENCE_S, "body_bytes": BODY_BYTES}
    with Gateway(configuration(openai_model("group-a", upstream.port), limits=limits)) as running:
        yield running


@pytest.fixture(autouse=True)
def _answers(upstream: Upstream) -> None:
    upstream.serve(send(plain(completion())))


def padded(length: int) -> bytes:
    """Return a chat body of exactly *length* bytes."""
    body = b'{"model":"group-a","messages":[],"user":"%s"}'
    return body % (b"x" * (length - len(body) + 2))


def test_a_hundred_pipelined_requests_are_answered_in_order(gateway: Gateway) -> None:
    with gateway.client() as client:
        client.send((GET + MISSING) * 50)
        assert [client.read_response().status for _ in range(100)] == [200, 404] * 50


def test_thousands_of_pipelined_requests_lose_none(gateway: Gateway) -> None:
    with gateway.client() as client:
        sender = threading.Thread(target=client.send, args=((GET + MISSING) * 2000,))
        sender.start()
        assert [client.read_response().status for _ in range(4000)] == [200, 404] * 2000
        sender.join()


def test_an_answer_that_is_ready_waits_for_the_one_before(gateway: Gateway, upstream: Upstream) -> None:
    go_on = threading.Event()
    upstream.serve(hold(go_on), send(plain(completion())))
    with gateway.client() as client:
        client.send(request(body=chat()) + GET + request(body=chat()) + MISSING)
        assert client.is_silent(0.1)
        go_on.set()
        assert [client.read_response().status for _ in range(4)] == [200, 200, 200, 404]


def test_requests_behind_a_stream_are_answered_after_it(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(stream(delta(), delta(), b"data: [DONE]\n\n")))
    with gateway.client() as client:
        client.send(request(body=chat(stream=True, usage=True)) + GET)
        assert client.read_response().body.endswith(b"data: [DONE]\n\n")
        assert client.read_response().status == 200


def test_head_has_the_fields_of_get_and_no_body(gateway: Gateway) -> None:
    with gateway.client() as client:
        get = client.exchange(GET)
        head = client.exchange(GET.replace(b"GET", b"HEAD"), "HEAD")
        assert client.exchange(GET).status == 200
    assert head.status == get.status
    assert head.field("content-type") == get.field("content-type")


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_connect_and_trace_are_405(method: str, gateway: Gateway) -> None:
    target = b"a:80" if method == "CONNECT" else b"/"
    with gateway.client() as client:
        assert client.exchange(b"%s %s HTTP/1.1\r\nHost: a\r\n\r\n" % (method.encode(), target)).status == 405


def test_another_method_on_a_known_path_is_405_and_names_those_allowed(gateway: Gateway) -> None:
    with gateway.client() as client:
        answer = client.exchange(request("/v1/chat/completions", method="GET"))
    assert answer.status == 405
    assert b"POST" in (answer.field("allow") or b"")


def test_http_1_0_is_answered_and_closed(gateway: Gateway) -> None:
    with gateway.client() as client:
        assert client.exchange(b"GET /health/liveliness HTTP/1.0\r\n\r\n").head.says_close
        assert client.at_end()


def test_a_stream_to_http_1_0_is_not_chunked_and_ends_with_the_connection(gateway: Gateway, upstream: Upstream) -> None:
    events = (delta(model="group-a"), b"data: [DONE]\n\n")
    upstream.serve(send(stream(*events)))
    with gateway.client() as client:
        answer = client.exchange(request(body=chat(stream=True, usage=True)).replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert answer.status == 200
    assert answer.field("transfer-encoding") is None
    assert answer.body == b"".join(events)


@pytest.mark.parametrize(
    "fields", ["Connection: close", "connection: CLOSE", "Connection: keep-alive, Close", "Connection: keep-alive\r\nConnection: close"]
)
def test_connection_close_is_obeyed_in_every_form(fields: str, gateway: Gateway) -> None:
    with gateway.client() as client:
        assert client.exchange(request("/health/liveliness", b"", fields, method="GET")).field("connection") == b"close"
        assert client.at_end()


def test_a_request_and_a_half_close_is_answered(gateway: Gateway) -> None:
    with gateway.client() as client:
        client.send(GET)
        client.finish_sending()
        assert client.read_response().status == 200
        assert client.at_end()


def test_half_a_head_and_a_half_close_ends_the_connection(gateway: Gateway) -> None:
    with gateway.client() as client:
        client.send(GET[:20])
        client.finish_sending()
        assert_no_success(client)


def test_half_a_body_and_a_half_close_never_reaches_an_upstream(gateway: Gateway, upstream: Upstream) -> None:
    with gateway.client() as client:
        client.send(request(body=chat())[:-1])
        client.finish_sending()
        assert_no_success(client)
    assert upstream.requests == []


def assert_no_success(client: Client) -> None:
    """The end comes, at most after an error."""
    assert client.status_or_end() in (None, 400, 408)
    assert client.at_end()


# RFC 9110 10.1.1: a 100 invites the body; who may not send it is told so first.
def expecting(body: bytes, expectation: str = "100-continue", key: str = "sk-master") -> tuple[bytes, bytes]:
    whole = request("/v1/chat/completions", body, f"Expect: {expectation}", key=key)
    return whole[: len(whole) - len(body)], body


def test_expect_100_continue_is_answered_before_the_body(gateway: Gateway) -> None:
    head, body = expecting(chat())
    with gateway.client() as client:
        client.send(head)
        assert client.read_head().status == 100
        assert client.exchange(body).status == 200
        assert client.exchange(GET).status == 200


def test_expect_100_continue_in_any_case_is_answered(gateway: Gateway) -> None:
    head, body = expecting(chat(), "100-Continue")
    with gateway.client() as client:
        client.send(head)
        assert client.read_head().status == 100
        assert client.exchange(body).status == 200


def test_expect_100_continue_with_a_wrong_key_is_401_without_a_100(gateway: Gateway) -> None:
    head, _ = expecting(chat(), key="sk-wrong")
    with gateway.client() as client:
        client.send(head)
        assert client.read_head().status == 401


def test_expect_100_continue_for_a_body_too_large_is_413_without_a_100(strict: Gateway) -> None:
    head, _ = expecting(padded(BODY_BYTES + 1))
    with strict.client() as client:
        client.send(head)
        assert client.read_head().status == 413


def test_another_expectation_is_417(gateway: Gateway) -> None:
    head, _ = expecting(chat(), "200-ok")
    with gateway.client() as client:
        client.send(head)
        assert client.read_head().status == 417


SMUGGLED = GET * 100


@pytest.mark.parametrize(
    ("early", "status"),
    [
        (request("/v1/chat/completions", SMUGGLED, key="sk-wrong"), 401),
        (request("/v1/missing", SMUGGLED), 404),
        (request("/health/liveliness", SMUGGLED), 405),
        (request("/v1/chat/completions", SMUGGLED, "Expect: no"), 417),
    ],
    ids=["401", "404", "405", "417"],
)
def test_the_body_behind_an_early_answer_is_never_parsed_as_a_request(early: bytes, status: int, gateway: Gateway) -> None:
    with gateway.client() as client:
        client.send(early.replace(SMUGGLED, b""))
        answer = client.read_response()
        assert answer.status == status, answer.raw
        client.send(SMUGGLED + MISSING)
        if answer.head.says_close:
            assert client.at_end()
        else:
            assert client.read_response().status == 404


def test_a_body_of_exactly_the_limit_is_taken(strict: Gateway, upstream: Upstream) -> None:
    with strict.client() as client:
        assert client.exchange(request(body=padded(BODY_BYTES))).status == 200
    assert len(upstream.request().body) == BODY_BYTES + 1


def test_a_body_over_the_limit_is_413_before_it_is_sent(strict: Gateway) -> None:
    with strict.client() as client:
        client.send(request(body=padded(BODY_BYTES + 1))[: -BODY_BYTES - 1])
        answer = client.read_response()
        assert answer.status == 413
        assert answer.error()["code"] == "body_too_large"


def test_a_chunked_body_is_413_as_soon_as_it_passes_the_limit(strict: Gateway, upstream: Upstream) -> None:
    head = request().replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    with strict.client() as client:
        client.send(head + b"".join(b"100\r\n%s\r\n" % (b" " * 256) for _ in range(17)))
        answer = client.read_response()
        assert answer.status == 413
        assert client.at_end()
    assert upstream.requests == []


def drip(client: Client, data: bytes) -> float:
    """Send *data* byte by byte, far apart, until the gateway says something; return the seconds it took."""
    began = time.monotonic()
    for at in range(len(data)):
        client.send(data[at : at + 1])
        if not client.is_silent(0.05):
            return time.monotonic() - began
    raise AssertionError("the gateway waited for all of it")


def assert_cut_for_slowness(client: Client, took_s: float) -> None:
    assert PATIENCE_S * 0.9 <= took_s <= PATIENCE_S + 1.5 * SCALE
    assert client.status_or_end() in (None, 408)
    assert client.at_end()


def test_a_head_that_drips_is_cut_although_bytes_keep_coming(strict: Gateway) -> None:
    with strict.client() as client:
        assert_cut_for_slowness(client, drip(client, GET[:-4] + b"\r\nX-A: " + b"b" * 100))


def test_a_head_that_stops_is_cut(strict: Gateway) -> None:
    with strict.client() as client:
        client.send(GET[:-2])
        began = time.monotonic()
        assert not client.is_silent(5 * SCALE)
        assert_cut_for_slowness(client, time.monotonic() - began)


def test_a_second_head_on_the_connection_that_stops_is_cut(strict: Gateway) -> None:
    with strict.client() as client:
        assert client.exchange(GET).status == 200
        client.send(GET[:-2])
        began = time.monotonic()
        assert not client.is_silent(5 * SCALE)
        assert_cut_for_slowness(client, time.monotonic() - began)


def test_a_connection_that_never_says_a_word_is_closed(strict: Gateway) -> None:
    with strict.client() as client:
        assert client.at_end()


def test_a_body_that_stops_is_cut(strict: Gateway, upstream: Upstream) -> None:
    with strict.client() as client:
        client.send(request(body=chat())[:-1])
        began = time.monotonic()
        assert not client.is_silent(5 * SCALE)
        assert_cut_for_slowness(client, time.monotonic() - began)
    assert upstream.requests == []


def test_a_chunked_body_that_stops_inside_a_chunk_line_is_cut(strict: Gateway) -> None:
    with strict.client() as client:
        client.send(request().replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"2")
        began = time.monotonic()
        assert not client.is_silent(5 * SCALE)
        assert_cut_for_slowness(client, time.monotonic() - began)


def test_slow_clients_hold_up_nobody(strict: Gateway) -> None:
    slow = [strict.client() for _ in range(40)]
    for client in slow:
        client.send(GET[:-2])
    with strict.client() as client:
        assert client.exchange(GET).status == 200
    for client in slow:
        assert_no_success(client)
        client.close()
