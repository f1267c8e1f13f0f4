"""From a provider's name to a connection: several addresses, some of which are dead, and proxies on the way."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.answers import completion, plain
from tests.support.gateway import SCALE, Gateway, configuration, openai_model
from tests.support.inside import Address, Inside, v4, v6
from tests.support.upstream import Upstream, send
from tests.support.wire import chat, message, request

PLAIN = request(body=chat())
CONNECT_TIMEOUT_S = 1.0
# RFC 8305 8: how long an address is tried alone; one tick of the timer, and the machine's own delay.
ATTEMPT_DELAY_S = 0.25
LATE_S = 0.15 * SCALE


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running.serve(send(plain(completion())))


@pytest.fixture(scope="module")
def refused_port() -> int:
    """Give a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


@pytest.fixture(scope="module")
def blackhole_port() -> Iterator[int]:
    """Give a port whose connections stay half open: its listener's queue is full, so the kernel drops what comes."""
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):
            filling = opened.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


def inside(directory: Path, *addresses: Address) -> Inside:
    model = openai_model("group-a", 0, api_base="http://provider.test/v1")
    return Inside(configuration(model, upstream={"connect_timeout_s": CONNECT_TIMEOUT_S}), directory, addresses)


def ask(gateway: Inside | Gateway) -> tuple[int, float]:
    """Return the status of an answer and how long it took."""
    with gateway.client() as client:
        asked_at = time.monotonic()
        return client.exchange(PLAIN).status, time.monotonic() - asked_at


# Addresses.


def test_an_address_that_refuses_is_passed_over_at_once(upstream: Upstream, refused_port: int, tmp_path: Path) -> None:
    with inside(tmp_path, v6(refused_port), v4(upstream.port)) as gateway:
        status, took_s = ask(gateway)
    assert status == 200
    assert took_s < ATTEMPT_DELAY_S


def test_an_address_that_stalls_is_overtaken_by_the_next(upstream: Upstream, blackhole_port: int, tmp_path: Path) -> None:
    with inside(tmp_path, v4(blackhole_port), v4(upstream.port)) as gateway:
        status, took_s = ask(gateway)
        assert status == 200
        assert ATTEMPT_DELAY_S * 0.9 < took_s < ATTEMPT_DELAY_S + LATE_S
        # The address that answered is the first from now on.
        status, took_s = ask(gateway)
        assert status == 200
        assert took_s < ATTEMPT_DELAY_S


def test_addresses_that_stall_are_overtaken_one_by_one(upstream: Upstream, blackhole_port: int, tmp_path: Path) -> None:
    with inside(tmp_path, v4(blackhole_port), v4(blackhole_port), v4(upstream.port)) as gateway:
        status, took_s = ask(gateway)
    assert status == 200
    assert ATTEMPT_DELAY_S * 1.8 < took_s < 2 * (ATTEMPT_DELAY_S + LATE_S)


def test_a_second_address_that_refuses_leaves_the_first_its_time(blackhole_port: int, refused_port: int, tmp_path: Path) -> None:
    with inside(tmp_path, v4(blackhole_port), v4(refused_port)) as gateway:
        status, took_s = ask(gateway)
    assert status in (503, 504)
    assert CONNECT_TIMEOUT_S * 0.9 < took_s < CONNECT_TIMEOUT_S + LATE_S


def test_only_dead_addresses_are_an_error_in_time(blackhole_port: int, refused_port: int, tmp_path: Path) -> None:
    with inside(tmp_path, v6(refused_port), v4(refused_port)) as gateway:
        status, took_s = ask(gateway)
        assert status == 503
        assert took_s < ATTEMPT_DELAY_S
    with inside(tmp_path, v4(blackhole_port)) as gateway:
        status, took_s = ask(gateway)
        assert status == 504
        assert CONNECT_TIMEOUT_S * 0.9 < took_s < CONNECT_TIMEOUT_S + LATE_S


def test_when_the_address_that_worked_dies_the_ones_before_it_are_tried(refused_port: int, tmp_path: Path) -> None:
    second = Upstream()
    with inside(tmp_path, v4(refused_port), v4(second.port)) as gateway:
        with second:
            second.serve(send(plain(completion(), "Connection: close")))
            assert ask(gateway)[0] == 200
        with socket.create_server(("127.0.0.1", refused_port)) as first, gateway.client() as client:
            first.settimeout(3 * SCALE)
            client.send(PLAIN)
            answer_once(first)
            assert client.read_response().status == 200


def answer_once(listener: socket.socket) -> None:
    accepted, _ = listener.accept()
    with accepted:
        accepted.recv(1 << 16)
        accepted.sendall(plain(completion()))


def test_ipv6_is_spoken(tmp_path: Path) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        port: int = listener.getsockname()[1]
        with Gateway(configuration(openai_model("group-a", 0, api_base=f"http://[::1]:{port}/v1"))) as gateway, gateway.client() as client:
            client.send(PLAIN)
            accepted, _ = listener.accept()
            with accepted:
                assert f"Host: [::1]:{port}\r\n".encode() in accepted.recv(1 << 16)
                accepted.sendall(plain(completion()))
                assert client.read_response().status == 200


def test_a_name_that_does_not_resolve_is_503_and_named() -> None:
    model = openai_model("group-a", 0, api_base="http://no-such-host.invalid/v1")
    with Gateway(configuration(model)) as gateway, gateway.client() as client:
        for _ in range(2):
            answer = client.exchange(PLAIN)
            assert answer.status == 503
            assert "no-such-host.invalid" in str(answer.error()["message"])
            assert answer.field("retry-after") is not None


def test_a_refused_connection_is_503_at_once_and_named(refused_port: int) -> None:
    with Gateway(configuration(openai_model("group-a", refused_port))) as gateway, gateway.client() as client:
        asked_at = time.monotonic()
        answer = client.exchange(PLAIN)
        assert answer.status == 503
        assert f"127.0.0.1:{refused_port}" in str(answer.error()["message"])
        assert time.monotonic() - asked_at < ATTEMPT_DELAY_S
        assert client.exchange(request("/v1/messages", message("group-a"))).status == 503


def test_a_full_queue_is_504_after_the_connect_timeout(blackhole_port: int) -> None:
    settings = {"connect_timeout_s": CONNECT_TIMEOUT_S}
    with Gateway(configuration(openai_model("group-a", blackhole_port), upstream=settings)) as gateway:
        status, took_s = ask(gateway)
    assert status == 504
    assert CONNECT_TIMEOUT_S * 0.9 < took_s < CONNECT_TIMEOUT_S + LATE_S
