"""Providers behind TLS: who is believed, what goes over the wire in which pieces, and how a connection ends."""

import itertools
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.answers import DONE, LAST_CHUNK, STREAM_HEAD, chunk, completion, delta, plain, stream
from tests.support.gateway import SCALE, Gateway, anthropic_model, configuration, openai_model
from tests.support.secured import Authority, TlsUpstream, goodbye, sealed_bytewise, sealed_cut, tls_of, with_goodbye
from tests.support.upstream import Peer, Step, Upstream, close, fence, send, stall
from tests.support.wire import Client, IncompleteResponseError, Response, chat, message, request

PLAIN = request(body=chat())
STREAM = request(body=chat(stream=True, usage=True))
EVENTS = [delta(f"{n:06d}") for n in range(5)]
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + completion()
# What the kernel still does with a connection that is opened on the way.
CONNECT_TIMEOUT_S = 1.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def upstream(authority: Authority) -> Iterator[TlsUpstream]:
    with TlsUpstream(authority.server("localhost")) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: TlsUpstream, authority: Authority) -> Iterator[Gateway]:
    with verifying(upstream, ca_file=str(authority.file)) as running:
        upstream.fence = running.fence
        yield running


def configured(upstream: Upstream, host: str = "localhost", **litellm_settings: object) -> dict[str, object]:
    made = configuration(
        openai_model("group-a", upstream.port, api_base=f"https://{host}:{upstream.port}/v1"),
        anthropic_model("claude", upstream.port, api_base=f"https://{host}:{upstream.port}"),
    )
    return made | ({"litellm_settings": litellm_settings} if litellm_settings else {})


def verifying(upstream: Upstream, host: str = "localhost", **tls: object) -> Gateway:
    """Return a gateway whose file says *tls* about its upstreams."""
    settings = {"upstream": {"tls": tls, "connect_timeout_s": CONNECT_TIMEOUT_S}}
    return Gateway(configured(upstream, host) | {"fastgate_settings": settings})


def ask(gateway: Gateway, data: bytes = PLAIN) -> Response:
    with gateway.client() as client:
        return client.exchange(data)


def assert_served(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(completion())))
    assert ask(gateway).body == completion(model="group-a")


def assert_refused(gateway: Gateway, upstream: TlsUpstream, *words: str) -> None:
    """Assert that callers of both dialects are told why, and that the upstream was told nothing."""
    upstream.serve(send(plain(completion())))
    for data in (PLAIN, request("/v1/messages", message())):
        answer = ask(gateway, data)
        assert answer.status == 503
        said = str(answer.error()["message"])
        assert all(word in said for word in (*words, f":{upstream.port}")), said
    assert answer.json()["type"] == "error"
    upstream.wait_for_broken_handshake()
    assert upstream.requests == []


# Who is believed.


def test_an_unknown_authority_is_refused_by_default(authority: Authority) -> None:
    with TlsUpstream(authority.server("localhost")) as upstream, Gateway(configured(upstream)) as gateway:
        assert_refused(gateway, upstream, "certificate")


def test_another_authority_than_the_configured_one_is_refused(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path)
    with TlsUpstream(authority.server("localhost")) as upstream, verifying(upstream, ca_file=str(other.file)) as gateway:
        assert_refused(gateway, upstream, "certificate")


@pytest.mark.parametrize(("named", "host"), [("other.test", "localhost"), ("localhost", "127.0.0.1")])
def test_a_certificate_for_another_host_is_refused(named: str, host: str, authority: Authority) -> None:
    with TlsUpstream(authority.server(named)) as upstream, verifying(upstream, host, ca_file=str(authority.file)) as gateway:
        assert_refused(gateway, upstream, "mismatch", host)


def test_an_authority_named_by_ssl_verify_is_believed(upstream: TlsUpstream, authority: Authority) -> None:
    with Gateway(configured(upstream, ssl_verify=str(authority.file))) as gateway:
        assert_served(gateway, upstream)


def test_ssl_verify_false_believes_everybody(authority: Authority) -> None:
    with TlsUpstream(authority.server("other.test")) as upstream, Gateway(configured(upstream, ssl_verify=False)) as gateway:
        assert_served(gateway, upstream)


def test_a_certificate_for_an_address_is_believed_for_that_address(authority: Authority) -> None:
    with TlsUpstream(authority.server("127.0.0.1")) as upstream, verifying(upstream, "127.0.0.1", ca_file=str(authority.file)) as gateway:
        assert_served(gateway, upstream)
        assert upstream.names == [None]


def test_the_server_is_told_the_host_and_http_1_1(gateway: Gateway, upstream: TlsUpstream) -> None:
    assert_served(gateway, upstream)
    assert set(upstream.names) == {"localhost"}
    assert set(upstream.protocols) == {"http/1.1"}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("apart", [True, False], ids=["key-apart", "key-in-the-same-file"])
def test_a_client_certificate_is_shown(version: ssl.TLSVersion, apart: bool, authority: Authority) -> None:
    certificate, key, both = authority.client_files()
    files = {"client_cert_file": str(certificate), "client_key_file": str(key)} if apart else {"client_cert_file": str(both)}
    context = authority.server("localhost", asks_for=authority)
    context.minimum_version = context.maximum_version = version
    with TlsUpstream(context) as upstream, verifying(upstream, ca_file=str(authority.file), **files) as gateway:
        assert_served(gateway, upstream)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_missing_client_certificate_is_503(version: ssl.TLSVersion, authority: Authority) -> None:
    context = authority.server("localhost", asks_for=authority)
    context.minimum_version = context.maximum_version = version
    with TlsUpstream(context) as upstream, verifying(upstream, ca_file=str(authority.file)) as gateway:
        upstream.serve(send(plain(completion())))
        assert ask(gateway).status == 503
        assert upstream.requests == []


# The handshake.


def test_a_handshake_that_stalls_is_504_after_the_connect_timeout(authority: Authority) -> None:
    with TlsUpstream(authority.server("localhost")) as upstream, verifying(upstream, ca_file=str(authority.file)) as gateway:
        upstream.in_handshake = stall
        asked_at = time.monotonic()
        assert ask(gateway).status == 504
        assert CONNECT_TIMEOUT_S * 0.9 < time.monotonic() - asked_at < CONNECT_TIMEOUT_S + 1 * SCALE
        assert upstream.closed_at()


def test_a_handshake_slower_than_the_delay_between_addresses_is_waited_for(authority: Authority) -> None:
    go_on = threading.Event()

    def dawdle(_: object) -> None:
        go_on.wait(CONNECT_TIMEOUT_S / 2)

    with TlsUpstream(authority.server("localhost")) as upstream, verifying(upstream, ca_file=str(authority.file)) as gateway:
        upstream.in_handshake = dawdle
        assert_served(gateway, upstream)
        assert upstream.connections == 1


def test_a_handshake_in_single_bytes_is_completed(authority: Authority) -> None:
    with TlsUpstream(authority.server("localhost")) as upstream, verifying(upstream, ca_file=str(authority.file)) as gateway:
        upstream.fence = gateway.fence

        def bytewise(peer: Peer) -> None:
            with pytest.raises(ssl.SSLWantReadError):
                tls_of(peer).session.do_handshake()
            sealed = tls_of(peer).take_sealed()
            for at in range(len(sealed)):
                tls_of(peer).send_raw(sealed[at : at + 1])
                fence(peer)

        upstream.in_handshake = bytewise
        assert_served(gateway, upstream)


def first_words(peer: Peer) -> bytes:
    """Return the server's answer to the client's first words."""
    with pytest.raises(ssl.SSLWantReadError):
        tls_of(peer).session.do_handshake()
    return tls_of(peer).take_sealed()


def close_in_the_middle(peer: Peer) -> None:
    tls_of(peer).send_raw(first_words(peer)[:100])
    peer.close()


def close_behind_garbage(peer: Peer) -> None:
    tls_of(peer).send_raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    peer.close()


@pytest.mark.parametrize("end", [close, close_in_the_middle, close_behind_garbage])
def test_a_handshake_that_is_cut_is_503_at_once(end: Step, authority: Authority) -> None:
    with TlsUpstream(authority.server("localhost")) as upstream, verifying(upstream, ca_file=str(authority.file)) as gateway:
        upstream.in_handshake = end
        asked_at = time.monotonic()
        answer = ask(gateway)
        assert answer.status == 503
        assert "TLS" in str(answer.error()["message"])
        assert time.monotonic() - asked_at < CONNECT_TIMEOUT_S / 2


# Pieces.


def test_records_cut_at_every_byte_are_one_answer(gateway: Gateway, upstream: TlsUpstream) -> None:
    data = plain(b'{"model":"up-model","n":1}')
    with gateway.client() as client:
        # A record has a head of 5 bytes and at least 17 behind its content.
        for at in range(1, len(data) + 22):
            upstream.serve(sealed_cut(data, at))
            assert client.exchange(PLAIN).body == b'{"model":"group-a","n":1}', at


def test_records_in_single_bytes_are_one_stream(gateway: Gateway, upstream: TlsUpstream) -> None:
    upstream.serve(sealed_bytewise(stream(*EVENTS, DONE)))
    with gateway.client() as client:
        client.send(STREAM)
        assert b"".join(client.events(client.read_head())) == b"".join(EVENTS).replace(b"up-model", b"group-a") + DONE


def test_a_record_for_every_byte_is_one_stream(gateway: Gateway, upstream: TlsUpstream) -> None:
    data = stream(*EVENTS, DONE)
    upstream.serve(lambda peer: tls_of(peer).send_raw(b"".join(tls_of(peer).seal(data[at : at + 1]) for at in range(len(data)))))
    with gateway.client() as client:
        client.send(STREAM)
        assert b"".join(client.events(client.read_head())) == b"".join(EVENTS).replace(b"up-model", b"group-a") + DONE


def test_large_bodies_go_both_ways(gateway: Gateway, upstream: TlsUpstream) -> None:
    asked = b'{"model":"group-a","messages":[{"role":"user","content":"%s"}]}' % (b"0123456789abcdef" * (2 << 16))
    told = b'{"model":"up-model","data":"%s"}' % (b"fedcba9876543210" * (5 << 16))
    upstream.serve(send(plain(told)))
    for _ in range(2):
        assert ask(gateway, request(body=asked)).body == told.replace(b"up-model", b"group-a")
    assert all(made.body == asked.replace(b"group-a", b"up-model") for made in upstream.requests)


def test_a_long_stream_loses_nothing_to_a_caller_that_stops_reading(gateway: Gateway, upstream: TlsUpstream) -> None:
    events = [delta(f"{n:06d}" + "x" * 4000) for n in range(4000)]
    pieces = [send(b"".join(map(chunk, events[at : at + 100]))) for at in range(0, 4000, 100)]
    upstream.serve(send(STREAM_HEAD), *pieces, send(chunk(DONE) + LAST_CHUNK))
    with gateway.client() as client:
        client.send(STREAM)
        given = client.events(client.read_head())
        first = list(itertools.islice(given, 10))
        assert client.is_silent(0.2) is False
        assert [*first, *given] == [event.replace(b"up-model", b"group-a") for event in events] + [DONE]


def test_no_record_is_left_behind_whatever_the_last_read_brings(gateway: Gateway, upstream: TlsUpstream) -> None:
    # While the caller does not read, records pile up in the socket: then one read ends inside a record, and a full one follows.
    for length in range(700_000, 700_000 + (128 << 10), 6_000):
        told = b'{"model":"up-model","data":"%s"}' % (b"x" * length)
        sent = threading.Event()
        upstream.serve(send(plain(told)), fence, announce(sent))
        with Client(gateway.connect(receive_buffer_bytes=16 << 10)) as client:
            client.send(PLAIN)
            assert sent.wait(10 * SCALE)
            assert client.read_response().body == told.replace(b"up-model", b"group-a"), length


def announce(event: threading.Event) -> Step:
    return lambda _: event.set()


def test_events_are_passed_on_as_they_come(gateway: Gateway, upstream: TlsUpstream) -> None:
    turn = [threading.Event() for _ in EVENTS]

    def step(peer: Peer) -> None:
        peer.send(STREAM_HEAD)
        for event, seen in zip(EVENTS, turn, strict=True):
            peer.send(chunk(event))
            assert seen.wait(10 * SCALE)
        peer.send(chunk(DONE) + LAST_CHUNK)

    upstream.serve(step)
    with gateway.client() as client:
        client.send(STREAM)
        events = client.events(client.read_head())
        for seen in turn:
            next(events)
            seen.set()
        assert list(events) == [DONE]


# The end of a connection.


def test_a_connection_is_used_again(gateway: Gateway, upstream: TlsUpstream) -> None:
    upstream.serve(send(plain(completion())))
    before = upstream.connections
    with gateway.client() as client:
        for _ in range(10):
            assert client.exchange(PLAIN).status == 200
    assert upstream.connections <= before + 1
    assert len({made.connection for made in upstream.requests}) == 1


def test_an_answer_until_the_end_without_close_notify_was_cut(gateway: Gateway, upstream: TlsUpstream) -> None:
    upstream.serve(send(UNTIL_CLOSE), close)
    with gateway.client() as client:
        client.send(PLAIN)
        try:
            assert client.read_response().status in (502, 503)
        except IncompleteResponseError:
            return


@pytest.mark.parametrize("steps", [(send(UNTIL_CLOSE), goodbye, close), (with_goodbye(UNTIL_CLOSE), close)], ids=["apart", "together"])
def test_an_answer_until_close_notify_is_complete(steps: tuple[Step, ...], gateway: Gateway, upstream: TlsUpstream) -> None:
    upstream.serve(*steps)
    assert ask(gateway).body == completion(model="group-a")


@pytest.mark.parametrize("steps", [(send(UNTIL_CLOSE), fence, goodbye), (with_goodbye(UNTIL_CLOSE),)], ids=["apart", "together"])
def test_an_answer_ends_with_close_notify_although_the_server_waits(
    steps: tuple[Step, ...], gateway: Gateway, upstream: TlsUpstream
) -> None:
    # RFC 8446 6.1: the peer may keep its side open until it has our close_notify.
    upstream.serve(*steps, stall)
    assert ask(gateway).body == completion(model="group-a")
    assert upstream.closed_at()


@pytest.mark.parametrize("end", [goodbye, close])
def test_a_connection_that_ends_while_idle_loses_no_request(end: Step, gateway: Gateway, upstream: TlsUpstream) -> None:
    upstream.serve(send(plain(completion())), end)
    with gateway.client() as client:
        for _ in range(20):
            assert client.exchange(PLAIN).status == 200


def test_a_connection_that_dies_under_the_request_loses_none(gateway: Gateway, upstream: TlsUpstream) -> None:
    def once(peer: Peer) -> None:
        if peer.served:
            peer.reset()
        else:
            peer.send(plain(completion()))

    upstream.serve(once)
    with gateway.client() as client:
        assert [client.exchange(PLAIN).status for _ in range(20)] == [200] * 20


def test_a_caller_that_leaves_a_stream_cancels_it(gateway: Gateway, upstream: TlsUpstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta())), stall)
    with gateway.client() as client:
        client.send(STREAM)
        assert next(client.events(client.read_head())) == delta(model="group-a")
        left_at = time.monotonic()
    assert upstream.closed_at() - left_at < 0.1 * SCALE


def test_a_corrupt_record_is_never_part_of_an_answer(gateway: Gateway, upstream: TlsUpstream) -> None:
    def corrupt(peer: Peer) -> None:
        sealed = bytearray(tls_of(peer).seal(plain(completion())))
        sealed[-1] ^= 1
        tls_of(peer).send_raw(bytes(sealed))

    upstream.serve(corrupt, stall)
    assert ask(gateway).status in (502, 503)
    assert upstream.closed_at()
