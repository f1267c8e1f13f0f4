"""Several workers under load: what one's death costs, what a signal costs, and who is let in without a key."""

import contextlib
import os
import re
import select
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.accept.test_processes import Operated, wait_until_refused
from tests.support.answers import DONE, LAST_CHUNK, STREAM_HEAD, chunk, completion, delta, plain
from tests.support.gateway import SCALE, configuration, openai_model
from tests.support.inside import Inside
from tests.support.upstream import Peer, Upstream, hold, send
from tests.support.wire import Client, IncompleteResponseError, chat, request

PATIENCE_S = 10 * SCALE
ASK = request(body=chat())
ASK_STREAM = request(body=chat(stream=True))
READY = request("/health/readiness", method="GET", key=None)
STREAMS = 50


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as made:
        yield made.serve(send(plain(completion())))


def operated(upstream: Upstream, workers: int = 2, **fastgate_settings: object) -> Operated:
    return Operated(configuration(openai_model("group-a", upstream.port), **fastgate_settings), workers=workers)


class Caller:
    """Asks over and over on one connection, in a thread, and counts the answers; `lost` are those that did not come."""

    def __init__(self, gateway: Operated) -> None:
        self._gateway = gateway
        self.answered = 0
        self.lost = 0
        self.worker = 0
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._client = gateway.client()
        self._ask()
        self.worker = gateway.worker_of(self._client)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _ask(self) -> None:
        assert self._client.exchange(ASK).status == 200
        with self._changed:
            self.answered += 1
            self._changed.notify_all()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._ask()
            except (IncompleteResponseError, ConnectionError):
                self.lost += 1
                self._client.close()
                self._client = self._gateway.client()

    def wait_for_more(self, count: int) -> None:
        """Return when *count* more requests were answered."""
        with self._changed:
            end = self.answered + count
            assert self._changed.wait_for(lambda: self.answered >= end, PATIENCE_S)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE_S)
        self._client.close()


def test_two_workers_share_the_connections(upstream: Upstream) -> None:
    with operated(upstream) as started, contextlib.ExitStack() as opened:
        share = Counter(started.worker_of(client) for client in ask_with_new_connections(started, opened, 60))
        assert set(share) == set(started.workers())
        # Fewer than 10 of 60 at one of two by chance: once in 10**7 runs.
        assert min(share.values()) >= 10, share


def ask_with_new_connections(started: Operated, opened: contextlib.ExitStack, count: int) -> list[Client]:
    clients = [opened.enter_context(started.client()) for _ in range(count)]
    assert all(client.exchange(ASK).status == 200 for client in clients)
    return clients


def test_a_worker_killed_under_load_costs_only_what_it_was_answering(upstream: Upstream) -> None:
    with operated(upstream) as started:
        callers = [Caller(started) for _ in range(8)]
        victim = callers[0].worker
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.wait_for_more(20)
        killed_at = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        started.wait_for_line(re.compile(rf"\(pid {victim}\) was killed by SIGKILL; the next one starts now"))
        for caller in callers:
            caller.wait_for_more(20)
        assert time.monotonic() - killed_at < 5 * SCALE
        for caller in callers:
            caller.stop()
        assert all(caller.lost == (1 if caller.worker == victim else 0) for caller in callers), [(c.worker, c.lost) for c in callers]
        assert len(started.workers()) == 2


def test_a_worker_killed_again_and_again_never_leaves_callers_alone(upstream: Upstream) -> None:
    with operated(upstream) as started:
        callers = [Caller(started) for _ in range(4)]
        for caller in callers:
            caller.start()
        for _ in range(4):
            victim = started.workers()[0]
            os.kill(victim, signal.SIGKILL)
            started.wait_for_line(re.compile(rf"\(pid {victim}\) was killed by SIGKILL"))
            for caller in callers:
                caller.wait_for_more(5)
        for caller in callers:
            caller.stop()
        assert all(caller.lost <= 4 for caller in callers)
        with contextlib.ExitStack() as opened:
            # Those in the backlog of a dead worker are answered by the one that comes after it.
            assert len({started.worker_of(client) for client in ask_with_new_connections(started, opened, 24)}) == 2


def start_streams(started: Operated, upstream: Upstream, count: int) -> tuple[list[Client], list[Iterator[bytes]], threading.Event]:
    """Return *count* streams, each in the middle, and what lets the provider go on with them."""
    go_on = threading.Event()

    def finish(peer: Peer) -> None:
        for number in range(20):
            peer.send(chunk(delta(f"{number:02d}")))
        peer.send(chunk(DONE) + LAST_CHUNK)

    upstream.serve(send(STREAM_HEAD + chunk(delta("first"))), hold(go_on), finish)
    clients = [started.client() for _ in range(count)]
    for client in clients:
        client.send(ASK_STREAM)
    streams = [client.events(client.read_head()) for client in clients]
    assert all(b"first" in next(events) for events in streams)
    return clients, streams, go_on


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_truncates_none_of_50_streams(workers: int, upstream: Upstream) -> None:
    with operated(upstream, workers) as started:
        clients, streams, go_on = start_streams(started, upstream, STREAMS)
        started.send(signal.SIGTERM)
        started.wait_for_line(re.compile("SIGTERM: no new requests"))
        wait_until_refused(started.port)
        go_on.set()
        for events in streams:
            rest = list(events)
            assert len(rest) == 21
            assert rest[-1] == DONE
        assert all(client.at_end() for client in clients)
        for client in clients:
            client.close()
        ended_at = time.monotonic()
        assert started.end() == 0
        assert time.monotonic() - ended_at < 0.5 * SCALE
        assert started.log.count("live objects: connections=0 exchanges=0 upstreams=0") == workers
        assert started.log.count('"stream":true') == STREAMS


def test_a_second_signal_ends_50_streams_at_once(upstream: Upstream) -> None:
    with operated(upstream) as started:
        clients, streams, go_on = start_streams(started, upstream, STREAMS)
        started.send(signal.SIGTERM)
        started.wait_for_line(re.compile("SIGTERM: no new requests"))
        told_at = time.monotonic()
        started.send(signal.SIGTERM)
        assert started.end() == 1
        assert time.monotonic() - told_at < 1 * SCALE
        for events in streams:
            with pytest.raises(IncompleteResponseError):
                list(events)
        go_on.set()
        for client in clients:
            client.close()


def started_reading(started: Operated) -> bool:
    """Return when the only worker has read what was sent to it before."""
    with started.client() as later:
        return later.exchange(READY, "GET").status == 200


def test_a_request_in_the_middle_of_its_body_is_answered_during_the_drain(upstream: Upstream) -> None:
    with operated(upstream, workers=1) as started, started.client() as client:
        client.send(ASK[:-10])
        assert started_reading(started)
        started.send(signal.SIGTERM)
        started.wait_for_line(re.compile("SIGTERM: no new requests"))
        wait_until_refused(started.port)
        client.send(ASK[-10:])
        answer = client.read_response()
        assert answer.status == 200
        assert answer.head.says_close
        assert client.at_end()
        assert started.end() == 0


def test_readiness_is_200_while_serving_and_503_while_draining(upstream: Upstream) -> None:
    with operated(upstream, workers=1) as started, started.client() as client:
        assert client.exchange(READY, "GET").status == 200
        # The head's last bytes come when the worker drains already.
        client.send(READY[:-2])
        assert started_reading(started)
        started.send(signal.SIGTERM)
        started.wait_for_line(re.compile("SIGTERM: no new requests"))
        wait_until_refused(started.port)
        client.send(READY[-2:])
        assert client.read_response("GET").status == 503
        assert started.end() == 0


def test_a_worker_that_dies_while_draining_does_not_hold_up_the_end(upstream: Upstream) -> None:
    with operated(upstream) as started:
        clients, _, go_on = start_streams(started, upstream, 8)
        victim = started.worker_of(clients[0])
        end = os.pidfd_open(victim)
        started.send(signal.SIGTERM)
        started.wait_for_line(re.compile("SIGTERM: no new requests"))
        os.kill(victim, signal.SIGKILL)
        assert select.select([end], [], [], PATIENCE_S)[0]
        os.close(end)
        go_on.set()
        for client in clients:
            with contextlib.suppress(IncompleteResponseError, ConnectionError):
                while client.socket.recv(1 << 16):
                    pass
            client.close()
        assert started.end() in (0, 1)
        assert len(started.log.split("was killed by SIGKILL")) <= 2


# Without a key.


def own_address() -> str:
    """Return an address of this machine that is not its loopback; no packet is sent to learn it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        # TEST-NET-1 (RFC 5737): routed like any far host.
        asking.connect(("192.0.2.1", 9))
        found: str = asking.getsockname()[0]
    assert not found.startswith("127."), "this machine has no interface beside its loopback, which the test needs"
    return found


def keyless(upstream: Upstream, **general_settings: object) -> dict[str, object]:
    return {"model_list": [openai_model("group-a", upstream.port)], "general_settings": general_settings}


def test_without_a_key_only_this_machine_is_served(upstream: Upstream, tmp_path: Path) -> None:
    ask = request(body=chat(), key=None)
    with Inside(keyless(upstream), tmp_path, host="0.0.0.0") as gateway:
        for loopback in ("127.0.0.1", "127.8.9.10"):
            with gateway.client(loopback) as client:
                assert client.exchange(ask).status == 200
        with gateway.client(own_address()) as client:
            answer = client.exchange(ask)
            assert answer.status == 403
            assert "no key" in str(answer.error()["message"])
            # A Host or a forwarding field is no proof of where a caller is.
        with gateway.client(own_address()) as client:
            assert client.exchange(request("/v1/chat/completions", chat(), "X-Forwarded-For: 127.0.0.1", key=None)).status == 403
        with gateway.client(own_address()) as client:
            assert client.exchange(READY, "GET").status == 200
        assert len(upstream.requests) == 2


def test_without_a_key_an_ipv4_caller_of_an_ipv6_socket_is_judged_by_its_ipv4_address(upstream: Upstream, tmp_path: Path) -> None:
    ask = request(body=chat(), key=None)
    listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    with Inside(keyless(upstream), tmp_path, listener=listener) as gateway:
        for address, status in (("127.0.0.1", 200), ("::1", 200), (own_address(), 403)):
            with gateway.client(address) as client:
                assert client.exchange(ask).status == status


def test_with_a_key_everybody_who_has_it_is_served(upstream: Upstream, tmp_path: Path) -> None:
    with Inside(configuration(openai_model("group-a", upstream.port)), tmp_path, host="0.0.0.0") as gateway:
        with gateway.client(own_address()) as client:
            assert client.exchange(ASK).status == 200
        with gateway.client(own_address()) as client:
            assert client.exchange(request(body=chat(), key="sk-wrong")).status == 401
