"""Answers from the head alone: whose request they belong to, whether they are the connection's last, and the fields of every answer."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.accept.test_workers import keyless, own_address
from tests.support.answers import DONE, completion, delta, plain, stream
from tests.support.gateway import Gateway, anthropic_model, configuration, openai_model
from tests.support.inside import Inside
from tests.support.upstream import Upstream, close, send
from tests.support.wire import Client, Response, chat, message, request

ORIGIN = "https://app.example"
CALLERS_OWN = "X-Request-Id: mine-1", f"Origin: {ORIGIN}"
GET = b"GET /health/liveliness HTTP/1.1\r\nHost: a\r\n\r\n"
# As much of a body is read and dropped for the sake of an early answer.
DISCARDED_BYTES = 64 << 10


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    models = openai_model("group-a", upstream.port), anthropic_model("claude", upstream.port)
    with Gateway(configuration(*models, cors_origins=[ORIGIN])) as running:
        yield running


@pytest.fixture(autouse=True)
def _answers(upstream: Upstream) -> None:
    upstream.serve(send(plain(completion(), "Date: Thu, 01 Jan 1970 00:00:00 GMT")))


def assert_the_callers_own(answer: Response, id_field: str = "x-request-id") -> None:
    assert answer.field(id_field) == b"mine-1"
    assert answer.field("access-control-allow-origin") == ORIGIN.encode()
    assert b"origin" in (answer.field("vary") or b"").lower()


REFUSED = {
    "a wrong key": (401, request("/v1/chat/completions", chat(), *CALLERS_OWN, key="sk-wrong")),
    "no key": (401, request("/v1/models", b"", *CALLERS_OWN, method="GET", key=None)),
    "an unknown path": (404, request("/v1/missing", chat(), *CALLERS_OWN)),
    "an unknown path without a key": (404, request("/v1/missing", b"", *CALLERS_OWN, method="GET", key=None)),
    "another method": (405, request("/v1/chat/completions", b"", *CALLERS_OWN, method="GET")),
    "a body above the bound": (413, request("/v1/chat/completions", b"", *CALLERS_OWN, "Content-Length: 99999999", method="PUT")),
    "another expectation": (417, request("/v1/chat/completions", chat(), *CALLERS_OWN, "Expect: a-wonder")),
    "an unknown model": (404, request("/v1/chat/completions", chat("nope"), *CALLERS_OWN)),
}


@pytest.mark.parametrize(("status", "data"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_has_the_callers_request_id_and_may_be_read_by_its_page(status: int, data: bytes, gateway: Gateway) -> None:
    with gateway.client() as client:
        answer = client.exchange(data)
    assert answer.status == status
    assert_the_callers_own(answer)


def test_a_refusal_on_messages_has_the_callers_request_id_under_anthropics_name(gateway: Gateway) -> None:
    with gateway.client() as client:
        answer = client.exchange(request("/v1/messages", message(), *CALLERS_OWN, key="sk-wrong"))
    assert answer.status == 401
    assert_the_callers_own(answer, "request-id")


def test_a_refusal_without_a_key_configured_has_the_callers_request_id(upstream: Upstream, tmp_path: Path) -> None:
    config = keyless(upstream) | {"fastgate_settings": {"cors_origins": [ORIGIN]}}
    with Inside(config, tmp_path, host="0.0.0.0") as inside, inside.client(own_address()) as client:
        answer = client.exchange(request("/v1/chat/completions", chat(), *CALLERS_OWN, key=None))
    assert answer.status == 403
    assert_the_callers_own(answer)


def test_a_refusal_to_another_origin_may_not_be_read_by_it(gateway: Gateway) -> None:
    with gateway.client() as client:
        answer = client.exchange(request("/v1/chat/completions", chat(), "Origin: https://evil.example", key="sk-wrong"))
    assert answer.status == 401
    assert answer.field("access-control-allow-origin") is None


def without_body(data: bytes) -> bytes:
    return data[: data.index(b"\r\n\r\n") + 4]


LONG = b"x" * (DISCARDED_BYTES + 4096)
EXPECTING = request("/v1/chat/completions", chat(), "Expect: 100-continue", key="sk-wrong")
CHUNKED = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
LAST = {
    "401 for an expected body": (401, without_body(EXPECTING)),
    "401 for a chunked body": (401, CHUNKED),
    "404 for a long body": (404, request("/v1/missing", LONG)),
    "401 for a long body that was not sent": (401, without_body(request("/v1/chat/completions", LONG, key="sk-wrong"))),
    "405 for a long body": (405, request("/health/liveliness", LONG)),
}


@pytest.mark.parametrize(("status", "data"), LAST.values(), ids=LAST.keys())
def test_an_early_answer_that_ends_the_connection_says_so(status: int, data: bytes, gateway: Gateway) -> None:
    with gateway.client() as client:
        client.send(data)
        answer = client.read_response()
        assert answer.status == status
        assert answer.head.says_close
        client.finish_sending()
        assert client.at_end()


SMALL = b"x" * (DISCARDED_BYTES - 1)
NOT_LAST = {
    "401": (401, request("/v1/chat/completions", chat(), key="sk-wrong")),
    "401 without a body": (401, request("/v1/models", method="GET", key=None)),
    "404": (404, request("/v1/missing", SMALL)),
    "405": (405, request("/health/liveliness", SMALL)),
}


@pytest.mark.parametrize(("status", "data"), NOT_LAST.values(), ids=NOT_LAST.keys())
def test_behind_an_early_answer_a_small_body_is_dropped_and_the_connection_goes_on(status: int, data: bytes, gateway: Gateway) -> None:
    with gateway.client() as client:
        for _ in range(3):
            client.send(without_body(data))
            answer = client.read_response()
            assert answer.status == status
            assert not answer.head.says_close
            client.send(data[len(without_body(data)) :])
            assert client.exchange(GET).status == 200


def test_a_body_that_is_read_leaves_the_connection_open_however_it_came(gateway: Gateway) -> None:
    head = request("/v1/chat/completions", b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
    with gateway.client() as client:
        assert not client.exchange(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(chat()), chat())).head.says_close
        large = b'{"model":"group-a","messages":[],"user":"%s"}' % LONG
        assert not client.exchange(request(body=large)).head.says_close
        client.send(without_body(EXPECTING).replace(b"sk-wrong", b"sk-master"))
        assert client.read_head().status == 100
        assert not client.exchange(chat()).head.says_close
        assert client.exchange(GET).status == 200


FAULTS = {
    "two hosts": (400, b"HEAD / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    "a space before a colon": (400, b"HEAD / HTTP/1.1\r\nHost : a\r\n\r\n"),
    "no host": (400, b"HEAD / HTTP/1.1\r\n\r\n"),
    "two framings": (400, b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "a version to come": (505, b"HEAD / HTTP/2.0\r\nHost: a\r\n\r\n"),
    "a field too long": (431, b"HEAD / HTTP/1.1\r\nHost: a\r\nA: %s\r\n\r\n" % (b"b" * 70_000)),
    "behind an empty line": (400, b"\r\nHEAD / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
}


@pytest.mark.parametrize(("status", "data"), FAULTS.values(), ids=FAULTS.keys())
def test_head_with_a_framing_fault_is_answered_without_a_body(status: int, data: bytes, gateway: Gateway) -> None:
    with gateway.client() as client:
        client.send(data)
        head = client.read_head()
        assert head.status == status
        assert head.says_close
        assert client.at_end()


def test_get_with_a_framing_fault_behind_head_is_answered_with_a_body(gateway: Gateway) -> None:
    with gateway.client() as client:
        assert client.exchange(GET.replace(b"GET", b"HEAD"), "HEAD").status == 200
        answer = client.exchange(GET.replace(b"\r\n\r\n", b"\r\nHost: b\r\n\r\n"))
    assert answer.status == 400
    assert answer.error()


# RFC 9110 5.6.7: IMF-fixdate.
DATE = re.compile(
    rb"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3]\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} [0-2]\d:[0-5]\d:[0-6]\d GMT"
)
DATED = {
    "200 of our own": GET,
    "200 to HEAD": GET.replace(b"GET", b"HEAD"),
    "200 of the provider": request(body=chat()),
    "200 in other words": request("/v1/messages", message("group-a")),
    "models": request("/v1/models", method="GET"),
    "preflight": request("/v1/chat/completions", b"", *CALLERS_OWN, "Access-Control-Request-Method: POST", method="OPTIONS"),
    "401": REFUSED["no key"][1],
    "404": REFUSED["an unknown path"][1],
    "405": REFUSED["another method"][1],
    "framing fault": GET.replace(b"\r\n\r\n", b"\r\nHost: b\r\n\r\n"),
    "no http": b"hello\r\n\r\n",
}


def assert_dated(client: Client, data: bytes) -> None:
    before = time.time()
    answer = client.exchange(data, data[:4].decode().strip())
    (value,) = answer.head.all("date")
    assert DATE.fullmatch(value)
    said = datetime.strptime(value.decode(), "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC).timestamp()
    assert int(before) - 1 <= said <= time.time()


@pytest.mark.parametrize("data", DATED.values(), ids=DATED.keys())
def test_every_answer_has_one_date_of_this_second(data: bytes, gateway: Gateway) -> None:
    with gateway.client() as client:
        assert_dated(client, data)


@pytest.mark.parametrize("body", [chat(stream=True), chat("claude", stream=True), message("group-a", stream=True)])
def test_a_stream_has_one_date(body: bytes, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(stream(delta(), DONE)))
    with gateway.client() as client:
        assert_dated(client, request("/v1/messages" if b"max_tokens" in body else "/v1/chat/completions", body))


def test_an_error_of_the_provider_and_one_about_it_have_one_date(gateway: Gateway, upstream: Upstream) -> None:
    for sent in (plain(b"{}", "Date: Thu, 01 Jan 1970 00:00:00 GMT", status="500 No"), b"garbage\r\n\r\n"):
        upstream.serve(send(sent), close)
        with gateway.client() as client:
            assert_dated(client, request(body=chat()))
